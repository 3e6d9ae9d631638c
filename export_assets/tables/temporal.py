"""Times as text, numbers or wall-clock readings, turned into UTC instants without a loss unseen.

Every reader returns two series: the instants, null where a value is none, and which values were
*coerced* to the nearest thing there is (None where no one was): a wall clock that shows a time
twice or never, a leap second, a float finer than a microsecond.
"""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import polars as pl

from export_assets.tables.numeric import divided
from export_assets.tables.schema import Encoding
from export_assets.tables.whole_seconds import read_whole_seconds

Read = tuple[pl.Series, pl.Series | None]

_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MINUTE = "[0-9]{2}:[0-9]{2}"
_TIME = rf"{_MINUTE}(?::[0-9]{{2}}(?:\.[0-9]{{1,6}})?)?"
_NAIVE = f"^{_DAY}(?:[ T]{_TIME})?$"
_AWARE = f"^{_DAY}[ T]{_TIME} ?(?:[Zz]|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)$"
_WITH_BLANK = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
_WITH_T = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M")
_NUMBER = r"^-?[0-9]{1,18}(?:\.[0-9]{1,9})?$"

_TICKS: dict[Encoding, int] = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_PER_SECOND = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
# Years no calendar library can print lie outside.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
_FIRST_DAY, _LAST_DAY = _FIRST_SECOND // 86_400, _LAST_SECOND // 86_400
_HUGE = 2**62
# Doubles hold every whole number up to here.
_EXACT = 2**53
# Polars knows the clocks of a zone up to here.
_KNOWN_CLOCKS = datetime(2100, 1, 1)  # noqa: DTZ001 - compared with wall clocks


def read_timestamps(texts: pl.Series, zone: str) -> Read:
    """Read ISO 8601 *texts* as instants; texts without an offset are wall clock in *zone*.

    Accepted: a blank or `T` between date and time, seconds and fraction (up to six digits)
    optional, `Z` or an offset optional, a date alone for its midnight. All kinds may be mixed.
    The instants are Datetime(µs, UTC); see `localize` for the wall clock.
    """
    naive, leaps = read_naive(texts)
    instants, coerced = localize(naive, zone)
    missing = instants.is_null() & texts.is_not_null()
    if missing.any():
        aware, more_leaps = _read_aware(texts.filter(missing))
        instants = instants.scatter(missing.arg_true(), aware)
        if more_leaps is not None:
            leaps = _either(leaps, _spread(more_leaps, missing))
    return within_calendar(instants), _either(coerced, leaps)


def read_naive(texts: pl.Series) -> Read:
    """Read ISO 8601 *texts* without offsets as Datetime(µs)."""
    whole = read_whole_seconds(texts)
    if whole is not None:
        return whole, None
    shaped = _only(texts, _NAIVE)
    naive = _first_to_parse(shaped, "")
    missing = naive.is_null() & shaped.is_not_null()
    if missing.any():
        days = shaped.filter(missing).str.to_date("%Y-%m-%d", strict=False)
        naive = naive.scatter(missing.arg_true(), days.cast(pl.Datetime("us")))
    naive = within_calendar(naive)
    return naive, _leaps(texts, naive)


def read_epoch(numbers: pl.Series, encoding: Encoding) -> Read:
    """Read *numbers* counted from 1970, or texts of them, as Datetime(µs, UTC)."""
    ticks = _TICKS.get(encoding)
    if ticks is None or not numbers.dtype.is_numeric():
        return pl.Series(numbers.name, [None] * len(numbers), dtype=pl.Datetime("us", "UTC")), None
    if numbers.dtype.is_decimal():
        return _of_micros(pl.Series([_ticked(one, ticks) for one in numbers], dtype=pl.Int64)), None
    low, high = _FIRST_SECOND * 1_000_000 // ticks, (_LAST_SECOND * 1_000_000 + 999_999) // ticks
    if not numbers.dtype.is_float():
        whole = numbers.cast(pl.Int64, strict=False)
        whole = whole.set((~whole.is_between(low, high)).fill_null(value=False), None)
        return _of_micros(whole * ticks), None
    outside = ~numbers.is_between(low, high + 1)
    numbers = numbers.cast(pl.Float64).set(outside.fill_null(value=False), None)
    floor = numbers.floor()
    micros = ((numbers - floor) * ticks).round(0).cast(pl.Int64, strict=False)
    counted = floor.cast(pl.Int64, strict=False) * ticks + micros
    # Beyond what doubles count exactly, their steps are so wide that the sum rounds as it must.
    nearest = divided(counted, ticks)
    beyond = (counted.abs() > _EXACT).fill_null(value=False)
    nearest = nearest.zip_with(~beyond, floor + divided(micros, ticks))
    finer = (nearest != numbers).fill_null(value=False)
    return _of_micros(counted), finer if finer.any() else None


def read_epoch_texts(texts: pl.Series, encoding: Encoding, zone: str) -> Read:
    """Read *texts* of numbers counted from 1970; other texts as `read_timestamps`."""
    numbers = texts.str.contains(_NUMBER).fill_null(value=False)
    instants, coerced = read_timestamps(texts.set(numbers, None), zone)
    if numbers.any():
        decimals = texts.filter(numbers).str.to_decimal(scale=9)
        counted, _ = read_epoch(decimals, encoding)
        instants = instants.scatter(numbers.arg_true(), counted)
    return instants, coerced


