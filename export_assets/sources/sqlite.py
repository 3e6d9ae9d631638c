"""SQLite files as a source: a private copy of one moment, read in Arrow batches."""

import hashlib
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from export_assets.sources.base import SnapshotInfo, Source
from export_assets.sources.copy_process import copy_sqlite
from export_assets.sources.files import (
    hash_log,
    look,
    no_space,
    settled_stamp,
    sidecar,
    telling_path,
)
from export_assets.sources.private_temp import private_directory
from export_assets.sources.sqlite_check import BackgroundCheck
from export_assets.sources.sqlite_errors import translate
from export_assets.sources.sqlite_limit import ReadLimit
from export_assets.sources.sqlite_open import begin_read, connect
from export_assets.sources.sqlite_snapshot import SqliteSnapshot


class SqliteSource(Source):
    """One SQLite database file, whatever application is writing it meanwhile."""

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        busy_timeout: float = 30.0,
        temp_dir: Path | None = None,
        read_timeout: float = 60.0,
    ) -> None:
        self.name = name
        self.path = path
        self._busy_timeout = busy_timeout
        self._temp_dir = temp_dir
        self._read_timeout = read_timeout

    def fingerprint(self) -> str:
        """Return a stamp of the file, its write-ahead log and the log's content.

        The database is not opened for it: in WAL mode even a reader would leave files behind.
        """
        look(self.name, self.path)
        path = self.path.resolve()
        # Not the journal: it comes and goes with transactions that commit nothing.
        log = sidecar(path, "-wal")
        digest = hashlib.sha256(settled_stamp((path, log)).encode())
        digest.update(hash_log(log))
        return f"sqlite:{digest.hexdigest()[:32]}"

    @contextmanager
    def snapshot(self) -> Iterator[SqliteSnapshot]:
        """Copy the database as of one moment and open the copy; see `Source.snapshot`.

        Where the copy does not fit into the temporary space and the database is in WAL mode,
        one read transaction on the database itself takes its place. It ends after the read
        timeout, for as long as it lasts the writers' log only grows.

        Raises:
            NoSpace: The copy does not fit, and a transaction would block the writers, or lasted
                longer than the read timeout.
        """
        fingerprint = self.fingerprint()
        base = self._temp_dir or Path(tempfile.gettempdir())
        with telling_path(self.path), ExitStack() as stack:
            directory = stack.enter_context(private_directory(base))
            taken_at = datetime.now(UTC)
            copy = directory / "snapshot.db"
            try:
                direct = self._copy_or_begin(copy)
            except sqlite3.Error as error:
                raise translate(error, self.name) from error
            info = SnapshotInfo(
                kind="sqlite-backup" if direct is None else "sqlite-read-transaction",
                id=fingerprint,
                taken_at=taken_at,
            )
            if direct is not None:
                connection = stack.enter_context(closing(direct))
                snapshot = SqliteSnapshot(self.name, info, connection)
                log = sidecar(self.path.resolve(), "-wal")
                with ReadLimit(snapshot.end, log, seconds=self._read_timeout):
                    yield from self._serve(snapshot)
            else:
                connection = stack.enter_context(closing(connect(copy, busy_timeout=0)))
                check = BackgroundCheck(copy, self.name)
                stack.callback(check.abandon)
                snapshot = SqliteSnapshot(self.name, info, connection, copy=copy, check=check)
                yield from self._serve(snapshot)

    def copy_to(self, target: Path) -> Path:
        """Copy the database as of one moment to *target*, and return that.

        Raises:
            NoSpace: The copy does not fit.
            SourceBusy: Somebody holds it for longer than the timeout.
            SourceCorrupt: It is not a database, or damaged.
            SourceMissing: It is not there, or may not be read.
        """
        look(self.name, self.path)
        with telling_path(self.path):
            path = self.path.resolve()
            if not copy_sqlite(self.name, path, target, busy_timeout=self._busy_timeout):
                raise no_space(self.name, target)
        return target

    def _serve(self, snapshot: SqliteSnapshot) -> Iterator[SqliteSnapshot]:
        yield snapshot
        snapshot.check()

    def _copy_or_begin(self, copy: Path) -> sqlite3.Connection | None:
        """Fill *copy*, or return a connection whose read transaction is the snapshot."""
        path = self.path.resolve()  # what lies beside it lies beside the file, not the link
        if copy_sqlite(self.name, path, copy, busy_timeout=self._busy_timeout):
            return None
        for suffix in ("", "-wal", "-journal"):
            sidecar(copy, suffix).unlink(missing_ok=True)
        return begin_read(path, busy_timeout=self._busy_timeout)
