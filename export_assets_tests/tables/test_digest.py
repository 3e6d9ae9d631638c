import hashlib
import math
import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.errors import InternalError
from export_assets.tables.batch import Batch
from export_assets.tables.digest import Digest, DigestBuilder
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets.tables.value_hashes import hash_column

# The algorithm of docs/on-disk-format.md in plain Python, with nothing taken from the product.

WRAP = 2**64
GOLDEN = 0x9E3779B97F4A7C15
MUL_A = 0xBF58476D1CE4E5B9
MUL_B = 0x94D049BB133111EB
NULL = 0xA0761D6478BD642F
WIDE = Context(prec=60)


def mix(x: int) -> int:
    x = (x ^ (x >> 30)) * MUL_A % WRAP
    x = (x ^ (x >> 27)) * MUL_B % WRAP
    return x ^ (x >> 31)


def word(value: int) -> int:
    return mix((value ^ GOLDEN) % WRAP)


def bytes_hash(data: bytes) -> int:
    state = len(data) ^ GOLDEN
    data = hashlib.sha256(data).digest() if len(data) > 65_536 else data
    for start in range(0, len(data), 8):
        state = (state ^ int.from_bytes(data[start : start + 8], "little")) * MUL_A % WRAP
        state ^= state >> 32
    return mix(state)


def row(hashes: Sequence[int]) -> int:
    return mix(sum(h * (mix(i + 1) | 1) for i, h in enumerate(hashes)) % WRAP)


def value_hash(value: Any, column: Column, *, finite: bool = False) -> int:  # noqa: C901, PLR0911 - a table
    match value:
        case None:
            return NULL
        case float():
            if finite and not math.isfinite(value):
                return NULL
            return word(0x7FF8 << 48 if math.isnan(value) else from_bytes(struct.pack("<d", value)))
        case Decimal():
            unscaled = int(value.scaleb(column.scale or 0, context=WIDE)) % 2**128
            return mix(word(unscaled % WRAP) ^ unscaled >> 64)
        case str():
            if column.logical is LogicalType.JSON:
                value = value.replace("\r", " ").replace("\n", " ").strip(" \t")
            return bytes_hash(value.encode())
        case bytes():
            return bytes_hash(value)
        case datetime():
            since = value.replace(tzinfo=None) - datetime(1970, 1, 1)  # noqa: DTZ001 - UTC either way
            return word(since // timedelta(microseconds=1))
        case date():
            return word((value - date(1970, 1, 1)).days)
        case time():
            seconds = (value.hour * 60 + value.minute) * 60 + value.second
            return word((seconds * 1_000_000 + value.microsecond) * 1_000)
        case list():
            items = [value_hash(item, column, finite=finite) for item in value]
            return bytes_hash(b"".join(item.to_bytes(8, "little") for item in items))
        case dict():
            return row([value_hash(item, column, finite=finite) for item in value.values()])
    return word(int(value))


def from_bytes(data: bytes) -> int:
    return int.from_bytes(data, "little")


def expected(frame: pl.DataFrame, schema: TableSchema, *, finite: bool = False) -> Digest:
    rows = [
        [
            value_hash(value, column, finite=finite)
            for value, column in zip(values, schema.columns, strict=True)
        ]
        for values in frame.rows()
    ]
    columns = {
        name: f"{sum(hashes[i] for hashes in rows) % WRAP:016x}"
        for i, name in enumerate(schema.names)
    }
    digest = sum(row(hashes) for hashes in rows) % WRAP
    return Digest(rows=len(rows), row_digest=f"{digest:016x}", columns=columns)


# Tables of every logical type.

FIELDS = {"n": pl.Int32(), "s": pl.String(), "f": pl.Float32(), "b": pl.Binary(), "t": pl.Time()}
NESTED = pl.List(pl.Struct(FIELDS))
TEXTS = st.text(max_size=20) | st.sampled_from(["", "\0", "\0\0", "12345678", "123456789", "é" * 9])
INSTANTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))  # noqa: DTZ001 - made aware below
MICROSECOND_TIMES = st.times()

