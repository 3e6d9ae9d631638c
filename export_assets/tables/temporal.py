"""Times as text, numbers or wall-clock readings, turned into UTC instants without a loss unseen."""

from datetime import UTC
from zoneinfo import ZoneInfo

import polars as pl

from export_assets.tables.schema import Encoding

# A longer text carries more than microseconds: `2026-02-08T10:30:00.1234567`.
_NAIVE_LENGTH = 26

_NAIVE_FORMATS = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
)
_AWARE_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z")
# At most six digits of fraction: what does not fit microseconds is no timestamp to us.
_AWARE = r"^[^.]*(?:\.\d{1,6})?(?:[Zz]|[+-]\d\d:?\d\d|[+-]\d\d)$"
_TICKS: dict[Encoding, int] = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}

_MIN_YEAR, _MAX_YEAR = 1, 9999


def parse_timestamps(texts: pl.Series, zone: str) -> tuple[pl.Series, int]:
    """Read ISO 8601 *texts* as instants; texts without an offset are wall clock in *zone*.

    Accepted: a blank or `T` between date and time, seconds and fraction (up to six digits)
    optional, `Z` or an offset optional, a date alone for its midnight. All kinds may be mixed.

    Returns:
        The instants as Datetime(µs, UTC), null where a text is none of these, and how many wall
        clock readings were ambiguous or do not exist in *zone* (see `localize`).
    """
    instants, coerced = mark_timestamps(texts, zone)
    return instants, _count(coerced)


def mark_timestamps(texts: pl.Series, zone: str) -> tuple[pl.Series, pl.Series | None]:
    """Do as `parse_timestamps`; which readings were ambiguous or skipped, None for no one."""
    naive = _try_one(texts)
    if naive is None:
        naive = _try_naive(texts)
    instants, coerced = mark_localized(naive, zone)
    missing = instants.is_null() & texts.is_not_null()
    if missing.any():
        aware = _try_aware(texts.filter(missing))
        instants = instants.scatter(missing.arg_true(), aware)
    return _within_calendar(instants), coerced


def parse_naive(texts: pl.Series) -> pl.Series:
    """Read ISO 8601 *texts* without offsets as Datetime(µs), null where a text is none."""
    naive = _try_one(texts)
    return _within_calendar(_try_naive(texts) if naive is None else naive)


def from_epoch(numbers: pl.Series, encoding: Encoding) -> pl.Series:
    """Read *numbers* counted from 1970 as Datetime(µs, UTC), null where out of the calendar."""
    ticks = _TICKS[encoding]
    if numbers.dtype.is_float():
        micros = (numbers * ticks).round(0).cast(pl.Int64, strict=False)
    else:
        micros = (numbers.cast(pl.Decimal(38, 0)) * ticks).cast(pl.Int64, strict=False)
    return _within_calendar(micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))


def localize(naive: pl.Series, zone: str) -> tuple[pl.Series, int]:
    """Read wall-clock *naive* values of *zone* as instants in UTC.

    An ambiguous reading takes the first occurrence; one skipped by the clock is read with the
    offset before the jump (both as Python's `fold=0` does).

    Returns:
        The instants and how many readings were ambiguous or skipped.
    """
    instants, coerced = mark_localized(naive, zone)
    return instants, _count(coerced)


def mark_localized(naive: pl.Series, zone: str) -> tuple[pl.Series, pl.Series | None]:
    """Do as `localize`; which readings were ambiguous or skipped, None for no one."""
    if zone == "UTC":
        return naive.dt.replace_time_zone("UTC"), None
    first = naive.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    last = naive.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
    coerced = (first != last).fill_null(value=False)
    first = first.dt.convert_time_zone("UTC")
    skipped = first.is_null() & naive.is_not_null()
    if skipped.any():
        info = ZoneInfo(zone)
        moments = [
            value.replace(tzinfo=info).astimezone(UTC) for value in naive.filter(skipped).to_list()
        ]
        first = first.scatter(skipped.arg_true(), pl.Series(moments, dtype=first.dtype))
        coerced = coerced | skipped
    return first, coerced if coerced.any() else None


def _count(marked: pl.Series | None) -> int:
    return 0 if marked is None else int(marked.sum())


def _try_one(texts: pl.Series) -> pl.Series | None:
    """Parse by the form of the first value alone; None unless every value has that form."""
    head = texts.drop_nulls().head(1)
    if not len(head):
        return texts.cast(pl.Datetime("us"), strict=False)
    text = head[0]
    if len(text) != len("2026-02-08 10:30:00"):
        return None
    pattern = "%Y-%m-%dT%H:%M:%S" if text[10] == "T" else "%Y-%m-%d %H:%M:%S"
    parsed = texts.str.to_datetime(pattern, time_unit="us", strict=False)
    return parsed if parsed.null_count() == texts.null_count() else None


def _try_naive(texts: pl.Series) -> pl.Series:
    too_long = (texts.str.len_bytes() > _NAIVE_LENGTH).fill_null(value=False)
    short = texts.set(too_long, None)
    parsed = short.str.to_datetime(_NAIVE_FORMATS[0], time_unit="us", strict=False)
    for pattern in _NAIVE_FORMATS[1:]:
        missing = parsed.is_null() & short.is_not_null()
        if not missing.any():
            return parsed
        more = short.filter(missing).str.to_datetime(pattern, time_unit="us", strict=False)
        parsed = parsed.scatter(missing.arg_true(), more)
    missing = parsed.is_null() & short.is_not_null()
    if missing.any():
        days = short.filter(missing).str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
        parsed = parsed.scatter(missing.arg_true(), days)
    return parsed


def _try_aware(texts: pl.Series) -> pl.Series:
    short = texts.set(~texts.str.contains(_AWARE).fill_null(value=False), None)
    # chrono's %#z wants an offset in digits.
    short = short.str.replace(r"[Zz]$", "+00:00")
    parsed = short.str.to_datetime(_AWARE_FORMATS[0], time_unit="us", strict=False)
    missing = parsed.is_null() & short.is_not_null()
    if missing.any():
        more = short.filter(missing)
        more = more.str.to_datetime(_AWARE_FORMATS[1], time_unit="us", strict=False)
        parsed = parsed.scatter(missing.arg_true(), more)
    return parsed.dt.convert_time_zone("UTC")


def _within_calendar(moments: pl.Series) -> pl.Series:
    """Blank out instants no calendar library can print (years outside 1 to 9999)."""
    years = moments.dt.year()
    low, high = years.min(), years.max()
    if low is None or (int(str(low)) >= _MIN_YEAR and int(str(high)) <= _MAX_YEAR):
        return moments
    return moments.set(~years.is_between(_MIN_YEAR, _MAX_YEAR).fill_null(value=True), None)
