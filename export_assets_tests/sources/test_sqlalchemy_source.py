"""Databases known through their dialect only, held against SQLite, whose values are the oddest."""

import sqlite3
import sys
import traceback
from contextlib import closing
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest
import sqlalchemy as sa

from export_assets.config.urls import parse_url
from export_assets.errors import (
    ExportError,
    RemoteTransient,
    SourceBusy,
    SourceChanged,
    SourceError,
    SourceMissing,
    UsageError,
)
from export_assets.sources.base import KeySet, Scan, Snapshot
from export_assets.sources.registry import open_source
from export_assets.sources.sqlalchemy import SqlAlchemySource
from export_assets.sources.sqlalchemy_errors import translate
from export_assets.sources.sqlalchemy_observed import observe
from export_assets.sources.sqlalchemy_types import nature, text_of
from export_assets.tables.conform import conform
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.schema import TableSchema
from export_assets_tests.engine.engine_world import SHOP, World, statuses


def database(path: Path, *statements: str) -> SqlAlchemySource:
    with closing(sqlite3.connect(path / "shop.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return SqlAlchemySource("shop", f"sqlite:///{path / 'shop.db'}")


def read(snapshot: Snapshot, schema: TableSchema, **scan: Any) -> list[Any]:
    wanted = Scan(table=schema.name, schema=schema, **scan)
    return [
        row
        for frame in snapshot.scan(wanted)
        for row in conform(frame, schema, assume_timezone="UTC").rows()
    ]


@pytest.mark.parametrize(
    ("declared", "values", "found"),
    [
        ("integer", "(1), ('x')", ("text", 1, ["1", "x"])),
        ("integer", "(1), (x'00ff')", ("binary", 1, [b"1", b"\0\xff"])),
        ("integer", f"(1), ({2**63 - 1})", ("integer", 0, [1, 2**63 - 1])),
        ("boolean", "(0), (2)", ("text", 1, ["0", "2"])),
        ("varchar(9)", "('ü'), (x'ff')", ("binary", 1, ["ü".encode(), b"\xff"])),
        ("varchar(9)", "('a'), (x'62')", ("text", 1, ["a", "b"])),
        ("blob", "('a'), (x'ff')", ("binary", 1, [b"a", b"\xff"])),
        ("date", "('2026-01-02'), ('soon')", ("text", 1, ["2026-01-02", "soon"])),
        ("datetime", "('2026-02-30'), (null)", ("text", 1, ["2026-02-30", None])),
        ("time", "('10:30:00'), ('25:00:00')", ("text", 1, ["10:30:00", "25:00:00"])),
        ("decimal(6,2)", "(1.25), (1.255)", ("text", 1, ["1.25", "1.255"])),
        ("double", "(1.5), ('much')", ("text", 1, ["1.5", "much"])),
    ],
)
def test_a_column_that_holds_other_values_is_widened_and_counted(
    tmp_path: Path, declared: str, values: str, found: tuple[str, int, list[object]]
) -> None:
    chosen = database(tmp_path, f"create table t (v {declared})", f"insert into t values {values}")

    with chosen.snapshot() as snapshot:
        promised = snapshot.describe("t")
        schema = snapshot.profile("t", promised, assume_timezone="UTC")
        if schema != promised:
            with pytest.raises(ValueMismatch):
                read(snapshot, promised)
        rows = [row[0] for row in read(snapshot, schema)]

    column = schema.column("v")
    assert (str(column.logical), column.fidelity.count, rows) == found
    assert (schema == promised) == (column.fidelity.count == 0)


def test_a_number_of_unknown_digits_is_text(tmp_path: Path) -> None:
    chosen = database(
        tmp_path, "create table t (v numeric)", "insert into t values (1.5), (123456789)"
    )

    with chosen.snapshot() as snapshot:
        schema = snapshot.describe("t")

        assert schema.column("v").fidelity.reason == (
            "decimals of no fixed number of digits are carried as text"
        )
        assert read(snapshot, schema) == [("1.5",), ("123456789",)]


def test_keys_and_filters_are_bound(tmp_path: Path) -> None:
    chosen = database(
        tmp_path,
        "create table t (a integer primary key, b varchar(9), at datetime)",
        """insert into t values (1, 'x'' or 1=1', '2026-01-02 03:04:05.000000'), (2, null, null),
        (3, 'y', null)""",
    )
    keys = KeySet(columns=("a", "b"), values=((1, "x' or 1=1"), (2, None), (3, "z")))

    with chosen.snapshot() as snapshot:
        schema = snapshot.describe("t")
        assert [row[0] for row in read(snapshot, schema, among=keys)] == [1, 2]
        assert [row[0] for row in read(snapshot, schema, where={"b": "x' or 1=1"})] == [1]
        assert [row[0] for row in read(snapshot, schema, where={"at": "2026-01-02T03:04:05"})] == [
            1
        ]
        with pytest.raises(UsageError, match=r"t\.a: 'one' is no integer"):
            read(snapshot, schema, where={"a": "one"})


def test_a_long_read_comes_in_batches_of_one_schema(tmp_path: Path) -> None:
    chosen = database(
        tmp_path,
        "create table t (a integer, b text)",
        """with recursive s(i) as (select 1 union all select i + 1 from s where i < 30000)
        insert into t select i, case when i > 20000 then 'late' end from s""",
    )

    with chosen.snapshot() as snapshot:
        scan = Scan(table="t", schema=snapshot.describe("t"), batch_rows=5_000)
        frames = list(snapshot.scan(scan))

    assert sum(frame.height for frame in frames) == 30_000
    assert 4 <= len(frames) <= 8
    assert {tuple(frame.schema.items()) for frame in frames} == {
        (("a", pl.Int64()), ("b", pl.String()))
    }


def test_the_moment_of_a_serializable_transaction_is_kept(tmp_path: Path) -> None:
    chosen = database(
        tmp_path, "pragma journal_mode = wal", "create table t (a integer)", "create table u (a)"
    )

    with chosen.snapshot() as snapshot:
        schema = snapshot.describe("t")
        assert read(snapshot, schema) == []
        with closing(sqlite3.connect(tmp_path / "shop.db")) as writer:
            writer.execute("insert into t values (1)")
            writer.commit()

        assert read(snapshot, schema) == []
        assert snapshot.info.consistency == "snapshot"


def test_nothing_tells_that_nothing_changed(tmp_path: Path) -> None:
    chosen = database(tmp_path, "create table t (a integer)")

    assert chosen.fingerprint() != chosen.fingerprint()


@pytest.mark.parametrize(
    ("values", "logical"),
    [
        ([True, None], "boolean"),
        ([1, 2], "integer"),
        ([1, 2.5], "float"),
        ([Decimal("1.50"), Decimal(100)], "decimal"),
        (["x"], "text"),
        ([b"x", memoryview(b"y")], "binary"),
        ([datetime(2026, 1, 1, tzinfo=UTC)], "timestamp"),
        ([date(2026, 1, 1)], "date"),
        ([time(1)], "time"),
        ([UUID(int=1)], "uuid"),
        ([{"a": 1}], "json"),
        ([1, "x"], "text"),
        ([None], "text"),
    ],
)
def test_a_view_has_the_types_of_its_values(values: list[object], logical: str) -> None:
    found = observe(["v"], [[(value,) for value in values]])["v"]

    assert str(nature(found.type).logical) == logical
    if logical == "decimal":
        assert (nature(found.type).precision, nature(found.type).scale) == (5, 2)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (
            sa.DateTime(timezone=True),
            datetime(2026, 1, 1, 1, tzinfo=UTC),
            "2026-01-01 01:00:00+00:00",
        ),
        (sa.Date(), datetime(2026, 1, 1), "2026-01-01 00:00:00"),  # noqa: DTZ001 - as drivers give
        (sa.Float(), Decimal("0.5"), 0.5),
        (sa.Float(), Decimal("0.1"), None),
        (sa.Numeric(9, 2), 1.25, "1.25"),
        (sa.Numeric(9, 2), Decimal("1E+2"), "100"),
        (sa.Integer(), 2**63, None),
        (sa.Integer(), 1.5, None),
        (sa.String(), "\ud800", None),
        (sa.String(), 5, None),
        (sa.JSON(), {"ü": [1]}, '{"ü": [1]}'),
        (sa.JSON(), '{"a":1}', '{"a":1}'),
        (sa.LargeBinary(), memoryview(b"\xff"), b"\xff"),
        (sa.Uuid(), UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (sa.types.NullType(), [1, Decimal("1.10")], '[1, "1.10"]'),
    ],
)
def test_a_driver_s_value_is_taken_whole_or_counted(
    kind: sa.types.TypeEngine[Any], value: object, expected: object
) -> None:
    series, lost = nature(kind).reading.values([value, None])

    assert series.to_list() == [expected, None]
    assert lost == (1 if expected is None else 0)


def test_text_says_all_of_a_value() -> None:
    values = [True, 0.1, Decimal("1.10"), date(2026, 1, 1), time(1, 2), b"x", {"a": [None]}]

    assert [text_of(value) for value in values] == [
        *("true", "0.1", "1.10", "2026-01-01", "01:02:00", "x", '{"a": [null]}')
    ]


@pytest.mark.parametrize(
    ("words", "state", "kind"),
    [
        ("password authentication failed", None, SourceMissing),
        ("database is locked", None, SourceBusy),
        ("no such table: t", None, SourceChanged),
        ("whatever", "28000", SourceMissing),
        ("whatever", "40001", SourceBusy),
        ("whatever", "42S02", SourceChanged),
        ("whatever", "42000", UsageError),
        ("whatever", "08006", RemoteTransient),
        ("server is tired", None, RemoteTransient),
    ],
)
def test_an_error_is_told_by_what_to_do_next(
    words: str, state: str | None, kind: type[ExportError]
) -> None:
    original = sqlite3.OperationalError(f"{words}\nmore")
    if state is not None:
        original.sqlstate = state  # type: ignore[attr-defined]  # as drivers of servers have it
    error = sa.exc.OperationalError("select secret", None, original)

    told = translate(error, "shop")

    assert type(told) is kind
    assert str(told) == f"shop: {words}"


def test_an_error_of_no_known_kind_is_one_of_the_source() -> None:
    told = translate(sa.exc.DatabaseError("x", None, sqlite3.DatabaseError("odd")), "shop")

    assert type(told) is SourceError


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nosuch://me:s3cret@host/db", "SQLAlchemy knows no dialect nosuch"),
        ("mssql+pyodbc://me:s3cret@host/db", "pip install pyodbc"),
        ("nosuch+x://me:s3cret@host:port/db", "url: no address of the form"),
    ],
)
def test_what_is_missing_is_named_without_the_password(
    tmp_path: Path, url: str, message: str
) -> None:
    chosen = open_source("shop", parse_url(url, base=tmp_path))

    with pytest.raises(UsageError, match=message) as refused:
        chosen.snapshot().__enter__()

    assert str(refused.value).startswith("shop: ")
    assert "s3cret" not in "".join(traceback.format_exception(refused.value))
    assert "s3cret" not in repr(chosen)


