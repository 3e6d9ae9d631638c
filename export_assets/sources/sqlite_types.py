"""What SQLite's declared types mean, and how raw batches of a SQLite source hold them."""

import re
from dataclasses import dataclass
from typing import Literal

import polars as pl

from export_assets.tables.schema import Column, LogicalType, TableSchema

Affinity = Literal["integer", "text", "blob", "real", "numeric"]

_NAMED: dict[str, LogicalType] = {
    "BOOL": LogicalType.BOOLEAN,
    "BOOLEAN": LogicalType.BOOLEAN,
    "DATE": LogicalType.DATE,
    "TIME": LogicalType.TIME,
    "DATETIME": LogicalType.TIMESTAMP,
    "TIMESTAMP": LogicalType.TIMESTAMP,
    "TIMESTAMPTZ": LogicalType.TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": LogicalType.TIMESTAMP,
    "TIMESTAMP WITHOUT TIME ZONE": LogicalType.TIMESTAMP,
    "JSON": LogicalType.JSON,
    "UUID": LogicalType.UUID,
    "GUID": LogicalType.UUID,
    "UNIQUEIDENTIFIER": LogicalType.UUID,
    "BINARY": LogicalType.BINARY,
    "VARBINARY": LogicalType.BINARY,
    "BYTEA": LogicalType.BINARY,
    "JSONB": LogicalType.BINARY,
    # What our own databases declare, see `formats.sqlite_columns`.
    "NAIVE_TIMESTAMP": LogicalType.NAIVE_TIMESTAMP,
    "JSON_TEXT": LogicalType.JSON,
    "UUID_TEXT": LogicalType.UUID,
}
_BY_AFFINITY: dict[Affinity, LogicalType] = {
    "integer": LogicalType.INTEGER,
    "text": LogicalType.TEXT,
    "blob": LogicalType.BINARY,
    "real": LogicalType.FLOAT,
}
_DECIMALS = ("DECIMAL", "NUMERIC", "NUMBER", "DEC", "DECIMAL_TEXT")
_PRECISION_LIMIT = 38

TEMPORAL = frozenset(
    {
        LogicalType.DATE,
        LogicalType.TIME,
        LogicalType.TIMESTAMP,
        LogicalType.NAIVE_TIMESTAMP,
    }
)


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What a declared type says: None as the logical type where only the values can tell."""

    logical: LogicalType | None
    precision: int | None = None
    scale: int | None = None


def affinity(declared: str) -> Affinity:
    """Return the storage affinity SQLite gives a column declared *declared*."""
    upper = declared.upper()
    if "INT" in upper:
        return "integer"
    if any(word in upper for word in ("CHAR", "CLOB", "TEXT")):
        return "text"
    if "BLOB" in upper or not upper:
        return "blob"
    if any(word in upper for word in ("REAL", "FLOA", "DOUB")):
        return "real"
    return "numeric"


def declared_type(declared: str) -> Declared:
    """Return the meaning of *declared*: by its name first, by its affinity otherwise."""
    base, arguments = _split(declared)
    if base in _NAMED:
        return Declared(logical=_NAMED[base])
    if base in _DECIMALS:
        precision = arguments[0] if arguments else None
        scale = arguments[1] if len(arguments) > 1 else 0
        if precision is None or not 0 < precision <= _PRECISION_LIMIT or scale > precision:
            return Declared(logical=None)
        return Declared(logical=LogicalType.DECIMAL, precision=precision, scale=scale)
    if not base:
        return Declared(logical=None)
    return Declared(logical=_BY_AFFINITY.get(affinity(declared)))


def _split(declared: str) -> tuple[str, list[int]]:
    match = re.fullmatch(r"\s*([^()]*?)\s*(?:\(([\d\s,]*)\)\s*(.*))?", declared)
    if match is None:
        return declared.strip().upper(), []
    base = " ".join(f"{match[1]} {match[3] or ''}".split()).upper()
    return base, [int(number) for number in re.findall(r"\d+", match[2] or "")]


def raw_dtype(column: Column) -> pl.DataType:
    """Return the Polars type raw batches hold *column* as.

    SQLite has no decimals: it holds them as reals, or as integers where nothing follows the point.
    Our own databases hold those of many digits as texts, and declare them so.
    Values that are read by configured rules are delivered as text, whatever they are.
    """
    if column.reading is not None and column.reading.from_text:
        return pl.String()
    if column.logical in (LogicalType.INTEGER, LogicalType.BOOLEAN):
        return pl.Int64()
    if column.logical is LogicalType.DECIMAL:
        if affinity(column.declared) == "text" and _split(column.declared)[0] in _DECIMALS:
            return pl.String()
        return pl.Float64() if column.scale else pl.Int64()
    if column.logical is LogicalType.FLOAT or column.encoding.startswith("epoch"):
        return pl.Float64()
    if column.logical is LogicalType.BINARY:
        return pl.Binary()
    return pl.String()


def raw_schema(schema: TableSchema) -> pl.Schema:
    """Return the Polars schema of every raw batch scanned with *schema*."""
    return pl.Schema({column.name: raw_dtype(column) for column in schema.columns})


def says(declared: str) -> bool:
    """Whether *declared* tells a column's logical type; otherwise only its values can."""
    return declared_type(declared).logical is not None


def describe_column(name: str, declared: str, *, nullable: bool) -> Column:
    """Return the column as its declaration promises it, as text where that says nothing."""
    meaning = declared_type(declared)
    logical = meaning.logical or LogicalType.TEXT
    return Column(
        name=name,
        logical=logical,
        declared=declared,
        encoding="iso" if logical in TEMPORAL else "native",
        nullable=nullable,
        precision=meaning.precision,
        scale=meaning.scale,
    )
