"""How a chart writes numbers, times and names: short, and with nothing that is markup."""

from datetime import UTC, datetime, timedelta
from html import escape

_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_ROUNDED_UP = 0.9995
"""What is so near to a step is written as one of it: 999,900 is `1M`, not a thousand thousands."""
_SHORT = timedelta(hours=36)
_PLAIN = 10_000
_MICROSECONDS = 1_000_000
_BLANK = "(blank)"


def number(value: float) -> str:
    """Return *value* in about three digits: `54`, `1.2k`, `0.35`."""
    if abs(value) < _PLAIN and value == int(value):
        return str(int(value))
    steps = _STEPS if abs(value) < _STEPS[0][0] * 1_000 * _ROUNDED_UP else ()
    for size, sign in steps:
        if abs(value) >= size * _ROUNDED_UP:
            return f"{value / size:.3g}{sign}"
    return f"{value:.3g}"


def span(low: float, high: float, *, times: bool) -> tuple[str, str]:
    """Return what stands at both ends of an axis: times of day, days or numbers.

    Args:
        low: Its left end, of times in microseconds since 1970.
        high: Its right end.
        times: Whether it is one of times.
    """
    if not times:
        return number(low), number(high)
    start, end = (_moment(value) for value in (low, high))
    if end - start <= _SHORT:
        return f"{start:%H:%M}", f"{end:%H:%M}"
    return start.date().isoformat(), end.date().isoformat()


def name(text: str, longest: int) -> str:
    """Return *text* in at most so many signs as text of a document in XML."""
    shown = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    shown = shown if shown.strip() else _BLANK
    cut = shown if len(shown) <= longest else shown[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return escape(cut, quote=False)


def _moment(microseconds: float) -> datetime:
    seconds = microseconds / _MICROSECONDS
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if seconds > 0 else datetime.min.replace(tzinfo=UTC)
