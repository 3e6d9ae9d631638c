"""JSON whose numbers keep their digits: 1.10 stays 1.10, however few of them a double has."""

from typing import Any, Final

import msgspec


class Logged(float):
    """A number with a point or an exponent, and how it was written."""

    __slots__ = ("digits",)
    digits: str


def _logged(digits: str) -> Logged:
    number = Logged(digits)
    number.digits = digits
    return number


def _as_logged(value: object) -> object:
    if isinstance(value, Logged):
        return msgspec.Raw(value.digits.encode("ascii"))
    msg = f"{type(value).__name__} is nothing that JSON has"
    raise TypeError(msg)


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_as_logged)

decode_exactly: Final = msgspec.json.Decoder(float_hook=_logged).decode
"""Returns what JSON text holds, floats as `Logged`; raises ValueError where it is no JSON."""

decode_record: Final = msgspec.json.Decoder(dict[str, Any], float_hook=_logged).decode
"""The same, of an object."""


def as_json(value: object) -> str:
    """Return *value* as JSON, numbers as they were logged."""
    return _ENCODER.encode(value).decode("utf-8")
