"""One workbook of the workbooks of its tables: a sheet a table, taken over as it is."""

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from export_assets.errors import IntegrityError
from export_assets.formats.about import ABOUT_SCHEMA, about
from export_assets.formats.base import FormatOptions
from export_assets.formats.joining import ABOUT, Origin, Part, Parts, TableJoiner
from export_assets.formats.xlsx_cells import to_cells
from export_assets.formats.xlsx_layout import END, beginning, rows
from export_assets.formats.xlsx_package import Package, Sheet
from export_assets.formats.xlsx_reader import check_whole, read_xlsx
from export_assets.formats.xlsx_titles import sheets_of
from export_assets.tables.batch import Batch

_BLOCK: Final = 1 << 20


class XlsxJoiner(TableJoiner):
    """Makes one workbook of several."""

    def join(
        self, path: Path, parts: Parts, options: FormatOptions, *, origin: Origin | None
    ) -> None:
        """Create *path*; see `Joiner.join`."""
        del options
        sheets = sheets_of([*parts] if origin is None else [*parts, ABOUT])
        package = Package(path)
        try:
            written: list[Sheet] = []
            for name, part in parts.items():
                written += _take_over(package, part, sheets[name])
            if origin is not None:
                titles = {name: sheet.title for name, (sheet, _) in sheets.items()}
                written.append(_tell(package, about(parts, titles, origin), sheets[ABOUT][0]))
            package.finish(written)
        except BaseException:
            package.abort()
            raise

    def read(self, path: Path, parts: Parts, table: str) -> Iterator[Batch]:
        """Yield the rows of *table*; see `TableJoiner.read`."""
        return read_xlsx(path, parts[table].schema, sheets_of(parts)[table])


def _take_over(package: Package, part: Part, sheets: tuple[Sheet, Sheet]) -> Iterator[Sheet]:
    """Copy the sheets of a workbook of one table, and yield what they are then.

    Raises:
        IntegrityError: It is cut or damaged.
    """
    check_whole(part.path)
    own = sheets_of([part.schema.name])[part.schema.name]
    try:
        with zipfile.ZipFile(part.path) as source:
            for sheet, made in zip(own, sheets, strict=True):
                if sheet.path in source.NameToInfo:
                    with source.open(sheet.path) as content:
                        shutil.copyfileobj(content, package.begin(made.path), _BLOCK)
                    yield made
    except zipfile.BadZipFile as error:
        msg = f"{part.path.name}: not a whole workbook"
        raise IntegrityError(msg) from error


def _tell(package: Package, batch: Batch, sheet: Sheet) -> Sheet:
    """Write the sheet that tells of the others."""
    cells = [
        (column, to_cells(column, batch.frame[column.name])) for column in ABOUT_SCHEMA.columns
    ]
    text = beginning(ABOUT_SCHEMA) + rows(cells, first=2, height=batch.rows) + END
    package.begin(sheet.path).write(text.encode())
    return sheet