def localize(naive: pl.Series, zone: str) -> Read:
    """Read wall-clock *naive* values of *zone* as instants in UTC.

    An ambiguous reading takes the first occurrence; one skipped by the clock is read with the
    offset before the jump (both as Python's `fold=0` does). Both count as coerced.
    """
    naive = within_calendar(naive)
    if zone == "UTC":
        return naive.dt.replace_time_zone("UTC"), None
    first = naive.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    last = naive.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
    coerced = (first != last).fill_null(value=False)
    first = first.dt.convert_time_zone("UTC")
    skipped = first.is_null() & naive.is_not_null()
    coerced = coerced | skipped
    far = (naive >= _KNOWN_CLOCKS).fill_null(value=False)
    slow = skipped | far
    if slow.any():
        found = [_instant(value, zone) for value in naive.filter(slow).to_list()]
        moments = pl.Series([moment for moment, _ in found], dtype=first.dtype)
        first = first.scatter(slow.arg_true(), moments)
        coerced = coerced.scatter(slow.arg_true(), [odd for _, odd in found])
    return within_calendar(first), coerced if coerced.any() else None


def to_microseconds(moments: pl.Series) -> pl.Series:
    """Cast to microseconds, null where nanoseconds would be lost or the year has no name."""
    dtype = moments.dtype
    assert isinstance(dtype, pl.Datetime)  # noqa: S101 - the caller looked
    if dtype.time_unit == "ns":
        finer = (moments.to_physical() % 1_000) != 0
        moments = moments.set(finer.fill_null(value=False), None)
    return within_calendar(moments).cast(pl.Datetime("us", dtype.time_zone))


def within_calendar(moments: pl.Series) -> pl.Series:
    """Blank out dates and instants no calendar library can print (years outside 1 to 9999)."""
    if isinstance(moments.dtype, pl.Datetime):
        unit = _PER_SECOND[moments.dtype.time_unit]
        first, last = _FIRST_SECOND * unit, (_LAST_SECOND + 1) * unit - 1
    else:
        first, last = _FIRST_DAY, _LAST_DAY
    ticks = moments.to_physical()
    if isinstance(moments.dtype, pl.Datetime) and moments.dtype.time_unit == "ns":
        return moments  # which end in 2262
    low, high = ticks.min(), ticks.max()
    if low is None or (first <= low and high <= last):  # type: ignore[operator]  # whole numbers
        return moments
    return moments.set(~ticks.is_between(first, last).fill_null(value=True), None)


def _instant(value: datetime, zone: str) -> tuple[datetime | None, bool]:
    """Return the instant of a wall-clock reading, and whether it is ambiguous or skipped."""
    info = ZoneInfo(zone)
    first, second = (value.replace(tzinfo=info, fold=fold) for fold in (0, 1))
    try:
        return first.astimezone(UTC), first.utcoffset() != second.utcoffset()
    except OverflowError:
        return None, False


def _ticked(number: Decimal | None, ticks: int) -> int | None:
    """Return *number* times *ticks*, None where that is not whole or far out of the calendar."""
    micros = Fraction(0) if number is None else Fraction(number) * ticks
    return None if number is None or micros.denominator != 1 or abs(micros) > _HUGE else int(micros)


def _of_micros(micros: pl.Series) -> pl.Series:
    inside = micros.is_between(_FIRST_SECOND * 1_000_000, _LAST_SECOND * 1_000_000 + 999_999)
    micros = micros.set((~inside).fill_null(value=False), None).cast(pl.Int64)
    return micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _read_aware(texts: pl.Series) -> Read:
    # chrono's %#z wants an offset in digits.
    shaped = _only(texts, _AWARE).str.replace(r" ?[Zz]$", "+00:00")
    instants = _first_to_parse(shaped, "%#z")
    return instants, _leaps(texts, instants)


def _first_to_parse(texts: pl.Series, offset: str) -> pl.Series:
    """Parse each text by the first form that it has, followed by *offset*."""
    dtype = pl.Datetime("us", "UTC" if offset else None)
    parsed = pl.Series(texts.name, [None], dtype=dtype).new_from_index(0, len(texts))
    head = texts.drop_nulls().head(1)
    t_first = len(head) > 0 and "T" in head[0]
    forms = (*_WITH_T, *_WITH_BLANK) if t_first else (*_WITH_BLANK, *_WITH_T)
    for form in forms:
        missing = parsed.is_null() & texts.is_not_null()
        if not missing.any():
            break
        more = texts.filter(missing).str.to_datetime(form + offset, time_unit="us", strict=False)
        parsed = more if missing.all() else parsed.scatter(missing.arg_true(), more)
    return parsed


def _only(texts: pl.Series, pattern: str) -> pl.Series:
    return texts.set(~texts.str.contains(pattern).fill_null(value=False), None)


def _leaps(texts: pl.Series, parsed: pl.Series) -> pl.Series | None:
    """Tell which texts that parsed name a second 60, which was read as the one after it."""
    leaps = (texts.str.contains(":60", literal=True) & parsed.is_not_null()).fill_null(value=False)
    return leaps if leaps.any() else None


def _spread(marked: pl.Series, places: pl.Series) -> pl.Series:
    """Return *marked*, which speaks of the rows at *places*, for all rows."""
    everywhere = pl.Series(values=[False], dtype=pl.Boolean).new_from_index(0, len(places))
    return everywhere.scatter(places.arg_true(), marked)


def _either(one: pl.Series | None, other: pl.Series | None) -> pl.Series | None:
    if one is None or other is None:
        return other if one is None else one
    return one | other
