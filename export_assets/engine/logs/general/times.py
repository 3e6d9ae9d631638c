"""When events happened: ISO 8601, numbers since 1970, or whatever form a program writes."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import polars as pl

from export_assets.config.time_forms import parts_of
from export_assets.sources.logs.moments import LocalTime, Moments, read_iso_times
from export_assets.tables.temporal import within_calendar
from export_assets.tables.time_forms import read_form_instants, read_wall_clocks

_PER_UNIT: Final = {"epoch_s": 6, "epoch_ms": 3, "epoch_us": 0, "epoch_ns": -3}
"""Power of ten that makes microseconds of each."""
_PLAUSIBLE: Final = (631_152_000, 4_102_444_800)
"""Seconds of 1990 and of 2100: what a number of an unknown unit may mean, the latter left out."""
_UNITS: Final = tuple(
    (_PLAUSIBLE[0] * 10**power, _PLAUSIBLE[1] * 10**power, unit)
    for power, unit in ((0, "epoch_s"), (3, "epoch_ms"), (6, "epoch_us"), (9, "epoch_ns"))
)
_INSTANT: Final = pl.Datetime("us", "UTC")
_EARLIEST, _LATEST = -62_135_596_800_000_000, 253_402_300_799_999_999
_MOST_DIGITS: Final = 19
"""Of a number of 64 bits."""

_Number = tuple[int, int, str]
"""Sign, whole, and the digits of the fraction."""


def read_times(values: Sequence[object], form: str, clock: LocalTime) -> Moments:
    """Read *values*, texts and numbers, as instants; what is finer than a microsecond is left out.

    Args:
        values: As the events hold them.
        form: As `timestamp_format` of the configuration.
        clock: How times without an offset are read.
    """
    if "%" in form:
        return _read_form(values, form, clock)
    refused: dict[int, str] = {}
    counted: list[int | None] = []
    texts: list[str | None] = []
    for index, value in enumerate(values):
        number = _number(value)
        found = None if number is None or form == "iso" else _micros(number, form)
        if isinstance(found, str):
            refused[index] = found
        counted.append(found if isinstance(found, int) else None)
        iso = isinstance(value, str) and (form == "iso" or (form == "auto" and number is None))
        texts.append(str(value) if iso else None)
        if value is not None and found is None and not iso:
            refused[index] = "time"
    read = read_iso_times(pl.Series(texts, dtype=pl.String), clock)
    instants = read.instants
    if any(micros is not None for micros in counted):
        numbers = pl.Series(counted, dtype=pl.Int64).cast(_INSTANT)
        instants = numbers.zip_with(numbers.is_not_null(), instants)
    return Moments(instants=instants, refused=refused | read.refused)


def hold_value(texts: Sequence[str], form: str, clock: LocalTime) -> bool:
    """Whether any of *texts* is a number or a time, in *form* or any other, and no column's name.

    Args:
        texts: What a header may have.
        form: As `timestamp_format` of the configuration.
        clock: How times without an offset are read.
    """
    if any(map(_is_number, texts)):
        return True
    nothing = dict.fromkeys(range(len(texts)), "time")
    return any(read_times(texts, one, clock).refused != nothing for one in ("iso", form))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_form(values: Sequence[object], form: str, clock: LocalTime) -> Moments:
    """Read texts in a form of the user's, and whole numbers by their digits."""
    texts = pl.Series(
        [str(value) if isinstance(value, str) or type(value) is int else None for value in values],
        dtype=pl.String,
    )
    if "%z" in parts_of(form):
        read = Moments(instants=within_calendar(read_form_instants(texts, form)), refused={})
    else:
        read = clock.place(within_calendar(read_wall_clocks(texts, form)))
    given = pl.Series([value is not None for value in values], dtype=pl.Boolean)
    unread = (read.instants.is_null() & given).arg_true().to_list()
    return Moments(instants=read.instants, refused=dict.fromkeys(unread, "time") | read.refused)


def _micros(number: _Number, form: str) -> int | str:
    """Return a number since 1970 in microseconds, or why it is none."""
    sign, whole, fraction = number
    unit = form if form in _PER_UNIT else _unit(sign * whole)
    if unit is None:
        between = _UNITS[0][0] <= sign * whole < _UNITS[-1][1]
        return "ambiguous_time" if between else "time"
    power = _PER_UNIT[unit]
    # By digits, not as doubles: those have no place for 19 of them.
    micros = whole * 10**power if power >= 0 else whole // 10**-power
    if fraction and power > 0:
        micros += int(fraction[:power].ljust(power, "0"))
    return sign * micros if _EARLIEST <= sign * micros <= _LATEST else "time"


def _unit(whole: int) -> str | None:
    """Tell the unit by the size; None for what is in no plausible year of any.

    The units' years are far apart: a compact date of 12 or 14 digits is of none.
    """
    for least, most, unit in _UNITS:
        if least <= whole < most:
            return unit
    return None


def _number(value: object) -> _Number | None:
    if isinstance(value, str):
        return _digits(value)
    if type(value) is int:
        return (-1, -value, "") if value < 0 else (1, value, "")
    if not isinstance(value, float):
        return None
    text = repr(value)
    return _digits(text if "e" not in text else format(Decimal(text), "f"))


def _digits(text: str) -> _Number | None:
    unsigned = text.removeprefix("-")
    whole, point, fraction = unsigned.partition(".")
    sign = 1 if len(unsigned) == len(text) else -1
    if not (whole.isascii() and whole.isdigit()) or len(whole) > _MOST_DIGITS:
        return None
    if point and not (fraction.isascii() and fraction.isdigit()):
        return None
    return sign, int(whole), fraction
