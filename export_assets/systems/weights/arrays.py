r"""Arrays in every form they are met in: tagged, lists, NumPy's own, and the text NumPy prints.

    {"_type": "ndarray", "data": [[80.0, 0.0]], "shape": [1, 2]}
    [[80.0, 0.0], [80.5, 0.02]]
    "[[8.00e+01 0.00e+00]\n [8.05e+01 2.00e-02]]"
    whatever has `tolist` and `shape`

Rows are rows: `[[w0, t0], [w1, t1]]` is two states, the latter the current one.
"""

from itertools import chain
from math import prod
from typing import Final, NamedTuple, TypeAlias

from export_assets.sources.states.kind import Unreadable
from export_assets.systems.weights.printed import read_printed

Numbers: TypeAlias = "float | list[Numbers] | None"
"""A number, none, or lists of equal arrays."""
Shape = tuple[int, ...]

_MOST_DIMENSIONS = 4


class Array(NamedTuple):
    """Numbers with their shape."""

    numbers: Numbers
    shape: Shape
    """Lengths from the outermost list to the innermost, () of a number and of none."""


_LISTS, _FLOATS = {list}, {float}
NOTHING: Final = Array(None, ())


def read_array(value: object, what: str) -> Array:
    """Return the numbers of *value*, called *what* in messages, which is not changed.

    Raises:
        Unreadable: It is no array of numbers, or its rows differ in length.
    """
    if value is None:
        return NOTHING
    kind = type(value)
    if kind is list:
        return _read(value, what)
    if kind is dict:
        return _tagged(value, what)  # type: ignore[arg-type]  # it is one
    if isinstance(value, str):
        return _read(read_printed(value, what), what)
    if hasattr(value, "tolist") and hasattr(value, "shape"):
        value = value.tolist()
    return _read(value, what)


def corner(array: Array) -> float | None:
    """Return the first number: of a matrix that of its first row and column."""
    numbers = array.numbers
    while isinstance(numbers, list):
        numbers = numbers[0] if numbers else None
    return numbers


def deepened(array: Array, what: str, dimensions: int) -> Numbers:
    """Return *array* with so many dimensions, those of length 1 put before its own; none stays.

    Raises:
        Unreadable: It has more.
    """
    numbers, missing = array.numbers, dimensions - len(array.shape)
    if not missing or numbers is None:
        return numbers
    if missing < 0:
        msg = f"{what}: has more than {dimensions} dimensions"
        raise Unreadable(msg, reason="shape")
    for _ in range(missing):
        numbers = [numbers]
    return numbers


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
    raise Unreadable(msg, reason="shape")


def _tagged(value: dict[str, object], what: str) -> Array:
    if value.get("_type") != "ndarray":
        msg = f"{what}: is an object, and no array"
        raise Unreadable(msg, reason="shape")
    data, shape = value.get("data"), value.get("shape")
    found = _read(read_printed(data, what) if isinstance(data, str) else data, what)
    if shape is None or shape == [*found.shape]:
        return found
    if not isinstance(shape, list) or not all(type(one) is int and one >= 0 for one in shape):
        msg = f"{what}: its shape is none"
        raise Unreadable(msg, reason="shape")
    flat = found.numbers
    if isinstance(flat, list) and len(found.shape) == 1 and prod(shape) == len(flat):
        return Array(_reshaped(flat, shape), tuple(shape))
    msg = f"{what}: is {_text(found.shape)}, its shape says {_text(tuple(shape))}"
    raise Unreadable(msg, reason="shape")


def _read(value: object, what: str) -> Array:
    """Return *value* itself where it is lists of floats, which takes a look at each level."""
    if type(value) is not list:
        return _converted(value, what)
    shape: Shape = (len(value),)
    level = value
    while (kinds := set(map(type, level))) == _LISTS:
        lengths = set(map(len, level))
        if len(lengths) > 1 or len(shape) == _MOST_DIMENSIONS:
            return _converted(value, what)
        shape += (lengths.pop(),)
        level = list(chain.from_iterable(level))
    return Array(value, shape) if kinds == _FLOATS else _converted(value, what)


def _converted(value: object, what: str, depth: int = 0) -> Array:
    """Return *value* as lists of numbers, whatever it is made of."""
    if not isinstance(value, list | tuple):
        return Array(number(value, what), ())
    if not any(isinstance(one, list | tuple) for one in value):
        return Array([number(one, what) for one in value], (len(value),))
    if depth == _MOST_DIMENSIONS:
        msg = f"{what}: has more than {_MOST_DIMENSIONS} dimensions"
        raise Unreadable(msg, reason="shape")
    rows = [_converted(one, what, depth + 1) for one in value]
    shape = rows[0].shape
    if any(row.shape != shape for row in rows):
        msg = f"{what}: its rows differ in length"
        raise Unreadable(msg, reason="shape")
    return Array([row.numbers for row in rows], (len(rows), *shape))


def _reshaped(flat: list[Numbers], shape: list[int]) -> Numbers:
    if len(shape) <= 1:
        return flat if shape else flat[0]
    step = prod(shape[1:])
    return [_reshaped(flat[step * i : step * (i + 1)], shape[1:]) for i in range(shape[0])]


def _text(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "a number"
