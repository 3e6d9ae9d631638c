"""DuckDB: a database of one table a part; `duckdb_columns` says how values are held.

The table has the primary key where every row has one of its own, and NOT NULL where it was promised
and held. Two files of equal rows are not the same bytes.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from export_assets.formats.base import Format, FormatOptions
from export_assets.formats.duckdb_reader import read_duckdb
from export_assets.formats.duckdb_table import DuckDbTable
from export_assets.formats.duckdb_writer import DuckDbWriter
from export_assets.formats.options import check_plain, normal_form
from export_assets.tables.batch import Batch
from export_assets.tables.schema import TableSchema


class DuckDbFormat(Format):
    """One DuckDB database per part."""

    name = "duckdb"
    kind = "duckdb"
    compressions = ("none",)
    reproducible = False

    def suffix(self, options: FormatOptions) -> str:
        """Return `.duckdb`."""
        check_plain(self.name, options)
        return ".duckdb"

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

    def carried(self, schema: TableSchema, options: FormatOptions) -> TableSchema:
        """Return all columns.

        Raises:
            UsageError: There are none.
        """
        del options
        DuckDbTable.of(schema)
        return schema

    def open(
        self,
        path: Path,
        schema: TableSchema,
        options: FormatOptions,
        metadata: Mapping[str, str],
    ) -> DuckDbWriter:
        """Create *path*."""
        del metadata
        self.check_options(options)
        return DuckDbWriter(path, schema)

    def read(
        self, path: Path, schema: TableSchema, options: FormatOptions, *, strict: bool = True
    ) -> Iterator[Batch]:
        """Yield what was written.

        Raises:
            IntegrityError: The file is cut, or holds no table of that schema.
        """
        del strict
        self.check_options(options)
        return read_duckdb(path, schema, DuckDbTable.of(schema))
