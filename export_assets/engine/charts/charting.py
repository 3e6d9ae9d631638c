"""From a published partition to its chart.

Only columns that leave as they are, and that do not look personal unless that was decided on, are
drawn. Bounds of times and numbers are in the manifest, so that one look at the rows is enough.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import NoReturn

import polars as pl

from export_assets.config.models import SourceConfig
from export_assets.config.showing import ChartConfig
from export_assets.engine.charts import labels
from export_assets.engine.charts.bins import Axis, CountBins, NameCounts, TraceBins, zoomed
from export_assets.engine.charts.drawing import (
    PIXELS,
    draw_bars,
    draw_names,
    draw_trace,
    first,
    markdown,
)
from export_assets.engine.privacy import treatment
from export_assets.engine.published import read_columns
from export_assets.errors import UsageError
from export_assets.store.contents import ColumnRecord
from export_assets.store.manifest import Manifest

MOST_BARS = 30
_NAMES = 8
_HIDDEN = {
    "redacted": "is redacted",
    "pseudonym": "is anonymized",
    "unclassified": "looks personal and is not exposed",
}
_FINE = 2_048
_MOST_ZOOMS = 3
_TIMES = frozenset({"date", "timestamp", "naive_timestamp"})
_NUMBERS = frozenset({"integer", "float", "decimal"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def draw_chart(
    chart: ChartConfig, config: SourceConfig, manifest: Manifest, directory: Path
) -> str | None:
    """Return the picture of the rows of a partition as Markdown; None where there is none to draw.

    Args:
        chart: What to draw; of any kind but `partitions`.
        config: Of the source, which says what must not be seen.
        manifest: The partition's record.
        directory: Where it lies.

    Raises:
        UsageError: A column cannot be drawn, or must not be.
        IntegrityError: A file is missing or cannot be read as the manifest describes it.
    """
    columns = {name: _column(config, manifest, name) for name in chart.columns}
    if chart.y is not None and columns[chart.y].logical_type not in _NUMBERS:
        _refuse(manifest, chart.y, "is no column of numbers")
    if not manifest.rows:
        return None
    if chart.by is not None:
        picture = _names(chart.by, read_columns(directory, manifest, chart.columns))
    else:
        assert chart.x is not None  # noqa: S101 - as the configuration has it
        axis = _window(columns[chart.x], manifest)
        if axis is None:
            axis = _bounds(columns[chart.x], manifest, directory)
        frames = read_columns(directory, manifest, chart.columns)
        picture = None if axis is None else _plot(axis, chart.y, frames)
    return None if picture is None else markdown(picture)


def draw_partitions(rows: Sequence[tuple[str, int]]) -> str | None:
    """Return the picture of partitions by key and rows, the last of them the newest."""
    shown = rows[-MOST_BARS:]
    if not shown:
        return None
    picture = draw_bars([count for _, count in shown], (shown[0][0], shown[-1][0]))
    return None if picture is None else markdown(picture)


def _column(config: SourceConfig, manifest: Manifest, name: str) -> ColumnRecord:
    found = next((one for one in manifest.columns if one.name == name), None)
    if found is None:
        _refuse(manifest, name, "does not exist")
    how = treatment(config, manifest.table, name, found.declared_type)
    if how not in {"", "exposed"}:
        _refuse(manifest, name, _HIDDEN[how])
    return found


def _refuse(manifest: Manifest, column: str, fact: str) -> NoReturn:
    msg = f"{manifest.source}/{manifest.table}: no chart: column {column} {fact}"
    raise UsageError(msg)


def _window(column: ColumnRecord, manifest: Manifest) -> Axis | None:
    """Return the partition's window where *column* decides what is in it: all days look alike."""
    if column.logical_type not in _TIMES | _NUMBERS:
        _refuse(manifest, column.name, "has neither times nor numbers")
    window = manifest.window
    if window is None or window.column != column.name or not window.start or not window.end:
        return None
    low, high = _microseconds(window.start), _microseconds(window.end)
    return Axis(column=column.name, low=low, high=high, times=True)


def _bounds(column: ColumnRecord, manifest: Manifest, directory: Path) -> Axis | None:
    """Return the range that nearly all values are in; None where there is none with a width."""
    if column.min is None or column.max is None:
        return None
    times = column.logical_type in _TIMES
    low, high = (
        _microseconds(datetime.fromisoformat(bound)) if times else float(bound)
        for bound in (column.min, column.max)
    )
    if not isfinite(high - low):
        return None
    axis = Axis(column=column.name, low=low, high=high, times=times)
    for _ in range(_MOST_ZOOMS):
        counts = CountBins(axis, _FINE)
        for frame in read_columns(directory, manifest, (column.name,)):
            counts.update(frame)
        closer = zoomed(axis, counts.counts)
        if closer is None:
            break
        axis = closer
    return axis


def _microseconds(moment: datetime) -> float:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) / _MICROSECOND


def _plot(axis: Axis, column: str | None, frames: Iterator[pl.DataFrame]) -> str | None:
    ends = labels.span(axis.low, axis.high, times=axis.times)
    if column is None:
        counts = CountBins(axis, MOST_BARS)
        for frame in frames:
            counts.update(frame)
        return draw_bars(counts.counts, ends)
    trace = TraceBins(axis, column, PIXELS)
    for frame in frames:
        trace.update(frame)
    means = trace.means
    if all(mean is None for mean in means):
        return None
    return draw_trace(means, trace.low, trace.high, ends)


def _names(column: str, frames: Iterator[pl.DataFrame]) -> str | None:
    counts = NameCounts(column)
    for frame in frames:
        counts.update(frame)
    return draw_names(first(counts.counts, _NAMES)) if counts.counts else None
