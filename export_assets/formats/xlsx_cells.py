"""Values as cells: numbers, dates and booleans where Excel holds them exactly, texts where not.

INTEGER          a number of up to 15 digits
DECIMAL          the same, shown with its scale
FLOAT            a number within the range of Excel; NaN, the infinities and -0 are texts
DATE             a date from 1900-03-01 on
TIMESTAMP        a date with the time of UTC, shown with a Z, of whole milliseconds
NAIVE_TIMESTAMP  the same without the Z
TIME, BINARY     the text that `cells` gives
NESTED           JSON text, see `nested`
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

import polars as pl

from export_assets.formats.cells import float_texts, from_text, to_text
from export_assets.formats.xlsx_styles import DATE, INSTANT, WALL_CLOCK, decimal_style
from export_assets.tables.numeric import divided
from export_assets.tables.schema import Column, LogicalType

_SURE: Final = 10**15
_LEAST, _MOST = 2.2250738585072014e-308, 9.99999999999999e307
_FIRST_DAY: Final = date(1900, 3, 1)
"""Excel holds that 1900 had a 29 February."""
_FIRST_MOMENT: Final = datetime(1900, 3, 1)  # noqa: DTZ001 - of UTC or of a wall clock
_EPOCH: Final = date(1899, 12, 30)
_EPOCH_DAYS: Final = (date(1970, 1, 1) - _EPOCH) // timedelta(days=1)
_DAY_MS: Final = 86_400_000

_STYLES: Final[Mapping[LogicalType, int]] = {
    LogicalType.INTEGER: decimal_style(0),
    LogicalType.DATE: DATE,
    LogicalType.TIMESTAMP: INSTANT,
    LogicalType.NAIVE_TIMESTAMP: WALL_CLOCK,
}
NUMBERS: Final = frozenset({*_STYLES, LogicalType.FLOAT, LogicalType.DECIMAL})
"""Types whose values are numbers to Excel, where it holds them."""
WIDTHS: Final[Mapping[LogicalType, int]] = {
    LogicalType.DATE: 11,
    LogicalType.TIMESTAMP: 26,
    LogicalType.NAIVE_TIMESTAMP: 25,
}
"""Of columns in which Excel would show hashes, in characters."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """The values of one column in XML, parted by how a cell holds them; null where in none."""

    numbers: pl.Series | None = None
    booleans: pl.Series | None = None
    texts: pl.Series | None = None
    forced: int = 0
    """Texts of values for which a column of such a type has numbers."""


def style_of(column: Column) -> int:
    """Return the style of the numbers of *column*; 0 is none."""
    if column.logical is LogicalType.DECIMAL:
        return decimal_style(column.scale or 0)
    return _STYLES.get(column.logical, 0)


def to_cells(column: Column, values: pl.Series) -> Written:
    """Return what the cells of *column* hold of *values*; texts are not escaped yet."""
    values = values.alias("values")
    if column.logical is LogicalType.BOOLEAN:
        return Written(booleans=values.cast(pl.Int8).cast(pl.String))
    if column.logical not in NUMBERS:
        texts = _texts(column, values)
        strange = column.logical is LogicalType.TIME
        return Written(texts=texts, forced=len(texts) - texts.null_count() if strange else 0)
    held = _is_held(column, values)
    there = values.is_not_null()
    if (held | ~there).all():
        return Written(numbers=_numbers(column, values))
    texts = _texts(column, values.set(held, None))
    numbers = _numbers(column, values.set(~held, None))
    return Written(numbers=numbers, texts=texts, forced=int((there & ~held).sum()))


def _is_held(column: Column, values: pl.Series) -> pl.Series:
    """Tell which of *values* Excel holds exactly as numbers; null is none."""
    match column.logical:
        case LogicalType.INTEGER:
            held = values.is_between(-_SURE, _SURE, closed="none")
        case LogicalType.DECIMAL:
            held = values.to_physical().is_between(-_SURE, _SURE, closed="none")
        case LogicalType.FLOAT:
            size = values.abs()
            zero = (values == 0) & ~(1 / values < 0)
            held = zero | size.is_between(_LEAST, _MOST)
        case LogicalType.DATE:
            held = values >= _FIRST_DAY
        case _:
            wall = values.dt.replace_time_zone(None)
            held = (wall >= _FIRST_MOMENT) & (wall.to_physical() % 1000 == 0)
    return held.fill_null(value=False)


def _numbers(column: Column, values: pl.Series) -> pl.Series:
    match column.logical:
        case LogicalType.FLOAT:
            return float_texts(values)
        case LogicalType.DATE:
            return (values.to_physical().cast(pl.Int64) + _EPOCH_DAYS).cast(pl.String)
        case LogicalType.TIMESTAMP | LogicalType.NAIVE_TIMESTAMP:
            since = values.to_physical() // 1000 + _EPOCH_DAYS * _DAY_MS
            days = divided(since, _DAY_MS)
            return float_texts(days.set(values.is_null(), None))
        case _:
            return values.cast(pl.String)


def _texts(column: Column, values: pl.Series) -> pl.Series:
    if column.logical is LogicalType.FLOAT:
        return float_texts(values)
    written = to_text(replace(column, name="values"))
    if written is None:
        return values.cast(pl.String)
    return values.to_frame().select(written.alias("values")).to_series()


def from_cells(column: Column, numbers: pl.Series, texts: pl.Series) -> pl.Series:
    """Return the values of *column*, under its name, of what its cells hold.

    Args:
        column: The column.
        numbers: What stands in cells of numbers and booleans, null elsewhere.
        texts: What stands in cells of texts, no longer escaped, null elsewhere.

    Raises:
        polars.exceptions.PolarsError: A cell holds no such value.
        pyarrow.ArrowInvalid, msgspec.MsgspecError, TypeError, ValueError: The same.
    """
    if column.logical is LogicalType.BOOLEAN:
        _expect_none(texts)
        return numbers.replace_strict({"0": False, "1": True}, return_dtype=pl.Boolean()).alias(
            column.name
        )
    if column.logical not in NUMBERS:
        _expect_none(numbers)
        return from_text(column, texts)
    if numbers.null_count() == len(numbers):
        return from_text(column, texts)
    found = _from_numbers(column, numbers)
    if texts.null_count() < len(texts):
        found = found.zip_with(found.is_not_null(), from_text(column, texts).alias("values"))
    return found.alias(column.name)


def _from_numbers(column: Column, numbers: pl.Series) -> pl.Series:
    numbers = numbers.alias("values")
    match column.logical:
        case LogicalType.DATE:
            return (numbers.cast(pl.Int32, strict=True) - _EPOCH_DAYS).cast(pl.Date)
        case LogicalType.TIMESTAMP | LogicalType.NAIVE_TIMESTAMP:
            days = numbers.cast(pl.Float64, strict=True)
            since = (days * _DAY_MS).round().cast(pl.Int64) - _EPOCH_DAYS * _DAY_MS
            return (since * 1000).cast(column.dtype)
        case _:
            return from_text(column, numbers).alias("values")


def _expect_none(cells: pl.Series) -> None:
    if cells.null_count() < len(cells):
        msg = "a cell of another kind"
        raise ValueError(msg)
