"""The file of the pseudonyms' key: read only where nobody else could have read or changed it."""

import os
import stat
from pathlib import Path

from export_assets.errors import ConfigError

_OTHERS = stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH
_LONGEST = 4096
SHORTEST_KEY = 16
"""Bytes below which a key could be guessed."""


def read_key_file(path: Path) -> bytes:
    """Return the key in the file at *path*, without the line end that editors add.

    A symbolic link is followed, as mounted secrets are links; what counts is the file it leads to.

    Raises:
        ConfigError: It is not there, is no file, belongs to somebody else, may be read or written
            by others, or holds no key of 16 bytes or more.
    """
    try:
        # Not waiting: a pipe of that name would never end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        msg = f"anonymize_key_file: {path}: {error.strerror}"
        raise ConfigError(msg) from error
    key = b""
    try:
        fact = _refusal(os.fstat(descriptor))
        if fact is None:
            key = os.read(descriptor, _LONGEST + 1).removesuffix(b"\n").removesuffix(b"\r")
            if len(key) > _LONGEST:
                fact = f"holds more than {_LONGEST} bytes, which is no key"
            elif len(key) < SHORTEST_KEY:
                fact = f"the key is shorter than {SHORTEST_KEY} bytes" if key else "is empty"
    finally:
        os.close(descriptor)
    if fact is not None:
        msg = f"anonymize_key_file: {path}: {fact}"
        raise ConfigError(msg)
    return key


def _refusal(status: os.stat_result) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "is no file"
    if status.st_uid not in {os.geteuid(), 0}:
        return "belongs to another user"
    if status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        return f"may be read or written by others (mode {mode:04o}); chmod it to 0600"
    return None
