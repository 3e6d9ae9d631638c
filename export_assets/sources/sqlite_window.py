"""Time windows as SQL: never leaves out a row of the window, nor one whose time it cannot judge."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from export_assets.sources.sql import quote
from export_assets.sources.sqlite_types import TEMPORAL
from export_assets.tables.partitions import Window
from export_assets.tables.schema import Column, LogicalType

Bound = str | float | int

_MARGIN = timedelta(days=1)
_UNITS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}


@dataclass(frozen=True, kw_only=True)
class TimeFilter:
    """A condition over one time column and the values bound to it."""

    condition: str
    values: tuple[Bound, ...]


def can_judge(column: Column) -> bool:
    """Whether times of *column* can be compared with a window at all."""
    instant = column.logical in TEMPORAL and column.logical is not LogicalType.TIME
    return instant and (column.encoding == "iso" or column.encoding in _UNITS)


def oddities(column: Column) -> str:
    """Return the condition that holds for rows a plain range could wrongly leave out."""
    name = quote(column.name)
    if column.encoding != "iso":
        return f"{name} is null or typeof({name}) in ('text', 'blob')"
    return (
        f"{name} is null or typeof({name}) <> 'text'"
        # The modifier makes SQLite do the calendar: without it, 30 February passes unchanged.
        f" or date(substr({name}, 1, 10), '+0 days') is not substr({name}, 1, 10)"
        f" or julianday({name}) is null"
    )


def window_filter(column: Column, window: Window, *, clean: bool) -> TimeFilter:
    """Return the filter for *window* over *column*.

    *clean* says that no row meets `oddities`: then the bare range is enough, and an index over
    the column serves it. A day either side makes zones and separators not matter.
    """
    name = quote(column.name)
    parts, values = [], []
    if window.start is not None:
        parts.append(f"{name} >= ?")
        values.append(_bound(window.start, column, later=False))
    if window.end is not None:
        parts.append(f"{name} < ?")
        values.append(_bound(window.end, column, later=True))
    condition = " and ".join(parts)
    if not clean:
        condition = f"({condition}) or {oddities(column)}"
    return TimeFilter(condition=condition, values=tuple(values))


def _bound(moment: datetime, column: Column, *, later: bool) -> Bound:
    if column.encoding == "iso":
        return _text_bound(moment.astimezone(UTC), later=later)
    # Rounding of fractions must not push a row over the edge of the window.
    shifted = moment + timedelta(milliseconds=1) if later else moment - timedelta(milliseconds=1)
    return shifted.timestamp() * _UNITS[column.encoding]


def _text_bound(moment: datetime, *, later: bool) -> str:
    """Return the day before, or the day after the next, as text: it sorts around every form."""
    try:
        day = moment + 2 * _MARGIN if later else moment - _MARGIN
    except OverflowError:
        return "9999-12-32" if later else ""
    return f"{day.year:04d}-{day.month:02d}-{day.day:02d}"
