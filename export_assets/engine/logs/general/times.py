"""When events happened: ISO 8601, numbers since 1970, or whatever form a program writes."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from export_assets.sources.logs.moments import LocalTime, Moments, read_iso_times
from export_assets.tables.temporal import within_calendar

_MICROS: Final = {"epoch_s": 1_000_000.0, "epoch_ms": 1_000.0, "epoch_us": 1.0, "epoch_ns": 0.001}
_UNITS: Final = (
    # From 1973 to 5138 in each unit; what is between them could be either.
    (1e8, 1e11, "epoch_s"),
    (1e11, 1e14, "epoch_ms"),
    (1e14, 1e17, "epoch_us"),
    (1e17, 1e20, "epoch_ns"),
)
_INSTANT: Final = pl.Datetime("us", "UTC")
_EARLIEST, _LATEST = -62_135_596_800_000_000, 253_402_300_799_999_999


def read_times(values: Sequence[object], form: str, clock: LocalTime) -> Moments:
    """Read *values*, texts and numbers, as instants.

    Args:
        values: As the events hold them.
        form: As `timestamp_format` of the configuration.
        clock: How times without an offset are read.
    """
    counted = [_micros(value, form) for value in values]
    texts = pl.Series(
        [
            value if isinstance(value, str) and micros is None else None
            for value, micros in zip(values, counted, strict=True)
        ],
        dtype=pl.String,
    )
    given = pl.Series([value is not None for value in values], dtype=pl.Boolean)
    read = _read_texts(texts, form, clock)
    if any(micros is not None for micros in counted):
        numbers = pl.Series(counted, dtype=pl.Int64).cast(_INSTANT)
        instants = numbers.zip_with(numbers.is_not_null(), read.instants)
        read = Moments(instants=instants, refused=read.refused)
    unread = (read.instants.is_null() & given).arg_true().to_list()
    return Moments(instants=read.instants, refused=dict.fromkeys(unread, "time") | read.refused)


def _read_texts(texts: pl.Series, form: str, clock: LocalTime) -> Moments:
    if form in {"auto", "iso"} or form in _MICROS:
        shown = texts if form in {"auto", "iso"} else texts.clear(len(texts))
        return read_iso_times(shown, clock)
    aware = "%z" in form
    if aware:
        instants = texts.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)
        return Moments(instants=within_calendar(instants), refused={})
    return clock.place(texts.str.to_datetime(form, time_unit="us", strict=False))


def _micros(value: object, form: str) -> int | None:
    """Return a number since 1970 in microseconds; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if form not in _MICROS and form != "auto":
        return None
    number = value if not isinstance(value, str) else _number(value)
    if number is None:
        return None
    unit = form if form in _MICROS else _unit(number)
    if unit is None:
        return None
    # Whole numbers stay whole: a double has no place for 19 digits.
    if isinstance(number, int):
        micros = number // 1_000 if unit == "epoch_ns" else number * int(_MICROS[unit])
    else:
        scaled = number * _MICROS[unit]
        if not -1e18 < scaled < 1e18:  # noqa: PLR2004 - more than any calendar has
            return None
        micros = round(scaled)
    return micros if _EARLIEST <= micros <= _LATEST else None


def _number(text: str) -> int | float | None:
    stripped = text.removeprefix("-")
    if stripped.isascii() and stripped.isdigit() and len(stripped) <= 19:  # noqa: PLR2004 - of 64 bits
        return int(text)
    whole, point, rest = stripped.partition(".")
    if point and whole.isdigit() and rest.isdigit() and stripped.isascii():
        return float(text)
    return None


def _unit(number: float) -> str | None:
    """Tell the unit by the size; None for numbers that could count anything."""
    for least, most, unit in _UNITS:
        if least <= abs(number) < most:
            return unit
    return None
