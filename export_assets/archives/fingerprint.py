"""Size and SHA-256 of a file held open, whatever happens to its name."""

import hashlib
import os
from collections.abc import Callable

from export_assets.archives.content import CHUNK


def hash_descriptor(fd: int, *, go_on: Callable[[], bool] = lambda: True) -> tuple[int, str]:
    """Return size and SHA-256 of the file open at *fd*, from its beginning.

    Args:
        fd: The file; its offset is neither used nor moved.
        go_on: Asked between pieces; once it says no, what is returned is of no use.
    """
    digest, size = hashlib.sha256(), 0
    while go_on() and (chunk := os.pread(fd, CHUNK, size)):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()
