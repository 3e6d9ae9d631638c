"""Random tables, random cuts: what goes in comes out, and nothing else changes the bytes."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from export_assets.formats.registry import FORMATS
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets_tests.effort import effort
from export_assets_tests.formats.tables_of_every_type import LAYOUTS, layout, read, write

bounded = settings(
    max_examples=effort(8, soak=40),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TRICKY = st.text(st.sampled_from("'=+-@\t\r\n\x00\x1f\",;|§ \\{}[]:a1\ufeff"), max_size=8)
INTEGER = st.integers(-(2**63), 2**63 - 1)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
DAY = st.dates(date(1, 1, 1), date(9999, 12, 31))
WALL = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))  # noqa: DTZ001 - wall clock readings
JSON = st.one_of(
    TEXT,
    st.sampled_from(['{"a": [1, 2.50]}', "[]", "null", '"x"', "{", "5", '[{"k\\n": ""}]']),
)
NAME = (TEXT | TRICKY | st.sampled_from(["", "*", "^a.*$", "a.b", "1"])).filter(
    # No source has such a name, and Polars cannot hand it to Arrow.
    lambda name: "\0" not in name
)
KINDS: dict[LogicalType, st.SearchStrategy[Any]] = {
    LogicalType.BOOLEAN: st.booleans(),
    LogicalType.INTEGER: INTEGER,
    LogicalType.FLOAT: FLOAT,
    LogicalType.DECIMAL: st.decimals(
        min_value=Decimal(-(10**12)), max_value=Decimal(10**12), places=3
    ),
    LogicalType.TEXT: TEXT | TRICKY,
    LogicalType.DATE: DAY,
    LogicalType.TIME: st.times(),
    LogicalType.TIMESTAMP: WALL.map(lambda moment: moment.replace(tzinfo=UTC)),
    LogicalType.NAIVE_TIMESTAMP: WALL,
    LogicalType.JSON: JSON,
    LogicalType.UUID: st.uuids().map(str),
    LogicalType.BINARY: st.binary(max_size=20),
}
LEAVES: dict[type[pl.DataType], tuple[pl.DataType, st.SearchStrategy[Any]]] = {
    pl.Int64: (pl.Int64(), INTEGER),
    pl.String: (pl.String(), TEXT | TRICKY),
    pl.Float64: (pl.Float64(), FLOAT),
    pl.Boolean: (pl.Boolean(), st.booleans()),
    pl.Datetime: (pl.Datetime("us"), WALL),
    pl.Date: (pl.Date(), DAY),
    pl.Binary: (pl.Binary(), st.binary(max_size=5)),
}


@st.composite
def nested_types(draw: st.DrawFn) -> tuple[pl.DataType, st.SearchStrategy[Any]]:
    """Draw a list or struct type and the strategy for its values."""

    def deeper(depth: int) -> tuple[pl.DataType, st.SearchStrategy[Any]]:
        shape = draw(st.sampled_from(["leaf", "list", "struct"])) if depth else "leaf"
        if shape == "leaf":
            return LEAVES[draw(st.sampled_from(list(LEAVES)))]
        if shape == "list":
            dtype, values = deeper(depth - 1)
            return pl.List(dtype), st.lists(st.none() | values, max_size=3)
        names = draw(st.lists(st.sampled_from(["a", "b", 'c"', "d e"]), min_size=1, unique=True))
        fields = {name: deeper(depth - 1) for name in names}
        record = st.fixed_dictionaries({name: st.none() | v for name, (_, v) in fields.items()})
        return pl.Struct({name: dtype for name, (dtype, _) in fields.items()}), record

    dtype, values = deeper(1)
    return pl.List(dtype), st.lists(st.none() | values, max_size=3)


@st.composite
def tables(draw: st.DrawFn) -> tuple[TableSchema, pl.DataFrame]:
    """Draw a table of one to four columns."""
    names = draw(st.lists(NAME, min_size=1, max_size=4, unique=True))
    columns, data = [], {}
    height = draw(st.integers(0, 8))
    for name in names:
        kind = draw(st.sampled_from([*KINDS, LogicalType.NESTED]))
        nested, values = draw(nested_types()) if kind is LogicalType.NESTED else (None, KINDS[kind])
        column = Column(name=name, logical=kind, precision=38, scale=3, nested=nested)
        columns.append(column)
        cells = draw(st.lists(st.none() | values, min_size=height, max_size=height))
        # Polars takes some names for patterns, even here.
        data[name] = pl.Series("c", cells, dtype=column.dtype, strict=True)
    schema = TableSchema(name="t", columns=tuple(columns))
    return schema, pl.DataFrame(data, schema=schema.polars)


@contextmanager
def new_file() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "file"


@pytest.mark.parametrize(
    "name",
    [
        "parquet small groups",
        "csv",
        "csv minus",
        "csv section sign",
        "csv excel",
        "ndjson",
        "json",
        "json pretty",
        "tsv",
        "xlsx",
        "sqlite",
        "duckdb",
    ],
)
@bounded
@given(table=tables(), data=st.data())
def test_random_tables_come_back_and_cuts_change_nothing(
    name: str, table: tuple[TableSchema, pl.DataFrame], data: st.DataObject
) -> None:
    fmt, options = layout(name)
    schema, frame = table
    cut = data.draw(st.integers(0, frame.height))

    with new_file() as whole, new_file() as pieces:
        write(fmt, whole, schema, [frame], options=options)
        write(fmt, pieces, schema, [frame[:cut], frame[cut:]], options=options)
        back = read(fmt, whole, schema, options=options)
        values = read(fmt, whole, schema, options=options, strict=False)
        same = whole.read_bytes() == pieces.read_bytes()

    assert_frame_equal(back, frame, check_exact=True)
    assert_frame_equal(values, frame, check_exact=True)
    assert same or not fmt.reproducible


@bounded
@given(texts=st.lists(st.none() | TEXT | TRICKY, min_size=1, max_size=20))
@pytest.mark.parametrize("name", [name for name in LAYOUTS if name.startswith("csv")])
def test_random_texts_survive_every_csv_layout(name: str, texts: list[str | None]) -> None:
    fmt, options = layout(name)
    schema = TableSchema(name="t", columns=(Column(name="c", logical=LogicalType.TEXT),))
    frame = pl.DataFrame({"c": texts}, schema=schema.polars)

    with new_file() as path:
        write(fmt, path, schema, [frame], options=options)
        back = read(fmt, path, schema, options=options)

    assert back.equals(frame)


@bounded
@given(values=st.lists(FLOAT, min_size=20))
@pytest.mark.parametrize("fmt", ["ndjson", "json"])
def test_every_finite_float_comes_back_bit_for_bit_without_comparing(
    fmt: str, values: list[float]
) -> None:
    schema = TableSchema(name="t", columns=(Column(name="c", logical=LogicalType.FLOAT),))
    frame = pl.DataFrame({"c": values}, schema=schema.polars)

    with new_file() as path:
        write(FORMATS[fmt], path, schema, [frame])
        back = read(FORMATS[fmt], path, schema, strict=False)

    assert list(map(repr, back["c"])) == list(map(repr, values))


@bounded
@given(value=st.floats(width=64))
@pytest.mark.parametrize("fmt", ["parquet", "csv", "tsv", "xlsx", "duckdb"])
def test_every_float_comes_back_bit_for_bit(fmt: str, value: float) -> None:
    schema = TableSchema(name="t", columns=(Column(name="c", logical=LogicalType.FLOAT),))
    frame = pl.DataFrame({"c": [value]}, schema=schema.polars)

    with new_file() as path:
        write(FORMATS[fmt], path, schema, [frame])
        back = read(FORMATS[fmt], path, schema)

    assert repr(back["c"][0]) == repr(value)
