"""A new SQLite file: made through Arrow, in one transaction, with its errors as ours.

Nobody else has the file, and it is thrown away if it does not end well: neither a log nor a journal
lies beside it at any time.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import adbc_driver_manager
import adbc_driver_sqlite.dbapi as adbc
import polars as pl
import pyarrow as pa

from export_assets.errors import ContractViolation
from export_assets.formats.disk import why_not_written
from export_assets.formats.sql import count, insert, quote

_PRAGMAS: Final = (
    "page_size = 4096",
    "journal_mode = memory",
    "synchronous = off",
    "cache_size = -16384",
    "foreign_keys = off",
)


class PromiseBrokenError(Exception):
    """A row has a key that came before, or a NULL where none may be."""


class SqliteFile:
    """A new SQLite file in its one transaction."""

    def __init__(self, path: Path) -> None:
        """Create *path* and begin.

        Raises:
            FileExistsError: Something is there.
        """
        self._path = path
        path.open("xb").close()
        self._connection = adbc.connect(_uri(path, "rw"), autocommit=True)
        self._cursor = self._connection.cursor()
        self.closed = False
        """Whether it was finished, or given up."""
        for pragma in _PRAGMAS:
            self._cursor.execute(f"pragma {pragma}")
        self._connection.adbc_connection.set_autocommit(False)

    def attach(self, name: str, path: Path) -> None:
        """Let statements read the database at *path* as *name*; what was done so far stays.

        Raises:
            OSError: The disk refused.
        """
        self._apart("attach ? as " + quote(name), [_uri(path, "ro")])

    def detach(self, name: str) -> None:
        """Let go of the database that was attached as *name*; see `attach`."""
        self._apart("detach " + quote(name), [])

    def execute(self, statement: str) -> None:
        """Run *statement*.

        Raises:
            PromiseBrokenError: Rows break a promise of the table.
            OSError: The disk refused.
        """
        with self._told():
            self._cursor.execute(statement)

    def append(self, table: str, rows: pl.DataFrame) -> None:
        """Append *rows* to *table*, as far as they keep its promises; see `execute`."""
        arrow = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
        with self._told():
            # Arrow of another length of offsets is not bound.
            self._cursor.executemany(insert(table, rows.width), pa.table(arrow))

    def count(self, table: str) -> int:
        """Return how many rows *table* has."""
        self._cursor.execute(count(quote(table)))
        row = self._cursor.fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Finish the file, which then stands alone.

        Raises:
            OSError: The disk refused.
        """
        if self.closed:
            return
        try:
            with self._told():
                self._connection.adbc_connection.commit()
        except BaseException:
            self.abort()
            raise
        self._let_go()

    def abort(self) -> None:
        """Close the file without finishing it."""
        if not self.closed:
            with suppress(adbc_driver_manager.Error, OSError):
                self._connection.adbc_connection.rollback()
            self._let_go()

    def _apart(self, statement: str, values: list[str]) -> None:
        """Run what SQLite runs between transactions only."""
        with self._told():
            self._connection.adbc_connection.set_autocommit(True)
            self._cursor.execute(statement, values or None)
            self._connection.adbc_connection.set_autocommit(False)

    def _let_go(self) -> None:
        self.closed = True
        for handle in (self._cursor, self._connection):
            with suppress(adbc_driver_manager.Error, OSError):
                handle.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except adbc_driver_manager.Error as error:
            told = str(error)
            if "constraint failed" in told:
                raise PromiseBrokenError(told) from error
            if "too big" in told:
                msg = "a value is larger than the billion bytes that SQLite takes"
                raise ContractViolation(msg) from error
            if "disk" in told:
                raise why_not_written(self._path) from error
            raise


def _uri(path: Path, mode: str) -> str:
    return f"{path.absolute().as_uri()}?mode={mode}"
