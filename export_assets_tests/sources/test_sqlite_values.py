"""Every value exact or counted: storage classes against declared types, both readers alike."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export_assets.errors import UsageError
from export_assets.sources.base import Scan, SnapshotInfo
from export_assets.sources.sqlite_open import connect
from export_assets.sources.sqlite_rows import scan_rows
from export_assets.sources.sqlite_scan import DriverError, scan_arrow
from export_assets.sources.sqlite_snapshot import SqliteSnapshot
from export_assets.tables.conform import conform
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.partitions import Window
from export_assets.tables.schema import Column, LogicalType, TableSchema

NOT_UTF8 = "cast(x'ff41' as text)"

DECLARED = (
    "integer",
    "boolean",
    "real",
    "numeric",
    "decimal(6,2)",
    "decimal(9,0)",
    "text",
    "blob",
    "date",
    "datetime",
    "time",
    "json",
    "uuid",
    "",
    "string",
    "varchar(10)",
)


def build(path: Path, declared: str, literals: Sequence[str], *, strict: bool = False) -> Path:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma synchronous = off")
        connection.execute("begin")
        connection.execute(
            f"create table t(n integer primary key, c {declared}){' strict' if strict else ''}"
        )
        for number, literal in enumerate(literals):
            connection.execute(f"insert into t values ({number}, {literal})")
        connection.execute("commit")
    return path


@contextmanager
def opened(path: Path) -> Iterator[SqliteSnapshot]:
    """The file itself as if it were the private copy: nobody else has it open here."""
    info = SnapshotInfo(kind="test", id="", taken_at=datetime.now(UTC))
    with closing(connect(path, busy_timeout=0)) as connection:
        yield SqliteSnapshot("s", info, connection, copy=path)


def stored(path: Path) -> list[tuple[str, object]]:
    """What SQLite holds: class and value, text as bytes, in order."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        rows = connection.execute("select typeof(c), c from t order by n").fetchall()
        return [(kind.decode(), value) for kind, value in rows]


def export(path: Path, batch_rows: int = 3) -> tuple[Column, list[object]]:
    """Export column c the way the engine does: try as declared, profile on a mismatch."""
    with opened(path) as snapshot:
        schema = snapshot.describe("t")
        try:
            values = read(snapshot, schema, batch_rows)
        except ValueMismatch:
            schema = snapshot.profile("t", schema, assume_timezone="UTC")
            values = read(snapshot, schema, batch_rows)
        return schema.column("c"), values


def read(snapshot: SqliteSnapshot, schema: TableSchema, batch_rows: int) -> list[object]:
    scan = Scan(table="t", schema=schema, batch_rows=batch_rows, order_by=("n",))
    frames = [conform(f, schema, assume_timezone="UTC") for f in snapshot.scan(scan)]
    return [value for frame in frames for value in frame["c"].to_list()]


def carries(column: Column, kind: str, value: Any, exported: Any) -> bool:
    """Whether *exported* is *value* without a loss, judged by plain Python."""
    if kind == "null":
        return exported is None
    text = value.decode(errors="replace") if kind == "text" else None
    match column.logical:
        case LogicalType.TEXT | LogicalType.JSON | LogicalType.UUID if kind == "integer":
            found = int(exported) == value
        case LogicalType.TEXT | LogicalType.JSON | LogicalType.UUID if kind == "real":
            found = float(exported) == value
        case LogicalType.TEXT | LogicalType.JSON | LogicalType.UUID:
            found = exported == text
        case LogicalType.BINARY:
            found = exported == (value if isinstance(value, bytes) else repr(value).encode())
        case LogicalType.DATE | LogicalType.TIME:
            found = text is not None and str(exported) in text
        case LogicalType.TIMESTAMP if text is not None:
            found = str(exported)[:10] == text[:10]
        case LogicalType.TIMESTAMP:
            scale = {"epoch_s": 1, "epoch_ms": 1e3, "epoch_us": 1e6}[column.encoding]
            found = exported.timestamp() == pytest.approx(value / scale)
        case LogicalType.DECIMAL:
            found = isinstance(exported, Decimal) and float(exported) == value
        case _:
            found = kind in ("integer", "real") and exported == value
    return bool(found)


