"""A file for its owner alone, that appears whole or not at all, and replaces nothing unasked.

It is written in a hidden directory beside its place, `.<name>.<8 hex>.tmp`, which is locked as long
as its process lives; what a killed one left, the next one that writes the same file removes.
"""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from export_assets.errors import DestConflict
from export_assets.store.directory_record import locked
from export_assets.store.durable import directory
from export_assets.store.filesystem import DIRECTORY_FLAGS, REAL
from export_assets.translate import translating

_MODE = 0o600


@contextmanager
def output_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give the name to write under; when the block ends well the file becomes *path*.

    Raises:
        DestConflict: *path* exists already, and is not to be replaced.
        DestinationError: The disk refused; what was there before is still there.
    """
    refuse_existing(path, overwrite=overwrite)
    with translating(str(path)):
        hidden, descriptor = _hidden(path)
    try:
        yield hidden / "file"
        with translating(str(path)):
            _put("file", path, from_fd=descriptor, overwrite=overwrite)
    finally:
        with suppress(OSError):
            shutil.rmtree(hidden)
        os.close(descriptor)


def refuse_existing(path: Path, *, overwrite: bool = False) -> None:
    """Refuse to replace a file unasked.

    Raises:
        DestConflict: *path* exists, and is not to be replaced.
    """
    if not overwrite and (path.exists() or path.is_symlink()):
        msg = f"{path}: exists already; name another file, or give --overwrite"
        raise DestConflict(msg)


def _hidden(path: Path) -> tuple[Path, int]:
    """Make the directory to write in, and hold it; sweep those that nobody holds."""
    stem = path.name[:100]
    name = f".{stem}.{secrets.token_hex(4)}.tmp"
    abandoned = re.compile(rf"\.{re.escape(stem)}\.[0-9a-f]{{8}}\.tmp")
    with directory(path.parent) as dir_fd, locked(dir_fd):
        with os.scandir(dir_fd) as entries:
            others = [entry.name for entry in entries if abandoned.fullmatch(entry.name)]
        for other in others:
            with suppress(OSError):
                os.close(_hold(other, dir_fd))
                shutil.rmtree(other, dir_fd=dir_fd)
        REAL.mkdir(name, dir_fd=dir_fd, mode=0o700)
        return path.parent / name, _hold(name, dir_fd)


def _hold(name: str, dir_fd: int) -> int:
    """Open and lock a directory.

    Raises:
        BlockingIOError: Another process holds it.
    """
    descriptor = os.open(name, DIRECTORY_FLAGS, dir_fd=dir_fd)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _put(name: str, path: Path, *, from_fd: int, overwrite: bool) -> None:
    """Make the file *name* its owner's alone, durable, and *path* in one step."""
    written = REAL.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=from_fd)
    try:
        REAL.chmod(written, _MODE)
        REAL.fsync(written)
    finally:
        os.close(written)
    rename = REAL.rename if overwrite else REAL.rename_new
    with directory(path.parent) as dir_fd:
        try:
            rename(name, path.name, dir_fd=dir_fd, from_fd=from_fd)
        except FileExistsError:
            refuse_existing(path)
            raise
        REAL.fsync(dir_fd)
