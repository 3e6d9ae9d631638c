"""Rows that were handed over are compared with what is read back bit by bit, or not at all."""

import math
from collections.abc import Sequence

import polars as pl
import pytest

from export_assets.engine.handed import Handed, Hashed
from export_assets.tables.batch import Batch
from export_assets.tables.digest import DigestBuilder, RowHashes
from export_assets.tables.schema import Column, LogicalType, TableSchema

SCHEMA = TableSchema(
    name="t",
    columns=(
        Column(name="n", logical=LogicalType.INTEGER),
        Column(name="f", logical=LogicalType.FLOAT),
        Column(name="s", logical=LogicalType.TEXT),
    ),
)
Row = tuple[int | None, float | None, str | None]
ROWS: list[Row] = [(1, 0.5, "a"), (None, math.nan, None), (3, 0.0, ""), (4, None, "long" * 9)]


def batch_of(rows: Sequence[Row], schema: TableSchema = SCHEMA) -> Batch:
    return Batch(pl.DataFrame(rows, schema=schema.polars, orient="row"))


def handed(*batches: Batch, schema: TableSchema = SCHEMA) -> Handed:
    found = Handed(schema)
    for batch in batches:
        found.add(batch, Hashed(RowHashes(batch, schema), 0))
    return found


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_the_same_rows_are_the_same_however_they_are_cut(cut: int) -> None:
    whole = batch_of(ROWS)
    parts = handed(*(batch_of(part) for part in (ROWS[:2], ROWS[2:])))

    assert parts.are([whole.slice(0, cut), whole.slice(cut, len(ROWS) - cut)])


def test_their_digest_is_that_of_hashing_what_was_read() -> None:
    whole, builder = batch_of(ROWS), DigestBuilder(SCHEMA)
    builder.update(whole.slice(1, 2))
    cut = Handed(SCHEMA)

    cut.add(whole.slice(1, 2), Hashed(RowHashes(whole, SCHEMA), 0).after(1))

    assert cut.digest.digest() == builder.digest()


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(ROWS[:3], id="fewer"),
        pytest.param([*ROWS, ROWS[0]], id="more"),
        pytest.param([], id="none"),
        pytest.param([ROWS[1], ROWS[0], *ROWS[2:]], id="in another order"),
        pytest.param([*ROWS[:2], (3, -0.0, ""), ROWS[3]], id="zero of another sign"),
        pytest.param([ROWS[0], (None, None, None), *ROWS[2:]], id="null for NaN"),
        pytest.param([*ROWS[:2], (3, 0.0, None), ROWS[3]], id="null for nothing"),
    ],
)
def test_other_rows_are_not_the_same(rows: list[Row]) -> None:
    assert not handed(batch_of(ROWS)).are([batch_of(rows)])


def test_rows_of_other_types_are_not_the_same() -> None:
    narrow = Batch(batch_of(ROWS).frame.with_columns(pl.col("n").cast(pl.Int32)))

    assert not handed(batch_of(ROWS)).are([narrow])


def test_rows_that_were_not_hashed_or_are_many_are_not_held() -> None:
    one, much = batch_of(ROWS), batch_of([(1, 1.0, "x" * (17 << 20))])
    unhashed = Handed(SCHEMA)
    unhashed.add(one, None)

    assert not unhashed.are([one])
    assert not handed(one, much).are([one, much])


def test_nested_values_are_left_to_the_digest() -> None:
    column = Column(name="l", logical=LogicalType.NESTED, nested=pl.List(pl.Float64()))
    schema = TableSchema(name="t", columns=(column,))
    batch = Batch(pl.DataFrame({"l": [[0.0]]}, schema=schema.polars))

    assert not handed(batch, schema=schema).are([batch])
