"""How figures are written for people."""

_THOUSAND = 1000
_UNITS = ("B", "kB", "MB", "GB", "TB")
_TENTHS_FROM = 10
_MINUTE = 60


def count(number: int) -> str:
    """Return *number* with its thousands apart: `1,234,567`."""
    return f"{number:,}"


def counted(number: int, noun: str) -> str:
    """Return how many of a thing there are: `1 file`, `2,000 files`."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """Return a number of bytes for people: `1.2 MB`."""
    value, step = float(number), 0
    while value >= _THOUSAND and step < len(_UNITS) - 1:
        value, step = value / _THOUSAND, step + 1
    return f"{value:.1f} {_UNITS[step]}" if step else f"{number} B"


def duration(seconds: float) -> str:
    """Return a duration for people: `0.42 s`, `12.3 s`, `3 min 5 s`."""
    if seconds < _TENTHS_FROM:
        return f"{seconds:.2f} s"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes} min {rest} s"


def span(keys: list[str]) -> str:
    """Return one key, or the first, the last and how many there are."""
    return keys[0] if len(keys) == 1 else f"{keys[0]} … {keys[-1]} ({count(len(keys))})"
