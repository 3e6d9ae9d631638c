"""Keys of age for tests, made anew by each process."""

from typing import Any

import pyrage
from pydantic import SecretStr

from export_assets.archives.encryption.keyring import Keyring


def new_identity() -> str:
    return str(pyrage.x25519.Identity.generate())


def recipient_of(identity: str) -> str:
    return str(pyrage.x25519.Identity.from_str(identity).to_public())


def opened_by_any_age_program(data: bytes, identity: str) -> bytes:
    """Return what is in an age file, by the library alone."""
    plain: Any = pyrage.decrypt(data, [pyrage.x25519.Identity.from_str(identity)])
    return bytes(plain)


IDENTITY = new_identity()
OTHER_IDENTITY = new_identity()
RECIPIENT = recipient_of(IDENTITY)
SEALING = Keyring(recipients=(RECIPIENT,))
"""Encrypts, and cannot read what it encrypted."""
OPENING = Keyring(recipients=(RECIPIENT,), identity=SecretStr(IDENTITY))
WRONG = Keyring(identity=SecretStr(OTHER_IDENTITY))
