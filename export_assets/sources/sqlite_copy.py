"""Copying one moment of a SQLite database without leaving a trace; runs in a process of its own.

In the process of the caller, a connection that maps the shared index read-only would make every
other connection of that process read-only, and reading bytes would drop its locks.
"""

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from shutil import copyfile, copyfileobj

from export_assets.errors import SourceBusy
from export_assets.sources.files import no_space, settled_stamp, sidecar, stamp
from export_assets.sources.sqlite_errors import translate
from export_assets.sources.sqlite_open import begin_read, database_files

_RETRY_SECONDS = 0.05
_COPY_ATTEMPTS = 5
_BEGIN_ATTEMPTS = 5
_BLOCK = 1 << 20


def is_wal(path: Path) -> bool:
    """Tell whether *path* is in WAL mode, by its log or by its header."""
    if sidecar(path, "-wal").exists():
        return True
    with path.open("rb") as file:
        return file.read(100)[18:19] == b"\x02"


def copy_moment(name: str, path: Path, target: Path, *, busy_timeout: float) -> None:
    """Copy *path* as of one moment to *target*, as a database without a WAL.

    Raises:
        SourceBusy: It was locked for longer than *busy_timeout* seconds, or kept changing.
        SourceCorrupt: It is not a database, or damaged.
        NoSpace: The copy did not fit.
    """
    try:
        live = _is_live(path)
        if is_wal(path) and not live:
            # Any reader would create what is missing, and leave it behind.
            try:
                copy_files(name, path, target)
            except SourceBusy:
                live = _is_live(path)
                if not live:
                    raise
                # Its application was started meanwhile, and can be read beside.
                _discard(target)
            else:
                return
        for _ in range(_COPY_ATTEMPTS):
            found = path.stat()
            source = _begin(path, busy_timeout=busy_timeout, wal=live)
            if source is None:
                copy_files(name, path, target)
                return
            with closing(source):
                if _copy_held(source, path, target, found=found):
                    return
        raise _kept_changing(name, path)
    except sqlite3.Error as error:
        if _is_full(error):
            raise no_space(name, target) from error
        raise translate(error, name) from error


def _is_live(path: Path) -> bool:
    """Whether somebody has the database *path* open in WAL mode."""
    return sidecar(path, "-wal").exists() and sidecar(path, "-shm").exists()


def _discard(target: Path) -> None:
    """Remove what an attempt to copy left at *target*."""
    for suffix in ("", "-wal", "-journal"):
        sidecar(target, suffix).unlink(missing_ok=True)


def copy_files(name: str, path: Path, target: Path) -> None:
    """Copy *path* and what lies beside it byte for byte, and let SQLite recover the copy.

    For files nobody has open: a WAL without its index, a journal of a killed writer, a
    directory that cannot be written. A change seen meanwhile starts the copy over.

    Raises:
        SourceBusy: It kept changing.
        OSError: It may not be read, or the copy did not fit.
    """
    for _ in range(_COPY_ATTEMPTS):
        before = settled_stamp(database_files(path))
        _copy_once(path, target)
        if stamp(database_files(path)) == before:
            with closing(sqlite3.connect(target, isolation_level=None)) as copy:
                copy.execute("pragma journal_mode = delete").fetchone()
                copy.execute("select count(*) from sqlite_schema").fetchone()
            return
        time.sleep(_RETRY_SECONDS)
    raise _kept_changing(name, path)


def _kept_changing(name: str, path: Path) -> SourceBusy:
    return SourceBusy(f"{name}: {path} kept changing while it was copied")


def _copy_once(path: Path, target: Path) -> None:
    copyfile(path, target)
    for suffix in ("-wal", "-journal"):
        sidecar(target, suffix).unlink(missing_ok=True)
        # One that goes away meanwhile shows in the stamp.
        with suppress(FileNotFoundError):
            copyfile(sidecar(path, suffix), sidecar(target, suffix))


def _begin(path: Path, *, busy_timeout: float, wal: bool) -> sqlite3.Connection | None:
    """Start reading; None where a reader would have to write first.

    That is a journal a killed writer left, or an index that may not be mapped. A journal that
    was deleted under SQLite's eyes by a commit looks the same for a moment, hence the attempts.
    In WAL mode the shared index is first mapped read-only, so that not even a read mark is
    written into it; where its state does not allow that, as any reader does.
    """
    modes: tuple[dict[str, str], ...] = ({"readonly_shm": "1"}, {}) if wal else ({},)
    for _ in range(_BEGIN_ATTEMPTS):
        for options in modes:
            try:
                return begin_read(path, busy_timeout=busy_timeout, **options)
            except sqlite3.Error as error:
                if not _needs_writing(error):
                    raise
        time.sleep(_RETRY_SECONDS)
    return None


def _copy_held(
    source: sqlite3.Connection, path: Path, target: Path, *, found: os.stat_result
) -> bool:
    """Copy what the read transaction of *source* sees; False where *path* was replaced meanwhile.

    While somebody reads it, nobody writes into a database without a WAL: its bytes are that moment.
    They are read in a fifth of the time that SQLite takes from page to page. With the descriptor
    this process gives up its lock, when all is copied. A WAL may go into its database meanwhile.
    """
    if source.execute("pragma journal_mode").fetchone()[0] == "wal":
        _backup(source, target)
        return True
    with path.open("rb") as file:
        if not os.path.samestat(os.fstat(file.fileno()), found):
            return False
        with target.open("wb") as copy:
            copyfileobj(file, copy, _BLOCK)
    return True


def _backup(source: sqlite3.Connection, target: Path) -> None:
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        # What a crash leaves of a private copy nobody reads.
        copy.execute("pragma synchronous = off")
        # All pages in one step: a stepped copy starts over whenever somebody writes.
        source.backup(copy, pages=-1)
        copy.execute("pragma journal_mode = delete").fetchone()


def _needs_writing(error: sqlite3.Error) -> bool:
    code = str(getattr(error, "sqlite_errorname", ""))
    return code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN"))


def _is_full(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorname", "") in ("SQLITE_FULL", "SQLITE_IOERR_WRITE")