HARD = (
    ("integer", ["1", "2", "'three'", "4.5", "null"], "text"),
    ("integer", ["1", "2", "3.5"], "float"),
    ("integer", ["1", "9007199254740993", "0.5"], "text"),
    ("integer", ["1", "9223372036854775808"], "float"),
    ("integer", ["null", "null", "null", "null", "x'00ff'"], "binary"),
    ("integer", ["9223372036854775807", "-9223372036854775808", "null"], "integer"),
    ("boolean", ["0", "1", "null"], "boolean"),
    ("boolean", ["0", "1", "1", "1", "7"], "integer"),
    ("boolean", ["'true'", "'false'"], "text"),
    ("real", ["1", "2.5", "9e999", "-9e999", "null"], "float"),
    ("real", ["1.5", "'n/a'"], "text"),
    ("real", ["0.1", "1e300", "'x'", "123456789.123456789"], "text"),
    ("numeric", ["1", "2"], "integer"),
    ("numeric", ["1.5", "9007199254740993"], "text"),
    ("decimal(6,2)", ["1.10", "2", "-0.01", "9999.99"], "decimal"),
    ("decimal(6,2)", ["1.10", "0.1 + 0.2"], "float"),
    ("decimal(6,2)", ["1.10", "9007199254740993", "0.5"], "text"),
    ("decimal(6,2)", ["1.10", "12345678"], "float"),
    ("decimal(9,0)", ["1", "999999999"], "decimal"),
    ("decimal(9,0)", ["1", "1234567890"], "integer"),
    ("text", ["'a'", "x'6162'"], "binary"),
    ("text", ["'a'", "'b'", "'c'", NOT_UTF8], "binary"),
    ("text", ["'a' || char(0) || 'b'", "''", "'ü☃'", "null"], "text"),
    ("blob", ["x''", "x'00'", "null"], "binary"),
    ("blob", ["x'00'", "'text'", "7", "0.5"], "binary"),
    ("blob", ["'only'", "'text'"], "text"),
    ("date", ["'2024-02-29'", "null"], "date"),
    ("date", ["'2024-02-29'", "'2024-02-30'"], "text"),
    ("date", ["'2024-02-29'", "''"], "text"),
    ("date", ["20240229"], "integer"),
    (
        "datetime",
        ["'2024-01-01 10:00:00'", "'2024-01-01T10:00:00.5Z'", "'2024-01-01'"],
        "timestamp",
    ),
    ("datetime", ["'2024-01-01 10:00:00'", "'soon'"], "text"),
    ("datetime", ["1700000000", "1700000001", "null"], "timestamp"),
    ("datetime", ["1700000000000", "1700000000001"], "timestamp"),
    ("datetime", ["1700000000.25", "1700000001"], "timestamp"),
    ("datetime", ["1700000000", "'2024-01-01 10:00:00'"], "text"),
    ("datetime", ["2460000.5"], "float"),
    ("datetime", ["1", "2"], "integer"),
    ("datetime", ["x'00'"], "binary"),
    ("time", ["'10:00:00'", "'23:59:59'"], "time"),
    ("time", ["'10:00:00'", "'25:00:00'"], "text"),
    ("json", ["'{\"a\":1}'", "'5'", "'[]'"], "json"),
    ("uuid", ["'65f74db0-09f9-49ee-829c-63b477377afe'", "x'00'"], "binary"),
    ("", ["null", "null", "null", "null", "null", "'late'"], "text"),
    ("", ["1", "'a'"], "text"),
    ("", ["1", "x'00'"], "binary"),
    ("", ["null"], "text"),
    ("string", ["'007'", "'x'"], "text"),
)


