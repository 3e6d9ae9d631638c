"""What a database nobody has described yet holds: tables, their sizes, their times, their links."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from export_assets.engine.event_times import FoundTime, find_time
from export_assets.engine.links import Link, find_links
from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import ExportError
from export_assets.tables.schema import TableSchema


@dataclass(frozen=True, kw_only=True)
class FoundTable:
    """One table as it was found."""

    schema: TableSchema
    rows: int
    time: FoundTime | None
    """How its rows lie in time, where one column says so of every row."""

    @property
    def name(self) -> str:
        """The table's name."""
        return self.schema.name


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """A database at one moment."""

    tables: Sequence[FoundTable]
    links: Sequence[Link]
    """References between tables that the database does not declare, and no row contradicts."""
    unreadable: Mapping[str, ExportError]
    """Why further tables cannot be read, by name."""


def discover(
    source: ConfiguredSource, *, now: datetime, progress: Callable[[str], None] | None = None
) -> Discovery:
    """Look at every table of *source* at the moment *now*; the source is only read.

    *progress* is called with the name of each table before it is measured.

    Raises:
        UsageError: No source of this version opens that kind of address.
        SourceError: It cannot be opened.
    """
    found: list[FoundTable] = []
    unreadable: dict[str, ExportError] = {}
    with source.source.snapshot() as snapshot:
        for name in snapshot.tables():
            if progress is not None:
                progress(name)
            try:
                schema = snapshot.describe(name)
                rows = snapshot.count(name)
                # Only SQLite lacks a type for times: elsewhere a text is meant to be one.
                untyped = source.url.kind == "sqlite"
                time = find_time(snapshot, schema, rows=rows, now=now, untyped=untyped)
            except ExportError as error:
                unreadable[name] = error
            else:
                found.append(FoundTable(schema=schema, rows=rows, time=time))
        sizes = {table.name: table.rows for table in found}
        links = find_links(snapshot, [table.schema for table in found], sizes)
    return Discovery(tables=found, links=links, unreadable=unreadable)
