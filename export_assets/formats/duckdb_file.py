"""A new DuckDB file, with its errors as ours; what memory does not hold is spilled beside it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from export_assets.formats.disk import why_not_written
from export_assets.formats.duckdb_open import MADE, connect
from export_assets.formats.sql import quote, text


class DuckDbFile:
    """A new DuckDB file, whose tables are in the database `MADE`."""

    def __init__(self, path: Path) -> None:
        """Create *path*.

        Raises:
            OSError: The disk refused.
        """
        self._path = path
        self._spill = path.with_name(f".{path.name}.spill")
        self._connection = connect(self._spill)
        try:
            self.execute(f"attach {text(str(path))} as {MADE}")
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
        self.execute(f"detach {MADE}")
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
        except duckdb.TransactionException as error:
            # A commit that the disk refused.
            if "write file" not in str(error):
                raise
            raise why_not_written(self._path) from error