COLUMNS: dict[Column, st.SearchStrategy[Any]] = {
    Column(name="boolean", logical=LogicalType.BOOLEAN): st.booleans(),
    Column(name="integer", logical=LogicalType.INTEGER): st.integers(-(2**63), 2**63 - 1),
    Column(name="float", logical=LogicalType.FLOAT): st.floats(),
    Column(name="decimal", logical=LogicalType.DECIMAL, precision=38, scale=6): st.decimals(
        Decimal(-(10**31)), Decimal(10**31), places=6
    ),
    Column(name="text", logical=LogicalType.TEXT): TEXTS,
    Column(name="date", logical=LogicalType.DATE): st.dates(),
    Column(name="time", logical=LogicalType.TIME): MICROSECOND_TIMES,
    Column(name="timestamp", logical=LogicalType.TIMESTAMP): INSTANTS.map(
        lambda moment: moment.replace(tzinfo=UTC)
    ),
    Column(name="naive", logical=LogicalType.NAIVE_TIMESTAMP): INSTANTS,
    Column(name="json", logical=LogicalType.JSON): st.text(" \t\r\n[]1,\u00a0", max_size=12),
    Column(name="uuid", logical=LogicalType.UUID): st.uuids().map(str),
    Column(name="", logical=LogicalType.BINARY): st.binary(max_size=20),
    Column(name="^.*$", logical=LogicalType.NESTED, nested=NESTED): st.lists(
        st.none()
        | st.fixed_dictionaries(
            {
                "n": st.none() | st.integers(-(2**31), 2**31 - 1),
                "s": st.none() | TEXTS,
                "f": st.none() | st.floats(width=32),
                "b": st.none() | st.binary(max_size=9),
                "t": st.none() | MICROSECOND_TIMES,
            }
        ),
        max_size=3,
    ),
}
SCHEMA = TableSchema(name="t", columns=tuple(COLUMNS))
ROWS = st.lists(
    st.tuples(*(st.none() | values for values in COLUMNS.values())), min_size=1, max_size=12
)

bounded = settings(max_examples=40, deadline=None)


def frame_of(rows: Sequence[Sequence[Any]], schema: TableSchema = SCHEMA) -> pl.DataFrame:
    columns = {
        column.name: pl.Series([row[i] for row in rows], dtype=column.dtype)
        for i, column in enumerate(schema.columns)
    }
    return pl.DataFrame(columns)


def digest_of(*frames: pl.DataFrame, schema: TableSchema = SCHEMA, finite: bool = False) -> Digest:
    return digest_of_batches(*(Batch(frame) for frame in frames), schema=schema, finite=finite)


def digest_of_batches(
    *batches: Batch, schema: TableSchema = SCHEMA, finite: bool = False
) -> Digest:
    builder = DigestBuilder(schema)
    for batch in batches:
        builder.update(batch)
    return builder.digest(finite=finite)


def only(logical: LogicalType, **facts: Any) -> TableSchema:
    return TableSchema(name="t", columns=(Column(name="c", logical=logical, **facts),))


def digest_of_values(values: Sequence[Any], logical: LogicalType, **facts: Any) -> Digest:
    schema = only(logical, **facts)
    return digest_of(frame_of([(value,) for value in values], schema), schema=schema)


@bounded
@given(ROWS)
def test_is_what_the_specification_says(rows: list[tuple[Any, ...]]) -> None:
    frame = frame_of(rows)

    assert digest_of(frame) == expected(frame, SCHEMA)
    assert digest_of(frame, finite=True) == expected(frame, SCHEMA, finite=True)


def test_known_digests_never_change() -> None:
    schema = TableSchema(
        name="people",
        columns=(
            Column(name="id", logical=LogicalType.INTEGER),
            Column(name="name", logical=LogicalType.TEXT),
            Column(name="share", logical=LogicalType.FLOAT),
        ),
    )
    rows = [(1, "Ada", 0.5), (2, "Grace Hopper", None), (-3, "", math.nan)]

    digest = digest_of(frame_of(rows, schema), schema=schema)

    assert digest == Digest(
        rows=3,
        row_digest="0211602b551b374c",
        columns={
            "id": "95fa203f432e5412",
            "name": "1d02523327569281",
            "share": "e03bc137215ae29d",
        },
    )


@bounded
@given(ROWS, st.randoms(use_true_random=False), st.integers(1, 5))
def test_neither_order_nor_cuts_matter(
    rows: list[tuple[Any, ...]],
    random: Any,
    size: int,
) -> None:
    shuffled = rows.copy()
    random.shuffle(shuffled)
    cuts = [frame_of(shuffled[at : at + size]) for at in range(0, len(shuffled), size)]

    assert digest_of(*cuts) == digest_of(frame_of(rows))


