"""SQLite: a database of one table a part; `sqlite_columns` says how values are held.

The table has the types that its columns are declared as, the primary key where every row has one
of its own, and NOT NULL where it was promised and held. Rows are read in the order they were
written, those of a table with a whole number as its key in the order of the key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from export_assets.formats.base import Dialect, Format, FormatOptions
from export_assets.formats.options import check_plain, normal_form
from export_assets.formats.sqlite_reader import read_sqlite
from export_assets.formats.sqlite_table import SqliteTable
from export_assets.formats.sqlite_writer import SqliteWriter, as_held, is_unheld
from export_assets.tables.batch import Batch
from export_assets.tables.schema import LogicalType, TableSchema


class SqliteFormat(Format):
    """One SQLite database per part."""

    name = "sqlite"
    kind = "sqlite"
    compressions = ("none",)

    def suffix(self, options: FormatOptions) -> str:
        """Return `.sqlite`."""
        check_plain(self.name, options)
        return ".sqlite"

    def check_options(self, options: FormatOptions) -> None:
        """Refuse what belongs to other formats.

        Raises:
            UsageError: An option cannot be honoured.
        """
        check_plain(self.name, options)

    def canonical(self, options: FormatOptions) -> FormatOptions:
        """Return the normal form, which says nothing."""
        check_plain(self.name, options)
        return normal_form("none", None)

    def dialect(self, options: FormatOptions) -> Dialect:
        """Say nothing: the table is declared in the file."""
        del options
        return Dialect()

    def carried(self, schema: TableSchema, options: FormatOptions) -> TableSchema:
        """Return the same columns: another schema where values of some are held as others.

        Raises:
            UsageError: SQLite has no table of so many columns, or of none.
        """
        del options
        SqliteTable.of(schema)
        floats = any(column.logical is LogicalType.FLOAT for column in schema.columns)
        return replace(schema) if floats else schema

    def carried_rows(self, batch: Batch, schema: TableSchema, options: FormatOptions) -> Batch:
        """Return *batch* as SQLite holds its floats."""
        del options
        floats = [c.name for c in schema.columns if c.logical is LogicalType.FLOAT]
        changed = [name for name in floats if is_unheld(batch.frame[name]).any()]
        if not changed:
            return batch
        return Batch(batch.frame.with_columns(as_held(batch.frame[name]) for name in changed))

    def open(
        self,
        path: Path,
        schema: TableSchema,
        options: FormatOptions,
        metadata: Mapping[str, str],
    ) -> SqliteWriter:
        """Create *path*."""
        del metadata
        self.check_options(options)
        return SqliteWriter(path, schema)

    def read(
        self, path: Path, schema: TableSchema, options: FormatOptions, *, strict: bool = True
    ) -> Iterator[Batch]:
        """Yield what was written.

        Raises:
            IntegrityError: The file is cut, or holds no table of that schema.
        """
        del strict
        self.check_options(options)
        return read_sqlite(path, schema, SqliteTable.of(schema))
