"""Checks of rows as a series: a steady beat without gaps, a column that never decreases."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from export_assets.tables.partitions import Window

MAX_LISTED = 1_000
"""Gaps and breaks kept by default; all of them are counted."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A silence longer than allowed, between two rows or a row and the edge of the window."""

    start: datetime
    """Aware, UTC."""
    end: datetime
    minutes: float


@dataclass(frozen=True, kw_only=True)
class CadenceResult:
    """How steadily rows come."""

    present: int
    """Different moments at which there is a row."""
    missing: int
    """Rows that would have filled the silences, at the beat asked for."""
    gap_count: int
    gaps: tuple[Gap, ...]
    """The longest gaps, in order of time."""

    @property
    def expected(self) -> int:
        """Rows there would be without silences."""
        return self.present + self.missing

    @property
    def share(self) -> float:
        """Part of the expected rows that is present, 1.0 where none is expected."""
        return self.present / self.expected if self.expected else 1.0


def check_cadence(
    frame: pl.LazyFrame | pl.DataFrame,
    column: str,
    *,
    minutes: float,
    max_gap_minutes: float,
    window: Window | None = None,
    max_listed: int = MAX_LISTED,
) -> CadenceResult:
    """Look for silences in the moments of *column*, in whatever order the rows are.

    A row that comes a little early or late is no gap: a silence of n beats, rounded, lacks
    n - 1 rows.

    Args:
        frame: The rows; null moments are passed over.
        column: A date or timestamp column; without a zone it is taken as UTC.
        minutes: The beat.
        max_gap_minutes: The longest silence that is no gap.
        window: Where given, silences at its edges count too; rows outside it do not.
        max_listed: Gaps to return; the longest are chosen.

    Returns:
        The figures. No rows at all are one gap as long as the window, or nothing without one.
    """
    beat, allowed = timedelta(minutes=minutes), timedelta(minutes=max_gap_minutes)
    window = window or Window()
    # Casting to a zone takes a naive moment as UTC and converts an aware one.
    moment = pl.col(column).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    moments = frame.lazy().select(at=moment).drop_nulls().unique()
    if window.start is not None:
        moments = moments.filter(pl.col("at") >= window.start)
    if window.end is not None:
        moments = moments.filter(pl.col("at") < window.end)
    steps = moments.sort("at").with_columns(before=pl.col("at").shift(1))
    silences = steps.collect()
    present = silences.height
    spans = _with_edges(silences, window)
    length = pl.col("at") - pl.col("before")
    lacking = (length / beat).round().cast(pl.Int64) - 1
    missing = spans.select(pl.when(lacking > 0).then(lacking).otherwise(0).sum()).item()
    gaps = spans.filter(length > allowed)
    longest = gaps.sort(length, descending=True, maintain_order=True).head(max_listed).sort("at")
    return CadenceResult(
        present=present,
        missing=int(missing or 0),
        gap_count=gaps.height,
        gaps=tuple(_gap(start, end) for end, start in longest.select("at", "before").iter_rows()),
    )


def _with_edges(silences: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Return the spans between rows, and those to the edges of *window*."""
    spans = silences.filter(pl.col("before").is_not_null())
    edges: list[tuple[datetime, datetime]] = []
    if silences.is_empty():
        if window.start is not None and window.end is not None:
            edges.append((window.end, window.start))
    else:
        first, last = silences["at"][0], silences["at"][-1]
        if window.start is not None:
            edges.append((first, window.start))
        if window.end is not None:
            edges.append((window.end, last))
    return pl.concat([spans, pl.DataFrame(edges, schema=spans.schema, orient="row")])


def _gap(start: datetime, end: datetime) -> Gap:
    return Gap(start=start, end=end, minutes=(end - start).total_seconds() / 60)


@dataclass(frozen=True, kw_only=True)
class Break:
    """A place where a column decreases."""

    row: int
    """Counted from 0, nulls included."""
    previous: object
    value: object


@dataclass(frozen=True, kw_only=True)
class MonotoneResult:
    """Whether a column never decreases in the order of the rows."""

    rows: int
    decreases: int
    repeats: int
    """Rows with the value of the row before."""
    nulls: int
    breaks: tuple[Break, ...]
    """The first decreases."""

    @property
    def holds(self) -> bool:
        """Whether there is no decrease."""
        return self.decreases == 0


def check_monotone(
    frame: pl.LazyFrame | pl.DataFrame, column: str, *, max_listed: int = MAX_LISTED
) -> MonotoneResult:
    """Compare each value of *column* with the one before it, in the order of the rows.

    Nulls are counted and passed over: the value after one is compared with the last before it.
    """
    value, previous = pl.col(column), pl.col("previous")
    rows = frame.lazy().select(column).with_row_index("row")
    pairs = rows.with_columns(previous=value.forward_fill().shift(1))
    decreases = value < previous
    figures = pairs.select(
        rows=pl.len(),
        decreases=decreases.sum(),
        repeats=(value == previous).sum(),
        nulls=value.null_count(),
    ).collect()
    counts = figures.row(0, named=True)
    listed = pairs.filter(decreases).head(max_listed).collect()
    return MonotoneResult(
        rows=counts["rows"],
        decreases=counts["decreases"],
        repeats=counts["repeats"],
        nulls=counts["nulls"],
        breaks=tuple(
            Break(row=row, previous=before, value=found)
            for row, found, before in listed.select("row", column, "previous").iter_rows()
        ),
    )
