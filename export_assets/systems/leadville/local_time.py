"""The event logger's own way to write the time: twelve hours, hundredths, no zone."""

from typing import Final

import numpy as np
import polars as pl

from export_assets.sources.logs.moments import LocalTime, Moments, refusing

# The end of one, with hundredths: `:01.22am`.
_TAIL: Final = r"^:[0-5][0-9]\.[0-9]{2}[AaPp][Mm]$"
_TAIL_LETTERS: Final = 8
_MINUTE: Final = 59_990
"""Milliseconds from the first time in a minute to the last that is written."""
_INSTANT: Final = pl.Datetime("us", "UTC")
_LOGGER: Final = (
    r"^[0-9]{1,2}/[0-9]{1,2}/[0-9]{2} [0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{2,6})?[AaPp][Mm]$"
)


def read_logger_wall(texts: pl.Series) -> pl.Series:
    """Read texts like `9/14/25 8:44:01.22am` as naive Datetime(µs), null where they are not so.

    Month, day and hour come without leading zeros, midnight and noon are hour 12, the year is of
    this century's two digits, the fraction two to six digits.
    """
    shaped = texts.set(~texts.str.contains(_LOGGER).fill_null(value=False), None)
    return shaped.str.to_datetime("%m/%d/%y %I:%M:%S%.f%p", time_unit="us", strict=False)


def read_logger_times(texts: pl.Series, clock: LocalTime) -> Moments:
    """Read texts like `9/14/25 8:44:01.22am` as instants.

    Those of one minute follow each other in a log, so each minute is read but once, where the
    seconds are written in the usual form and no clock is changed within it.
    """
    tails = texts.str.tail(_TAIL_LETTERS)
    usual = tails.str.contains(_TAIL).fill_null(value=False)
    rows = usual.arg_true()
    instants = pl.repeat(None, len(texts), dtype=_INSTANT, eager=True)
    if len(rows):
        heads = texts.str.head(-_TAIL_LETTERS)
        if len(rows) < len(texts):
            heads, tails = heads.gather(rows), tails.gather(rows)
        read = _read_by_minute(heads, tails, clock)
        instants = read if len(rows) == len(texts) else instants.scatter(rows, read)
    left = instants.is_null().arg_true()
    if not len(left):
        return Moments(instants=instants, refused={})
    others = texts.gather(left)
    placed = refusing(others, clock.place(read_logger_wall(others)))
    return Moments(
        instants=instants.scatter(left, placed.instants),
        refused={left[index]: reason for index, reason in placed.refused.items()},
    )


def _read_by_minute(heads: pl.Series, tails: pl.Series, clock: LocalTime) -> pl.Series:
    """Read the texts parted before their seconds; null where the minute is not a plain one."""
    letters = tails.cast(pl.Binary).bin.reinterpret(dtype=pl.UInt64, endianness="little").to_numpy()
    hundredths = np.zeros(len(letters), dtype=np.int64)
    for place in (1, 2, 4, 5):
        digits = (letters >> np.uint64(8 * place)) & np.uint64(15)
        hundredths = 10 * hundredths + digits.astype(np.int64)
    halves = letters >> np.uint64(48)
    begins = (heads != heads.shift(1)).fill_null(value=True).to_numpy().copy()
    begins[1:] |= halves[1:] != halves[:-1]
    first = np.flatnonzero(begins)
    minutes = pl.DataFrame({"head": heads.gather(first), "half": tails.gather(first).str.tail(2)})
    wall = read_logger_wall(minutes.select(pl.format("{}:00.00{}", "head", "half")).to_series())
    placed = clock.place(pl.concat([wall, wall.dt.offset_by(f"{_MINUTE}ms")])).instants
    starts, ends = placed.head(len(first)), placed.tail(len(first))
    plain = (ends - starts).dt.total_milliseconds() == _MINUTE
    starts = starts.set(~plain.fill_null(value=False), None)
    micros = pl.Series(hundredths * 10_000, dtype=pl.Duration("us"))
    return starts.gather(np.cumsum(begins) - 1) + micros
