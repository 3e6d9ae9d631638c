"""DuckDB files as a source: a private copy made while nobody can write, then nothing is held."""

import hashlib
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from export_assets.errors import SourceBusy
from export_assets.sources.base import SnapshotInfo, Source
from export_assets.sources.copy_process import copy_plain
from export_assets.sources.duckdb_errors import translate
from export_assets.sources.duckdb_snapshot import DuckDbSnapshot
from export_assets.sources.files import (
    check_space,
    hash_log,
    look,
    settled_stamp,
    sidecar,
    telling_path,
)
from export_assets.sources.private_temp import private_directory

_RETRY_SECONDS = 0.5
_MEMORY = "256MB"


class DuckDbSource(Source):
    """One DuckDB database file.

    DuckDB lets one process write or several read. The file is opened read-only just for as long
    as it takes to copy it, which keeps writers out meanwhile; everything else happens on the copy.
    """

    def __init__(
        self, name: str, path: Path, *, busy_timeout: float = 30.0, temp_dir: Path | None = None
    ) -> None:
        self.name = name
        self.path = path
        self._busy_timeout = busy_timeout
        self._temp_dir = temp_dir

    def fingerprint(self) -> str:
        """Return a stamp of the file, its write-ahead log and the log's content."""
        look(self.name, self.path)
        path = self.path.resolve()
        log = sidecar(path, ".wal")
        digest = hashlib.sha256(settled_stamp((path, log)).encode())
        digest.update(hash_log(log))
        return f"duckdb:{digest.hexdigest()[:32]}"

    @contextmanager
    def snapshot(self) -> Iterator[DuckDbSnapshot]:
        """Copy the database while holding it read-only, and open the copy; see `Source.snapshot`.

        Raises:
            NoSpace: The copy does not fit into the temporary space.
        """
        fingerprint = self.fingerprint()
        base = self._temp_dir or Path(tempfile.gettempdir())
        with telling_path(self.path), private_directory(base) as directory:
            taken_at = datetime.now(UTC)
            copy = self._copy(directory)
            info = SnapshotInfo(kind="duckdb-copy", id=fingerprint, taken_at=taken_at)
            with closing(self._open_copy(copy, directory / "spill")) as connection:
                yield DuckDbSnapshot(self.name, info, connection)

    def _copy(self, directory: Path) -> Path:
        path = self.path.resolve()
        # A view may name its own database, which is called after the file.
        copy = directory / path.name
        log = sidecar(path, ".wal")
        check_space(self.name, (path, log), directory)
        with closing(self._hold(path)):
            pairs = [(path, copy)]
            if log.exists():
                pairs.append((log, sidecar(copy, ".wal")))
            copy_plain(self.name, pairs)
        return copy

    def _hold(self, path: Path) -> duckdb.DuckDBPyConnection:
        """Open *path* read-only, which keeps every writer out until it is closed.

        Raises:
            SourceBusy: Somebody held it for longer than the busy timeout.
            SourceCorrupt: It is not a DuckDB database, or damaged.
        """
        deadline = time.monotonic() + self._busy_timeout
        while True:
            try:
                return duckdb.connect(path, read_only=True)
            except duckdb.Error as error:
                translated = translate(error, self.name)
                left = deadline - time.monotonic()
                if not isinstance(translated, SourceBusy) or left <= 0:
                    raise translated from error
                time.sleep(min(_RETRY_SECONDS, left))

    def _open_copy(self, copy: Path, spill: Path) -> duckdb.DuckDBPyConnection:
        """Open *copy* for reading, unable to reach any other file or to find Python variables."""
        try:
            connection = duckdb.connect(
                copy,
                read_only=True,
                config={
                    "threads": 2,
                    "memory_limit": _MEMORY,
                    "temp_directory": str(spill),
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                    "python_enable_replacements": False,
                },
            )
            for statement in (
                "set timezone = 'UTC'",
                "set enable_external_access = false",
                "set lock_configuration = true",
            ):
                connection.execute(statement)
        except duckdb.Error as error:
            raise translate(error, self.name) from error
        return connection
