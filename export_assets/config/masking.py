"""Which names stand for secrets, and text with the secrets of its URLs hidden."""

import re
from fnmatch import fnmatchcase

SECRET_GLOBS = ("*password*", "*secret*", "*token*", "*api_key*")
"""Column and key names whose values never leave unless configuration says so explicitly."""

MASK = "***"

# Up to the last @, because a password may hold @, / or ? where nobody encoded it.
_USERINFO = re.compile(
    r"(?P<before>[a-z][a-z0-9+.\-]*://[^\s/@:?#]*:)[^\s'\"<>]+(?=@)", re.IGNORECASE
)
_NAMES = r"passw(?:or)?d|pwd|secret|token|credential|signature|api_?key|access_?key"
_PARAMETER = re.compile(
    rf"(?P<before>(?:[?&;\s]|^)[\w.\-]*(?:{_NAMES})[\w.\-]*=)[^\s&;#'\"]+", re.IGNORECASE
)


def is_secret_name(name: str) -> bool:
    """Whether a key or column called *name* holds a secret by default."""
    folded = name.casefold()
    return any(fnmatchcase(folded, glob) for glob in SECRET_GLOBS)


def masked(text: str) -> str:
    """Return *text* with passwords and secret-looking parameters of its URLs as `***`."""
    return _PARAMETER.sub(rf"\g<before>{MASK}", _USERINFO.sub(rf"\g<before>{MASK}", text))


def has_secret(text: str) -> bool:
    """Whether *text* holds something that `masked` would hide."""
    return masked(text) != text
