"""One file of several tables, made of a finished file of each: what every such format does.

    joiner = joiner_of("sqlite")                      see `joiners`
    parts = {"orders": part_of(fmt, path, schema, options), ...}
    joiner.check(parts, described=True)
    joiner.join(target, parts, options, origin=Origin(...))
    joiner.prove(target, parts, options, origin=Origin(...))

The parts are left as they are. A file that `prove` accepts holds the rows of every part.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from export_assets.errors import IntegrityError, UsageError
from export_assets.formats.base import Format, FormatOptions
from export_assets.tables.batch import Batch
from export_assets.tables.digest import Digest, DigestBuilder
from export_assets.tables.schema import TableSchema

ABOUT: Final = "_export_assets"
"""The table of a database, or the sheet, that tells where the others come from."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """The finished file of one table."""

    path: Path
    schema: TableSchema
    """Under which it was written; its foreign keys are declared where the other table is there."""
    digest: Digest
    """Of what it reads back as."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the tables come from."""

    source: str
    taken_at: datetime
    """The moment that the rows are of; aware."""
    exported_at: datetime
    """Aware."""


Parts = Mapping[str, Part]
"""By table, in the order in which they are to stand in the file."""


class Joiner(ABC):
    """Makes one file of the files of several tables, in one format."""

    about: str = ABOUT
    """What no table may be called in a file that tells where it comes from."""

    def check(self, tables: Iterable[str], *, described: bool) -> None:
        """Refuse a table that would be taken for what tells of the others.

        Raises:
            UsageError: There is one.
        """
        if described and any(name.casefold() == self.about for name in tables):
            msg = f"{self.about}: a table of this name and the metadata of the file cannot be in "
            msg += "one file; leave one of them out"
            raise UsageError(msg)

    @abstractmethod
    def join(
        self, path: Path, parts: Parts, options: FormatOptions, *, origin: Origin | None
    ) -> None:
        """Create *path*, which must not exist, out of *parts*, in bounded memory.

        Args:
            path: The file.
            parts: Finished files of the same format.
            options: Those of the file, as far as it has some.
            origin: What it tells of itself; None for nothing.

        Raises:
            IntegrityError: A part is cut.
            OSError: The disk refused.
        """

    @abstractmethod
    def prove(
        self, path: Path, parts: Parts, options: FormatOptions, *, origin: Origin | None
    ) -> None:
        """Read *path*, which `join` made, and compare all of it with *parts*.

        Raises:
            IntegrityError: It holds other rows.
        """


class TableJoiner(Joiner):
    """A joiner whose file can be read table by table."""

    @abstractmethod
    def read(self, path: Path, parts: Parts, table: str) -> Iterator[Batch]:
        """Yield the rows of *table* in the joined file, in constant memory."""

    def prove(
        self, path: Path, parts: Parts, options: FormatOptions, *, origin: Origin | None
    ) -> None:
        """Digest every table of the file; see `Joiner.prove`."""
        del options, origin
        for table, part in parts.items():
            found = digest_of(self.read(path, parts, table), part.schema)
            if found.rows != part.digest.rows:
                fact = f"has {found.rows:,} rows, not {part.digest.rows:,}"
            elif found != part.digest:
                differing = ", ".join(part.digest.differing(found)) or "its rows"
                fact = f"differs from its own file in {differing}"
            else:
                continue
            msg = f"{path.name}: {table} {fact}"
            raise IntegrityError(msg)


def digest_of(batches: Iterable[Batch], schema: TableSchema) -> Digest:
    """Return the digest of *batches* of a table."""
    builder = DigestBuilder(schema)
    for batch in batches:
        builder.update(batch)
    return builder.digest()


def part_of(fmt: Format, path: Path, schema: TableSchema, options: FormatOptions) -> Part:
    """Return the part at *path*, which is read once for it.

    Raises:
        IntegrityError: It cannot be read as a table of *schema*.
    """
    digest = digest_of(fmt.read(path, schema, options, strict=False), schema)
    return Part(path=path, schema=schema, digest=digest)
