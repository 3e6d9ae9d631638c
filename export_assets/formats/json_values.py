"""JSON as Python values, for programs: what Python's numbers cannot hold stays the text it is."""

from math import isfinite
from typing import Any

import msgspec


def decode_json(data: bytes | str | msgspec.Raw) -> Any:  # noqa: ANN401 - any JSON
    """Return *data* as values; a number beyond those of a float (1e400) is its text.

    Raises:
        msgspec.DecodeError: It is no JSON.
    """
    return _DECODER.decode(data)


def _float(text: str) -> float | str:
    number = float(text)
    return number if isfinite(number) else text


_DECODER = msgspec.json.Decoder(float_hook=_float)
