"""What SQLAlchemy's types become, for servers known through their dialect only.

Values are taken as the driver gives them, and each is looked at: dialects differ in what they
convert, some fail on values that a column should not hold, and few say so beforehand.
"""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl
import sqlalchemy as sa

from export_assets.sources.sqlalchemy_reading import Nature, Reading, Values
from export_assets.tables.schema import LogicalType

_MOST_DIGITS = 38
_INT64 = range(-(2**63), 2**63)
_Bytes = bytes | bytearray | memoryview


class _NoFit(ValueError):
    """A value is none of the column's type."""


def text_of(value: object) -> str:
    """Return *value* as text that says all of it.

    Raises:
        ValueError: It is bytes that are no UTF-8, which no text says.
    """
    if isinstance(value, _Bytes):
        return bytes(value).decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=text_of)
    return repr(value) if isinstance(value, float) else str(value)


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, _Bytes) else text_of(value).encode()


def _own_bytes(value: object) -> bytes:
    if not isinstance(value, _Bytes):
        raise _NoFit
    return bytes(value)


def _own_text(value: object) -> str:
    if not isinstance(value, str):
        raise _NoFit
    value.encode()  # which fails for halves of characters
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, int) or value not in (0, 1):
        raise _NoFit
    return bool(value)


def _whole(value: object) -> int:
    if not isinstance(value, int) or value not in _INT64:
        raise _NoFit
    return int(value)


def _float(value: object) -> float:
    if isinstance(value, float):
        return value
    if not isinstance(value, int | Decimal) or float(value) != value:
        raise _NoFit
    return float(value)


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float):
        raise _NoFit
    return format(Decimal(repr(value) if isinstance(value, float) else value), "f")


def _moment(value: object) -> str:
    if not isinstance(value, str | date | time):
        raise _NoFit
    return text_of(value)


def _document(value: object) -> str:
    if isinstance(value, _Bytes):
        raise _NoFit
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _values(dtype: pl.DataType, one: Callable[[object], object]) -> Values:
    def convert(values: Sequence[Any]) -> tuple[pl.Series, int]:
        found = [_tried(one, value) for value in values]
        return pl.Series(found, dtype=dtype), found.count(None) - list(values).count(None)

    return convert


def _tried(one: Callable[[object], object], value: object) -> object:
    try:
        return None if value is None else one(value)
    except (ValueError, OverflowError):
        return None


_TEXT = Reading(dtype=pl.String(), values=_values(pl.String(), text_of))
_BINARY = Reading(dtype=pl.Binary(), values=_values(pl.Binary(), _bytes))


def nature(kind: sa.types.TypeEngine[Any]) -> Nature:
    """Return what columns of type *kind* mean and how they are read."""
    types = sa.types
    if isinstance(kind, types.Boolean):
        return _nature(LogicalType.BOOLEAN, kind, pl.Boolean(), _truth)
    if isinstance(kind, types.Integer):
        return _nature(LogicalType.INTEGER, kind, pl.Int64(), _whole)
    if isinstance(kind, types.Float | types.Double):
        return _nature(LogicalType.FLOAT, kind, pl.Float64(), _float)
    if isinstance(kind, types.Numeric):
        return _decimal(kind)
    for temporal, logical in (
        (types.DateTime, LogicalType.TIMESTAMP),
        (types.Date, LogicalType.DATE),
        (types.Time, LogicalType.TIME),
    ):
        if isinstance(kind, temporal):
            zoned = bool(getattr(kind, "timezone", False))
            return _nature(logical, kind, pl.String(), _moment, aware=zoned)
    return _textual(kind)


def _textual(kind: sa.types.TypeEngine[Any]) -> Nature:
    types = sa.types
    if isinstance(kind, types.LargeBinary | types.BINARY | types.VARBINARY):
        return _nature(LogicalType.BINARY, kind, pl.Binary(), _own_bytes)
    if isinstance(kind, types.JSON):
        return _nature(LogicalType.JSON, kind, pl.String(), _document)
    if isinstance(kind, types.Uuid):
        return _nature(LogicalType.UUID, kind, pl.String(), text_of)
    if isinstance(kind, types.String):
        return _nature(LogicalType.TEXT, kind, pl.String(), _own_text)
    reason = f"{str(kind).lower()} values are carried as text"
    return _nature(LogicalType.TEXT, kind, pl.String(), text_of, reason=reason)


def _decimal(kind: sa.types.Numeric[Any]) -> Nature:
    digits, scale = kind.precision, kind.scale or 0
    if digits is None or digits > _MOST_DIGITS or not 0 <= scale <= digits:
        size = "no fixed number of" if digits is None else f"more than {_MOST_DIGITS}"
        reason = f"decimals of {size} digits are carried as text"
        return _nature(LogicalType.TEXT, kind, pl.String(), text_of, reason=reason)
    return _nature(LogicalType.DECIMAL, kind, pl.String(), _number, precision=digits, scale=scale)


def _nature(
    logical: LogicalType,
    kind: sa.types.TypeEngine[Any],
    dtype: pl.DataType,
    one: Callable[[object], object],
    *,
    reason: str = "",
    aware: bool = False,
    precision: int | None = None,
    scale: int | None = None,
) -> Nature:
    return Nature(
        logical=logical,
        reading=Reading(dtype=dtype, values=_values(dtype, one)),
        textual=_TEXT,
        binary=_BINARY,
        compared=kind,
        reason=reason,
        wider=LogicalType.BINARY if reason else LogicalType.TEXT,
        aware=aware,
        precision=precision,
        scale=scale,
    )
