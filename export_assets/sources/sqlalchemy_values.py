"""Values of a request as the server compares them: filters, keys, bounds of windows."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from export_assets.errors import UsageError
from export_assets.tables.partitions import Window
from export_assets.tables.schema import LogicalType

_UNITS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
_EPOCH_MARGIN = 0.001
"""Seconds by which windows over numbers with a fraction are widened."""
_INT64 = range(-(2**63), 2**63)
_TRUTH = {"true": 1, "t": 1, "false": 0, "f": 0}
TEXTUAL = frozenset({LogicalType.TEXT, LogicalType.JSON, LogicalType.UUID})


def _whole(value: object) -> int:
    if not isinstance(value, int | str | float | Decimal) or int(value) not in _INT64:
        raise ValueError
    if not isinstance(value, str) and value != int(value):
        raise ValueError
    return int(value)


def _truth(value: object) -> int:
    if isinstance(value, str) and value.lower() in _TRUTH:
        return _TRUTH[value.lower()]
    return _whole(value)


def _number(value: object) -> Decimal:
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError
    return number


def _float(value: object) -> float:
    if isinstance(value, int | float | str | Decimal):
        return float(value)
    raise ValueError


def _day(value: object) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _clock(value: object) -> time:
    return value if isinstance(value, time) else time.fromisoformat(str(value))


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


_BY_TYPE: dict[LogicalType, Callable[[object], object]] = {
    LogicalType.BOOLEAN: _truth,
    LogicalType.INTEGER: _whole,
    LogicalType.DECIMAL: _number,
    LogicalType.FLOAT: _float,
    LogicalType.DATE: _day,
    LogicalType.TIME: _clock,
    LogicalType.BINARY: _bytes,
}


def bound(where: str, value: object, logical: LogicalType, *, zone: str, aware: bool) -> object:
    """Return *value* as a column of type *logical* is compared with it, None for NULL.

    Args:
        where: The column, for people.
        value: What was asked for: text, or a value as conformed frames hold it.
        logical: What the column's values mean.
        zone: The zone of wall-clock readings.
        aware: Whether the server takes moments with a zone; it gets readings of UTC or *zone*
            where it does not.

    Raises:
        UsageError: It is no value of that type.
    """
    if value is None:
        return None
    try:
        if logical in (LogicalType.TIMESTAMP, LogicalType.NAIVE_TIMESTAMP):
            return _moment(value, zone, aware=aware)
        return _BY_TYPE.get(logical, str)(value)
    except (ValueError, InvalidOperation, OverflowError) as error:
        msg = f"{where}: {value!r} is no {logical}"
        raise UsageError(msg) from error


def _moment(value: object, zone: str, *, aware: bool) -> datetime:
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a wall clock's
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if aware:
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) if moment.tzinfo else moment


def window_conditions(
    of: sa.ColumnElement[object],
    window: Window,
    logical: LogicalType,
    *,
    encoding: str,
    zone: str,
    aware: bool,
) -> list[sa.ColumnElement[bool]]:
    """Return conditions that no row inside *window* fails; none where it cannot be compared."""
    parts: list[sa.ColumnElement[bool]] = []
    numeric = logical in (LogicalType.INTEGER, LogicalType.FLOAT, LogicalType.DECIMAL)
    for moment, later in ((window.start, False), (window.end, True)):
        if moment is None:
            continue
        if encoding in _UNITS and numeric:
            margin = _EPOCH_MARGIN if later else -_EPOCH_MARGIN
            edge: object = (moment.timestamp() + margin) * _UNITS[encoding]
        elif encoding in _UNITS or logical not in (LogicalType.DATE, LogicalType.TIMESTAMP):
            return []
        elif logical is LogicalType.DATE:
            edge = moment.astimezone(UTC).date()
        else:
            edge = moment if aware else _wall(moment, zone, later=later)
        inclusive = later and logical is LogicalType.DATE
        parts.append(of <= edge if inclusive else of < edge if later else of >= edge)
    return parts


def _wall(moment: datetime, zone: str, *, later: bool) -> datetime:
    naive = moment.astimezone(UTC).replace(tzinfo=None)
    if zone == "UTC":
        return naive
    # No zone is further than a day from UTC.
    try:
        return naive + timedelta(days=1) if later else naive - timedelta(days=1)
    except OverflowError:
        return datetime.max if later else datetime.min  # noqa: DTZ901 - a wall clock's
