"""The text of a state file as Python's values, by the rules the processor itself writes by.

NaN and the infinities stand for themselves. Names that occur twice in an object are refused: which
of the two counts nobody can say.
"""

import json
from typing import Final

from export_assets.sources.states.kind import Unreadable

_MARK = b"\xef\xbb\xbf"


class _Twice(ValueError):
    """A name occurs twice in one object."""


def parse_state(content: bytes) -> dict[str, object]:
    """Return the object that *content* holds.

    Raises:
        Unreadable: It is no JSON in UTF-8, no object, nested too deep, or has a name twice.
    """
    try:
        text = content.removeprefix(_MARK).decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"no UTF-8 at byte {error.start:,}"
        raise Unreadable(msg, reason="encoding") from None
    try:
        found = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        msg = f"{error.msg} at {place}"
        raise Unreadable(msg, reason="json") from None
    except _Twice:
        msg = "a name occurs twice in one object"
        raise Unreadable(msg, reason="duplicate-key") from None
    except RecursionError:
        msg = "nested too deep"
        raise Unreadable(msg, reason="depth") from None
    except ValueError:  # Python takes no integer of more than 4,300 digits
        msg = "a number has too many digits"
        raise Unreadable(msg, reason="json") from None
    if not isinstance(found, dict):
        msg = "holds no object"
        raise Unreadable(msg, reason="no-object")
    return found


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice
    return found


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique)
