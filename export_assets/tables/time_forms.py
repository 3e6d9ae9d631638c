"""Texts in a configured form as dates and times: what Python's `strptime` gives, column by column.

Polars reads such forms by the signs of Rust's chrono, which look the same and mean other things:
there `%f` counts nanoseconds, `%Y` takes two digits, and one sign alone may say a day.

Readings of the year 0, and instants that an offset moves out of the calendar, are for the caller to
leave out; see `temporal.within_calendar`.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import polars as pl

from export_assets.config.time_forms import parts_of

_MONTHS: Final = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_DAYS: Final = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_SHORT: Final = 3
_OFFSET: Final = "[+-][0-9]{2}(?::[0-5][0-9](?::[0-5][0-9])?|[0-5][0-9](?:[0-5][0-9])?)|(?-i:Z)"
_SIGNS: Final = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "1[0-2]|0[1-9]|[1-9]",
    "d": "3[01]|[12][0-9]|0[1-9]|[1-9]| [1-9]",
    "j": "36[0-6]|3[0-5][0-9]|[12][0-9]{2}|0[1-9][0-9]|00[1-9]|[1-9][0-9]|0[1-9]|[1-9]",
    "b": "|".join(name[:_SHORT] for name in _MONTHS),
    "B": "|".join(sorted(_MONTHS, key=len, reverse=True)),
    "a": "|".join(name[:_SHORT] for name in _DAYS),
    "A": "|".join(sorted(_DAYS, key=len, reverse=True)),
    "H": "2[0-3]|[01][0-9]|[0-9]",
    "I": "1[0-2]|0[1-9]|[1-9]",
    "p": "am|pm",
    "M": "[0-5][0-9]|[0-9]",
    "S": "6[01]|[0-5][0-9]|[0-9]",
    "f": "[0-9]{1,6}",
    "z": _OFFSET,
}
_REST: Final = "rest"
_LAST_OF_CENTURY: Final = 68
_NOON: Final = 12
_MOST_SECONDS: Final = 59
_DAY_SECONDS: Final = 86_400
_NAMES: Final = {name[:_SHORT]: number for number, name in enumerate(_MONTHS, 1)}


def read_wall_clocks(texts: pl.Series, form: str) -> pl.Series:
    """Read *texts* in *form* as wall-clock readings, Datetime(µs), null where they are not so."""
    pattern, signs = _pattern_of(form)
    return _read(texts, pattern, _day(signs).cast(pl.Datetime("us")) + _clock(signs))


def read_form_instants(texts: pl.Series, form: str) -> pl.Series:
    """Read *texts* in *form*, which holds an offset, as Datetime(µs, UTC)."""
    pattern, signs = _pattern_of(form)
    naive = _day(signs).cast(pl.Datetime("us")) + _clock(signs) - _offset()
    return _read(texts, pattern, naive).dt.replace_time_zone("UTC")


def read_form_times(texts: pl.Series, form: str) -> pl.Series:
    """Read *texts* in *form*, which holds no day, as times of day."""
    pattern, signs = _pattern_of(form)
    midnight = pl.lit(0).cast(pl.Datetime("us"))
    return _read(texts, pattern, midnight + _clock(signs)).dt.time()


def _read(texts: pl.Series, pattern: str, moment: pl.Expr) -> pl.Series:
    parts = texts.str.extract_groups(pattern).struct.unnest()
    # Python takes the first way to read the beginning, and refuses the text if anything is left.
    whole = pl.col(_REST) == ""
    return parts.select(pl.when(whole).then(moment).alias(texts.name)).to_series()


@lru_cache(maxsize=64)
def _pattern_of(form: str) -> tuple[str, frozenset[str]]:
    parts = parts_of(form)
    signs = frozenset(part[1] for part in parts if part[0] == "%" and part != "%%")
    return f"(?i)^{''.join(_expressions(parts))}(?P<{_REST}>(?s:.*))$", signs


def _expressions(parts: list[str]) -> Iterator[str]:
    for part in parts:
        if part == "%%":
            yield "%"
        elif part[0] == "%":
            yield f"(?P<{part[1]}>{_SIGNS[part[1]]})"
        else:
            yield r"\s+".join(map(re.escape, re.split(r"\s+", part)))


def _number(sign: str) -> pl.Expr:
    return pl.col(sign).str.strip_chars().cast(pl.Int64, strict=False)


def _day(signs: frozenset[str]) -> pl.Expr:
    year = _number("Y") if "Y" in signs else _number("y")
    if "y" in signs:
        year = year + pl.when(year <= _LAST_OF_CENTURY).then(2000).otherwise(1900)
    if "j" in signs:
        first = _written(year, pl.lit(1), pl.lit(1))
        day = first + pl.duration(days=_number("j") - 1)
        return pl.when(day.dt.year() == first.dt.year()).then(day)
    if "m" in signs:
        month = _number("m")
    else:
        name = pl.col("b" if "b" in signs else "B").str.to_lowercase().str.head(_SHORT)
        month = name.replace_strict(_NAMES, default=None, return_dtype=pl.Int64)
    return _written(year, month, _number("d"))


def _written(year: pl.Expr, month: pl.Expr, day: pl.Expr) -> pl.Expr:
    """Return days by their numbers, null where the calendar has none such."""
    digits = year * 10_000 + month * 100 + day
    return digits.cast(pl.String).str.zfill(8).str.to_date("%Y%m%d", strict=False)


def _clock(signs: frozenset[str]) -> pl.Expr:
    hours = _number("H") if "H" in signs else pl.lit(0)
    if "I" in signs:
        after_noon = pl.col("p").str.to_lowercase() == "pm"
        hours = _number("I") % _NOON + pl.when(after_noon).then(_NOON).otherwise(0)
    minutes = _number("M") if "M" in signs else pl.lit(0)
    seconds = _number("S") if "S" in signs else pl.lit(0)
    seconds = pl.when(seconds <= _MOST_SECONDS).then(seconds)
    micros = pl.col("f").str.pad_end(6, "0").cast(pl.Int64) if "f" in signs else pl.lit(0)
    return pl.duration(hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)


def _offset() -> pl.Expr:
    """Return how far clocks are ahead of UTC."""
    digits = (
        pl.col("z").str.replace_all("[^0-9]", "").str.pad_end(6, "0").cast(pl.Int64, strict=False)
    )
    seconds = digits // 10_000 * 3_600 + digits // 100 % 100 * 60 + digits % 100
    seconds = pl.when(seconds < _DAY_SECONDS).then(seconds)
    sign = pl.when(pl.col("z").str.starts_with("-")).then(-1).otherwise(1)
    return pl.duration(seconds=seconds * sign)
