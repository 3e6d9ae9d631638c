"""Excel workbooks: one sheet a part, with a frozen header; `xlsx_cells` says what cells hold.

Texts are texts: none becomes a formula, a link or a number. What a cell cannot hold exactly is
text, counted, and reads back as what it was.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from export_assets.errors import UsageError
from export_assets.formats.base import Dialect, Format, FormatOptions
from export_assets.formats.options import check_plain, normal_form
from export_assets.formats.xlsx_package import MOST_COLUMNS, MOST_ROWS
from export_assets.formats.xlsx_reader import read_xlsx
from export_assets.formats.xlsx_titles import sheets_of
from export_assets.formats.xlsx_writer import XlsxWriter
from export_assets.tables.batch import Batch
from export_assets.tables.schema import TableSchema


class XlsxFormat(Format):
    """One workbook per part."""

    name = "xlsx"
    kind = "xlsx"
    compressions = ("none",)
    most_rows = MOST_ROWS - 1

    def suffix(self, options: FormatOptions) -> str:
        """Return `.xlsx`."""
        check_plain(self.name, options)
        return ".xlsx"

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
        """Say what the cells do not."""
        del options
        return Dialect(values={"header": "yes", "null": "no cell", "timestamps": "UTC"})

    def carried(self, schema: TableSchema, options: FormatOptions) -> TableSchema:
        """Return all columns.

        Raises:
            UsageError: A sheet has no room for them.
        """
        del options
        if len(schema.columns) > MOST_COLUMNS:
            msg = f"{schema.name}: {len(schema.columns):,} columns; a sheet of Excel has at most "
            msg += f"{MOST_COLUMNS:,}"
            raise UsageError(msg)
        return schema

    def open(
        self,
        path: Path,
        schema: TableSchema,
        options: FormatOptions,
        metadata: Mapping[str, str],
    ) -> XlsxWriter:
        """Create *path*."""
        del metadata
        self.check_options(options)
        return XlsxWriter(path, schema)

    def read(
        self, path: Path, schema: TableSchema, options: FormatOptions, *, strict: bool = True
    ) -> Iterator[Batch]:
        """Yield what was written.

        Raises:
            IntegrityError: The file is cut, or holds no table of that schema.
        """
        del strict
        self.check_options(options)
        return read_xlsx(path, schema, sheets_of([schema.name])[schema.name])
