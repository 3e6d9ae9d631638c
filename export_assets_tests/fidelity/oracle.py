"""What an export of a SQLite table must hold, computed by plain Python from what SQLite holds."""

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from pathlib import Path

from export_assets.store.contents import ColumnRecord
from export_assets_tests.fidelity.readback import Promise, microseconds, nanoseconds

_UNITS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000}
_NATIVE = {
    "boolean": "integer",
    "integer": "integer",
    "float": "real",
    "decimal": "real",
    "binary": "blob",
}

Stored = tuple[str, object]
"""Storage class, and the value with text as bytes."""


def stored_rows(path: Path, table: str, columns: list[str]) -> list[tuple[Stored, ...]]:
    """Return the rows of *table* as SQLite itself holds them."""
    names = [_quote(name) for name in columns]
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        # SQLite limits the columns of a result to 2,000.
        kinds, values = (
            connection.execute(f"select {', '.join(cells)} from {_quote(table)}").fetchall()
            for cells in ([f"typeof({name})" for name in names], names)
        )
    return [
        tuple((kind.decode(), value) for kind, value in zip(one, other, strict=True))
        for one, other in zip(kinds, values, strict=True)
    ]


def count_rows(path: Path, table: str) -> int:
    """Count the rows of *table*."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"select count(*) from {_quote(table)}").fetchone()[0])


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def expected(stored: Stored, promise: Promise, column: ColumnRecord) -> object:
    """Return the canonical value that *stored* has under the type promised for its column."""
    kind, value = stored
    if kind == "null":
        return None
    match promise.logical:
        case "text" | "uuid" | "json":
            return _text(kind, value)
        case "binary":
            return value if isinstance(value, bytes) else repr(value).encode()
        case "boolean":
            assert value in (0, 1)
            return value == 1
        case "integer":
            assert kind == "integer"
            return value
        case "float":
            assert isinstance(value, int | float)
            assert float(value) == value
            return float(value).hex()
        case "decimal":
            assert isinstance(value, int | float)
            # A whole number of 64 bits is itself, whatever class SQLite holds it in.
            exact = isinstance(value, float) and abs(value) <= 2**63 and value.is_integer()
            number = Decimal(value) if exact else Decimal(repr(value))
            return number.quantize(Decimal(1).scaleb(-promise.scale), context=Context(prec=80))
    return _time(kind, value, promise.logical, column)


def _text(kind: str, value: object) -> str:
    return value.decode() if kind == "text" and isinstance(value, bytes) else repr(value)


def _time(kind: str, value: object, logical: str, column: ColumnRecord) -> object:
    if kind != "text":
        assert isinstance(value, int | float)
        unit = next(n for word, n in _UNITS.items() if f" {word} " in column.fidelity_reason)
        return round(Decimal(value) * 1_000_000 / unit)
    assert isinstance(value, bytes)
    text = value.decode()
    if logical == "time":
        return nanoseconds(text)
    if logical == "date":
        return date.fromisoformat(text[:10])
    return _moment(text)


def _moment(text: str) -> int:
    """Read the forms of ISO 8601 that are promised to be read; second 60 is the one after 59."""
    leap = ":60" in text
    fixed = re.sub(r" ?[Zz]$", "+00:00", text.replace(":60", ":59"))
    fixed = re.sub(r" ([+-]\d\d)", r"\1", fixed)
    fixed = re.sub(r"([+-]\d\d)$", r"\1:00", fixed) if len(fixed) > len("2026-01-01") else fixed
    moment = datetime.fromisoformat(fixed)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return microseconds(moment) + leap * (timedelta(seconds=1) // timedelta(microseconds=1))


def in_json(value: object, promise: Promise) -> object:
    """Return what of a canonical *value* a JSON file can hold: no NaN, no infinity."""
    if promise.logical == "float" and isinstance(value, str) and "inf" in value:
        return None
    return value


def json_value(text: str) -> object:
    """Return what a JSON column is in a JSON file: containers as they are, the rest as text."""
    bare = text.strip(" \t\r\n")
    if not bare.startswith(("{", "[")):
        return text
    try:
        return json.loads(bare, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(name: str) -> object:
    raise ValueError(name)


def is_native(stored: Stored, logical: str) -> bool:
    """Whether a value is of the storage class that its logical type stands for."""
    return stored[0] in ("null", _NATIVE.get(logical, "text"))
