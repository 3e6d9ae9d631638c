"""Days and times of day from raw columns, null where more than that would be lost."""

import polars as pl

from export_assets.tables.temporal import read_naive, to_microseconds, within_calendar

_DAY = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TIME = r"^[0-9]{2}:[0-9]{2}(?::[0-5][0-9](?:\.[0-9]{1,9})?)?$"
_MINUTES = len("10:30")


def to_date(raw: pl.Series) -> pl.Series:
    """Read ISO 8601 text, or what holds midnights, as days; instants by the clock of UTC."""
    if raw.dtype == pl.String:
        shaped = raw.set(~raw.str.contains(_DAY).fill_null(value=False), None)
        days = within_calendar(shaped.str.to_date("%Y-%m-%d", strict=False))
        if days.null_count() == raw.null_count():
            return days
        # A date written as its midnight is still that date.
        raw, _ = read_naive(raw)
    if raw.dtype == pl.Date:
        return within_calendar(raw)
    if not isinstance(raw.dtype, pl.Datetime):
        return pl.Series(raw.name, [None] * len(raw), dtype=pl.Date)
    moments = _by_utc(raw)
    days = moments.cast(pl.Date)
    later = moments != days.cast(pl.Datetime("us"))
    return days.set(later.fill_null(value=False), None)


def to_time(raw: pl.Series) -> pl.Series:
    """Read `HH:MM[:SS[.fraction]]`, or instants of the first day of 1970, as times of day."""
    if raw.dtype == pl.String:
        shaped = raw.set(~raw.str.contains(_TIME).fill_null(value=False), None)
        full = shaped.set((shaped.str.len_bytes() == _MINUTES).fill_null(value=False), None)
        times = full.str.to_time("%H:%M:%S%.f", strict=False)
        missing = shaped.is_not_null() & full.is_null()
        minutes = shaped.filter(missing).str.to_time("%H:%M", strict=False)
        return times.scatter(missing.arg_true(), minutes)
    if not isinstance(raw.dtype, pl.Datetime):
        return pl.Series(raw.name, [None] * len(raw), dtype=pl.Time)
    moments = _by_utc(raw)
    other_day = moments.cast(pl.Date).to_physical() != 0
    return moments.dt.time().set(other_day.fill_null(value=False), None)


def _by_utc(moments: pl.Series) -> pl.Series:
    exact = to_microseconds(moments)
    zoned = isinstance(exact.dtype, pl.Datetime) and exact.dtype.time_zone is not None
    return exact.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zoned else exact
