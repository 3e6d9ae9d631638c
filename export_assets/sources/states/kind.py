"""What a system says of its state files: the tables, and what of a file becomes their rows."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from export_assets.tables.schema import TableSchema

Row = tuple[object, ...]
"""Values in the order of the table's columns, as Python holds them."""

Rows = Mapping[str, Sequence[Row]]
"""Rows by table."""


class Unreadable(Exception):
    """A state file that cannot be read: it is quarantined, and the others are read all the same."""

    def __init__(self, detail: str, *, reason: str) -> None:
        """Say why: *reason* in one word, *detail* in a clause that holds nothing of the content."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Gathered(ABC):
    """The rows of all files, once they are read."""

    @abstractmethod
    def column(self, table: str, name: str) -> pl.Series:
        """Return one column of a table, which must fit into memory."""

    @abstractmethod
    def count(self, table: str) -> int:
        """Count the rows of a table."""


class StateKind(ABC):
    """The state files of one system. Holds nothing of what was read."""

    @abstractmethod
    def tables(self) -> Sequence[TableSchema]:
        """Return what the tables are; the rows of each come in the order of its primary key."""

    @abstractmethod
    def rows(self, name: str, content: bytes) -> Rows:
        """Return what the file called *name*, without its suffix, becomes.

        Raises:
            Unreadable: It is no such state.
        """

    def further(self, gathered: Gathered) -> Iterator[tuple[str, Row]]:
        """Yield table and row of whatever is made of all files, or lies beside them.

        Raises:
            SourceError: What lies beside them cannot be read.
        """
        del gathered
        return iter(())

    def stamp(self) -> str:
        """Return a cheap stamp of what lies beside the files, and becomes rows, too.

        Raises:
            SourceError: It cannot be looked at.
        """
        return ""
