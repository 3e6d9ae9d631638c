"""Private temporary directories that are removed with the work, and swept when it was killed."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "export-assets-snapshot-"
_LOCK = "owner.lock"
_MAKING_SECONDS = 60


@contextmanager
def private_directory(parent: Path | None = None) -> Iterator[Path]:
    """Make a directory only this user can enter, and remove it with everything in it.

    Directories that killed processes left in the same place are removed on the way in: a live
    owner holds a lock on a file inside, which vanishes with the process.
    """
    base = parent or Path(tempfile.gettempdir())
    _sweep(base)
    directory, descriptor = _make(base)
    try:
        yield directory
    finally:
        _remove(directory)
        os.close(descriptor)


def _make(base: Path) -> tuple[Path, int]:
    while True:
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        try:
            descriptor = os.open(directory / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        except FileNotFoundError:
            continue  # a sweeping process was quicker
        except BaseException:
            with suppress(OSError):
                directory.rmdir()
            raise
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if (directory / _LOCK).exists():
            return directory, descriptor
        # A sweeping process came between the two calls above and took it for abandoned.
        os.close(descriptor)


def _remove(directory: Path) -> None:
    # Once more after an error that passes: a copy of a database is nothing to leave lying about.
    for _ in range(2):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return


def _sweep(base: Path) -> None:
    for directory in base.glob(f"{_PREFIX}*"):
        # Another user's directory, or one that is going away under our hands.
        with suppress(OSError):
            _remove_if_abandoned(directory)


def _remove_if_abandoned(directory: Path) -> None:
    try:
        descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        # Its owner was killed before it made the lock, or after it had removed it again; or it is
        # making it just now.
        if time.time() - directory.stat().st_mtime > _MAKING_SECONDS:
            _remove(directory)
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(directory)
    finally:
        os.close(descriptor)
