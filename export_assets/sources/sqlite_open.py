"""Opening a SQLite file without leaving a trace, and copying one moment of it.

The main file is never opened here by anything but SQLite: closing any descriptor of it would drop
the locks this process holds on it through other connections (sqlite.org/howtocorrupt.html, 2.2).
Where plain bytes have to be copied, a child process does it.
"""

import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Literal
from urllib.parse import quote as percent

from export_assets.errors import (
    NoSpace,
    SourceBusy,
    SourceCorrupt,
    SourceError,
    SourceMissing,
)
from export_assets.sources.sqlite_errors import translate

Journal = Literal["rollback", "wal"]

_RETRY_SECONDS = 0.05
_COPY_ATTEMPTS = 5
_SPACE_MARGIN = 16 * 1024 * 1024
_TIME_STEP_NS = 20_000_000

# Reads bytes 18 and 19 of the header (2 = WAL), and copies "source target" pairs.
_CHILD = """
import shutil, sys
paths = sys.argv[1:]
try:
    if len(paths) == 1:
        with open(paths[0], "rb") as file:
            header = file.read(100)
        print("wal" if header[18:19] == b"\\x02" else "rollback")
    for source, target in zip(paths[::2], paths[1::2]):
        shutil.copyfile(source, target)
except OSError as error:
    print(error.strerror)
    raise SystemExit(1 if error.errno not in (28, 122, 27) else 2)
"""


def sidecar(path: Path, suffix: str) -> Path:
    """Return the path of *path*'s `-wal`, `-shm` or `-journal`."""
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
        msg = f"{name}: {path} is empty, not a SQLite database"
        raise SourceCorrupt(msg)


def uri(path: Path, **options: str) -> str:
    """Return the SQLite URI of *path*, whatever characters it holds."""
    absolute = percent(str(path.absolute()), safe="/")
    return f"file:{absolute}?" + "&".join(f"{key}={value}" for key, value in options.items())


