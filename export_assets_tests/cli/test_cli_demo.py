"""The demonstration, with a system small enough for a test."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from export_assets.config.models import SourceConfig
from export_assets.config.urls import SourceUrl
from export_assets.engine.system import System
from export_assets.systems import registry
from export_assets_tests.end_to_end.world import Ended, World, tree

Cli = Callable[..., Ended]

YAML = """\
source: tiny
system: tiny
url: sqlite:///data/tiny/tiny.db
tables:
  days: {partition_by: {column: at, every: day}}
"""


class TinySystem(System):
    """Two rows on two days."""

    name = "tiny"

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def yaml(self) -> Path:
        path = self._directory / "tiny.yaml"
        path.write_text(YAML, encoding="utf-8")
        return path

    def make_sample(self, url: SourceUrl, config: SourceConfig) -> str:
        del config
        assert url.path is not None
        if not url.path.exists():
            with sqlite3.connect(url.path) as connection:
                connection.execute("create table days (id integer, at timestamp)")
                connection.executemany(
                    "insert into days values (?, ?)", [(1, "2026-02-01"), (2, "2026-02-02")]
                )
            connection.close()
        return "2 days in tiny.db"


@pytest.fixture
def _tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "SYSTEMS", {"tiny": TinySystem(tmp_path)})


@pytest.mark.usefixtures("_tiny")
def test_the_demo_exports_every_system_in_every_format_and_says_what_is_next(
    world: World, cli: Cli
) -> None:
    done = cli("demo", "--dir", "place")

    assert done.code == 0, done.err
    assert done.out.startswith("tiny: 2 days in tiny.db\n")
    published = world.home / "place" / "exports" / "tiny" / "days"
    assert {path.name for path in published.iterdir()} == {"parquet", "csv", "ndjson", "json"}
    assert "export-assets dev --home place" in done.out
    assert len(done.out.splitlines()) <= 20


@pytest.mark.usefixtures("_tiny")
def test_a_second_demo_writes_nothing(world: World, cli: Cli) -> None:
    cli("demo")
    before = tree(world.home)

    done = cli("demo", "--json")

    assert done.document["reports"][0]["counts"] == {"unchanged": 8}
    assert tree(world.home) == before
