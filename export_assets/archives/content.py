"""What goes into an archive: a file or bytes, under a relative path."""

import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from export_assets.store.durable import subdirectory
from export_assets.store.filesystem import REAL
from export_assets.translate import translating

CHUNK = 1 << 20
# A FIFO must not hang the run, and reading must not be what makes a file look used.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, kw_only=True)
class Content:
    """One member to be."""

    path: str
    """Relative, with slashes; how it will be called when it is restored."""
    data: bytes | Path
    """The bytes themselves, or the file to read."""
    root: Path | None = None
    """Where given, the file is `root/path`, reached without following any symbolic link."""
    mtime_ns: int = 0
    """Of bytes; a file's own counts."""
    content_start: datetime | None = None
    content_end: datetime | None = None

    @contextmanager
    def open(self) -> Iterator[tuple[io.BufferedIOBase, int]]:
        """Give the content, and when it was modified in nanoseconds since 1970.

        Raises:
            SourceError: It is missing, a link where none may be, or no regular file.
        """
        if isinstance(self.data, bytes):
            yield io.BytesIO(self.data), self.mtime_ns
            return
        with translating(str(self.data), side="source"):
            opened = open_below(self.root, self.path) if self.root else open_file(self.data)
        with io.FileIO(opened) as raw, io.BufferedReader(raw, CHUNK) as file:
            yield file, os.fstat(opened).st_mtime_ns


def open_below(root: Path, path: str) -> int:
    """Open the regular file at the relative *path* below *root*, following no symbolic link.

    Raises:
        OSError: It is missing, or not that.
    """
    *parents, name = path.split("/")
    with subdirectory(root, tuple(parents), filesystem=REAL, create=False) as dir_fd:
        return _regular(os.open(name, _FLAGS, dir_fd=dir_fd), path)


def open_file(path: Path) -> int:
    """Open the regular file at *path*, which must not itself be a symbolic link.

    Raises:
        OSError: It is missing, or not that.
    """
    return _regular(os.open(path, _FLAGS), str(path))


def hash_until(fd: int, end: int) -> tuple[int, str]:
    """Return how many of the first *end* bytes of an open file there are, and their SHA-256."""
    digest, at = hashlib.sha256(), 0
    while at < end and (chunk := os.pread(fd, min(CHUNK, end - at), at)):
        digest.update(chunk)
        at += len(chunk)
    return at, digest.hexdigest()


def _regular(fd: int, path: str) -> int:
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.ENXIO, "not a regular file", path)
    return fd
