"""DuckDB files in the wild: holders, logs, damage, every type; and the files left as they were."""

import math
import os
import subprocess
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from export_assets.errors import (
    ExportError,
    NoSpace,
    SourceCorrupt,
    SourceMissing,
    UsageError,
)
from export_assets.sources.base import Scan
from export_assets.sources.duckdb import DuckDbSource
from export_assets.sources.duckdb_snapshot import DuckDbSnapshot
from export_assets.sources.duckdb_types import is_plain_nested, raw_schema
from export_assets.tables.conform import conform
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.partitions import Window
from export_assets.tables.schema import LogicalType
from export_assets_tests.sources.duckdb_holders import holder


def make(path: Path, *statements: str) -> Path:
    with closing(duckdb.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def source(path: Path, *, busy_timeout: float = 0.2) -> DuckDbSource:
    return DuckDbSource("shop", path, busy_timeout=busy_timeout)


def read(snapshot: DuckDbSnapshot, table: str, **options: Any) -> list[tuple[Any, ...]]:
    schema = options.pop("schema", None) or snapshot.describe(table)
    frames = list(snapshot.scan(Scan(table=table, schema=schema, **options)))
    assert all(frame.schema == raw_schema(schema) for frame in frames)
    return [row for f in frames for row in conform(f, schema, assume_timezone="UTC").rows()]


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def test_the_fingerprint_moves_with_the_log_alone(tmp_path: Path) -> None:
    path = make(tmp_path / "app.duckdb", "create table t(a integer)")
    found = source(path)
    stamp, main = found.fingerprint(), path.read_bytes()
    assert found.fingerprint() == stamp

    with holder(path, "killed"):
        pass

    assert path.read_bytes() == main
    assert found.fingerprint() != stamp


def test_the_copy_goes_away_with_the_snapshot(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    path = make(tmp_path / "app.duckdb", "create table t(a integer)")

    with DuckDbSource("shop", path, temp_dir=scratch).snapshot() as snapshot:
        assert len(list(scratch.iterdir())) == 1
        assert snapshot.info.kind == "duckdb-copy"

    assert list(scratch.iterdir()) == []


def test_a_copy_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no mounts here")
    path = make(
        tmp_path / "app.duckdb",
        "create table t as select range::varchar as a, hash(range) as b from range(100000)",
    )
    try:
        with (
            pytest.raises(NoSpace, match=r"shop: a copy needs \d+ bytes"),
            DuckDbSource("shop", path, temp_dir=small).snapshot(),
        ):
            pass
    finally:
        subprocess.run(["umount", str(small)], check=True)


def damaged(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / "app.duckdb"
    if kind == "a directory":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("id,name\n1,shop\n" * 1000, encoding="utf-8")
    elif kind != "missing":
        make(path, "create table t as select range as a, hash(range) as b from range(300000)")
        with path.open("r+b") as file:
            if kind == "truncated":
                file.truncate(path.stat().st_size // 2)
            else:
                # Every block but the header: whichever holds rows fails its checksum.
                for position in range(300_000, path.stat().st_size, 50_000):
                    file.seek(position)
                    file.write(b"\xff" * 100)
    return path


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("missing", SourceMissing),
        ("a directory", SourceCorrupt),
        ("empty", SourceCorrupt),
        ("text", SourceCorrupt),
        ("truncated", SourceCorrupt),
        ("overwritten", SourceCorrupt),
    ],
)
def test_what_is_no_sound_database_is_refused_in_one_line(
    tmp_path: Path, kind: str, expected: type[ExportError]
) -> None:
    path = damaged(tmp_path, kind)

    with pytest.raises(expected) as refusal, source(path).snapshot() as snapshot:
        read(snapshot, "t")

    assert type(refusal.value) is expected
    assert str(refusal.value).startswith("shop: ")
    assert "\n" not in str(refusal.value)


TYPES = (
    ("bigint", "9223372036854775807", LogicalType.INTEGER, 9223372036854775807),
    ("utinyint", "255", LogicalType.INTEGER, 255),
    ("ubigint", "18446744073709551615", LogicalType.DECIMAL, Decimal(2**64 - 1)),
    ("hugeint", "10::hugeint ** 20", LogicalType.DECIMAL, Decimal(10**20)),
    ("hugeint", "170141183460469231731687303715884105727", LogicalType.TEXT, str(2**127 - 1)),
    ("uhugeint", "340282366920938463463374607431768211455", LogicalType.TEXT, str(2**128 - 1)),
    ("decimal(20,4)", "1234.5678", LogicalType.DECIMAL, Decimal("1234.5678")),
    ("float", "1.5", LogicalType.FLOAT, 1.5),
    ("double", "'infinity'", LogicalType.FLOAT, math.inf),
    ("boolean", "true", LogicalType.BOOLEAN, True),
    ("varchar", "'a' || chr(0) || 'ü☃'", LogicalType.TEXT, "a\0ü☃"),
    ("blob", "'\\x00\\xff'", LogicalType.BINARY, b"\x00\xff"),
    ("bit", "'0101'", LogicalType.TEXT, "0101"),
    ("uuid", "'65f74db0-09f9-49ee-829c-63b477377afe'", LogicalType.UUID,
     "65f74db0-09f9-49ee-829c-63b477377afe"),
    ("json", """'{"a":  1}'""", LogicalType.JSON, '{"a":  1}'),
    ("enum('x', 'y')", "'y'", LogicalType.TEXT, "y"),
    ("date", "'2024-02-29'", LogicalType.DATE, date(2024, 2, 29)),
    ("date", "'infinity'", LogicalType.TEXT, "infinity"),
    ("date", "'12345-01-01'", LogicalType.TEXT, "12345-01-01"),
    ("time", "'10:00:00.000001'", LogicalType.TIME, "10:00:00.000001"),
    ("time", "'24:00:00'", LogicalType.TEXT, "24:00:00"),
    ("timetz", "'10:00:00+02'", LogicalType.TEXT, "10:00:00+02"),
    ("interval", "'1 month 2 days'", LogicalType.TEXT, "1 month 2 days"),
    ("timestamp", "'2024-01-01 10:00:00.000001'", LogicalType.TIMESTAMP,
     datetime(2024, 1, 1, 10, 0, 0, 1, tzinfo=UTC)),
    ("timestamp", "'-infinity'", LogicalType.TEXT, "-infinity"),
    ("timestamp_s", "'2024-01-01 10:00:01'", LogicalType.TIMESTAMP,
     datetime(2024, 1, 1, 10, 0, 1, tzinfo=UTC)),
    ("timestamp_ms", "'2024-01-01 10:00:01.002'", LogicalType.TIMESTAMP,
     datetime(2024, 1, 1, 10, 0, 1, 2000, tzinfo=UTC)),
    ("timestamp_ns", "'2024-01-01 10:00:01.000002'", LogicalType.TIMESTAMP,
     datetime(2024, 1, 1, 10, 0, 1, 2, tzinfo=UTC)),
    ("timestamp_ns", "'2024-01-01 10:00:01.123456789'", LogicalType.TEXT,
     "2024-01-01 10:00:01.123456789"),
    ("timestamptz", "'2024-01-01 10:00:00+02'", LogicalType.TIMESTAMP,
     datetime(2024, 1, 1, 8, tzinfo=UTC)),
    ("integer[]", "[1, null, 3]", LogicalType.NESTED, [1, None, 3]),
    ("integer[2]", "[1, 2]", LogicalType.NESTED, [1, 2]),
    ("struct(a integer, b varchar[])", "{'a': 1, 'b': ['x']}", LogicalType.NESTED,
     {"a": 1, "b": ["x"]}),
    ("struct(a date, b hugeint)", "{'a': '2024-01-01', 'b': 5}", LogicalType.JSON,
     '{"a":"2024-01-01","b":5}'),
    ("map(varchar, integer)", "map {'k': 1}", LogicalType.JSON, '{"k":1}'),
    ("union(n integer, s varchar)", "union_value(n := 5)", LogicalType.JSON, '{"n":5}'),
)  # fmt: skip


@pytest.mark.parametrize(("declared", "value", "logical", "expected"), TYPES)
def test_every_type_is_carried_exactly_or_reported(
    tmp_path: Path, declared: str, value: str, logical: LogicalType, expected: object
) -> None:
    path = make(
        tmp_path / "app.duckdb",
        f"create table t(n integer, c {declared})",
        f"insert into t values (1, {value}), (2, null)",
    )

    with source(path).snapshot() as snapshot:
        schema = snapshot.describe("t")
        try:
            read(snapshot, "t", schema=schema)
        except ValueMismatch:
            assert logical is LogicalType.TEXT
        schema = snapshot.profile("t", schema, assume_timezone="UTC")
        rows = read(snapshot, "t", schema=schema, order_by=("n",))

    column = schema.column("c")
    found = rows[0][1]
    assert column.logical is logical
    assert (str(found) if logical is LogicalType.TIME else found) == expected
    assert rows[1][1] is None
    if logical in (LogicalType.TEXT, LogicalType.JSON) and declared not in ("varchar", "json"):
        assert column.fidelity.verdict == "widened" or declared.startswith("enum")


def test_not_a_number_stays_one(tmp_path: Path) -> None:
    path = make(tmp_path / "app.duckdb", "create table t as select 'nan'::double as c")

    with source(path).snapshot() as snapshot:
        assert math.isnan(read(snapshot, "t")[0][0])


@pytest.mark.parametrize(
    ("declared", "plain"),
    [
        ("INTEGER[]", True),
        ('STRUCT(a INTEGER, "b, (MAP(" VARCHAR)[]', True),
        ("DECIMAL(10,2)[]", True),
        ("STRUCT(a STRUCT(b DOUBLE))", True),
        ("INTEGER", False),
        ("DATE[]", False),
        ("STRUCT(a TIMESTAMP WITH TIME ZONE)", False),
        ("STRUCT(a MAP(VARCHAR, INTEGER))", False),
        ("ENUM('INTEGER[]')[]", False),
        ("HUGEINT[]", False),
    ],
)
def test_only_plain_types_nest(declared: str, plain: bool) -> None:  # noqa: FBT001 - a parameter
    assert is_plain_nested(declared) is plain


def test_schemas_comments_macros_and_views_come_along(tmp_path: Path) -> None:
    path = make(
        tmp_path / "app.duckdb",
        "create schema crm",
        "create sequence numbers",
        "create type mood as enum ('good', 'bad')",
        "create macro twice(x) as x * 2",
        "create table crm.people(id integer primary key default nextval('numbers'), m mood)",
        "insert into crm.people(m) values ('good')",
        "create table orders(id integer primary key, total integer)",
        "insert into orders values (1, 21)",
        "comment on table orders is 'what was sold'",
        "comment on column orders.total is 'in cents'",
        "create view doubled as select id, twice(total) as d from app.main.orders",
    )

    with source(path).snapshot() as snapshot:
        assert list(snapshot.tables()) == ["crm.people", "orders", "doubled"]
        assert snapshot.describe("orders").description == "what was sold"
        assert snapshot.describe("orders").column("total").description == "in cents"
        assert snapshot.describe("crm.people").primary_key == ("id",)
        assert read(snapshot, "crm.people") == [(1, "good")]
        assert read(snapshot, "doubled") == [(1, 42)]


def test_configured_views_reach_no_file_and_no_variable(tmp_path: Path) -> None:
    path = make(tmp_path / "app.duckdb", "create table t(a integer)")
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n", encoding="utf-8")

    with source(path).snapshot() as snapshot:
        for statement in (
            f"select * from '{secret}'",
            f"select * from read_csv('{secret}')",
            "select * from statement",
            "select 1 from t); set memory_limit = '1GB'; select (1",
        ):
            with pytest.raises(UsageError, match=r"shop: view v: .*[^\n]$"):
                snapshot.define({"v": statement})
        assert list(snapshot.tables()) == ["t"]


def test_a_window_is_exact_for_utc(tmp_path: Path) -> None:
    path = make(
        tmp_path / "app.duckdb",
        "create table t(c timestamptz, d date, e bigint)",
        "insert into t select timestamptz '2024-01-01 00:00:00+00' + to_hours(range::int),"
        " date '2024-01-01' + (range // 24)::int, 1704067200 + range * 3600 from range(240)",
        "insert into t values (null, null, null), ('infinity', 'infinity', 0)",
    )
    start = datetime(2024, 1, 3, tzinfo=UTC)
    window = Window(start=start, end=start + timedelta(days=1))

    with source(path).snapshot() as snapshot:
        schema = snapshot.describe("t")
        counts = []
        for name in ("c", "d"):
            with pytest.raises(ValueMismatch):
                list(snapshot.scan(Scan(table="t", schema=schema.select((name,)))))
        schema = schema.select(("e",))
        epoch = replace(schema.columns[0], logical=LogicalType.TIMESTAMP, encoding="epoch_s")
        schema = schema.with_column(epoch)
        scan = Scan(table="t", schema=schema, time_column="e", window=window)
        counts.append(sum(frame.height for frame in snapshot.scan(scan)))

    assert counts == [25]


def test_a_fraction_that_rounds_into_the_window_is_not_left_out(tmp_path: Path) -> None:
    start = datetime(2024, 1, 3, tzinfo=UTC)
    just_before = math.nextafter(start.timestamp(), 0)
    path = make(
        tmp_path / "app.duckdb",
        "create table t(e double)",
        f"insert into t values ({just_before!r})",
    )

    with source(path).snapshot() as snapshot:
        schema = snapshot.describe("t")
        epoch = replace(schema.columns[0], logical=LogicalType.TIMESTAMP, encoding="epoch_s")
        schema = schema.with_column(epoch)
        scan = Scan(table="t", schema=schema, time_column="e", window=Window(start=start))
        rows = sum(frame.height for frame in snapshot.scan(scan))

    assert rows == 1


def test_an_infinite_time_is_never_left_out_by_a_window(tmp_path: Path) -> None:
    path = make(
        tmp_path / "app.duckdb",
        "create table t(c timestamp)",
        "insert into t values ('infinity'), (null), ('2024-01-03 05:00:00'), ('2020-01-01')",
    )
    window = Window(start=datetime(2024, 1, 3, tzinfo=UTC), end=datetime(2024, 1, 4, tzinfo=UTC))

    with source(path).snapshot() as snapshot:
        scan = Scan(table="t", schema=snapshot.describe("t"), time_column="c", window=window)
        assert sum(frame.height for frame in snapshot._scan(scan)) == 3


def test_a_promise_the_values_do_not_keep_is_widened_and_counted(tmp_path: Path) -> None:
    path = make(
        tmp_path / "app.duckdb",
        "create table t(c varchar)",
        "insert into t values ('2024-01-01 10:00:00'), ('soon'), ('later')",
    )
    with source(path).snapshot() as snapshot:
        schema = snapshot.describe("t")
        promised = replace(schema.columns[0], logical=LogicalType.TIMESTAMP, encoding="iso")
        profiled = snapshot.profile("t", schema.with_column(promised), assume_timezone="UTC")

    column = profiled.column("c")
    assert column.logical is LogicalType.TEXT
    assert (column.fidelity.verdict, column.fidelity.count) == ("widened", 2)


@pytest.mark.parametrize(
    ("column", "value", "fact"),
    [("n", "abc", "integer"), ("n", "99999999999", "integer"), ("d", "x", "float")],
)
def test_a_filter_value_of_another_type_is_refused_by_name(
    tmp_path: Path, column: str, value: str, fact: str
) -> None:
    with closing(duckdb.connect(tmp_path / "w.duckdb")) as connection:
        connection.execute("create table t (n integer, d double)")
        connection.execute("insert into t values (1, 2.5)")

    with DuckDbSource("w", tmp_path / "w.duckdb").snapshot() as snapshot:
        scan = Scan(table="t", schema=snapshot.describe("t"), where={column: value})
        with pytest.raises(UsageError) as refused:
            list(snapshot.scan(scan))

    assert str(refused.value) == f"t.{column}: {value!r} is no {fact}"
