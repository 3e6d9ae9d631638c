"""Why a database engine could not write, which engines say in words, if at all."""

import errno
import os
from pathlib import Path
from typing import Final

_ROOM: Final = 1 << 20


def why_not_written(path: Path) -> OSError:
    """Return the error that the disk gives when the file at *path* is to grow.

    The file has been given up: what is tried at its end is not taken back.
    """
    try:
        with path.open("ab", buffering=0) as file:
            left = _ROOM
            while left:
                left -= file.write(bytes(left))
    except OSError as error:
        return error
    return OSError(errno.EIO, os.strerror(errno.EIO))
