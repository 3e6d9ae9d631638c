"""What is remembered of passes is read once, however many tables ask, and never when outdated."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from export_assets.engine.memory import STATE, PassMemory
from export_assets.engine.request import ExportRequest
from export_assets_tests.engine.engine_world import World, shop, statuses

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def memory_of(world: World) -> tuple[PassMemory, str]:
    """The memory of the shop, as another process finds it, and the fingerprint."""
    exporter = world.exporter()
    source = exporter.source
    store = exporter.workspace.store
    return PassMemory(store, source, ExportRequest(), now=NOW), source.source.fingerprint()


def test_of_many_tables_only_the_first_decodes_what_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = shop(tmp_path)
    tables = sorted({name.split("/")[0] for name in statuses(world.export(formats=("parquet",)))})
    memory, fingerprint = memory_of(world)
    decoded: list[int] = []

    def decode(data: bytes, **options: Any) -> Any:
        decoded.append(len(data))
        return real(data, **options)

    real = msgspec.json.decode
    monkeypatch.setattr("export_assets.engine.memory.msgspec.json.decode", decode)

    remembered = [memory.tables(fingerprint) is not None for _ in tables * 100]

    assert all(remembered)
    assert len(decoded) == 1


def test_what_another_run_remembers_meanwhile_is_seen(tmp_path: Path) -> None:
    world = shop(tmp_path)
    memory, fingerprint = memory_of(world)
    before = memory.tables(fingerprint)
    world.export(formats=("parquet",))

    after = memory.tables(fingerprint)
    (world.exports / STATE / "shop.json").write_text("damaged", encoding="utf-8")
    damaged = memory.tables(fingerprint)

    assert (before, damaged) == (None, None)
    assert after is not None


def test_what_could_not_be_written_down_is_not_remembered_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = shop(tmp_path)
    world.export(formats=("parquet",))
    memory, fingerprint = memory_of(world)
    before = memory.tables(fingerprint)

    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("export_assets.engine.memory.write_durably", refuse)
    memory.remember(["other"], "other", [], formats=("parquet",))
    memory.keep(fingerprint)

    assert memory.tables(fingerprint) == before
