r"""Arrays as NumPy prints them: `[[8.00e+01 0.00e+00]\n [8.05e+01 2.00e-02]]`."""

import re
from typing import Final

from export_assets.sources.states.kind import Unreadable

_MOST_OPEN = 6
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<open>\[)|(?P<close>\])|(?P<number>[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?"
    r"|\.\d+(?:[eE][+-]?\d+)?|inf|nan))(?=[\s,\[\]]|$)|(?P<comma>,))",
)
_WRAPPED: Final = re.compile(
    r"\s*(?:np\.|numpy\.)?array\((.*?)(?:,\s*dtype=[\w.']+)?\)\s*", re.DOTALL
)


def read_printed(text: str, what: str) -> object:
    """Return the lists of numbers that NumPy printed as *text*, None where that is blank.

    Raises:
        Unreadable: It is no such text, or parts were left out of it.
    """
    if "..." in text:
        msg = f"{what}: was printed with parts left out"
        raise Unreadable(msg, reason="truncated")
    wrapped = _WRAPPED.fullmatch(text)
    text = (wrapped.group(1) if wrapped is not None else text).strip()
    if not text:
        return None
    done: list[object] = []
    open_lists: list[list[object]] = [done]
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None or len(open_lists) > _MOST_OPEN:
            break
        at = token.end()
        if token["open"]:
            inner: list[object] = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
        elif token["close"]:
            open_lists.pop()
            if not open_lists:
                break
        elif token["number"]:
            open_lists[-1].append(float(token["number"]))
    if at < len(text) or len(open_lists) != 1 or len(done) != 1:
        msg = f"{what}: is text, and no printed array"
        raise Unreadable(msg, reason="shape")
    return done[0]
