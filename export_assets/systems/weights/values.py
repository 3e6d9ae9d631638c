"""Times, texts and counts as states hold them, tagged or not, as the tables' values."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from export_assets.sources.states.kind import Unreadable

_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:\.(\d+))?)?\s?(Z|[+-]\d\d:?\d\d)?"
)
_PLAIN = len("2024-01-15T10:30:00")
_NONE = frozenset({"", "NaT", "None", "null"})


def moment(value: object, what: str, zone: ZoneInfo) -> datetime | None:
    """Return a wall-clock time without a zone; one with an offset is put on the clock of *zone*.

    Accepts a tagged time, ISO 8601 with `T` or a blank, with a fraction or an offset, and Python's
    own; None where there is none.

    Raises:
        Unreadable: It is something else, no time of the calendar, or finer than a microsecond.
    """
    if value is None:
        return None
    if type(value) is dict and value.get("_type") == "datetime":
        value = value.get("data")
        if value is None:
            return None
    if isinstance(value, datetime):
        return _naive(value, what, zone)
    if isinstance(value, str):
        found = _read(value.strip(), what)
        return found if found is None or found.tzinfo is None else _naive(found, what, zone)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - of no zone
    if hasattr(value, "dtype"):  # NumPy's own times print as ISO 8601
        return moment(str(value), what, zone)
    raise _no_time(what)


def text(value: object, what: str) -> str | None:
    """Return *value*, which must be text that UTF-8 can hold; None where there is none.

    Raises:
        Unreadable: It is something else.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        msg = f"{what}: is no text"
        raise Unreadable(msg, reason="shape")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            msg = f"{what}: holds half of a character"
            raise Unreadable(msg, reason="encoding") from None
    return value


def whole(value: object, what: str) -> int | None:
    """Return *value* as an integer of 64 bits; None where there is none.

    Raises:
        Unreadable: It is something else.
    """
    if value is None:
        return None
    if hasattr(value, "tolist") and getattr(value, "shape", None) == ():
        value = value.tolist()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is int and -(2**63) <= value < 2**63:
        return value
    msg = f"{what}: is no whole number"
    raise Unreadable(msg, reason="shape")


def json_text(value: object, what: str) -> str | None:
    """Return *value* as JSON; tags are taken off, and what is not finite becomes text.

    Raises:
        Unreadable: JSON cannot hold it.
    """
    if value is None:
        return None
    try:
        return text(json.dumps(_plain(value), ensure_ascii=False, allow_nan=False), what)
    except (TypeError, ValueError, RecursionError):
        msg = f"{what}: holds what JSON cannot"
        raise Unreadable(msg, reason="shape") from None


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        if value.get("_type") in {"ndarray", "datetime"} and "data" in value:
            return _plain(value["data"])
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not (abs(value) < float("inf")):
        return str(value)
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return value.isoformat() if hasattr(value, "isoformat") else value


def _read(written: str, what: str) -> datetime | None:
    if len(written) == _PLAIN and written[4] + written[7] + written[13] + written[16] == "--::":
        with suppress(ValueError):
            return datetime.fromisoformat(written)
    found = _TIME.fullmatch(written)
    if found is None:
        if written in _NONE:
            return None
        raise _no_time(what)
    day, clock, seconds, fraction, offset = found.groups()
    fraction = (fraction or "").rstrip("0")
    if len(fraction) > 6 or (fraction and seconds is None):  # noqa: PLR2004 - microseconds
        raise _no_time(what)
    spelt = f"{day}T{clock or '00:00'}{seconds or ':00'}.{fraction:0<6}{offset or ''}"
    try:
        return datetime.fromisoformat(spelt)
    except ValueError:
        raise _no_time(what) from None


def _naive(value: datetime, what: str, zone: ZoneInfo) -> datetime:
    if value.tzinfo is None:
        return value
    try:
        return value.astimezone(zone).replace(tzinfo=None)
    except (OverflowError, ValueError):
        raise _no_time(what) from None


def _no_time(what: str) -> Unreadable:
    return Unreadable(f"{what}: is no time to the microsecond", reason="time")
