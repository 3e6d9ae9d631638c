"""How DuckDB holds each logical type, and what it falls back to where a text is none.

BOOLEAN, INTEGER, FLOAT   BOOLEAN, BIGINT, DOUBLE
DECIMAL                   DECIMAL(p,s)
TEXT                      VARCHAR
DATE                      DATE
TIME                      TIME, or TIME_NS where one is finer than a microsecond
TIMESTAMP                 TIMESTAMP WITH TIME ZONE
NAIVE_TIMESTAMP           TIMESTAMP
JSON                      JSON, or VARCHAR where a text is not JSON for DuckDB
UUID                      UUID, or VARCHAR where a text is not in the form that DuckDB writes
BINARY                    BLOB
NESTED                    lists and structs where all inside is plain, else JSON, see `nested`
"""

from typing import Final

import polars as pl
from polars.datatypes import DataTypeClass

from export_assets.formats.findings import FINER_TIMES, NOT_JSON, NOT_UUIDS
from export_assets.formats.nested import nested_from_json, nested_to_json
from export_assets.formats.sql import quote
from export_assets.tables.schema import Column, LogicalType

_DECLARED: Final = {
    LogicalType.BOOLEAN: "BOOLEAN",
    LogicalType.INTEGER: "BIGINT",
    LogicalType.FLOAT: "DOUBLE",
    LogicalType.TEXT: "VARCHAR",
    LogicalType.DATE: "DATE",
    LogicalType.TIME: "TIME",
    LogicalType.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
    LogicalType.NAIVE_TIMESTAMP: "TIMESTAMP",
    LogicalType.JSON: "JSON",
    LogicalType.UUID: "UUID",
    LogicalType.BINARY: "BLOB",
}
FALLBACKS: Final = {
    LogicalType.JSON: ("VARCHAR", NOT_JSON),
    LogicalType.UUID: ("VARCHAR", NOT_UUIDS),
    LogicalType.TIME: ("TIME_NS", FINER_TIMES),
}
"""What a column becomes for whose type a value is none, and why."""

_LEAVES: Final[dict[type[pl.DataType], str]] = {
    pl.Boolean: "BOOLEAN",
    pl.String: "VARCHAR",
    pl.Float32: "FLOAT",
    pl.Float64: "DOUBLE",
    pl.Int8: "TINYINT",
    pl.Int16: "SMALLINT",
    pl.Int32: "INTEGER",
    pl.Int64: "BIGINT",
    pl.UInt8: "UTINYINT",
    pl.UInt16: "USMALLINT",
    pl.UInt32: "UINTEGER",
    pl.UInt64: "UBIGINT",
}
_CANONICAL: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_NANOSECONDS: Final = 1_000


def declared(column: Column) -> str:
    """Return the type that *column* is declared as, as long as every value is one of it."""
    if column.logical is LogicalType.DECIMAL:
        return f"DECIMAL({column.precision or 38},{column.scale or 0})"
    if column.logical is LogicalType.NESTED:
        return plain_nested(column.dtype) or "JSON"
    return _DECLARED[column.logical]


def readable(column: Column) -> tuple[str, ...]:
    """Return the types that *column* may be declared as in a file."""
    fallback = FALLBACKS.get(column.logical)
    return (declared(column), fallback[0]) if fallback else (declared(column),)


def misfits(column: Column, values: pl.Series) -> int:
    """Count the *values* that make *column* fall back; those of JSON DuckDB finds itself."""
    values = values.alias("values")
    if column.logical is LogicalType.UUID:
        return int((~values.str.contains(_CANONICAL)).sum())
    if column.logical is LogicalType.TIME:
        return int((values.to_physical() % _NANOSECONDS != 0).sum())
    return 0


def to_stored(column: Column, values: pl.Series) -> pl.Series:
    """Return *values* as they are handed to DuckDB."""
    values = values.alias("values")
    if column.logical is LogicalType.NESTED and plain_nested(column.dtype) is None:
        return nested_to_json(values)
    return values


def from_stored(column: Column, values: pl.Series) -> pl.Series:
    """Return *values*, which came from DuckDB, as values of *column*, under its name.

    Raises:
        polars.exceptions.PolarsError: One is none.
        msgspec.MsgspecError, TypeError, ValueError: The same.
    """
    values = values.alias("values")
    if column.logical is LogicalType.NESTED and plain_nested(column.dtype) is None:
        return nested_from_json(values, column.dtype).alias(column.name)
    return values.cast(column.dtype, strict=True).alias(column.name)


def reading(column: Column) -> str:
    """Return the expression that reads *column*, under the name it has in the file."""
    plain = column.logical not in {LogicalType.JSON, LogicalType.UUID, LogicalType.NESTED}
    if plain or declared(column) not in {"JSON", "UUID"}:
        return quote(column.name)
    return f"cast({quote(column.name)} as varchar)"


def plain_nested(dtype: pl.DataType) -> str | None:
    """Return the type of lists and structs in DuckDB, None where something inside has none."""
    if isinstance(dtype, pl.List | pl.Array):
        inner = plain_nested(_made(dtype.inner))
        return None if inner is None else f"{inner}[]"
    if isinstance(dtype, pl.Struct):
        names = [field.name for field in dtype.fields]
        if not names or "" in names or len({name.casefold() for name in names}) < len(names):
            return None
        inner_types = [plain_nested(_made(field.dtype)) for field in dtype.fields]
        if None in inner_types:
            return None
        fields = zip(names, inner_types, strict=True)
        return f"STRUCT({', '.join(f'{quote(name)} {inner}' for name, inner in fields)})"
    if isinstance(dtype, pl.Decimal):
        return f"DECIMAL({dtype.precision},{dtype.scale})"
    return _LEAVES.get(type(dtype))


def _made(dtype: pl.DataType | DataTypeClass) -> pl.DataType:
    return dtype if isinstance(dtype, pl.DataType) else dtype()
