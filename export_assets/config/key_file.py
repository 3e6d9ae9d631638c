"""Files of keys: read only where nobody else could have read or changed them."""

import os
import stat
from pathlib import Path

from export_assets.errors import ConfigError
from export_assets.translate import mask_identities

_OTHERS = stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH
_LONGEST = 4096
SHORTEST_KEY = 16
"""Bytes below which a key could be guessed."""


def read_key_file(path: Path) -> bytes:
    """Return the pseudonyms' key in the file at *path*, without the line end that editors add.

    Raises:
        ConfigError: As of `read_private_file`, or it holds no key of 16 bytes or more.
    """
    setting = "anonymize_key_file"
    key = _without_end(read_private_file(path, setting=setting))
    if len(key) < SHORTEST_KEY:
        fact = f"the key is shorter than {SHORTEST_KEY} bytes" if key else "is empty"
        msg = f"{setting}: {path}: {fact}"
        raise ConfigError(msg)
    return key


def read_private_file(path: Path, *, setting: str, longest: int = _LONGEST) -> bytes:
    """Return what the file at *path* holds, which the setting called *setting* names.

    A symbolic link is followed, as mounted secrets are links; what counts is the file it leads to.

    Raises:
        ConfigError: It is not there, is no file, belongs to somebody else, may be read or written
            by others, or is too long for a key.
    """
    try:
        # Not waiting: a pipe of that name would never end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        # Whoever gives the key in the place of its file does not find it in a log.
        msg = f"{setting}: {mask_identities(str(path))}: {error.strerror}"
        raise ConfigError(msg) from error
    content = b""
    try:
        fact = _refusal(os.fstat(descriptor))
        if fact is None:
            content = os.read(descriptor, longest + 1)
            if len(_without_end(content)) > longest:
                fact = f"holds more than {longest} bytes, which is no key"
    finally:
        os.close(descriptor)
    if fact is not None:
        msg = f"{setting}: {path}: {fact}"
        raise ConfigError(msg)
    return content


def _without_end(content: bytes) -> bytes:
    return content.removesuffix(b"\n").removesuffix(b"\r")


def _refusal(status: os.stat_result) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "is no file"
    if status.st_uid not in {os.geteuid(), 0}:
        return "belongs to another user"
    if status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        return f"may be read or written by others (mode {mode:04o}); chmod it to 0600"
    return None
