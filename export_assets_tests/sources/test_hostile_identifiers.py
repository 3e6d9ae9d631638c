"""Tables and columns called anything: quoted in every question, and nothing they say is done."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import pytest

from export_assets.sources.base import Scan, Source
from export_assets.sources.duckdb import DuckDbSource
from export_assets.sources.sqlite import SqliteSource
from export_assets_tests.effort import effort
from export_assets_tests.postgres_server import (
    PostgresServer,
    postgres_server,
    temporary_database,
)
from export_assets_tests.proof.plugin import Proven

__all__ = ["postgres_server"]

pytestmark = [pytest.mark.suite("security"), pytest.mark.promise("source-left-alone")]

SEED = 20260208
FIXED = (
    *('"; drop table kept; --', "'; drop table kept; --", "kept; drop table kept", 'a"b', "a'b"),
    *("select", "/* */", "-- x", "%s", "$1", "?1", "a.b", "{x}", "\\", "`", "[x]", "a\nb", ":p"),
)
SIGNS = [*"\"'`;-/*\\%$?:.,()[]{}\n\t aAzé表", "select", "drop table kept", "--"]


def random_names(count: int) -> list[str]:
    """Names of 60 bytes at most, which is what PostgreSQL takes, that differ not in case only."""
    chance, names = random.Random(SEED), {name.casefold(): name for name in FIXED}
    while len(names) < len(FIXED) + count:
        name = "".join(chance.choice(SIGNS) for _ in range(chance.randrange(1, 9))).strip()
        if name and len(name.encode()) <= 60:
            names.setdefault(name.casefold(), name)
    return list(names.values())


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def make(execute: Callable[[str], object], tables: list[str], columns: list[str]) -> None:
    """A table that must be left, one of all columns, and one for each name of a table."""
    execute("create table kept (id integer)")
    execute(f"create table wide ({', '.join(f'{quoted(one)} text' for one in columns)})")
    text = ", ".join("'" + one.replace("'", "''") + "'" for one in columns)
    execute(f"insert into wide values ({text})")
    for name in tables:
        execute(f"create table {quoted(name)} ({quoted(name)} text)")
        value = name.replace("'", "''")
        execute(f"insert into {quoted(name)} values ('{value}'), ('another')")


@contextmanager
def made(
    kind: str, home: Path, server: PostgresServer, tables: list[str], columns: list[str]
) -> Iterator[Source]:
    if kind == "sqlite":
        with closing(sqlite3.connect(home / "s.db")) as lite, lite:
            make(lite.execute, tables, columns)
        yield SqliteSource("shop", home / "s.db", busy_timeout=1, temp_dir=home)
    elif kind == "duckdb":
        with duckdb.connect(home / "s.duckdb") as duck:
            make(duck.execute, tables, columns)
        yield DuckDbSource("shop", home / "s.duckdb", busy_timeout=1, temp_dir=home)
    else:
        with temporary_database(server) as database:
            with database.connect() as connection:
                make(lambda sql: connection.execute(sql.encode()), tables, columns)
            yield database.source()


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "postgres"])
def test_a_name_is_a_name_and_nothing_else(
    kind: str, tmp_path: Path, postgres_server: PostgresServer, proven: Proven
) -> None:
    columns = random_names(500)
    tables = columns[: len(FIXED) + effort(12, soak=500)]

    with made(kind, tmp_path, postgres_server, tables, columns) as source:
        with source.snapshot() as snapshot:
            assert {*snapshot.tables()} == {"kept", "wide", *tables}
            wide = snapshot.describe("wide")
            assert list(wide.names) == columns
            [row] = [
                row
                for batch in snapshot.scan(Scan(table="wide", schema=wide))
                for row in batch.rows()
            ]
            assert list(row) == columns
            for name in tables:
                replay = f"{kind}, seed {SEED}, table and column {name!r}"
                # The value is as hostile as the name of the column it is looked for in.
                scan = Scan(table=name, schema=snapshot.describe(name), where={name: name})
                found = [one for batch in snapshot.scan(scan) for one in batch.rows()]
                assert found == [(name,)], replay
                assert snapshot.count(name) == 2, replay
        with source.snapshot() as snapshot:
            left = {*snapshot.tables()}

    assert left == {"kept", "wide", *tables}
    proven(len(columns) + len(tables), f"names of {kind}", "each read and filtered by")
