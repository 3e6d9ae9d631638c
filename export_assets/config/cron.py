"""Cron lines, checked early so that a wrong one is an error and not a schedule that never runs."""

import re
from calendar import monthrange

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)
_MACROS = frozenset({"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly"})
_ITEM = re.compile(
    r"(\*|(?P<first>[0-9A-Za-z]+)(?:-(?P<last>[0-9A-Za-z]+))?)(?:/(?P<step>[0-9]+))?"
)


def check_cron(text: str) -> str:
    """Return *text* when it is a cron line of five fields, or one of `@hourly`, `@daily`, ….

    Raises:
        ValueError: It is not; the message says which field.
    """
    if text in _MACROS:
        return text
    fields = text.split()
    if len(fields) != len(_FIELDS):
        msg = f"{text!r} is no cron line: five fields expected, not {len(fields)}"
        raise ValueError(msg)
    for value, (name, low, high, names) in zip(fields, _FIELDS, strict=True):
        for item in value.split(","):
            if not _item_is_valid(item, low=low, high=high, names=names):
                msg = f"{text!r} is no cron line: {name} {value!r}"
                raise ValueError(msg)
    if fields[4] == "*" and not _day_exists(fields[2], fields[3]):
        msg = f"{text!r} is no cron line: day {fields[2]} of month {fields[3]} never comes"
        raise ValueError(msg)
    return text


def _day_exists(days: str, months: str) -> bool:
    if "*" in days or "*" in months:
        return True
    first_day = min(int(item.split("/")[0].split("-")[0]) for item in days.split(","))
    longest = max(
        monthrange(2024, month)[1]  # a leap year
        for item in months.split(",")
        for month in _months(item.split("/")[0])
    )
    return first_day <= longest


def _months(item: str) -> range:
    first, _, last = item.partition("-")
    bounds = [_number(text, low=1, names=_MONTHS) or 1 for text in (first, last or first)]
    return range(bounds[0], bounds[1] + 1)


def _item_is_valid(item: str, *, low: int, high: int, names: tuple[str, ...]) -> bool:
    match = _ITEM.fullmatch(item)
    if match is None or (match["step"] and int(match["step"]) == 0):
        return False
    bounds = [
        _number(text, low=low, names=names) for text in (match["first"], match["last"]) if text
    ]
    if any(bound is None or not low <= bound <= high for bound in bounds):
        return False
    numbers = [bound for bound in bounds if bound is not None]
    return numbers == sorted(numbers)


def _number(text: str, *, low: int, names: tuple[str, ...]) -> int | None:
    if text.lower() in names:
        return names.index(text.lower()) + low
    return int(text) if text.isdecimal() else None
