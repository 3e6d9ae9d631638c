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
        raise Unreadable("encoding", f"no UTF-8 at byte {error.start:,}") from None
    try:
        found = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Unreadable("json", f"{error.msg} at {place}") from None
    except _Twice:
        raise Unreadable("duplicate-key", "a name occurs twice in one object") from None
    except RecursionError:
        raise Unreadable("depth", "nested too deep") from None
    except ValueError:  # Python takes no integer of more than 4,300 digits
        raise Unreadable("json", "a number has too many digits") from None
    if not isinstance(found, dict):
        raise Unreadable("no-object", "holds no object")
    return found


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice
    return found


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique)