@pytest.mark.parametrize(
    ("url", "missing", "message"),
    [
        ("mysql://me@host/db", "pymysql", r"pip install export-assets\[mysql\]"),
        ("oracle://me@host/db", "oracledb", "pip install oracledb"),
        ("mysql://me@host/db", "sqlalchemy", r"pip install export-assets\[mysql\]"),
        ("oracle://me@host/db", "sqlalchemy", "pip install sqlalchemy"),
    ],
)
def test_a_missing_package_is_named_with_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, missing: str, message: str
) -> None:
    ours = [name for name in sys.modules if name.startswith("export_assets.sources.")]
    for name in (*ours, *(n for n in sys.modules if n.partition(".")[0] == missing)):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    from export_assets.sources.registry import open_source as open_anew

    def use() -> None:
        open_anew("shop", parse_url(url, base=tmp_path)).snapshot().__enter__()

    with pytest.raises(UsageError, match=message):
        use()


def test_an_export_reads_through_the_dialect(tmp_path: Path) -> None:
    chosen = database(
        tmp_path,
        "create table orders (id integer primary key, at timestamp, total decimal(8,2))",
        """insert into orders values (1, '2026-02-08 10:00:00', 1.5),
        (2, '2026-02-09 10:00:00', 2.25), (3, null, null)""",
        "create table customers (id integer primary key, name text)",
        "insert into customers values (1, 'Ann'), (2, x'ff')",
    )
    world = World(tmp_path)
    world.config(SHOP.replace("url:", "formats: [parquet, csv]\nurl:"))

    first = world.export(source=chosen)
    second = world.export(source=chosen)

    assert {record.error for record in first.records} == {None}
    assert sorted(world.ids().values()) == [[1], [2], [3]]
    manifest = world.manifest("customers", "parquet", "all")
    assert [(c.logical_type, c.fidelity_count) for c in manifest.columns] == [
        ("integer", 0),
        ("binary", 1),
    ]
    assert set(statuses(second).values()) == {"unchanged"}