def connect(path: Path, *, busy_timeout: float, **options: str) -> sqlite3.Connection:
    """Open *path* read-only with autocommit; one connection may be used by several threads."""
    connection = sqlite3.connect(
        uri(path, mode="ro", **options),
        uri=True,
        timeout=busy_timeout,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("pragma query_only = on")
    return connection


def journal_of(name: str, path: Path) -> Journal:
    """Tell whether *path* is in WAL mode, without opening it in this process."""
    if sidecar(path, "-wal").exists():
        return "wal"
    return "wal" if _child(name, str(path)) == "wal" else "rollback"


def has_live_index(path: Path) -> bool:
    """Whether `-wal` and `-shm` are there, so that a reader needs to create neither."""
    return sidecar(path, "-wal").exists() and sidecar(path, "-shm").exists()


def begin_read(name: str, path: Path, *, busy_timeout: float, wal: bool) -> sqlite3.Connection:
    """Open *path* and start the one read transaction that a snapshot lives in.

    In WAL mode the shared index is first mapped read-only, so that not even a read mark is
    written into it; where its state does not allow that, as any reader does.

    Raises:
        SourceBusy: It was locked for longer than *busy_timeout* seconds.
        SourceCorrupt: It is not a database, or damaged.
    """
    attempts: tuple[dict[str, str], ...] = ({"readonly_shm": "1"}, {}) if wal else ({},)
    for position, options in enumerate(attempts):
        connection = connect(path, busy_timeout=busy_timeout, **options)
        try:
            connection.execute("begin")
            connection.execute("select count(*) from sqlite_schema").fetchone()
        except sqlite3.Error as error:
            connection.close()
            code = getattr(error, "sqlite_errorname", "")
            last = position == len(attempts) - 1
            if last or not code.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
                raise
        else:
            return connection
    msg = f"{name}: cannot be opened"  # pragma: no cover - the loop returned or raised
    raise SourceError(msg)  # pragma: no cover


def needed_bytes(path: Path) -> int:
    """Return what a copy of *path* may take, its log included."""
    total = path.stat().st_size
    for suffix in ("-wal", "-journal"):
        part = sidecar(path, suffix)
        if part.exists():
            total += part.stat().st_size
    return total


def check_space(name: str, path: Path, directory: Path) -> None:
    """Refuse to start a copy that cannot fit.

    Raises:
        NoSpace: *directory* has fewer free bytes than the copy needs.
    """
    needed, free = needed_bytes(path), shutil.disk_usage(directory).free
    if needed + min(needed, _SPACE_MARGIN) > free:
        msg = f"{name}: a copy needs {needed} bytes in {directory}, {free} are free"
        raise NoSpace(msg)


def backup(name: str, source: sqlite3.Connection, target: Path) -> None:
    """Copy what *source*'s open transaction sees to *target*, as a database without a WAL.

    Raises:
        NoSpace: The disk filled up on the way.
    """
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        try:
            # All pages in one step: a stepped copy starts over whenever somebody writes.
            source.backup(copy, pages=-1)
            copy.execute("pragma journal_mode = delete").fetchone()
        except sqlite3.Error as error:
            if _is_full(error):
                raise _no_space(name, target) from error
            raise translate(error, name) from error


def copy_files(name: str, path: Path, target: Path) -> None:
    """Copy *path* and what lies beside it byte for byte, and let SQLite recover the copy.

    For files nobody has open: a WAL without its index, a journal of a killed writer, a
    directory that cannot be written. A change seen meanwhile starts the copy over.

    Raises:
        SourceBusy: It kept changing.
        SourceMissing: It may not be read.
        NoSpace: The copy did not fit.
    """
    for _ in range(_COPY_ATTEMPTS):
        before = settled_stamp(path)
        pairs: list[str] = [str(path), str(target)]
        for suffix in ("-wal", "-journal"):
            sidecar(target, suffix).unlink(missing_ok=True)
            if sidecar(path, suffix).exists():
                pairs += [str(sidecar(path, suffix)), str(sidecar(target, suffix))]
        _child(name, *pairs)
        if stamp(path) == before:
            with closing(sqlite3.connect(target, isolation_level=None)) as copy:
                copy.execute("pragma journal_mode = delete").fetchone()
                copy.execute("select count(*) from sqlite_schema").fetchone()
            return
        time.sleep(_RETRY_SECONDS)
    msg = f"{name}: {path} kept changing while it was copied"
    raise SourceBusy(msg)


def stamp(path: Path) -> str:
    """Return size and time of change of *path*, its WAL and its journal."""
    parts = []
    for suffix in ("", "-wal", "-journal"):
        try:
            found = sidecar(path, suffix).stat()
        except FileNotFoundError:
            parts.append("-")
        else:
            parts.append(f"{found.st_size}.{found.st_mtime_ns}.{found.st_ino}")
    return "/".join(parts)


def settled_stamp(path: Path, *, patience: float = 0.1) -> str:
    """Return `stamp` once the clock has passed the last change.

    File times advance in steps of some milliseconds: a stamp taken within the step of the last
    write could not be told from that of a later write in the same step.
    """
    deadline = time.monotonic() + patience
    while True:
        current = stamp(path)
        newest = max(
            (
                sidecar(path, s).stat().st_mtime_ns
                for s in ("", "-wal")
                if sidecar(path, s).exists()
            ),
            default=0,
        )
        age = time.time_ns() - newest
        if not 0 <= age < _TIME_STEP_NS:
            return current
        if time.monotonic() > deadline:
            # Written without pause: a stamp of its own, so that the next look differs.
            return f"{current}/{time.time_ns()}"
        time.sleep(0.005)


def _child(name: str, *paths: str) -> str:
    command = [sys.executable, "-I", "-S", "-c", _CHILD, *paths]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own interpreter and script
    answer = done.stdout.strip()
    if done.returncode == 0:
        return answer
    if done.returncode == 2:  # noqa: PLR2004 - the script's own exit code, above
        raise _no_space(name, Path(paths[-1]))
    msg = f"{name}: {answer or 'cannot be read'}: {paths[0]}"
    raise SourceMissing(msg)


def _no_space(name: str, target: Path) -> NoSpace:
    free = shutil.disk_usage(target.parent).free
    return NoSpace(f"{name}: the copy does not fit in {target.parent}, {free} bytes are free")


def _is_full(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorname", "") in ("SQLITE_FULL", "SQLITE_IOERR_WRITE")
