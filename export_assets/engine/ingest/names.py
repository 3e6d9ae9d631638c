"""Names of logs as text that any file can hold."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

_UNDECODED = re.compile("[\udc80-\udcff]")


def escaped(name: str) -> str:
    """Return *name* as text that any file can hold: odd bytes and `%` percent-encoded."""
    plain = name.replace("%", "%25")
    return _UNDECODED.sub(lambda found: f"%{ord(found[0]) - 0xDC00:02X}", plain)


def is_like(name: str, patterns: Sequence[str]) -> bool:
    """Whether a file is called like one of *patterns*: by path, or by name without a `/`."""
    base = name.rpartition("/")[2]
    return any(fnmatchcase(name, one) or fnmatchcase(base, one) for one in patterns)
