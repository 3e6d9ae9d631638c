"""What a set is made of: files that belong together, of one moment, published in one step.

    ExportSet ─┬─ files ──── a table in a format, under a name of its own
               ├─ documents ─ rows of several tables nested in each other
               └─ views ───── tables that exist only for the set, as SELECT statements

A set is published whole as `<source>/<set>/set/all`, or, where it has a document for each record
of the uppermost level, record by record as `<source>/<set>/set/<table>_id=7`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from export_assets.config.format_options import FormatOptionsConfig
from export_assets.formats.nesting.layout import Level

Members = Callable[["Moment"], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What a document may say of itself."""

    taken_at: datetime
    source: str
    """The source's name."""
    file: str
    """The name of the file it is read from, without its directory; empty where there is none."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """The one row of the document's summary, as JSON values."""


@dataclass(frozen=True, kw_only=True)
class SetFile:
    """One table in one format."""

    stem: str
    """What the file is called, up to the ending that the format gives it."""
    table: str
    format: str
    options: FormatOptionsConfig = field(default_factory=FormatOptionsConfig)
    """Over those configured for the table."""


@dataclass(frozen=True, kw_only=True)
class SetDocument:
    """One nested JSON document."""

    name: str
    """The file's name."""
    root: Level
    head: Members
    """Members before the list of records."""
    tail: Members = lambda _: {}
    """Members after it."""
    summary: str | None = None
    """A table of one row that `head` and `tail` may tell of."""
    pretty: bool = True


@dataclass(frozen=True, kw_only=True)
class SetJoined:
    """Several tables in one file."""

    stem: str
    """What the file is called, up to the ending that the format gives it."""
    format: str
    tables: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SetView:
    """A table that exists only for a set."""

    query: str
    order_by: tuple[str, ...] = ()
    origins: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By column, the table and the column it shows: what is hidden there is hidden here."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Types by column, by their names, over what the source says of them."""


@dataclass(frozen=True, kw_only=True)
class ExportSet:
    """Files that belong together."""

    name: str
    description: str = ""
    files: tuple[SetFile, ...] = ()
    documents: tuple[SetDocument, ...] = ()
    joined: tuple[SetJoined, ...] = ()
    views: Mapping[str, SetView] = field(default_factory=dict)
    split: str | None = None
    """What parts of the one document are called by, where each record of its uppermost level is
    published alone: `project_id`, which is followed by the record's `id`."""
    profile: str = ""
    by_default: bool = True
    """Whether it is exported when nothing is asked for by name."""
    most_bytes: int | None = None
    """The size of all files together from which the set is refused."""

    def tables(self) -> list[str]:
        """Return every table it is made of, each once."""
        found = [file.table for file in self.files]
        found += [table for joined in self.joined for table in joined.tables]
        for document in self.documents:
            found += [level.table for level in document.root.walk()]
            found += [document.summary] if document.summary is not None else []
        return list(dict.fromkeys(found))
