"""Arrays in every form they are met in: tagged, lists, NumPy's own, and the text NumPy prints.

    {"_type": "ndarray", "data": [[80.0, 0.0]], "shape": [1, 2]}
    [[80.0, 0.0], [80.5, 0.02]]
    "[[8.00e+01 0.00e+00]\\n [8.05e+01 2.00e-02]]"
    whatever has `tolist` and `shape`

Rows are rows: `[[w0, t0], [w1, t1]]` is two states, the latter the current one.
"""

import re
from typing import Final, TypeAlias

from export_assets.sources.states.kind import Unreadable

Array: TypeAlias = "float | list[Array] | None"
"""Numbers, or lists of equal arrays."""

_MOST_DIMENSIONS = 4
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<open>\[)|(?P<close>\])|(?P<number>[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?"
    r"|\.\d+(?:[eE][+-]?\d+)?|inf|nan))(?=[\s,\[\]]|$)|(?P<comma>,))",
)
_WRAPPED: Final = re.compile(r"\s*(?:np\.|numpy\.)?array\((.*?)(?:,\s*dtype=[\w.']+)?\)\s*", re.DOTALL)


def read_array(value: object, what: str) -> Array:
    """Return the numbers of *value*, called *what* in messages; None where there is none.

    Raises:
        Unreadable: It is no array of numbers, or its rows differ in length.
    """
    if value is None:
        return None
    found, shape = _taken_apart(value, what)
    array = _numbers(found, what)
    there = shape_of(array, what)
    if shape is None or shape == there:
        return array
    if len(there) == 1 and isinstance(array, list) and _product(shape) == there[0]:
        return _reshaped(array, shape)
    msg = f"{what}: is {_text(there)}, its shape says {_text(shape)}"
    raise Unreadable("shape", msg)


def shape_of(array: Array, what: str) -> tuple[int, ...]:
    """Return the lengths of *array* from the outermost to the innermost, () for a number.

    Raises:
        Unreadable: Parts of one list differ in shape, or it has too many dimensions.
    """
    if not isinstance(array, list):
        return ()
    inner = {shape_of(one, what) for one in array}
    if len(inner) > 1:
        msg = f"{what}: its rows differ in length"
        raise Unreadable("shape", msg)
    shape = (len(array), *next(iter(inner), ()))
    if len(shape) > _MOST_DIMENSIONS:
        msg = f"{what}: has more than {_MOST_DIMENSIONS} dimensions"
        raise Unreadable("shape", msg)
    return shape


def corner(array: Array) -> float | None:
    """Return the first number: of a matrix that of its first row and column."""
    while isinstance(array, list):
        array = array[0] if array else None
    return array


def deepened(array: Array, what: str, dimensions: int) -> Array:
    """Return *array* with so many dimensions, those of length 1 put before its own; None stays.

    Raises:
        Unreadable: It has more.
    """
    if array is None:
        return None
    missing = dimensions - len(shape_of(array, what))
    if missing < 0:
        msg = f"{what}: has more than {dimensions} dimensions"
        raise Unreadable("shape", msg)
    for _ in range(missing):
        array = [array]
    return array


def _taken_apart(value: object, what: str) -> tuple[object, tuple[int, ...] | None]:
    """Return the lists that *value* stands for, and the shape it claims."""
    if isinstance(value, dict):
        if value.get("_type") != "ndarray":
            msg = f"{what}: is an object, and no array"
            raise Unreadable("shape", msg)
        data = value.get("data")
        return (_printed(data, what) if isinstance(data, str) else data), _claimed(value, what)
    if isinstance(value, str):
        return _printed(value, what), None
    if hasattr(value, "tolist") and hasattr(value, "shape"):
        return value.tolist(), None
    return value, None


def _claimed(value: dict[str, object], what: str) -> tuple[int, ...] | None:
    shape = value.get("shape")
    if shape is None:
        return None
    if isinstance(shape, list) and all(type(one) is int and one >= 0 for one in shape):
        return tuple(shape)
    msg = f"{what}: its shape is none"
    raise Unreadable("shape", msg)


def _numbers(value: object, what: str, depth: int = 0) -> Array:
    kind = type(value)
    if kind is float or value is None:
        return value  # type: ignore[return-value]  # of these two
    if kind is list or kind is tuple:
        if depth > _MOST_DIMENSIONS:
            msg = f"{what}: has more than {_MOST_DIMENSIONS} dimensions"
            raise Unreadable("shape", msg)
        return [_numbers(one, what, depth + 1) for one in value]  # type: ignore[attr-defined]
    return number(value, what)


def number(value: object, what: str) -> float | None:
    """Return *value* as a number; None where there is none.

    Raises:
        Unreadable: It is something else.
    """
    if value is None or type(value) is float:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            pass
    elif hasattr(value, "tolist") and getattr(value, "shape", None) == ():
        return number(value.tolist(), what)
    msg = f"{what}: is no number"
    raise Unreadable("shape", msg)


def _printed(text: str, what: str) -> object:
    """Return the lists that NumPy printed as *text*."""
    if "..." in text:
        msg = f"{what}: was printed with parts left out"
        raise Unreadable("truncated", msg)
    wrapped = _WRAPPED.fullmatch(text)
    text = (wrapped.group(1) if wrapped is not None else text).strip()
    if not text:
        return None
    done: list[object] = []
    open_lists: list[list[object]] = [done]
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None or len(open_lists) > _MOST_DIMENSIONS + 2:
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
        raise Unreadable("shape", msg)
    return done[0]


def _product(shape: tuple[int, ...]) -> int:
    found = 1
    for length in shape:
        found *= length
    return found


def _reshaped(flat: list[Array], shape: tuple[int, ...]) -> Array:
    if len(shape) <= 1:
        return flat if shape else flat[0]
    step = _product(shape[1:])
    return [_reshaped(flat[step * i : step * (i + 1)], shape[1:]) for i in range(shape[0])]


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a number"
