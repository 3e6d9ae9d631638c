"""Is a text JSON, and how an object or array stands in one line."""

import re
from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

_decode = msgspec.json.Decoder(msgspec.Raw).decode

_SPACES = " \t\r\n"
_LINE_BREAK = re.compile(r"[\r\n]")


DEEP = 500
"""Brackets from which a text may be nested so deep that a reader, who is deeper in its own
stack or reads the text inside a record, can no longer follow."""
_ROOM = 200
"""Levels of nesting such a text must leave free."""


def is_json(text: str) -> bool:
    """Tell whether *text* is one JSON value, nested no deeper than readers can follow."""
    return all_json([text])


def all_json(texts: Sequence[str]) -> bool:
    """Tell whether each of *texts* is one JSON value, nested no deeper than readers can follow."""
    try:
        deque(map(_decode, texts), maxlen=0)
        for text in texts:
            if len(text) > DEEP and text.count("[") + text.count("{") > DEEP:
                _decode("[" * _ROOM + text + "]" * _ROOM)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def count_broken(texts: Iterable[str]) -> int:
    """Count the *texts* that are not JSON."""
    return sum(not is_json(text) for text in texts)


def one_line(text: str) -> str | None:
    """Return the object or array that *text* is, on one line, or None where it is neither.

    Line breaks between its tokens become blanks, white space around it goes.
    """
    bare = text.strip(_SPACES)
    if not bare or bare[0] not in "{[" or not is_json(bare):
        return None
    return _LINE_BREAK.sub(" ", bare) if "\n" in bare or "\r" in bare else bare
