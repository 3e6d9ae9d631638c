import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets.tables.statistics import ColumnStatistics, StatisticsBuilder, render_bound

L = LogicalType


def measure(logical: LogicalType, *batches: list[Any], **facts: Any) -> ColumnStatistics:
    column = Column(name="", logical=logical, **facts)
    builder = StatisticsBuilder(TableSchema(name="t", columns=(column,)))
    for values in batches:
        builder.update(Batch(pl.DataFrame({"": pl.Series(values, dtype=column.dtype)})))
    return builder.of("")


@pytest.mark.parametrize(
    ("logical", "facts", "low", "high"),
    [
        (L.INTEGER, {}, -(2**63), 2**63 - 1),
        (L.FLOAT, {}, -1.5, 1e300),
        (L.DECIMAL, {"precision": 38, "scale": 2}, Decimal("-9.99"), Decimal(10**35)),
        (L.DATE, {}, date(1, 1, 1), date(9999, 12, 31)),
        (L.TIME, {}, time(0), time(23, 59, 59, 999_999)),
        (L.TIMESTAMP, {}, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)),
        (L.NAIVE_TIMESTAMP, {}, datetime(1969, 1, 1), datetime(2026, 1, 1)),  # noqa: DTZ001 - wall clocks
    ],
)
def test_finds_nulls_and_bounds_over_all_batches(
    logical: LogicalType, facts: dict[str, Any], low: Any, high: Any
) -> None:
    found = measure(logical, [None, high], [], [None, None], [low], [high, None], **facts)

    assert found == ColumnStatistics(nulls=4, min=low, max=high)
    assert type(found.min) is type(low)


@pytest.mark.parametrize(
    ("logical", "values", "facts"),
    [
        (L.TEXT, ["Ada", None], {}),
        (L.UUID, ["Ada", None], {}),
        (L.JSON, ["1", None], {}),
        (L.BINARY, [b"Ada", None], {}),
        (L.BOOLEAN, [True, None], {}),
        (L.NESTED, [[1], None], {"nested": pl.List(pl.Int64())}),
    ],
)
def test_shows_no_value_of_types_that_may_name_people(
    logical: LogicalType, values: list[Any], facts: dict[str, Any]
) -> None:
    assert measure(logical, values, **facts) == ColumnStatistics(nulls=1)


def test_numbers_that_are_not_finite_bound_nothing() -> None:
    assert measure(L.FLOAT, [math.nan, math.inf, -math.inf, None]) == ColumnStatistics(nulls=1)
    assert measure(L.FLOAT, [math.nan, 1.0], [math.inf, 2.0]) == ColumnStatistics(min=1.0, max=2.0)


@pytest.mark.parametrize("logical", list(LogicalType))
def test_nothing_has_no_bounds(logical: LogicalType) -> None:
    nested = pl.List(pl.Int64()) if logical is L.NESTED else None

    assert measure(logical, nested=nested) == ColumnStatistics()
    assert measure(logical, [], nested=nested) == ColumnStatistics()
    assert measure(logical, [None], nested=nested) == ColumnStatistics(nulls=1)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.none() | st.floats(), max_size=4), max_size=4))
def test_is_what_python_finds(batches: list[list[float | None]]) -> None:
    values = [value for batch in batches for value in batch]
    finite = [value for value in values if value is not None and math.isfinite(value)]

    found = measure(L.FLOAT, *batches)

    assert found.nulls == values.count(None)
    assert found.min == min(finite, default=None)
    assert found.max == max(finite, default=None)


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (None, None),
        (-5, "-5"),
        (1.5, "1.5"),
        (Decimal("0.0000000"), "0.0000000"),
        (Decimal("-1.50"), "-1.50"),
        (Decimal("1E+3"), "1000"),
        (date(2026, 2, 8), "2026-02-08"),
        (time(1, 2, 3), "01:02:03"),
        (datetime(2026, 2, 8, 10, 30, tzinfo=UTC), "2026-02-08T10:30:00.000000+00:00"),
        (datetime(2026, 2, 8, 10, 30), "2026-02-08T10:30:00.000000"),  # noqa: DTZ001 - a wall clock
    ],
)
def test_bounds_are_written_as_in_text_files(bound: Any, text: str | None) -> None:
    assert render_bound(bound) == text


def test_what_two_builders_found_adds_up() -> None:
    schema = TableSchema(name="t", columns=(Column(name="n", logical=L.INTEGER),))
    one, other, empty = (StatisticsBuilder(schema) for _ in range(3))
    one.update(Batch(pl.DataFrame({"n": [5, None, 7]}, schema=schema.polars)))
    other.update(Batch(pl.DataFrame({"n": [None, 6, -1]}, schema=schema.polars)))

    empty.add(one)
    empty.add(other)
    empty.add(StatisticsBuilder(schema))

    assert empty.of("n") == ColumnStatistics(nulls=2, min=-1, max=7)
