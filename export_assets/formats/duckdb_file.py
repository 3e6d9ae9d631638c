"""DuckDB files: a new one in its one transaction, and finished ones for reading.

A connection to nothing attaches the file, so that the process may have others of it open. Nothing
is downloaded, and what does not fit into memory is spilled beside the file.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from export_assets.errors import IntegrityError
from export_assets.formats.disk import why_not_written
from export_assets.formats.sql import quote, text

MEMORY: Final = "512MB"
_HEADERS: Final = 3 * 4_096
_SIZES: Final = """
select block_size, total_blocks from pragma_database_size()
where database_name = current_database()
"""


def connect(spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Return a connection to nothing, which spills to the directory *spill*, or not at all."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "memory_limit": MEMORY,
            "temp_directory": "" if spill is None else str(spill),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "arrow_large_buffer_size": True,
        },
    )
    connection.execute("set timezone = 'UTC'")
    return connection


class DuckDbFile:
    """A new DuckDB file; `target` is what its tables are to be qualified with."""

    target: Final = "made"

    def __init__(self, path: Path) -> None:
        """Create *path*.

        Raises:
            OSError: The disk refused.
        """
        self._path = path
        self._spill = path.with_name(f".{path.name}.spill")
        self._connection = connect(self._spill)
        try:
            with self._told():
                self.execute(f"attach {text(str(path))} as {self.target}")
        except BaseException:
            self.abort()
            raise

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Run *statement* and return its rows, if it has any.

        Raises:
            OSError: The disk refused.
            duckdb.Error: Rows do not do what it says.
        """
        with self._told():
            rows: list[tuple[object, ...]] = self._connection.execute(statement).fetchall()
            return rows

    def attach(self, name: str, path: Path) -> None:
        """Let statements read the database at *path* as *name*."""
        self.execute(f"attach {text(str(path))} as {quote(name)} (read_only)")

    def detach(self, name: str) -> None:
        """Let go of the database that was attached as *name*."""
        self.execute(f"detach {quote(name)}")

    @contextmanager
    def handed(self, name: str, rows: pa.Table) -> Iterator[None]:
        """Let statements read *rows* as the table *name* meanwhile."""
        self._connection.register(name, rows)
        try:
            yield
        finally:
            self._connection.unregister(name)

    def close(self) -> None:
        """Finish the file, which then stands alone.

        Raises:
            OSError: The disk refused.
        """
        self.execute("use memory")
        self.execute(f"detach {self.target}")
        self._connection.close()
        self._sweep()

    def abort(self) -> None:
        """Close the file without finishing it."""
        with suppress(duckdb.Error):
            self._connection.close()
        self._sweep()

    def _sweep(self) -> None:
        shutil.rmtree(self._spill, ignore_errors=True)
        self._path.with_name(f"{self._path.name}.wal").unlink(missing_ok=True)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.IOException, duckdb.FatalException) as error:
            raise why_not_written(self._path) from error


@contextmanager
def opened(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection that reads *path*, as the database `made`, and no other file.

    Raises:
        IntegrityError: It is no whole DuckDB database, or damaged where it was read.
    """
    connection = connect()
    try:
        connection.execute(f"attach {text(str(path))} as {DuckDbFile.target} (read_only)")
        connection.execute(f"use {DuckDbFile.target}")
        connection.execute("set enable_external_access = false")
        _check_size(connection, path)
        yield connection
    except duckdb.Error as error:
        msg = f"{path.name}: not a whole DuckDB database"
        raise IntegrityError(msg) from error
    finally:
        connection.close()


def _check_size(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    [(block, blocks)] = connection.execute(_SIZES).fetchall()
    expected, found = _HEADERS + block * blocks, path.stat().st_size
    if found != expected:
        msg = f"{path.name}: has {found:,} bytes, not the {expected:,} it tells of"
        raise IntegrityError(msg)
