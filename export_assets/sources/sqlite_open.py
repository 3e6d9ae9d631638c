"""Opening a SQLite file without leaving a trace, and copying one moment of it."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Literal
from urllib.parse import quote as percent

from export_assets.errors import SourceBusy, SourceError
from export_assets.sources.files import no_space, run_child, settled_stamp, sidecar, stamp
from export_assets.sources.sqlite_errors import translate

Journal = Literal["rollback", "wal"]

_RETRY_SECONDS = 0.05
_COPY_ATTEMPTS = 5


def database_files(path: Path) -> tuple[Path, ...]:
    """Return the files that hold the content of the database at *path*."""
    return path, sidecar(path, "-wal"), sidecar(path, "-journal")


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
    return "wal" if run_child(name, path) == "wal" else "rollback"


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
                raise no_space(name, target) from error
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
        before = settled_stamp(database_files(path))
        pairs = [path, target]
        for suffix in ("-wal", "-journal"):
            sidecar(target, suffix).unlink(missing_ok=True)
            if sidecar(path, suffix).exists():
                pairs += [sidecar(path, suffix), sidecar(target, suffix)]
        run_child(name, *pairs)
        if stamp(database_files(path)) == before:
            with closing(sqlite3.connect(target, isolation_level=None)) as copy:
                copy.execute("pragma journal_mode = delete").fetchone()
                copy.execute("select count(*) from sqlite_schema").fetchone()
            return
        time.sleep(_RETRY_SECONDS)
    msg = f"{name}: {path} kept changing while it was copied"
    raise SourceBusy(msg)


def _is_full(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorname", "") in ("SQLITE_FULL", "SQLITE_IOERR_WRITE")
