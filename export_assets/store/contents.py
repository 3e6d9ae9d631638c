"""What a manifest says of columns, and of the tables and documents that bundles and sets hold."""

from collections.abc import Iterator

import msgspec


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which values of a column are not what they were."""

    fidelity: str
    reason: str
    count: int = 0


class ColumnRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one column of the partition."""

    name: str
    logical_type: str
    physical_type: str
    declared_type: str = ""
    nullable: bool = True
    nulls: int = 0
    min: str | None = None
    max: str | None = None
    digest: str = ""
    fidelity: str = "exact"
    fidelity_reason: str = ""
    fidelity_count: int = 0
    fidelity_also: Change | msgspec.UnsetType = msgspec.UNSET
    """The lesser change, where both the reading of the source and the format made one."""

    @property
    def changes(self) -> list[Change]:
        """What happened to values on the way, the gravest first; nothing where all are exact."""
        if self.fidelity == "exact":
            return []
        graver = Change(
            fidelity=self.fidelity, reason=self.fidelity_reason, count=self.fidelity_count
        )
        return [graver, *([] if self.fidelity_also is msgspec.UNSET else [self.fidelity_also])]


class BundledTable(msgspec.Struct, frozen=True, kw_only=True):
    """One table of a bundle: its rows, which the tree and every file of the table hold."""

    name: str
    rows: int
    row_digest: str
    columns: tuple[ColumnRecord, ...]
    primary_key: tuple[str, ...] = ()
    """Columns the rows are sorted by."""
    nested: dict[str, str] = {}
    """What may stand inside its rows in the tree: the member's name, and of which table it is."""
    files: dict[str, str] = {}
    """The table's file by format."""


class BundleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for, and what it holds by table."""

    key: tuple[str, ...]
    """Columns the ids are values of."""
    ids: tuple[str, ...]
    missing: tuple[str, ...] = ()
    """Those of `ids` that no row has."""
    follow: str = "children"
    exclude: tuple[str, ...] = ()
    include_related: bool = True
    depth: int | None = None
    computed: bool = False
    tables: tuple[BundledTable, ...] = ()
    """The root first."""
    dialects: dict[str, dict[str, str]] = {}
    """How to parse text formats, by format."""

    @property
    def rows(self) -> int:
        """Rows over all tables, each once."""
        return sum(table.rows for table in self.tables)

    def table_of(self, path: str) -> tuple[BundledTable, str] | None:
        """Return the table and the format of the file *path*; None for the tree."""
        for table in self.tables:
            for fmt, name in table.files.items():
                if name == path:
                    return table, fmt
        return None


class LevelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One list of a nested document, over all records that have such a list."""

    name: str
    table: str
    rows: int
    digest: str
    """Of the records' own members: the sum of the BLAKE2b-64 of their compact JSON, in hex."""
    columns: tuple[ColumnRecord, ...] = ()
    """Of the table."""
    children: "tuple[LevelRecord, ...]" = ()

    def walk(self) -> "Iterator[LevelRecord]":
        """Yield this level and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


class DocumentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One nested JSON document of a set."""

    path: str
    root: LevelRecord
    pretty: bool = False


class SetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What files that belong together hold: tables, each in one or more formats, and documents."""

    tables: tuple[BundledTable, ...] = ()
    documents: tuple[DocumentRecord, ...] = ()
    dialects: dict[str, dict[str, str]] = {}
    """How to parse a file of text, by its path."""
    profile: str = ""
    """The layout that was asked for, where the set has several."""
