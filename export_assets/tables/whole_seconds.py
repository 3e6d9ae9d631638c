"""Wall clocks as applications write most of them, `2026-02-08 10:30:00`, read digit by digit.

All texts of a column are read in step. What is not exactly of this form is somebody else's work.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from export_assets.tables.byte_hashes import bounds_of, content_of

_LENGTH = len("2026-02-08 10:30:00")
_MARKS = {4: "-", 7: "-", 13: ":", 16: ":"}
_PARTING = 10
_ZERO, _NINE = ord("0"), 9
_LAST_HOUR, _LAST_SIXTIETH = 23, 59

_Numbers = npt.NDArray[np.int64]


def read_whole_seconds(texts: pl.Series) -> pl.Series | None:
    """Read *texts* as Datetime(µs), null where a text is; None unless every text has the form.

    The form is `YYYY-MM-DD`, a blank or `T` (the same in all), `HH:MM:SS`; a day of the calendar
    in the years 1 to 9999, a time of a day without leap seconds.
    """
    held = texts.drop_nulls() if texts.null_count() else texts
    micros = _micros(held) if len(held) else np.zeros(0, dtype=np.int64)
    if micros is None:
        return None
    read = pl.Series(texts.name, micros).cast(pl.Datetime("us"))
    if held is texts:
        return read
    nothing = pl.Series(texts.name, [None], dtype=read.dtype).new_from_index(0, len(texts))
    return nothing.scatter(texts.is_not_null().arg_true(), read)


def _micros(texts: pl.Series) -> _Numbers | None:
    array = texts.to_arrow(compat_level=pl.CompatLevel.oldest())
    bounds = bounds_of(array)
    if (np.diff(bounds) != _LENGTH).any():
        return None
    content = content_of(array, bounds)
    # One row for each place in a text, so that places are worked on side by side.
    places = np.ascontiguousarray(content.reshape(-1, _LENGTH).T)
    parting = places[_PARTING, 0]
    marks = {**_MARKS, _PARTING: chr(parting)}
    if chr(parting) not in " T" or any((places[at] != ord(m)).any() for at, m in marks.items()):
        return None
    digits = places[[at for at in range(_LENGTH) if at not in marks]] - np.uint8(_ZERO)
    if digits.max() > _NINE:
        return None
    return _counted(digits)


def _counted(digits: npt.NDArray[np.uint8]) -> _Numbers | None:
    """Return microseconds since 1970 of 14 rows of digits, None where one is no time."""
    pairs = digits[::2] * np.uint8(10) + digits[1::2]
    century, year, month, day, hours, minutes, seconds = pairs
    if hours.max() > _LAST_HOUR or max(minutes.max(), seconds.max()) > _LAST_SIXTIETH:
        return None
    if month.min() < 1 or month.max() > 12 or day.min() < 1:  # noqa: PLR2004 - months of a year
        return None
    years = century.astype(np.int64) * 100 + year
    if years.min() < 1:
        return None
    months = (years - 1970) * 12 + month - 1
    first = int(months.min())
    starts = np.arange(first, int(months.max()) + 2).astype("datetime64[M]").astype("datetime64[D]")
    begins = starts.astype(np.int64)
    months -= first
    days = begins[months] + day - 1
    if (days >= begins[months + 1]).any():
        return None
    of_day = (hours.astype(np.int64) * 60 + minutes) * 60 + seconds
    micros: _Numbers = (days * 86_400 + of_day) * 1_000_000
    return micros
