"""Equality filters in SQLite: `Scan.where` as conditions and the values bound to them.

A filter speaks of exported values, SQLite compares stored ones. Numbers and booleans are bound as
such; a time stored as text is looked for in every way that SQLite and its applications write it.
A text that is no time is looked for as it is, in case the column holds it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from export_assets.errors import UsageError
from export_assets.sources.base import Scan
from export_assets.sources.sql import quote
from export_assets.tables.schema import Column, LogicalType

Value = str | int | float | bytes | None

_WORDS = {"true": 1, "false": 0, "yes": 1, "no": 0}


def equality(
    scan: Scan, name: str, wanted: object, *, collated: bool
) -> tuple[str, tuple[Value, ...]]:
    """Return the condition that the column *name* holds *wanted*, and what to bind to it.

    Raises:
        UsageError: *wanted* is no value that the column could hold.
    """
    column = next((one for one in scan.schema.columns if one.name == name), None)
    if wanted is None:
        return f"{quote(name)} is null", ()
    compared = f"{quote(name)}{' collate binary' if collated else ''}"
    forms = tuple(_forms(column, wanted, scan.assume_timezone)) if column is not None else ()
    if forms:
        return f"{compared} in ({', '.join('?' * len(forms))})", forms
    return f"{compared} = ?", (_bindable(scan, name, column, wanted),)


def _forms(column: Column, wanted: object, zone: str) -> Iterator[str]:
    """Yield the texts that *wanted* may be stored as, where *column* holds times as text."""
    if column.encoding != "iso":
        return
    text = wanted.isoformat() if isinstance(wanted, datetime | time) else str(wanted)
    try:
        if column.logical is LogicalType.TIME:
            yield from dict.fromkeys((text, *_clock(time.fromisoformat(text))))
        elif column.logical in (LogicalType.TIMESTAMP, LogicalType.NAIVE_TIMESTAMP):
            known = LogicalType.TIMESTAMP is column.logical
            moments = _moments(datetime.fromisoformat(text), zone if known else "UTC")
            yield from dict.fromkeys((text, *moments))
    except (ValueError, OverflowError):
        return  # no time: compared as the text it is


def _moments(moment: datetime, zone: str) -> Iterator[str]:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    local, utc = moment.astimezone(ZoneInfo(zone)), moment.astimezone(UTC)
    for reading, suffixes in ((local, ("",)), (utc, ("Z", "+00:00"))):
        for between in ("T", " "):
            for clock in _clock(reading.time()):
                for suffix in suffixes:
                    yield f"{reading.date()}{between}{clock}{suffix}"
    if local.time() == time():
        yield str(local.date())


def _clock(clock: time) -> Iterator[str]:
    yield clock.isoformat("microseconds")
    if clock.microsecond:
        yield clock.isoformat("microseconds").rstrip("0")
    else:
        yield clock.isoformat("seconds")
    if clock.microsecond % 1000 == 0:
        yield clock.isoformat("milliseconds")
    if not (clock.second or clock.microsecond):
        yield clock.isoformat("minutes")


def _bindable(scan: Scan, name: str, column: Column | None, wanted: object) -> Value:
    """Return *wanted* as SQLite compares it with *column*, which is called *name*."""
    logical = column.logical if column is not None else None
    if isinstance(wanted, bytes):
        return wanted
    value: Value
    try:
        if logical is LogicalType.BOOLEAN and isinstance(wanted, str):
            lowered = wanted.lower()
            value = _WORDS[lowered] if lowered in _WORDS else int(wanted)
        elif logical in (LogicalType.INTEGER, LogicalType.BOOLEAN) and isinstance(wanted, str):
            value = int(wanted)
        elif logical in (LogicalType.FLOAT, LogicalType.DECIMAL):
            value = float(str(wanted))
        else:
            value = wanted if isinstance(wanted, int | float | str) else str(wanted)
    except ValueError as error:
        msg = f"{scan.table}.{name}: {wanted!r} is no {logical}"
        raise UsageError(msg) from error
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        msg = f"{scan.table}.{name}: {value} is beyond 64 bits, which no column holds"
        raise UsageError(msg)
    return value
