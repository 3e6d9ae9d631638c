"""Which address opens which source."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from export_assets.config.urls import parse_url
from export_assets.errors import UsageError
from export_assets.sources.duckdb import DuckDbSource
from export_assets.sources.registry import Opening, open_source
from export_assets.sources.sqlite import SqliteSource


def test_a_file_is_opened_by_the_source_of_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table t(a)")

    found = open_source(
        "shop", parse_url(f"sqlite:///{path}", base=tmp_path), how=Opening(temp_dir=tmp_path)
    )
    other = open_source("shop", parse_url("duckdb:///x.duckdb", base=tmp_path))

    assert isinstance(found, SqliteSource)
    assert isinstance(other, DuckDbSource)
    with found.snapshot() as snapshot:
        assert list(snapshot.tables()) == ["t"]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("postgresql://me:secret@host/db", "PostgresSource"),
        ("mysql://me:secret@host/db", "MySqlSource"),
        ("mariadb+pymysql://me:secret@host/db", "MySqlSource"),
        ("oracle://me:secret@host/db", "SqlAlchemySource"),
    ],
)
def test_a_server_is_opened_by_its_kind_and_not_yet_connected_to(
    url: str, kind: str, tmp_path: Path
) -> None:
    found = open_source("shop", parse_url(url, base=tmp_path))

    assert type(found).__name__ == kind
    assert found.name == "shop"
    assert "secret" not in repr(found)


def test_a_directory_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"shop: .* is not supported by this version"):
        open_source("shop", parse_url(str(tmp_path), base=tmp_path))


def test_the_registry_imports_no_engine_before_it_is_needed() -> None:
    script = (
        "import sys, export_assets.sources.registry;"
        "engines = {'duckdb', 'adbc_driver_sqlite', 'sqlalchemy', 'pymysql'};"
        "print(sorted(engines & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.stdout.strip() == "[]", done.stderr
