"""What every source promises, over the same tables: SQLite (journal, WAL), DuckDB, PostgreSQL."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from export_assets.errors import UsageError
from export_assets.sources.base import Scan, Snapshot, Source
from export_assets.sources.duckdb import DuckDbSource
from export_assets.sources.mysql import MySqlSource
from export_assets.sources.sqlalchemy import SqlAlchemySource
from export_assets.sources.sqlite import SqliteSource
from export_assets.tables.conform import conform
from export_assets.tables.partitions import Window
from export_assets.tables.schema import ForeignKey, LogicalType
from export_assets_tests.mariadb_server import MariaDb, mariadb
from export_assets_tests.postgres_server import (
    PostgresServer,
    postgres_server,
    temporary_database,
)

__all__ = ["mariadb", "postgres_server"]  # fixtures

Row = tuple[Any, ...]

START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS = 500
ODD = 'Ünï "☃" ; drop table t--'
ODD_COLUMNS = ("select", 'qu"ote', "ünï", "with space", "c0", "'single'")
WIDE = 300

SCHEMA = (
    "create table customers(id integer primary key, name varchar(50) not null)",
    """create table orders(
    id integer primary key, customer_id integer references customers(id), ordered_at timestamp,
    total decimal(10,2), weight double, note varchar, paid boolean, day date, data blob,
    doc json)""",
    "create table twins(a integer, b varchar)",
    "create table hollow(a integer, b varchar, moment timestamp)",
    f"create table wide({', '.join(f'c{i} integer' for i in range(WIDE))})",
    "create view cheap as select id, total from orders where total < 50",
)


def orders() -> list[Row]:
    return [
        (
            i,
            None if i % 11 == 0 else i % 7,
            None if i % 13 == 0 else START + timedelta(hours=(i * 37) % ROWS, microseconds=i),
            Decimal(i * 7 % 10_000) / 100,
            i / 3,
            ["", "plain", 'q"uote, comma', "line\nbreak", "ü☃", "nul\0inside"][i % 6],
            i % 2 == 0,
            date(2024, 1, 1) + timedelta(days=i % 40),
            bytes([i % 256]) * (i % 3),
            None if i % 5 else f'{{"i":{i}}}',
        )
        for i in range(ROWS)
    ]


def fill(execute: Callable[[str, Row], object], adapt: Callable[[Any], Any]) -> None:
    for name in range(7):
        execute("insert into customers values (?, ?)", (name, f"c{name}"))
    marks = ", ".join("?" * 10)
    for row in orders():
        execute(f"insert into orders values ({marks})", tuple(map(adapt, row)))
    for row in [(1, "x"), (1, "x"), (None, None), (1, "x")]:
        execute("insert into twins values (?, ?)", row)
    execute(f"insert into wide values ({', '.join(map(str, range(WIDE)))})", ())


def for_sqlite(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def odd_table(quoted: Callable[[str], str]) -> str:
    return f"create table {quoted(ODD)}({', '.join(f'{quoted(c)} integer' for c in ODD_COLUMNS)})"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def sqlite_file(path: Path, journal: str) -> Iterator[Source]:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma journal_mode = {journal}")
        for statement in (*SCHEMA, odd_table(quoted)):
            connection.execute(statement)
        fill(connection.execute, for_sqlite)
        connection.execute(f"insert into {quoted(ODD)} values (1, 2, 3, 4, 5, 6)")
        connection.commit()
        yield SqliteSource("shop", path, busy_timeout=1, temp_dir=path.parent)


@contextmanager
def duckdb_file(path: Path) -> Iterator[Source]:
    with closing(duckdb.connect(path)) as connection:
        for statement in (*SCHEMA, odd_table(quoted)):
            connection.execute(statement)
        connection.execute("begin")
        naive = {datetime: lambda value: value.replace(tzinfo=None)}
        fill(connection.execute, lambda value: naive.get(type(value), lambda v: v)(value))
        connection.execute(f"insert into {quoted(ODD)} values (1, 2, 3, 4, 5, 6)")
        connection.execute("commit")
    yield DuckDbSource("shop", path, busy_timeout=1, temp_dir=path.parent)


NO_NUL = "␀"
"""Stands for NUL, which no text of PostgreSQL holds."""


@contextmanager
def postgres_database(server: PostgresServer) -> Iterator[Source]:
    def here(value: Any) -> Any:
        return value.replace("\0", NO_NUL) if isinstance(value, str) else value

    def execute(statement: str, row: Row) -> None:
        connection.execute(statement.replace("?", "%s").encode(), row)

    with temporary_database(server) as database:
        with database.connect(autocommit=False) as connection:
            for statement in (*SCHEMA, odd_table(quoted)):
                there = statement.replace(" double,", " double precision,").replace("blob", "bytea")
                connection.execute(there.encode())
            fill(execute, here)
            execute(f"insert into {quoted(ODD)} values (1, 2, 3, 4, 5, 6)", ())
        yield database.source()


@contextmanager
def mariadb_database(server: MariaDb) -> Iterator[Source]:
    def execute(statement: str, row: Row) -> None:
        cursor.execute(statement.replace("?", "%s"), row)

    naive = {datetime: lambda value: value.replace(tzinfo=None)}
    with server.database(name="conformance") as url:
        with closing(server.connect("conformance")) as connection, connection.cursor() as cursor:
            cursor.execute("set session sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'")
            for statement in (*SCHEMA, odd_table(quoted)):
                there = statement.replace(" timestamp", " datetime(6)")
                cursor.execute(re.sub(r"varchar(?!\()", "varchar(100)", there))
            fill(execute, lambda value: naive.get(type(value), lambda v: v)(value))
            execute(f"insert into {quoted(ODD)} values (1, 2, 3, 4, 5, 6)", ())
        server.execute("set global sql_mode = 'ANSI'")
        try:
            yield MySqlSource("shop", url, busy_timeout=1)
        finally:
            server.execute("set global sql_mode = default")


@contextmanager
def through_a_dialect(path: Path) -> Iterator[Source]:
    with sqlite_file(path, "wal"):
        yield SqlAlchemySource("shop", f"sqlite:///{path}")


KINDS = ["sqlite-rollback", "sqlite-wal", "duckdb", "postgres", "mariadb", "sqlalchemy"]


@pytest.fixture(scope="module", params=KINDS)
def snapshot(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Snapshot]:
    directory = tmp_path_factory.mktemp("source")
    kind, _, journal = str(request.param).partition("-")
    opened = (
        postgres_database(request.getfixturevalue("postgres_server"))
        if kind == "postgres"
        else mariadb_database(request.getfixturevalue("mariadb"))
        if kind == "mariadb"
        else through_a_dialect(directory / "shop.db")
        if kind == "sqlalchemy"
        else duckdb_file(directory / "shop.duckdb")
        if kind == "duckdb"
        else sqlite_file(directory / "shop.db", {"rollback": "delete"}.get(journal, journal))
    )
    with opened as source, source.snapshot() as taken:
        yield taken


def read(snapshot: Snapshot, table: str, **options: Any) -> list[Row]:
    schema = snapshot.describe(table)
    if columns := options.pop("columns", None):
        schema = schema.select(columns)
    scan = replace(Scan(table=table, schema=schema, batch_rows=64), **options)
    return [
        tuple(one.replace(NO_NUL, "\0") if isinstance(one, str) else one for one in row)
        for frame in snapshot.scan(scan)
        for row in conform(frame, schema, assume_timezone="UTC").rows()
    ]


def test_lists_tables_and_views_but_nothing_internal(snapshot: Snapshot) -> None:
    found = snapshot.tables()

    assert set(found) == {"customers", "orders", "twins", "hollow", "wide", "cheap", ODD}
    assert list(found).index("customers") < list(found).index("orders")


def test_describes_types_and_keys(snapshot: Snapshot) -> None:
    schema = snapshot.describe("orders")

    assert [column.logical for column in schema.columns] == [
        LogicalType.INTEGER,
        LogicalType.INTEGER,
        LogicalType.TIMESTAMP,
        LogicalType.DECIMAL,
        LogicalType.FLOAT,
        LogicalType.TEXT,
        LogicalType.BOOLEAN,
        LogicalType.DATE,
        LogicalType.BINARY,
        LogicalType.JSON,
    ]
    assert (schema.column("total").precision, schema.column("total").scale) == (10, 2)
    assert schema.primary_key == ("id",)
    assert not schema.column("id").nullable
    assert not snapshot.describe("customers").column("name").nullable
    assert schema.foreign_keys == (
        ForeignKey(columns=("customer_id",), ref_table="customers", ref_columns=("id",)),
    )
    assert all(column.fidelity.verdict == "exact" for column in schema.columns)


def test_delivers_every_value_as_it_was(snapshot: Snapshot) -> None:
    assert sorted(read(snapshot, "orders")) == orders()


def test_every_batch_has_the_same_schema(snapshot: Snapshot) -> None:
    scan = Scan(table="orders", schema=snapshot.describe("orders"), batch_rows=50)

    frames = list(snapshot.scan(scan))

    assert len(frames) > 5
    assert len({tuple(frame.schema.items()) for frame in frames}) == 1


def test_counts_rows(snapshot: Snapshot) -> None:
    assert snapshot.count("orders") == ROWS
    assert snapshot.count("hollow") == 0


def test_measures_the_time_range_in_utc(snapshot: Snapshot) -> None:
    facts = snapshot.facts("orders", "ordered_at", "UTC")

    times = [row[2] for row in orders() if row[2] is not None]
    assert (facts.rows, facts.first, facts.last) == (ROWS, min(times), max(times))
    assert facts.first is not None
    assert facts.first.utcoffset() == timedelta(0)


def test_reads_the_time_range_in_the_assumed_zone(snapshot: Snapshot) -> None:
    here = snapshot.facts("orders", "ordered_at", "UTC").first
    there = snapshot.facts("orders", "ordered_at", "Etc/GMT+5").first

    assert here is not None
    assert there == here + timedelta(hours=5)


def test_an_empty_table_has_facts_and_no_rows(snapshot: Snapshot) -> None:
    facts = snapshot.facts("hollow", "moment", "UTC")

    assert (facts.rows, facts.first, facts.last) == (0, None, None)
    assert read(snapshot, "hollow") == []


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12"])
@pytest.mark.parametrize(("first_day", "days"), [(0, 1), (3, 2), (20, 30), (400, 1)])
def test_a_window_leaves_out_no_row_of_it_and_none_without_a_time(
    snapshot: Snapshot, zone: str, first_day: int, days: int
) -> None:
    window = Window(
        start=START + timedelta(days=first_day), end=START + timedelta(days=first_day + days)
    )
    assert window.start is not None
    assert window.end is not None
    schema = snapshot.describe("orders").select(("id", "ordered_at"))
    scan = Scan(
        table="orders",
        schema=schema,
        window=window,
        time_column="ordered_at",
        assume_timezone=zone,
    )

    frames = [conform(frame, schema, assume_timezone=zone) for frame in snapshot.scan(scan)]

    everything = pl.DataFrame(
        {"id": [r[0] for r in orders()], "at": [r[2] for r in orders()]},
        schema={"id": pl.Int64, "at": pl.Datetime("us", "UTC")},
    )
    wall = everything["at"].dt.replace_time_zone(None).dt.replace_time_zone(zone)
    local = wall.dt.convert_time_zone("UTC")
    inside = local.is_null() | ((local >= window.start) & (local < window.end))
    got = set(pl.concat(frames)["id"]) if frames else set()
    assert set(everything.filter(inside)["id"]) <= got
    assert len(got) < ROWS
    assert snapshot.count_scan(scan) == sum(frame.height for frame in frames)


def test_counts_what_a_filtered_and_cut_scan_delivers(snapshot: Snapshot) -> None:
    schema = snapshot.describe("orders")
    scans = [
        Scan(table="orders", schema=schema, where={"paid": True}),
        Scan(table="orders", schema=schema, order_by=("id",), limit=7, offset=3),
        Scan(table="cheap", schema=snapshot.describe("cheap"), where={"id": 3}),
        Scan(table="hollow", schema=snapshot.describe("hollow")),
    ]

    counted = [snapshot.count_scan(scan) for scan in scans]

    assert counted == [sum(frame.height for frame in snapshot.scan(scan)) for scan in scans]
    assert counted[1] == 7


def test_a_half_open_window_is_bounded_on_one_side_only(snapshot: Snapshot) -> None:
    middle = START + timedelta(days=10)

    early = read(snapshot, "orders", time_column="ordered_at", window=Window(end=middle))
    late = read(snapshot, "orders", time_column="ordered_at", window=Window(start=middle))

    assert {r[0] for r in early} | {r[0] for r in late} == set(range(ROWS))
    assert min(len(early), len(late)) < ROWS


def test_orders_by_time_then_key(snapshot: Snapshot) -> None:
    rows = read(snapshot, "orders", time_column="ordered_at")

    expected = sorted(orders(), key=lambda row: (row[2] is not None, row[2] or START, row[0]))
    assert [row[0] for row in rows] == [row[0] for row in expected]


def test_orders_by_the_columns_asked_for(snapshot: Snapshot) -> None:
    rows = read(snapshot, "orders", order_by=("paid", "total"))

    assert rows == sorted(orders(), key=lambda row: (row[6], row[3], row[0]))


@pytest.mark.parametrize(
    ("column", "wanted", "position", "value"),
    [
        ("customer_id", 3, 1, 3),
        ("customer_id", "3", 1, 3),
        ("customer_id", None, 1, None),
        ("note", "ü☃", 5, "ü☃"),
        ("note", "", 5, ""),
        ("note", "' or 1=1 --", 5, "' or 1=1 --"),
        ("paid", "true", 6, True),
        ("total", "0.07", 3, Decimal("0.07")),
    ],
)
def test_filters_by_equality(
    snapshot: Snapshot, column: str, wanted: object, position: int, value: object
) -> None:
    rows = read(snapshot, "orders", where={column: wanted})

    assert sorted(rows) == [row for row in orders() if row[position] == value]


def test_filters_are_anded(snapshot: Snapshot) -> None:
    rows = read(snapshot, "orders", where={"customer_id": 3, "paid": 1})

    assert sorted(rows) == [row for row in orders() if row[1] == 3 and row[6]]


def test_limit_and_offset_cut_the_ordered_rows(snapshot: Snapshot) -> None:
    whole = read(snapshot, "orders", order_by=("id",))

    assert read(snapshot, "orders", order_by=("id",), limit=7) == whole[:7]
    assert read(snapshot, "orders", order_by=("id",), limit=7, offset=400) == whole[400:407]
    assert read(snapshot, "orders", order_by=("id",), offset=490) == whole[490:]
    assert read(snapshot, "orders", limit=0) == []


def test_a_selection_of_columns_keeps_their_order(snapshot: Snapshot) -> None:
    rows = read(snapshot, "orders", columns=("note", "id"), limit=3, order_by=("id",))

    assert rows == [(row[5], row[0]) for row in orders()[:3]]


def test_equal_rows_stay_as_many_as_they_are(snapshot: Snapshot) -> None:
    rows = read(snapshot, "twins")

    assert rows.count((1, "x")) == 3
    assert rows.count((None, None)) == 1
    assert snapshot.describe("twins").primary_key == ()


def test_a_wide_table_comes_whole(snapshot: Snapshot) -> None:
    assert read(snapshot, "wide") == [tuple(range(WIDE))]


def test_odd_names_are_only_names(snapshot: Snapshot) -> None:
    assert snapshot.describe(ODD).names == ODD_COLUMNS
    assert read(snapshot, ODD, where={"select": 1}) == [(1, 2, 3, 4, 5, 6)]


def test_a_view_is_a_table(snapshot: Snapshot) -> None:
    rows = read(snapshot, "cheap")

    assert sorted(rows) == [(row[0], row[3]) for row in orders() if row[3] < 50]


def test_a_configured_view_may_hide_the_table_it_reads(snapshot: Snapshot) -> None:
    before = snapshot.tables()
    snapshot.define(
        {
            "customers": "select id, name || '!' as name from customers where id < 2;",
            "loud": "select name from customers -- the physical one",
            "louder": "select count(*) as n from loud",
        }
    )

    assert sorted(read(snapshot, "customers")) == [(0, "c0!"), (1, "c1!")]
    assert sorted(read(snapshot, "loud"))[:1] == [("c0",)]
    assert read(snapshot, "louder") == [(7,)]
    assert set(snapshot.tables()) == {*before, "loud", "louder"}
    assert list(snapshot.columns("customers")) == ["id", "name"]
    assert list(snapshot.columns("loud")) == []


def test_a_view_that_does_not_work_is_refused_by_name(snapshot: Snapshot) -> None:
    for statement in ("select nope from customers", "drop table customers", "select 1) union ("):
        with pytest.raises(UsageError, match="shop: view broken: "):
            type(snapshot).define(snapshot, {"broken": statement})
        assert snapshot.count("orders") == ROWS


def test_an_unknown_table_or_column_is_named_with_the_nearest(snapshot: Snapshot) -> None:
    schema = snapshot.describe("orders")

    with pytest.raises(UsageError, match=r"no table order, did you mean orders\?"):
        snapshot.describe("order")
    with pytest.raises(UsageError, match=r"no column totl, did you mean total\?"):
        list(snapshot.scan(Scan(table="orders", schema=schema, where={"totl": 1})))
    with pytest.raises(UsageError, match=r"orders: source has no column xyz$"):
        list(snapshot.scan(Scan(table="orders", schema=schema, order_by=("xyz",))))
    with pytest.raises(UsageError, match="source has no column"):
        snapshot.facts("orders", "nope", "UTC")


def test_a_filter_that_is_no_such_value_is_refused(snapshot: Snapshot) -> None:
    schema = snapshot.describe("orders")

    for wanted in ("three", 2**70, str(2**70)):
        with pytest.raises(UsageError):
            list(snapshot.scan(Scan(table="orders", schema=schema, where={"customer_id": wanted})))


def test_profiling_changes_nothing_where_everything_fits(snapshot: Snapshot) -> None:
    schema = snapshot.describe("orders")

    assert snapshot.profile("orders", schema, assume_timezone="UTC") == schema


def test_a_scan_may_be_left_early(snapshot: Snapshot) -> None:
    frames = snapshot.scan(Scan(table="orders", schema=snapshot.describe("orders"), batch_rows=10))

    next(frames)
    frames.close()  # type: ignore[attr-defined]  # scans are generators

    assert snapshot.count("orders") == ROWS


def test_two_scans_may_run_side_by_side(snapshot: Snapshot) -> None:
    scan = Scan(table="orders", schema=snapshot.describe("orders"), batch_rows=64)

    pairs = list(zip(snapshot.scan(scan), snapshot.scan(scan), strict=True))

    assert all(left.equals(right) for left, right in pairs)


def test_the_check_finds_a_sound_snapshot_sound(snapshot: Snapshot) -> None:
    snapshot.check()
