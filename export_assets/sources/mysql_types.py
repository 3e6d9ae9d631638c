"""What the types of MySQL and MariaDB become, read as text so that nothing is lost on the way.

The driver converts nothing: numbers, times and zero dates come as the server writes them. It
writes FLOAT with six digits, so that is read as DOUBLE, which comes with all of them.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import polars as pl
import sqlalchemy as sa

from export_assets.sources.sqlalchemy_reading import Nature, Reading
from export_assets.tables.schema import LogicalType

_DECLARED = re.compile(r"([a-z0-9]+(?: precision)?)(?:\s*\(([^)]*)\))?(\s+unsigned)?")
_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year"})
_FLOATS = frozenset({"float", "double", "real", "double precision"})
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"})
_BINARIES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_GEOMETRIES = frozenset(
    {
        *("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring"),
        *("multipolygon", "geometrycollection", "geomcollection"),
    }
)
_MOST_DIGITS = 38
_LONGEST_INTEGER_BITS = 63
_OWN_BYTES = dict.fromkeys(_GEOMETRIES, "the server's bytes: SRID, then WKB")
_OWN_BYTES["vector"] = "the server's bytes: 32-bit floats, little-endian"


def _texts(values: Sequence[Any]) -> tuple[pl.Series, int]:
    try:
        return pl.Series(values, dtype=pl.String()), 0
    except TypeError:  # of bytes, which types unknown here may come as
        texts = [_decoded(value) for value in values]
        return pl.Series(texts, dtype=pl.String()), texts.count(None) - values.count(None)


def _decoded(value: object) -> str | None:
    try:
        return value.decode() if isinstance(value, bytes) else None if value is None else str(value)
    except UnicodeDecodeError:
        return None


def _bytes(values: Sequence[Any]) -> tuple[pl.Series, int]:
    return pl.Series(values, dtype=pl.Binary()), 0


def _integers(values: Sequence[Any]) -> tuple[pl.Series, int]:
    return _numbers(values, pl.Int64())


def _floats(values: Sequence[Any]) -> tuple[pl.Series, int]:
    return _numbers(values, pl.Float64())


def _numbers(values: Sequence[Any], dtype: pl.DataType) -> tuple[pl.Series, int]:
    texts = pl.Series(values, dtype=pl.String())
    numbers = texts.cast(dtype, strict=False)
    return numbers, numbers.null_count() - texts.null_count()


def _instants(values: Sequence[Any]) -> tuple[pl.Series, int]:
    # The session's zone is UTC, and the server does not write it.
    return pl.Series(values, dtype=pl.String()) + "Z", 0


def _as_double(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return column * sa.literal_column("1e0")  # keeps the sign of zero, which adding 0 does not


def _as_number(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return column + sa.literal_column("0")


def _odd_day(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return sa.or_(sa.func.month(column) == 0, sa.func.dayofmonth(column) == 0)


_TEXT = Reading(dtype=pl.String(), values=_texts)
_BINARY = Reading(dtype=pl.Binary(), values=_bytes)
_INTEGER = Reading(dtype=pl.Int64(), values=_integers)
_FLOAT = Reading(dtype=pl.Float64(), values=_floats, expression=_as_double)


def _plain(logical: LogicalType, reason: str = "") -> Nature:
    return Nature(logical=logical, reading=_TEXT, textual=_TEXT, reason=reason)


def _temporal(logical: LogicalType, fact: str, zone: str | None = None) -> Nature:
    reading = Reading(dtype=pl.String(), values=_instants) if zone is not None else _TEXT
    return Nature(
        logical=logical,
        reading=reading,
        textual=_TEXT,
        fact=fact,
        encoding="iso",
        zone=zone,
        odd=None if logical is LogicalType.TIME else _odd_day,
    )


def _bits(length: int) -> Nature:
    text = Reading(dtype=pl.String(), values=_texts, expression=_as_number)
    whole = Reading(dtype=pl.Int64(), values=_integers, expression=_as_number)
    if length > _LONGEST_INTEGER_BITS:
        return Nature(
            logical=LogicalType.DECIMAL, reading=text, textual=text, precision=20, scale=0
        )
    logical = LogicalType.BOOLEAN if length == 1 else LogicalType.INTEGER
    return Nature(logical=logical, reading=whole, textual=text)


def _decimal(arguments: str) -> Nature:
    precision, _, scale = (arguments or "10,0").partition(",")
    if int(precision) > _MOST_DIGITS:
        reason = f"decimals of more than {_MOST_DIGITS} digits are carried as text"
        return _plain(LogicalType.TEXT, reason)
    return Nature(
        logical=LogicalType.DECIMAL,
        reading=_TEXT,
        textual=_TEXT,
        precision=int(precision),
        scale=int(scale or 0),
    )


_SIMPLE: dict[str, Nature] = {
    **dict.fromkeys(
        _INTEGERS, Nature(logical=LogicalType.INTEGER, reading=_INTEGER, textual=_TEXT)
    ),
    **dict.fromkeys(
        _FLOATS,
        Nature(
            logical=LogicalType.FLOAT,
            reading=_FLOAT,
            textual=Reading(dtype=pl.String(), values=_texts, expression=_as_double),
        ),
    ),
    **dict.fromkeys(_TEXTS, _plain(LogicalType.TEXT)),
    **dict.fromkeys(
        _BINARIES, Nature(logical=LogicalType.BINARY, reading=_BINARY, textual=_BINARY)
    ),
    **{
        name: Nature(logical=LogicalType.BINARY, reading=_BINARY, textual=_BINARY, reason=reason)
        for name, reason in _OWN_BYTES.items()
    },
    "json": _plain(LogicalType.JSON),
    "uuid": _plain(LogicalType.UUID),
    "inet4": _plain(LogicalType.TEXT),
    "inet6": _plain(LogicalType.TEXT),
    "date": _temporal(LogicalType.DATE, "holds zero dates or days that do not exist"),
    "datetime": _temporal(LogicalType.TIMESTAMP, "holds zero dates or days that do not exist"),
    "timestamp": _temporal(LogicalType.TIMESTAMP, "holds zero dates; times are UTC", "UTC"),
    "time": _temporal(LogicalType.TIME, "holds spans of time that are no time of day"),
}


@cache
def nature(declared: str) -> Nature:
    """Return what the type *declared*, as `information_schema` writes it, means."""
    match = _DECLARED.match(declared.lower())
    base, arguments, unsigned = match.groups() if match else (declared, None, None)
    if base == "tinyint" and arguments == "1" and not unsigned:
        return Nature(
            logical=LogicalType.BOOLEAN,
            reading=_INTEGER,
            textual=_TEXT,
            wider=LogicalType.INTEGER,
            fact="holds numbers other than 0 and 1",
        )
    if base == "bigint" and unsigned:
        return _decimal("20,0")
    if base in ("decimal", "numeric", "dec", "fixed"):
        return _decimal(arguments or "")
    if base == "bit":
        return _bits(int(arguments or 1))
    if base in _SIMPLE:
        return _SIMPLE[base]
    unknown = _plain(LogicalType.TEXT, f"{base} values are carried as text")
    return replace(unknown, binary=_BINARY, wider=LogicalType.BINARY)
