"""A file for its owner alone, that appears whole or not at all, and replaces nothing unasked."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from export_assets.errors import DestConflict
from export_assets.store.durable import directory
from export_assets.store.filesystem import REAL
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
        hidden = path.parent / f".{path.name[:100]}.{secrets.token_hex(4)}.tmp"
        hidden.mkdir(mode=0o700)
    staged = hidden / "file"
    try:
        yield staged
        with translating(str(path)):
            _settle(staged)
            _put(staged, path, overwrite=overwrite)
    finally:
        with suppress(OSError):
            staged.unlink(missing_ok=True)
        with suppress(OSError):
            hidden.rmdir()


def refuse_existing(path: Path, *, overwrite: bool = False) -> None:
    """Refuse to replace a file unasked.

    Raises:
        DestConflict: *path* exists, and is not to be replaced.
    """
    if not overwrite and (path.exists() or path.is_symlink()):
        msg = f"{path}: exists already; name another file, or give --overwrite"
        raise DestConflict(msg)


def _settle(staged: Path) -> None:
    """Make the file durable and its owner's alone."""
    descriptor = os.open(staged, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, _MODE)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put(staged: Path, path: Path, *, overwrite: bool) -> None:
    with directory(path.parent) as dir_fd, directory(staged.parent) as from_fd:
        rename = REAL.rename if overwrite else REAL.rename_new
        try:
            rename(staged.name, path.name, dir_fd=dir_fd, from_fd=from_fd)
        except FileExistsError:
            refuse_existing(path)
            raise
        REAL.fsync(dir_fd)
