"""Dates as people give them on the command line, and the half-open UTC ranges they stand for."""

import re
from datetime import UTC, date, datetime, time, timedelta

from export_assets.errors import UsageError

_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RELATIVE = re.compile(r"[Tt]-([0-9]{1,6})d")

UtcRange = tuple[datetime | None, datetime | None]
"""`start <= t < end`, both aware and in UTC; None is unbounded."""


def parse_day(text: str, *, now: datetime) -> date:
    """Return the day *text* names: `2026-02-08`, `today`, `yesterday` or `T-7d`.

    *now* is the clock, aware; today is its day in UTC.

    Raises:
        UsageError: *text* names no day.
    """
    today = now.astimezone(UTC).date()
    word = text.strip()
    days_back = {"today": 0, "yesterday": 1}.get(word.lower())
    relative = _RELATIVE.fullmatch(word)
    if relative is not None:
        days_back = int(relative[1])
    try:
        if days_back is not None:
            return today - timedelta(days=days_back)
        if _ISO_DAY.fullmatch(word):
            return date.fromisoformat(word)
    except (ValueError, OverflowError) as error:
        msg = f"date {text!r}: no such day"
        raise UsageError(msg) from error
    msg = f"date {text!r}: expected YYYY-MM-DD, today, yesterday or T-<days>d"
    raise UsageError(msg)


def day_range(start: str | None, end: str | None, *, now: datetime) -> UtcRange:
    """Return the UTC range from the first moment of *start* to the last of *end*, both included.

    Raises:
        UsageError: One of them names no day, or *start* lies after *end*.
    """
    first = parse_day(start, now=now) if start is not None else None
    last = parse_day(end, now=now) if end is not None else None
    if first is not None and last is not None and first > last:
        msg = f"start date {first} is after end date {last}"
        raise UsageError(msg)
    return (
        _midnight(first) if first is not None else None,
        _midnight_after(last) if last is not None else None,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _midnight_after(day: date) -> datetime | None:
    # The last day there is has no day after it: then nothing can lie beyond the range.
    return None if day == date.max else _midnight(day + timedelta(days=1))
