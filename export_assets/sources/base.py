"""The seam every kind of source implements: open, take one snapshot, describe, count, scan.

    with source.snapshot() as snapshot:          one consistent moment, files untouched
        for name in snapshot.tables():
            schema = snapshot.describe(name)     discovered: columns, types, keys
            for batch in snapshot.scan(Scan(table=name, schema=schema)):
                ...                              raw Polars frames, one fixed schema

A scan delivers *raw* values: the schema of every batch is the same, fixed by `schema` through
`raw_dtype`, and turning raw values into the promised types is the work of `tables.conform`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import polars as pl

from export_assets.errors import ExportError, UsageError
from export_assets.tables.batch import Batch
from export_assets.tables.partitions import Partitions, Window
from export_assets.tables.schema import TableSchema

Consistency = Literal["snapshot", "best-effort", "none"]

BATCH_ROWS = 32_768


@dataclass(frozen=True, kw_only=True)
class SnapshotInfo:
    """What the manifest says about the moment the rows come from."""

    kind: str
    """`sqlite-backup`, `duckdb-copy`, …"""
    id: str
    """The source's fingerprint at that moment."""
    taken_at: datetime
    consistency: Consistency = "snapshot"


@dataclass(frozen=True, kw_only=True)
class TableFacts:
    """Figures about one table of a snapshot, as `inspect` prints them."""

    rows: int
    first: datetime | None = None
    last: datetime | None = None
    bytes_estimated: int | None = None


@dataclass(frozen=True, kw_only=True)
class KeySet:
    """Values that columns may hold together: a row is wanted where its values are one of them."""

    columns: tuple[str, ...]
    values: tuple[tuple[object, ...], ...]
    """One tuple for each key, as long as `columns`; values as conformed frames hold them."""


@dataclass(frozen=True, kw_only=True)
class AtLeast:
    """The least value of an integer column that is of interest."""

    column: str
    value: int


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A request for rows: pushed down as far as the source can, never further than is exact.

    `window` is a pre-filter: the source may deliver rows outside it (by a margin for zones it
    cannot judge) but never leaves out a row inside it, nor one whose time it cannot read.
    """

    table: str
    schema: TableSchema
    """The columns wanted, with the types promised for them."""
    window: Window = field(default_factory=Window)
    time_column: str | None = None
    """The column `window` speaks of, and the first to order by."""
    assume_timezone: str = "UTC"
    order_by: tuple[str, ...] = ()
    where: Mapping[str, object] = field(default_factory=dict)
    """Equality filters, ANDed; None compares with IS NULL."""
    among: KeySet | None = None
    """Only rows of these keys, ANDed to `where`; every source pushes it down and binds it."""
    at_least: AtLeast | None = None
    """A pre-filter: a source may deliver other rows, too, but leaves out none from the value on
    and none without a value."""
    limit: int | None = None
    offset: int = 0
    batch_rows: int = BATCH_ROWS


def refused_figures(refused: int, of: int) -> Mapping[str, float]:
    """Return how many of a source's lines or files are in quarantine, and their share *of* all."""
    share = round(refused / of, 6) if of else 0.0
    return {"quarantined": refused, "quarantine_share": share}


