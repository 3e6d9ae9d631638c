"""The age file format, as the extra `crypto` writes and reads it: piece by piece, never whole.

Whatever goes wrong in reading or writing the files passes through a library that tells it in other
words, or not at all; so it is kept here and raised as it was.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from export_assets.errors import ConfigError, Tampered, WrongKey

_NO_KEY = "No matching keys found"


@dataclass
class Reading:
    """A file as it is read from its beginning, and the SHA-256 of what was read."""

    fd: int
    error: BaseException | None = None
    size: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)

    def read(self, size: int = 1 << 20) -> bytes:
        """Return up to *size* bytes more."""
        try:
            data = os.pread(self.fd, size, self.size)
        except BaseException as error:
            self.error = error
            raise
        self.size += len(data)
        self._digest.update(data)
        return data

    def rest(self) -> tuple[int, str]:
        """Read to the end; return size and SHA-256 of the whole file."""
        while self.read():
            pass
        return self.size, self._digest.hexdigest()


@dataclass
class Writing:
    """A file as it is written, and the SHA-256 of what was written."""

    fd: int
    write_some: Callable[[int, memoryview], int]
    error: BaseException | None = None
    size: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)

    def write(self, data: bytes) -> int:
        """Write all of *data*."""
        try:
            left = memoryview(data)
            while left:
                left = left[self.write_some(self.fd, left) :]
        except BaseException as error:
            self.error = error
            raise
        self.size += len(data)
        self._digest.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    @property
    def written(self) -> tuple[int, str]:
        """Size and SHA-256 of what was written."""
        return self.size, self._digest.hexdigest()


def need_crypto() -> ModuleType:
    """Return the library.

    Raises:
        ConfigError: The extra is not installed.
    """
    try:
        import pyrage
    except ImportError as error:
        msg = "encrypted archives need the extra `crypto`: pip install export-assets[crypto]"
        raise ConfigError(msg) from error
    module: ModuleType = pyrage
    return module


def encrypt(plain: Reading, target: Writing, recipients: Sequence[str]) -> None:
    """Write *plain* to *target* so that only *recipients* can read it.

    Raises:
        ConfigError: The extra is not installed, or a recipient is none.
        OSError: A file could not be read or written.
    """
    pyrage = need_crypto()
    try:
        keys = [pyrage.x25519.Recipient.from_str(one) for one in recipients]
    except pyrage.RecipientError as error:
        msg = f"encryption: a recipient cannot be used: {error}"
        raise ConfigError(msg) from error
    try:
        pyrage.encrypt_io(plain, target, keys)
    finally:
        # Also where it says that all went well: it has swallowed errors of writing.
        _raise_kept(plain, target)


def decrypt(sealed: Reading, target: Writing, identities: Sequence[str], *, subject: str) -> None:
    """Write to *target* what is in *sealed*. Nothing of it may be used unless this returns.

    Raises:
        ConfigError: The extra is not installed.
        OSError: A file could not be read or written.
        Tampered: It is no whole age file.
        WrongKey: It is for other identities, or its header is damaged where it names them.
    """
    pyrage = need_crypto()
    keys = [pyrage.x25519.Identity.from_str(one) for one in identities]
    try:
        pyrage.decrypt_io(sealed, target, keys)
    except (pyrage.DecryptError, OSError) as error:
        _raise_kept(sealed, target)
        if str(error) == _NO_KEY:
            msg = f"{subject}: is encrypted for others than the identity that is configured"
            raise WrongKey(msg) from error
        reason = str(error).partition("\n")[0].rstrip(".")
        msg = f"{subject}: is not as it was encrypted ({reason})"
        raise Tampered(msg) from error
    _raise_kept(sealed, target)


def _raise_kept(*ends: Reading | Writing) -> None:
    for end in ends:
        if end.error is not None:
            raise end.error
