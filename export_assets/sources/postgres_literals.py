"""Values as PostgreSQL literals: the driver streams only statements without parameters.

A literal is the text of the value in single quotes, doubled inside, cast to the column's type.
With `standard_conforming_strings` on and UTF-8 as the client's encoding, both of which every
session sets, nothing else in a literal has a meaning.
"""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from export_assets.errors import UsageError
from export_assets.sources import sql

_UNITS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def literal(value: object, kind: str, *, zone: str = "UTC", encoding: str = "native") -> str:
    """Return *value* as a literal of the type *kind*.

    Args:
        value: As a conformed frame holds it, or its text.
        kind: The column's type as a cast names it.
        zone: The zone in which a column without zones holds its wall clocks.
        encoding: How the column holds instants; see `tables.schema`.

    Raises:
        UsageError: No text of PostgreSQL holds the value.
    """
    return f"{sql.text(text_of(value, kind, zone=zone, encoding=encoding))}::{kind}"


def text_of(value: object, kind: str, *, zone: str = "UTC", encoding: str = "native") -> str:
    """Return the text that PostgreSQL reads as *value* of the type *kind*; see `literal`.

    Raises:
        UsageError: No text of PostgreSQL holds the value.
    """
    text = _written(value, kind, zone=zone, encoding=encoding)
    if "\0" in text or any("\ud800" <= one <= "\udfff" for one in text):
        msg = f"{value!r}: PostgreSQL holds no such text"
        raise UsageError(msg)
    return text


def _written(value: object, kind: str, *, zone: str, encoding: str) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return _moment(value, kind, zone=zone, encoding=encoding)
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def _moment(value: datetime, kind: str, *, zone: str, encoding: str) -> str:
    if encoding in _UNITS and value.tzinfo is not None:
        micros = (value - _EPOCH) // (datetime.resolution)
        unit = _UNITS[encoding]
        return str(micros // unit) if micros % unit == 0 else repr(micros / unit)
    if value.tzinfo is not None and kind != "timestamp with time zone":
        value = value.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return value.isoformat(sep=" ")
