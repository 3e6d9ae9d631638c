"""Rows are gathered as plain Python would gather them."""

from datetime import UTC, datetime, timedelta
from math import isfinite

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.engine.charts import bins
from export_assets.engine.charts.bins import Axis, CountBins, NameCounts, TraceBins, zoomed


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 11), st.none() | st.floats(allow_infinity=True))))
def test_means_are_those_of_the_rows_inside(rows: list[tuple[float, float | None]]) -> None:
    axis = Axis(column="x", low=0, high=10, times=False)
    trace = TraceBins(axis, "y", 5)
    schema = {"x": pl.Float64, "y": pl.Float64}
    for start in range(0, len(rows), 3):
        trace.update(pl.DataFrame(rows[start : start + 3], schema=schema, orient="row"))

    groups: list[list[float]] = [[] for _ in range(5)]
    for x, y in rows:
        if 0 <= x <= 10 and y is not None and abs(y) < float("inf"):
            groups[min(int(x / 2), 4)].append(y)
    none = [not group or not isfinite(sum(group)) for group in groups]
    assert [mean is None for mean in trace.means] == none
    kept = [y for group in groups for y in group]
    if kept:
        assert (trace.low, trace.high) == (min(kept), max(kept))


def test_times_of_any_zone_and_days_are_counted_where_they_are() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    axis = Axis(
        column="at",
        low=start.timestamp() * 1e6,
        high=(start.timestamp() + 86_400) * 1e6,
        times=True,
    )
    moments = pl.Series("at", [start + timedelta(hours=hours) for hours in (0, 1, 13, 30)])
    for values in (moments, moments.dt.convert_time_zone("America/Denver")):
        counts = CountBins(axis, 2)
        counts.update(values.to_frame())
        assert counts.counts == [2, 1]


def test_one_time_of_long_ago_does_not_hide_the_others() -> None:
    axis = Axis(column="x", low=0, high=1_000, times=False)

    closer = zoomed(axis, [1, *[0] * 80, *[100] * 10, *[0] * 9])

    assert closer == Axis(column="x", low=810, high=910, times=False)
    assert zoomed(closer, [5, 5, 5, 5]) is None
    assert zoomed(axis, [0, 0]) is None


def test_of_too_many_values_the_first_are_counted_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bins, "MOST_NAMES", 2)
    counts = NameCounts("name")

    counts.update(pl.DataFrame({"name": ["a", "a", "b", None]}))
    counts.update(pl.DataFrame({"name": ["c", "b", "b", "d"]}))

    assert counts.counts == [("b", 3), ("a", 2), ("others", 2)]


@pytest.mark.parametrize("column", ["count", "rows", "value"])
def test_whatever_the_column_is_called_its_values_are_counted(column: str) -> None:
    counts = NameCounts(column)

    counts.update(pl.DataFrame({column: ["b", "a", "b"]}))

    assert counts.counts == [("b", 2), ("a", 1)]


def test_of_too_many_values_the_same_rows_count_the_same_ones_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bins, "MOST_NAMES", 100)
    values = [f"{number:04}" for number in range(5_000)] + ["often"] * 2
    found = []
    for _ in range(3):
        counts = NameCounts("name")
        counts.update(pl.DataFrame({"name": values}))
        found.append(counts.counts)

    assert found[0] == found[1] == found[2]
    assert found[0][:2] == [("often", 2), ("0000", 1)]
