"""Scans of rows by their keys: pushed down, bound, compared as the engine compares."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import polars as pl
import pytest

from export_assets.errors import UsageError
from export_assets.sources.base import KeySet, Scan, Snapshot
from export_assets.sources.duckdb import DuckDbSource
from export_assets.sources.sqlite import SqliteSource
from export_assets.sources.sqlite_keys import key_filter

TABLE = [
    "create table t (id integer primary key, a integer, b text, r double)",
    (
        "insert into t values (1, 1, 'x', 0.5), (2, 1, 'y', 1.5), (3, 2, 'x', null), "
        "(4, null, 'it''s', 2), (5, 2, null, 1e300)"
    ),
]

Opened = Callable[[], Iterator[Snapshot]]


@pytest.fixture(params=["sqlite", "duckdb"])
def snapshot(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Snapshot]:
    with _opened(request.param, tmp_path) as opened:
        yield opened


@contextmanager
def _opened(kind: str, home: Path) -> Iterator[Snapshot]:
    path = home / f"t.{kind}"
    if kind == "sqlite":
        with closing(sqlite3.connect(path)) as connection, connection:
            for statement in TABLE:
                connection.execute(statement)
        with SqliteSource("t", path).snapshot() as snapshot:
            yield snapshot
        return
    with closing(duckdb.connect(str(path))) as database:
        for statement in TABLE:
            database.execute(statement)
    with DuckDbSource("t", path).snapshot() as opened:
        yield opened


def ids(snapshot: Snapshot, *values: tuple[object, ...], columns: tuple[str, ...]) -> list[int]:
    keys = KeySet(columns=columns, values=values)
    scan = Scan(table="t", schema=snapshot.describe("t"), order_by=("id",), among=keys)
    frames = list(snapshot.scan(scan))
    found = pl.concat(frames)["id"].to_list() if frames else []
    assert snapshot.count_scan(scan) == len(found)
    return found


def test_rows_of_one_column(snapshot: Snapshot) -> None:
    assert ids(snapshot, (1,), (3,), (99,), columns=("id",)) == [1, 3]
    assert ids(snapshot, ("x",), ("it's",), columns=("b",)) == [1, 3, 4]
    assert ids(snapshot, (1.5,), (1e300,), columns=("r",)) == [2, 5]


def test_rows_of_several_columns_together(snapshot: Snapshot) -> None:
    assert ids(snapshot, (1, "y"), (2, "x"), (2, "y"), columns=("a", "b")) == [2, 3]


def test_no_key_finds_no_row_and_a_null_none_either(snapshot: Snapshot) -> None:
    assert ids(snapshot, columns=("id",)) == []
    assert ids(snapshot, (None,), columns=("a",)) == []
    assert ids(snapshot, (None, "x"), columns=("a", "b")) == []


def test_values_of_other_types_find_what_they_spell(snapshot: Snapshot) -> None:
    assert ids(snapshot, ("2",), ("no number",), columns=("a",)) == [3, 5]
    assert ids(snapshot, (2**70,), columns=("a",)) == []


def test_many_keys_at_once(snapshot: Snapshot) -> None:
    keys = [(number, "x") for number in range(500)]

    assert ids(snapshot, *keys, columns=("a", "b")) == [1, 3]


def test_keys_add_to_other_filters_and_to_a_limit(snapshot: Snapshot) -> None:
    keys = KeySet(columns=("a",), values=((1,), (2,)))
    scan = Scan(
        table="t",
        schema=snapshot.describe("t"),
        order_by=("id",),
        where={"b": "x"},
        among=keys,
        limit=1,
        offset=1,
    )

    assert pl.concat(list(snapshot.scan(scan)))["id"].to_list() == [3]


def test_an_unknown_column_is_refused(snapshot: Snapshot) -> None:
    with pytest.raises(UsageError, match="t: source has no column nope"):
        ids(snapshot, (1,), columns=("nope",))


def test_a_column_without_affinity_is_looked_in_for_every_form() -> None:
    condition, bound = key_filter(
        KeySet(columns=("c",), values=((1,), ("2",), ("02",), (b"3",), (b"\xff",), (1.5,))),
        {"c": "blob"},
        collated=False,
    )

    assert bound == [1, "1", "2", 2, "02", b"3", "3", 3, b"\xff", 1.5, "1.5"]
    assert condition == f'"c" in ({", ".join("?" * len(bound))})'