@pytest.mark.parametrize(("declared", "literals", "logical"), HARD)
@pytest.mark.parametrize("batch_rows", [1, 2, 65_536])
def test_every_value_arrives_exact_under_a_type_that_holds_for_all(
    tmp_path: Path, declared: str, literals: list[str], logical: str, batch_rows: int
) -> None:
    path = build(tmp_path / "a.db", declared, literals)

    column, values = export(path, batch_rows)

    assert column.logical.value == logical
    assert len(values) == len(literals)
    for (kind, value), exported in zip(stored(path), values, strict=True):
        assert carries(column, kind, value, exported), (column, kind, value, exported)


LITERALS = st.one_of(
    st.just("null"),
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.integers(-5, 5).map(str),
    st.sampled_from(["1700000000", "1700000000123", "9007199254740993", "0.1 + 0.2", "9e999"]),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["1.25", "99.9", "0.0"]),
    st.sampled_from(["2024-01-01", "2024-01-01 10:00:00", "10:00:00", "nope", "", "7", "1e3"]).map(
        lambda text: f"'{text}'"
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="'\0"), max_size=5).map(
        lambda text: f"'{text}'"
    ),
    st.binary(max_size=4).map(lambda raw: f"x'{raw.hex()}'"),
    st.just(NOT_UTF8),
)
quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@quick
@given(
    declared=st.sampled_from(DECLARED),
    literals=st.lists(LITERALS, max_size=8),
    batch_rows=st.integers(1, 4),
)
def test_no_mixture_of_storage_classes_is_refused_or_changed(
    tmp_path: Path, declared: str, literals: list[str], batch_rows: int
) -> None:
    path = build(tmp_path / "a.db", declared, literals)

    column, values = export(path, batch_rows)

    assert len(values) == len(literals)
    for (kind, value), exported in zip(stored(path), values, strict=True):
        assert carries(column, kind, value, exported), (column, kind, value, exported)


@quick
@given(
    declared=st.sampled_from(DECLARED),
    logical=st.sampled_from(
        [
            Column(name="c", logical=LogicalType.INTEGER),
            Column(name="c", logical=LogicalType.FLOAT),
            Column(name="c", logical=LogicalType.TEXT),
            Column(name="c", logical=LogicalType.BINARY),
            Column(name="c", logical=LogicalType.TIMESTAMP, encoding="iso"),
            Column(name="c", logical=LogicalType.TIMESTAMP, encoding="epoch_s"),
            Column(name="c", logical=LogicalType.DECIMAL, precision=9, scale=2),
        ]
    ),
    literals=st.lists(LITERALS, min_size=1, max_size=6),
)
def test_both_readers_agree_on_every_value_and_every_refusal(
    tmp_path: Path, declared: str, logical: Column, literals: list[str]
) -> None:
    path = build(tmp_path / "a.db", declared, literals)

    with opened(path) as snapshot:
        plan = snapshot._plan(
            Scan(table="t", schema=TableSchema(name="t", columns=(logical,)), batch_rows=2)
        )
        assert snapshot._copy is not None

        copy = snapshot._copy
        fast = outcome(lambda: (batch.frame for batch in scan_arrow(copy, plan)), snapshot, plan)
        slow = outcome(
            lambda: scan_rows(snapshot._connection, snapshot._lock, plan), snapshot, plan
        )

    assert fast == slow


def outcome(scan: Any, snapshot: SqliteSnapshot, plan: Any) -> object:
    try:
        frames = list(scan())
    except ValueMismatch:
        return "refused"
    except DriverError as error:
        explained = snapshot._explain(error, plan)
        return "refused" if isinstance(explained, ValueMismatch) else explained
    return pl.concat(frames).to_dicts()


def test_a_refusal_names_table_column_and_fact(tmp_path: Path) -> None:
    path = build(tmp_path / "a.db", "text", ["'a'", "x'00'"])

    with (
        opened(path) as snapshot,
        pytest.raises(ValueMismatch, match=r"^t\.c: holds values that are not text$") as refusal,
    ):
        read(snapshot, snapshot.describe("t"), 10)

    assert (refusal.value.table, refusal.value.column) == ("t", "c")


