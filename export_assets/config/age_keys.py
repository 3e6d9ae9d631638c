"""Keys of age: who may read an archive, and what opens it. Only their form is looked at here."""

import re
from collections.abc import Iterator

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_KEY = rf"1[{_CHARSET}]{{58}}"
_RECIPIENT = re.compile(f"age{_KEY}")
_IDENTITY = re.compile(f"age-secret-key-{_KEY}")


def is_recipient(text: str) -> bool:
    """Whether *text* is the public key of an age identity, `age1…`, with a right checksum."""
    return _RECIPIENT.fullmatch(text) is not None and _is_intact(text)


def is_identity(text: str) -> bool:
    """Whether *text* is an identity of age, `AGE-SECRET-KEY-1…`, with a right checksum."""
    small = text.lower()
    return text.isupper() and _IDENTITY.fullmatch(small) is not None and _is_intact(small)


def check_recipient(text: str) -> str:
    """Return *text* if it is a recipient.

    Raises:
        ValueError: It is none. An identity is never repeated in the message.
    """
    if "age-secret-key-" in text.lower():
        msg = "is an identity, which opens archives, and must not be here; give its public key"
        raise ValueError(msg)
    if not is_recipient(text):
        msg = f"{text!r} is no recipient of age (age1…, 62 characters)"
        raise ValueError(msg)
    return text


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and content of the lines of a file of keys that are no comment."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _is_intact(text: str) -> bool:
    """Whether the checksum of Bech32 (BIP 173) at the end of *text* is right."""
    prefix, _, data = text.rpartition("1")
    values = [ord(one) >> 5 for one in prefix] + [0] + [ord(one) & 31 for one in prefix]
    values += [_CHARSET.index(one) for one in data]
    state = 1
    for value in values:
        top, state = state >> 25, (state & 0x1FFFFFF) << 5 ^ value
        for bit, part in enumerate(_GENERATOR):
            state ^= part if top >> bit & 1 else 0
    return state == 1
