"""Values as text, the same in every text format, and the way back.

TIMESTAMP        2026-02-08T10:30:00.123456+00:00, always six digits
NAIVE_TIMESTAMP  2026-02-08T10:30:00.123456
DATE             2026-02-08
TIME             10:30:00.123456, nine digits where six would not hold the value
DECIMAL          all digits of the scale
BINARY           base64
NESTED           JSON text, see `nested`
"""

import polars as pl
import pyarrow as pa

from export_assets.formats.nested import nested_from_json, nested_to_json
from export_assets.tables.schema import Column, LogicalType

TEXTUAL = frozenset(
    {
        LogicalType.TEXT,
        LogicalType.JSON,
        LogicalType.UUID,
        LogicalType.BINARY,
        LogicalType.NESTED,
    }
)
"""Types whose values are text to a spreadsheet, once written."""

_CAST_IN_ARROW = {
    LogicalType.DATE: pa.date32(),
    LogicalType.TIMESTAMP: pa.timestamp("us", "UTC"),
    LogicalType.NAIVE_TIMESTAMP: pa.timestamp("us"),
}


def to_text(column: Column) -> pl.Expr | None:
    """Return the expression for *column* as text, None where Polars' own form is ours."""
    cell = pl.col(column.name)
    match column.logical:
        case LogicalType.TIMESTAMP | LogicalType.NAIVE_TIMESTAMP:
            return cell.dt.to_string("iso:strict")
        case LogicalType.DATE | LogicalType.DECIMAL:
            return cell.cast(pl.String)
        case LogicalType.TIME:
            # A cast of Time to text drops the fraction in Polars 2.
            coarse = cell.to_physical() % 1000 == 0
            six, nine = cell.dt.strftime("%H:%M:%S%.6f"), cell.dt.strftime("%H:%M:%S%.9f")
            return pl.when(coarse).then(six).otherwise(nine).alias(column.name)
        case LogicalType.BINARY:
            return cell.bin.encode("base64")
        case LogicalType.NESTED:
            return cell.map_batches(nested_to_json, return_dtype=pl.String())
        case _:
            return None


def from_text(column: Column, text: pl.Series) -> pl.Series:
    """Return *text*, which `to_text` made, as values of *column*, under its name.

    Raises:
        polars.exceptions.PolarsError: A text does not hold such a value.
        pyarrow.ArrowInvalid: The same, where Arrow reads the text.
        msgspec.MsgspecError: The same, for nested values.
    """
    # Polars takes some names for patterns, on series too.
    return _values(column, text.alias("text")).alias(column.name)


def float_texts(values: pl.Series) -> pl.Series:
    """Return *values* in the shortest form that reads back as each, which CSV has too."""
    text = pl.DataFrame({"v": values}).write_csv(include_header=False)
    return pl.Series(values.name, text.split("\n")[:-1], dtype=pl.String).replace("", None)


def _values(column: Column, text: pl.Series) -> pl.Series:
    match column.logical:
        case LogicalType.DATE | LogicalType.TIMESTAMP | LogicalType.NAIVE_TIMESTAMP:
            # Arrow reads ISO 8601 in half the time and refuses a missing or extra offset.
            return _through_arrow(text, _CAST_IN_ARROW[column.logical])
        case LogicalType.DECIMAL:
            # Polars would round what does not fit the scale.
            return _through_arrow(text, pa.decimal128(column.precision or 38, column.scale or 0))
        case LogicalType.TIME:
            return text.str.to_time("%H:%M:%S%.f", strict=True)
        case LogicalType.BINARY:
            return text.str.decode("base64", strict=True)
        case LogicalType.NESTED:
            return nested_from_json(text, column.dtype)
        case _:
            return text.cast(column.dtype, strict=True)


def _through_arrow(text: pl.Series, dtype: pa.DataType) -> pl.Series:
    array = text.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(dtype)
    return pl.Series(text.name, array)