@bounded
@given(ROWS, st.data())
def test_a_slice_counts_as_a_fresh_batch(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(rows)))
    count = data.draw(st.integers(0, len(rows) - offset))
    frame = frame_of(rows)
    fresh = digest_of(frame_of(rows[offset : offset + count]))

    from_frame = Batch(frame).slice(offset, count)
    from_arrow = Batch(table=Batch(frame).arrow).slice(offset, count)

    assert digest_of_batches(from_frame) == fresh
    assert digest_of_batches(from_arrow) == fresh


@bounded
@given(ROWS)
def test_arrow_chunks_do_not_matter(rows: list[tuple[Any, ...]]) -> None:
    whole = Batch(frame_of(rows)).arrow
    chunked = pa.concat_tables([whole.slice(0, len(rows) // 2), whole.slice(len(rows) // 2)])

    assert digest_of_batches(Batch(table=chunked)) == digest_of(frame_of(rows))


@bounded
@given(ROWS, st.data())
def test_any_one_changed_value_shows(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    index, column = data.draw(st.sampled_from(list(enumerate(SCHEMA.columns))))
    other = data.draw(st.none() | COLUMNS[column])
    changed = [list(one) for one in rows]
    changed[at][index] = other
    same = value_hash(rows[at][index], column) == value_hash(other, column)

    before, after = digest_of(frame_of(rows)), digest_of(frame_of(changed))

    assert (before.row_digest == after.row_digest) is same
    assert before.differing(after) == ([] if same else [column.name])


@bounded
@given(ROWS)
def test_a_row_dropped_or_doubled_shows(rows: list[tuple[Any, ...]]) -> None:
    whole = digest_of(frame_of(rows))

    fewer, more = digest_of(frame_of(rows[1:])), digest_of(frame_of([*rows, rows[0]]))

    # One value in 2^64 counts as nothing in its column; the number of rows tells of it.
    told = [
        column.name
        for column, value in zip(SCHEMA.columns, rows[0], strict=True)
        if value_hash(value, column)
    ]
    assert whole.row_digest not in (fewer.row_digest, more.row_digest)
    assert whole.differing(fewer) == whole.differing(more) == told


def test_values_that_changed_places_between_rows_show_in_the_row_digest_only() -> None:
    schema = TableSchema(
        name="t",
        columns=tuple(Column(name=name, logical=LogicalType.INTEGER) for name in "ab"),
    )
    before = digest_of(frame_of([(1, 10), (2, 20)], schema), schema=schema)

    after = digest_of(frame_of([(1, 20), (2, 10)], schema), schema=schema)

    assert before.columns == after.columns
    assert before.row_digest != after.row_digest


def test_values_that_changed_places_between_columns_show() -> None:
    schema = TableSchema(
        name="t",
        columns=tuple(Column(name=name, logical=LogicalType.INTEGER) for name in "ab"),
    )
    before = digest_of(frame_of([(1, 2)], schema), schema=schema)

    after = digest_of(frame_of([(2, 1)], schema), schema=schema)

    assert before.differing(after) == ["a", "b"]
    assert before.row_digest != after.row_digest


@pytest.mark.parametrize(
    ("logical", "one", "other"),
    [
        (LogicalType.TEXT, None, ""),
        (LogicalType.BINARY, None, b""),
        (LogicalType.TEXT, "a", "a\0"),
        (LogicalType.TEXT, "12345678", "12345678\0"),
        (LogicalType.TEXT, "é", "e\u0301"),
        (LogicalType.FLOAT, 0.0, -0.0),
        (LogicalType.FLOAT, None, math.nan),
        (LogicalType.FLOAT, math.inf, -math.inf),
        (LogicalType.FLOAT, 0.0, 5e-324),
        (LogicalType.INTEGER, None, 0),
        (LogicalType.INTEGER, 1, -1),
        (LogicalType.BOOLEAN, None, False),
        (LogicalType.DATE, date(1970, 1, 1), date(1969, 12, 31)),
        (LogicalType.TIME, time(0), time(0, 0, 0, 1)),
        (LogicalType.JSON, "[1,2]", "[1, 2]"),
    ],
)
def test_tells_near_values_apart(logical: LogicalType, one: object, other: object) -> None:
    assert digest_of_values([one], logical) != digest_of_values([other], logical)


@pytest.mark.parametrize(
    ("logical", "one", "other"),
    [
        (LogicalType.JSON, '{"a":\n 1}', '{"a":  1}'),
        (LogicalType.JSON, '{"a":\r\n1}', '{"a":  1}'),
        (LogicalType.JSON, "\n\t [1]\r", "[1]"),
    ],
)
def test_the_lines_of_json_do_not_matter(logical: LogicalType, one: str, other: str) -> None:
    assert digest_of_values([one, "2"], logical) == digest_of_values([other, "2"], logical)


def test_line_breaks_of_plain_text_do_matter() -> None:
    assert digest_of_values(["a\nb"], LogicalType.TEXT) != digest_of_values(
        ["a b"], LogicalType.TEXT
    )


def test_all_nans_are_one() -> None:
    bits = [0x7FF8000000000000, 0xFFF8000000000000, 0x7FF0000000000001, 0x7FFFFFFFFFFFFFFF]
    payloads = np.array(bits, dtype=np.uint64).view(np.float64)
    schema = only(LogicalType.FLOAT)

    digests = [
        digest_of(pl.DataFrame({"c": payloads[i : i + 1]}), schema=schema).row_digest
        for i in range(len(payloads))
    ]

    assert set(digests) == {digest_of_values([math.nan], LogicalType.FLOAT).row_digest}


def test_the_finite_digest_takes_what_json_cannot_hold_for_null() -> None:
    nested = pl.List(pl.Float64())
    schema = TableSchema(
        name="t",
        columns=(
            Column(name="f", logical=LogicalType.FLOAT),
            Column(name="n", logical=LogicalType.NESTED, nested=nested),
        ),
    )
    rows = [(math.nan, [1.0, math.inf]), (2.0, [-math.inf]), (None, None)]
    carried = [(None, [1.0, None]), (2.0, [None]), (None, None)]

    digest = digest_of(frame_of(rows, schema), schema=schema, finite=True)

    assert digest == digest_of(frame_of(carried, schema), schema=schema)
    assert digest.differing(digest_of(frame_of(rows, schema), schema=schema)) == ["f", "n"]


def test_nan_inside_a_nested_value_is_not_null() -> None:
    nested = pl.List(pl.Float64())

    with_nan = digest_of_values([[math.nan]], LogicalType.NESTED, nested=nested)

    assert with_nan != digest_of_values([[None]], LogicalType.NESTED, nested=nested)


@pytest.mark.parametrize(
    ("dtype", "one", "other"),
    [
        (pl.List(pl.Int64()), [], None),
        (pl.List(pl.Int64()), [None], []),
        (pl.List(pl.List(pl.Int64())), [[1], [2]], [[1, 2]]),
        (pl.List(pl.List(pl.Int64())), [[], [1]], [[1], []]),
        (pl.Struct({"a": pl.Int64(), "b": pl.Int64()}), {"a": 1, "b": 2}, {"a": 2, "b": 1}),
        (pl.Struct({"a": pl.Int64()}), {"a": None}, None),
        (pl.Array(pl.Int64(), 2), [1, 2], [2, 1]),
        (pl.List(pl.Binary()), [b"a"], [b"b"]),
        (pl.List(pl.Decimal(10, 2)), [Decimal("1.50")], [Decimal("1.51")]),
        (pl.List(pl.UInt64()), [2**64 - 1], [2**64 - 2]),
        (pl.List(pl.Duration("us")), [timedelta(1)], [timedelta(2)]),
        (pl.List(pl.Datetime("us", "UTC")), [datetime(2026, 1, 1, tzinfo=UTC)], [None]),
        (pl.List(pl.Enum(["x", "y"])), ["x"], ["y"]),
    ],
)
def test_tells_nested_values_apart(dtype: pl.DataType, one: object, other: object) -> None:
    first = digest_of_values([one, other], LogicalType.NESTED, nested=dtype)

    assert first == digest_of_values([other, one], LogicalType.NESTED, nested=dtype)
    assert first != digest_of_values([one, one], LogicalType.NESTED, nested=dtype)


def test_fixed_lists_hash_as_lists_wherever_a_slice_begins() -> None:
    values = [[1, 2], None, [3, 4], [5, 6]]
    schema = only(LogicalType.NESTED, nested=pl.Array(pl.Int64(), 2))
    batch = Batch(frame_of([(value,) for value in values], schema)).slice(2, 2)

    digest = digest_of_batches(batch, schema=schema)

    lists = pl.List(pl.Int64())
    assert digest == digest_of_values([[3, 4], [5, 6]], LogicalType.NESTED, nested=lists)


@pytest.mark.parametrize("length", [65_535, 65_536, 65_537, 200_000])
def test_long_values_follow_the_specification(length: int) -> None:
    column = Column(name="c", logical=LogicalType.TEXT)
    values = ["é" + "x" * (length - 2), "short", None]

    digest = digest_of_values(values, LogicalType.TEXT)

    total = sum(value_hash(value, column) for value in values) % WRAP
    assert digest.columns["c"] == f"{total:016x}"


def test_a_long_list_is_quick_and_follows_the_specification() -> None:
    column = Column(name="c", logical=LogicalType.NESTED, nested=pl.List(pl.Int64()))
    items = list(range(10_000))

    digest = digest_of_values([items], LogicalType.NESTED, nested=column.nested)

    assert digest.columns["c"] == f"{value_hash(items, column):016x}"


@pytest.mark.parametrize(
    "value",
    [Decimal("-0.000001"), Decimal("-99999999999999999999999999999999.999999"), Decimal(-1)],
)
def test_negative_decimals_follow_the_specification(value: Decimal) -> None:
    column = Column(name="c", logical=LogicalType.DECIMAL, precision=38, scale=6)

    digest = digest_of_values([value], LogicalType.DECIMAL, precision=38, scale=6)

    assert digest.columns["c"] == f"{value_hash(value, column):016x}"


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_the_unit_a_file_gives_times_in_does_not_matter(unit: str) -> None:
    moments = [time(23, 59, 59, 999_999), time(0), None]
    table = pa.table({"c": pa.array(moments, pa.time64(unit))})

    digest = digest_of_batches(Batch(table=table), schema=only(LogicalType.TIME))

    assert digest == digest_of_values(moments, LogicalType.TIME)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_the_layout_of_text_does_not_matter(kind: Any) -> None:
    table = pa.table({"c": pa.array(["x", None, "a longer text than a view holds inline"], kind)})

    digest = digest_of_batches(Batch(table=table.slice(1)), schema=only(LogicalType.TEXT))

    texts = [None, "a longer text than a view holds inline"]
    assert digest == digest_of_values(texts, LogicalType.TEXT)


@pytest.mark.parametrize("column", SCHEMA.columns, ids=lambda column: column.logical)
def test_nothing_hashes_to_nothing(column: Column) -> None:
    empty = Batch(pl.DataFrame(schema={column.name: column.dtype}))

    hashes, finite = hash_column(empty, column.name, column.logical)

    assert len(hashes) == len(finite) == 0
    assert digest_of_batches(empty, schema=TableSchema(name="t", columns=(column,))) == Digest(
        rows=0, row_digest="0" * 16, columns={column.name: "0" * 16}
    )


@pytest.mark.parametrize("column", SCHEMA.columns, ids=lambda column: column.logical)
def test_a_column_of_nulls_is_a_column_of_the_null_constant(column: Column) -> None:
    frame = pl.DataFrame({column.name: pl.Series([None, None], dtype=column.dtype)})

    hashes, finite = hash_column(Batch(frame), column.name, column.logical)

    assert hashes.tolist() == finite.tolist() == [NULL, NULL]


def test_a_type_without_a_hash_is_refused_not_misread() -> None:
    batch = Batch(table=pa.table({"c": pa.array([Decimal(1)], pa.decimal256(50, 0))}))

    with pytest.raises(InternalError, match="no hash for values of type decimal256"):
        hash_column(batch, "c", LogicalType.DECIMAL)


def test_columns_of_another_table_differ_by_name() -> None:
    one = Digest(rows=1, row_digest="0" * 16, columns={"a": "1", "b": "2"})
    other = Digest(rows=1, row_digest="0" * 16, columns={"a": "1", "c": "2"})

    assert one.differing(other) == ["b"]
    assert one.differing(one) == []
