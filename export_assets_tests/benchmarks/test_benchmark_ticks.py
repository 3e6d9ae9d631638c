"""What is measured is a tick of which nothing comes."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from benchmarks import ticks
from benchmarks.measure import CommandFailed
from benchmarks.ticks import OF_TABLES, make_tables, project
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.systems.registry import load_workspace


def exports(home: Path) -> None:
    """Export what the sensor watches, in this process."""
    workspace = load_workspace(home, environ={})
    run = Run(id="test", now=datetime.now(UTC))
    shop = workspace.source("shop")
    Exporter(workspace=workspace, source=shop, request=ExportRequest(), run=run).export()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep Dagster's records in memory, which is enough to see what is asked."""
    made = dg.DagsterInstance.ephemeral
    monkeypatch.setattr(dg.DagsterInstance, "local_temp", lambda _: made())


@pytest.mark.usefixtures("quick")
def test_ticks_are_measured_once_all_is_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticks, "run_measured", lambda *_, directory, **__: exports(directory))
    with project(tmp_path, "shop", OF_TABLES) as home:
        make_tables(home / "shop.db", 1)

        seconds = ticks.ticks(home, "shop_changes", 2)

        assert len(seconds) == 2
    assert not home.exists()


@pytest.mark.usefixtures("quick")
def test_a_sensor_that_goes_on_asking_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticks, "run_measured", lambda *_, **__: None)
    asked: list[object] = []
    monkeypatch.setattr(ticks, "_run", lambda *request: asked.append(request))
    with project(tmp_path, "shop", OF_TABLES) as home:
        make_tables(home / "shop.db", 1)

        with pytest.raises(CommandFailed, match="shop_changes: goes on asking for runs"):
            ticks.ticks(home, "shop_changes", 2)

    assert asked


def test_logs_lie_on_every_day_and_tables_have_rows(tmp_path: Path) -> None:
    ticks.make_logs(tmp_path / "logs", 250)
    make_tables(tmp_path / "shop.db", 3)

    days = [path.read_text(encoding="utf-8")[8:18] for path in (tmp_path / "logs").iterdir()]
    connection = sqlite3.connect(tmp_path / "shop.db")
    rows = [connection.execute(f"select count(*) from table_{n:02d}").fetchone() for n in range(3)]
    connection.close()
    assert (len(days), len(set(days))) == (250, ticks.DAYS)
    assert rows == [(100,)] * 3
