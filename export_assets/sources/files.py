"""Database files seen from outside: are they there, did they change, plain copies.

Nothing here opens the database file itself: closing any descriptor of it would drop the POSIX locks
that this process holds on it through other connections (sqlite.org/howtocorrupt.html, 2.2).
Only the standard library is imported, so that `copy_process` starts fast.
"""

import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from export_assets.errors import NoSpace, SourceCorrupt, SourceMissing

_SPACE_MARGIN = 16 * 1024 * 1024
_TIME_STEP_NS = 20_000_000
_LOG_WHOLE = 64 * 1024 * 1024
_LOG_TAIL = 1024 * 1024


def sidecar(path: Path, suffix: str) -> Path:
    """Return the path of what lies beside *path*: its `-wal`, `-shm`, `-journal` or `.wal`."""
    return path.with_name(path.name + suffix)


def look(name: str, path: Path) -> None:
    """Refuse what cannot be a database before anything opens it.

    Raises:
        SourceMissing: There is nothing at *path*, or it may not be looked at.
        SourceCorrupt: It is a directory, a device or empty.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        msg = f"{name}: there is no file {path}"
        raise SourceMissing(msg) from error
    except PermissionError as error:
        msg = f"{name}: permission denied: {path}"
        raise SourceMissing(msg) from error
    if not stat.S_ISREG(found.st_mode):
        msg = f"{name}: {path} is not a file"
        raise SourceCorrupt(msg)
    if found.st_size == 0:
        msg = f"{name}: {path} is empty, not a database"
        raise SourceCorrupt(msg)


@contextmanager
def telling_path(path: Path) -> Iterator[None]:
    """Add *path* to what the block says of a damaged file: a source's name does not lead there."""
    try:
        yield
    except SourceCorrupt as error:
        if str(path) in str(error):
            raise
        msg = f"{error} ({path})"
        raise type(error)(msg) from error


def check_space(name: str, paths: Iterable[Path], directory: Path) -> None:
    """Refuse to start a copy of *paths* that cannot fit; those that are not there take nothing.

    Raises:
        NoSpace: *directory* has fewer free bytes than the copy needs.
    """
    needed = sum(facts.st_size for facts in _facts(paths))
    free = shutil.disk_usage(directory).free
    if needed + min(needed, _SPACE_MARGIN) > free:
        msg = f"{name}: a copy needs {needed} bytes in {directory}, {free} are free"
        raise NoSpace(msg)


def _facts(paths: Iterable[Path]) -> Iterator[os.stat_result]:
    """Look at those of *paths* that are there: a journal comes and goes with each commit."""
    for path in paths:
        with suppress(FileNotFoundError):
            yield path.stat()


def stamp(paths: Iterable[Path]) -> str:
    """Return sizes and times of change of *paths*."""
    parts = []
    for path in paths:
        try:
            found = path.stat()
        except FileNotFoundError:
            parts.append("-")
        else:
            parts.append(f"{found.st_size}.{found.st_mtime_ns}.{found.st_ino}")
    return "/".join(parts)


def settled_stamp(paths: Sequence[Path], *, patience: float = 0.1) -> str:
    """Return `stamp` once the clock has passed the last change.

    File times advance in steps of some milliseconds: a stamp taken within the step of the last
    write could not be told from that of a later write in the same step.
    """
    deadline = time.monotonic() + patience
    while True:
        current = stamp(paths)
        newest = max((facts.st_mtime_ns for facts in _facts(paths)), default=0)
        age = time.time_ns() - newest
        if not 0 <= age < _TIME_STEP_NS:
            return current
        if time.monotonic() > deadline:
            # Written without pause: a stamp of its own, so that the next look differs.
            return f"{current}/{time.time_ns()}"
        time.sleep(0.005)


def no_space(name: str, target: Path) -> NoSpace:
    """Return the error for a copy to *target* that did not fit after all."""
    free = shutil.disk_usage(target.parent).free
    return NoSpace(f"{name}: the copy does not fit in {target.parent}, {free} bytes are free")


def hash_log(log: Path) -> bytes:
    """Return a digest of the write-ahead *log*: of all of it, or of head and tail of a huge one.

    Logs carry no locks of their own, so reading one here is harmless.
    """
    import hashlib

    digest = hashlib.sha256()
    try:
        size = log.stat().st_size
        with log.open("rb") as file:
            if size > _LOG_WHOLE:
                digest.update(file.read(32))
                file.seek(size - _LOG_TAIL)
            digest.update(file.read())
    except OSError:
        return b"no log"
    return digest.digest()
