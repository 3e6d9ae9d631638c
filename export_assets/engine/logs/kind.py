"""The seam of a kind of event logs: what its lines become, and which tables are made of them.

    log ──rows_of──> segments ──SegmentView──> LogTable.frames ──> batches of a table, in order

Segments hold what the lines say, once; tables are derived from them, whichever logs are still
there.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import polars as pl

from export_assets.engine.ingest.databases import DatabaseEvents
from export_assets.engine.ingest.rows import RowsByLog
from export_assets.engine.logs.view import SegmentView
from export_assets.tables.partitions import Window
from export_assets.tables.schema import TableSchema


class LogTable(ABC):
    """A table made of the segments of one source."""

    name: str
    time_column: str | None = None
    """The column windows speak of, by which `frames` are ordered."""
    depends_on: tuple[str, ...] = ()
    """Tables of the same kind that it is made of; of the logs alone where none is named."""

    @abstractmethod
    def schema(self, view: SegmentView) -> TableSchema:
        """Return the table's columns."""

    def declared(self) -> TableSchema | None:
        """Return the columns that are known before any log was read, None where none are."""
        return None

    @abstractmethod
    def frames(
        self, view: SegmentView, window: Window, columns: Sequence[str]
    ) -> Iterator[pl.DataFrame]:
        """Yield the rows of *window*, at least *columns* of them, in bounded memory.

        Each frame holds rows no earlier than all of the frames before; within a frame, order says
        nothing. A table without a time ignores the window.
        """

    def count(self, view: SegmentView, window: Window) -> int:
        """Count the rows of *window*, without making all of their columns."""
        columns = [self.time_column] if self.time_column else self.schema(view).names[:1]
        return sum(frame.height for frame in self.frames(view, window, columns))

    def stamps(self, view: SegmentView) -> Mapping[date, int]:
        """Return, by day in UTC, a number that changes with whatever the rows depend on.

        Days without rows may be left out. A table without a time has no use for it: whatever is
        read may change it.
        """
        return view.day_stamps

    def figures(self) -> Mapping[str, int]:
        """Return counts, by name, that tell of the rows given out so far what they do not."""
        return {}

    def stamp(self, view: SegmentView) -> str:
        """Return a stamp of all that the rows of a table without a time depend on."""
        return view.stamp

    def notes(self) -> Sequence[str]:
        """Say what a person may want to know of the rows given out so far."""
        return ()


class LogKind(RowsByLog, ABC):
    """What a kind of event logs is."""

    database_files: tuple[str, ...] = ()
    """Patterns of SQLite databases beside the logs that hold events, too."""

    @abstractmethod
    def tables(self) -> Sequence[LogTable]:
        """Return the tables, in the order they are shown."""

    def read_database(self, path: Path, name: str) -> DatabaseEvents | None:
        """Return the events of a copy of a database; None where it has none.

        Args:
            path: The private copy.
            name: Of the original below the log directory, escaped.

        Raises:
            SourceCorrupt: It cannot be read.
        """
        del path, name
        return None