@dataclass(frozen=True, kw_only=True)
class Remarks:
    """What a source has to say besides its rows."""

    warnings: Sequence[str] = ()
    """What a person should know, and act on."""
    notes: Sequence[str] = ()
    """What a person may want to know."""
    failures: Mapping[str, ExportError] = field(default_factory=dict)
    """Why parts of the source could not be read, by their names; the rest was."""
    figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By table, counts and shares that tell of the rows read what they do not."""


class Snapshot(ABC):
    """One consistent moment of a source. Valid inside the `with` that opened it."""

    info: SnapshotInfo
    _views: dict[str, str]
    """The derived tables, of a source that has such."""
    keeps_time_order = False
    """Whether scans with a time column come exactly in the order of its conformed values."""

    @abstractmethod
    def check(self) -> None:
        """Return once the snapshot is known to be undamaged; called before anything is published.

        Leaving the snapshot without an exception checks, too.

        Raises:
            SourceCorrupt: It is damaged, wherever that is.
        """

    def cancel(self) -> None:  # noqa: B027 - a source that never waits for long has nothing to do
        """Make the scan under way in another thread fail soon; nothing is read any more."""

    def consistency_of(self, table: str) -> Consistency:
        """Return how far the rows of *table* are of the snapshot's moment."""
        del table
        return self.info.consistency

    @abstractmethod
    def columns(self, table: str) -> Sequence[str]:
        """Column names of the physical *table*, empty where there is no such table."""

    @abstractmethod
    def define(self, views: Mapping[str, str]) -> None:
        """Add derived tables: name to SELECT statement, in the source's own SQL.

        A view may carry the name of a physical table, which it then hides for `tables`,
        `describe` and `scan`; inside the statement the name still means the physical table.
        """

    @contextmanager
    def defining(self, views: Mapping[str, str]) -> Iterator[None]:
        """Have derived tables while the block runs, of which nobody hears afterwards.

        Raises:
            UsageError: A statement is no SELECT that works on this source.
        """
        before = dict(self._views)
        self.define(views)
        try:
            yield
        finally:
            self._views.clear()
            self._views.update(before)

    def add_functions(self, functions: Mapping[str, Callable[[object], int | None]]) -> None:
        """Add functions of one value, by name, that statements of derived tables may use.

        Raises:
            UsageError: The source knows no functions of ours.
        """
        msg = f"{next(iter(functions))}: functions of our own are known to SQLite sources only"
        raise UsageError(msg)

    @abstractmethod
    def tables(self) -> Sequence[str]:
        """Names of tables and configured views, in the source's own order."""

    @abstractmethod
    def describe(self, table: str) -> TableSchema:
        """Discover columns, declared types, keys and foreign keys of *table*.

        The logical type of each column follows from its declared type; loosely typed sources
        look at the values where the declaration says nothing.

        Raises:
            UsageError: There is no such table.
        """

    @abstractmethod
    def profile(self, table: str, schema: TableSchema, *, assume_timezone: str) -> TableSchema:
        """Look at every value of *table* and return *schema* with types that hold for all of them.

        Columns whose values do not fit the declared type are widened (fidelity `widened` or
        `lossy`, with reason and count); the others are returned as they are.
        """

    @abstractmethod
    def count(self, table: str) -> int:
        """Count the rows of *table*."""

    @abstractmethod
    def count_scan(self, scan: Scan) -> int:
        """Count, in the source itself, the rows that `scan` delivers for the same request."""

    @abstractmethod
    def facts(self, table: str, time_column: str | None, assume_timezone: str) -> TableFacts:
        """Measure *table* for `inspect`."""

    @abstractmethod
    def scan(self, scan: Scan) -> Iterator[pl.DataFrame]:
        """Yield the rows asked for as raw frames of one fixed schema.

        Raises:
            SourceCorrupt: The source is damaged where it was read.
            ValueMismatch: A value does not fit the column's promised type (see `tables.conform`).
        """

    def stamps(self, table: str, partitions: Partitions) -> Mapping[str, str] | None:
        """Return, by partition key, a stamp that differs whenever the partition's rows may differ.

        Keys that are left out have no rows. None where only reading tells.
        """
        del table, partitions
        return None

    def remarks(self) -> Remarks:
        """Return what is to be said of the source, known once its tables were read."""
        return Remarks()

    def batches(self, scan: Scan) -> Iterator[Batch]:
        """Yield what `scan` yields, in whichever view the source has at hand.

        Raises:
            SourceCorrupt: The source is damaged where it was read.
            ValueMismatch: A value does not fit the column's promised type.
        """
        return (Batch(frame) for frame in self.scan(scan))


class Source(ABC):
    """A place tables come from."""

    name: str

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a cheap stamp that differs whenever the content may differ.

        Raises:
            SourceMissing: There is nothing at the source's address.
        """

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Open one consistent moment, leaving the source byte for byte as it was.

        Raises:
            SourceMissing: There is nothing at the source's address, or it may not be read.
            SourceBusy: Somebody holds it for longer than the timeout.
            SourceCorrupt: It is not what it claims to be, or is damaged.
        """
