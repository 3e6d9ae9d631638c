"""Which names stand for secrets, and text with the secrets of its URLs hidden."""

import re
from fnmatch import fnmatchcase

SECRET_GLOBS = (
    "*password*", "*secret*", "*token*", "*api_key*", "*apikey*", "*api-key*", "*api key*",
)  # fmt: skip
"""Column and key names whose values never leave unless configuration says so explicitly."""

MASK = "***"

# Up to the last @, because a password may hold @, / or ? where nobody encoded it.
_USERINFO = re.compile(
    r"(?P<before>[a-z][a-z0-9+.\-]*://[^\s/@:?#]*:)[^\s'\"<>]+(?=@)", re.IGNORECASE
)
_WHOLE_USERINFO = re.compile(
    r"(?P<before>^\s*[a-z][a-z0-9+.\-]*://[^/@:?#]*:).+(?=@)", re.IGNORECASE | re.DOTALL
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
    """Return *text*, any text, with passwords and secret-looking parameters of URLs as `***`."""
    return _PARAMETER.sub(rf"\g<before>{MASK}", _USERINFO.sub(rf"\g<before>{MASK}", text))


def masked_url(url: str) -> str:
    """Return *url*, one address, with its secrets as `***`, whatever characters they hold."""
    return masked(_WHOLE_USERINFO.sub(rf"\g<before>{MASK}", url))


def has_secret(url: str) -> bool:
    """Whether *url*, one address, holds something that `masked_url` would hide."""
    return masked_url(url) != url
