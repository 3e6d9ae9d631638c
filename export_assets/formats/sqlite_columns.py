"""How SQLite holds each logical type, under a declaration that leads back to it.

BOOLEAN          BOOLEAN           0 and 1
INTEGER          INTEGER
FLOAT            REAL              without NaN, which SQLite takes for NULL, and without a sign of 0
DECIMAL          DECIMAL(p,s)      a number, up to the 15 digits that one tells apart
                 DECIMAL_TEXT(p,s) all digits of the scale, beyond
TEXT, UUID, JSON TEXT, UUID_TEXT, JSON_TEXT
DATE, TIME       DATE, TIME        2026-02-08 and 10:30:00.123456
TIMESTAMP        TIMESTAMP         2026-02-08 10:30:00.123456+00:00, with a blank, as SQLite does
NAIVE_TIMESTAMP  NAIVE_TIMESTAMP   2026-02-08 10:30:00.123456
BINARY           BLOB
NESTED           JSON_TEXT         see `nested`

The declarations with TEXT keep SQLite from taking texts of digits for numbers.
"""

from typing import Final, Literal

import polars as pl

from export_assets.formats.cells import from_text, to_text
from export_assets.tables.numeric import divided, to_decimal
from export_assets.tables.schema import Column, LogicalType

Storage = Literal["integer", "real", "text", "blob"]

_DECLARED: Final = {
    LogicalType.BOOLEAN: "BOOLEAN",
    LogicalType.INTEGER: "INTEGER",
    LogicalType.FLOAT: "REAL",
    LogicalType.TEXT: "TEXT",
    LogicalType.DATE: "DATE",
    LogicalType.TIME: "TIME",
    LogicalType.TIMESTAMP: "TIMESTAMP",
    LogicalType.NAIVE_TIMESTAMP: "NAIVE_TIMESTAMP",
    LogicalType.JSON: "JSON_TEXT",
    LogicalType.UUID: "UUID_TEXT",
    LogicalType.BINARY: "BLOB",
    LogicalType.NESTED: "JSON_TEXT",
}
STRICT: Final = frozenset({"INTEGER", "REAL", "TEXT", "BLOB"})
"""Declarations that a STRICT table may have."""

_MOMENTS: Final = frozenset({LogicalType.TIMESTAMP, LogicalType.NAIVE_TIMESTAMP})
_SURE_DIGITS: Final = 15
_INTEGER_DIGITS: Final = 18


def declared(column: Column) -> str:
    """Return the type that *column* is declared as."""
    if column.logical is not LogicalType.DECIMAL:
        return _DECLARED[column.logical]
    precision, scale = _digits(column)
    kind = "DECIMAL_TEXT" if storage(column) == "text" else "DECIMAL"
    return f"{kind}({precision},{scale})"


def storage(column: Column) -> Storage:
    """Return the class of the values that SQLite holds for *column*."""
    match column.logical:
        case LogicalType.BOOLEAN | LogicalType.INTEGER:
            return "integer"
        case LogicalType.FLOAT:
            return "real"
        case LogicalType.BINARY:
            return "blob"
        case LogicalType.DECIMAL:
            precision, scale = _digits(column)
            if not scale:
                return "integer" if precision <= _INTEGER_DIGITS else "text"
            return "real" if precision <= _SURE_DIGITS else "text"
        case _:
            return "text"


def to_stored(column: Column) -> pl.Expr:
    """Return the expression for the values of *column* as SQLite holds them."""
    cell = pl.col(column.name)
    kind = storage(column)
    if kind == "integer":
        return cell.cast(pl.Int64)
    if kind == "blob":
        return cell
    if kind == "real":
        if column.logical is LogicalType.DECIMAL:
            _, scale = _digits(column)
            return cell.map_batches(lambda one: _to_real(one, scale), return_dtype=pl.Float64())
        return cell
    written = to_text(column)
    if written is None:
        return cell
    return written.str.replace("T", " ", literal=True) if column.logical in _MOMENTS else written


def from_stored(column: Column, values: pl.Series) -> pl.Series:
    """Return *values* as SQLite holds them as values of *column*, under its name.

    Raises:
        polars.exceptions.PolarsError: One is none.
        pyarrow.ArrowInvalid, msgspec.MsgspecError, TypeError, ValueError: The same.
    """
    if storage(column) == "text":
        return from_text(column, values)
    values = values.alias("stored")
    if column.logical is LogicalType.BOOLEAN:
        values = values.cast(pl.Boolean)
    elif isinstance(dtype := column.dtype, pl.Decimal):
        exact = to_decimal(values, dtype)
        if exact.null_count() != values.null_count():
            msg = f"a number has more digits than {dtype}"
            raise ValueError(msg)
        values = exact
    return values.alias(column.name)


def _digits(column: Column) -> tuple[int, int]:
    return column.precision or 38, column.scale or 0


def _to_real(values: pl.Series, scale: int) -> pl.Series:
    unscaled = values.to_physical().cast(pl.Int64)
    nothing = pl.Series([None], dtype=pl.Float64)
    return divided(unscaled, 10**scale).zip_with(values.is_not_null(), nothing)