@pytest.mark.parametrize(
    ("declared", "literals", "count", "reason"),
    [
        ("integer", ["1", "2", "'x'"], 2, "holds integer, text values"),
        ("integer", ["1", "2", "0.5"], 1, "holds integer, real values that are not all integer"),
        ("datetime", ["1700000000", "1700000001"], 2, "numbers read as seconds since 1970"),
        ("datetime", ["'2024-01-01'", "'a'", "'b'"], 2, "holds text that is no timestamp"),
        ("text", ["'a'", NOT_UTF8], 2, "holds text that is not UTF-8"),
        ("boolean", ["0", "5", "6"], 2, "holds numbers that are no boolean"),
    ],
)
def test_the_fidelity_counts_and_explains(
    tmp_path: Path, declared: str, literals: list[str], count: int, reason: str
) -> None:
    path = build(tmp_path / "a.db", declared, literals)

    column, _ = export(path)

    assert column.fidelity.verdict == "widened"
    assert (column.fidelity.count, column.fidelity.reason) == (count, reason)


def test_what_strict_tables_promise_needs_no_second_look(tmp_path: Path) -> None:
    path = build(tmp_path / "a.db", "any", ["1", "'a'", "x'00'"], strict=True)

    column, values = export(path)

    assert column.logical is LogicalType.BINARY
    assert values == [b"1", b"a", b"\x00"]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_the_encoding_of_the_database_does_not_show(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma encoding = '{encoding}'")
        connection.execute("create table t(n integer primary key, c text)")
        connection.executemany("insert into t(c) values (?)", [("ü☃",), (b"\xff",), ("x",)])
        connection.commit()

    column, values = export(path)

    assert column.logical is LogicalType.BINARY
    assert values == ["ü☃".encode(), b"\xff", b"x"]


def test_generated_columns_hidden_keys_and_odd_tables_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        for statement in (
            """create table t(a text, b text, n integer as (length(a)) stored, v as (a || b),
            primary key (b, a)) without rowid""",
            "create table r(rowid text, _rowid_ text, x datetime)",
            "create virtual table words using fts5(body)",
            'create table ""("" integer)',
            "create view broken as select * from gone",
        ):
            connection.execute(statement)
        connection.execute("insert into t(a, b) values ('x', 'y')")
        connection.execute("insert into r values ('1', '2', '2024-01-01')")
        connection.execute("insert into words values ('some text')")
        connection.execute('insert into "" values (5)')
        connection.commit()

    with opened(path) as snapshot:
        assert list(snapshot.tables()) == ["t", "r", "words", "", "broken"]
        schema = snapshot.describe("t")
        assert schema.names == ("a", "b", "n", "v")
        assert schema.primary_key == ("b", "a")
        assert not schema.column("b").nullable
        assert rows(snapshot, "t") == [("x", "y", 1, "xy")]
        assert rows(snapshot, "r", time_column="x") == [("1", "2", "2024-01-01")]
        assert rows(snapshot, "words") == [("some text",)]
        assert rows(snapshot, "") == [(5,)]
        with pytest.raises(UsageError, match=r"s: view broken: no such table: main\.gone"):
            snapshot.describe("broken")


def rows(snapshot: SqliteSnapshot, table: str, **options: Any) -> list[tuple[object, ...]]:
    scan = Scan(table=table, schema=snapshot.describe(table), **options)
    return [row for frame in snapshot.scan(scan) for row in frame.rows()]


def test_a_very_wide_table_is_read_and_profiled(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        names = ", ".join(f"c{i} numeric" for i in range(1900))
        connection.execute(f"create table t({names})")
        connection.execute(f"insert into t values ({', '.join(['1.5'] * 1900)})")
        connection.commit()

    with opened(path) as snapshot:
        schema = snapshot.describe("t")
        assert rows(snapshot, "t") == [(1.5,) * 1900]
        texts = TableSchema(
            name="t",
            columns=tuple(Column(name=n, logical=LogicalType.TEXT) for n in schema.names),
        )
        with pytest.raises(ValueMismatch):
            list(snapshot.scan(Scan(table="t", schema=texts)))


@quick
@given(
    values=st.lists(
        st.one_of(
            st.none(),
            st.integers(-5, 2**40),
            st.floats(-1e9, 1e9),
            st.binary(max_size=2),
            st.sampled_from(["", "soon", "2024-02-30 10:00:00", "2024-01-15", "20240115"]),
            st.sampled_from(["2024-01-15T23:59:59.999999Z", "2024-01-16 00:30:00+14:00"]),
            st.datetimes().map(str),
        ),
        max_size=10,
    )
)
def test_a_window_keeps_what_cannot_be_judged(tmp_path: Path, values: list[object]) -> None:
    path = tmp_path / "a.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table t(n integer primary key, c datetime)")
        connection.executemany("insert into t(c) values (?)", [(value,) for value in values])
        connection.commit()
    day = pl.Series(["2024-01-15", "2024-01-16"]).str.to_datetime(time_zone="UTC").to_list()
    column = Column(name="c", logical=LogicalType.TIMESTAMP, encoding="iso")
    number = Column(name="n", logical=LogicalType.INTEGER)
    schema = TableSchema(name="t", columns=(number, column))
    with opened(path) as snapshot:
        window = Window(start=day[0], end=day[1])
        scan = Scan(table="t", schema=schema, window=window, time_column="c")
        plan = snapshot._plan(scan)
        query = plan.relation.prefix + plan.body(("n",))
        got = {row[0] for row in snapshot._connection.execute(query, plan.values)}

    for key, value in enumerate(values, start=1):
        inside = True  # whatever is no text cannot be judged here
        if isinstance(value, str):
            single = pl.DataFrame({"n": [key], "c": [value]})
            try:
                at = conform(single, schema, assume_timezone="UTC")["c"][0]
            except ValueMismatch:
                at = day[0]
            inside = day[0] <= at < day[1]
        assert key in got or not inside, value


def test_a_key_that_only_looks_like_the_rowid_still_orders_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as connection:
        # With DESC, by an old quirk of SQLite, the column is no alias of the rowid.
        connection.execute("create table t(n integer primary key desc, c text)")
        connection.executemany("insert into t values (?, 'x')", [(3,), (1,), (2,)])
        connection.execute("create table u(n integer primary key, c text)")
        connection.executemany("insert into u values (?, 'x')", [(3,), (1,), (2,)])
        connection.execute("create index covering on u(c, n desc)")
        connection.commit()

    with opened(path) as snapshot:
        found = [
            [
                row
                for frame in snapshot.scan(
                    Scan(table=name, schema=snapshot.describe(name), order_by=("n",))
                )
                for row in frame.get_column("n").to_list()
            ]
            for name in ("t", "u")
        ]

    assert found == [[1, 2, 3], [1, 2, 3]]


def test_a_row_that_is_in_no_row_of_a_view_stops_no_scan_of_it(tmp_path: Path) -> None:
    path = tmp_path / "joined.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("""
            create table parent(id text primary key);
            create table child(id text primary key, parent_id text, note json);
            insert into parent values ('a');
            insert into child values ('1', 'a', '{"x": 1}'), ('2', 'gone', '12');
        """)
    view = "select c.id as id, c.note as note from child c join parent p on p.id = c.parent_id"
    info = SnapshotInfo(kind="test", id="0", taken_at=datetime(2026, 1, 1, tzinfo=UTC))
    with closing(connect(path, busy_timeout=0)) as connection:
        snapshot = SqliteSnapshot("s", info, connection, copy=path)
        snapshot.define({"v": view})
        schema = snapshot.describe("v")
        assert schema.column("note").logical is LogicalType.JSON
        rows = [
            row for frame in snapshot.scan(Scan(table="v", schema=schema)) for row in frame.rows()
        ]
    assert rows == [("1", '{"x": 1}')]
