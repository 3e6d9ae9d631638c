"""A workbook of one table being written, row by row into its one sheet."""

import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Final

import polars as pl

from export_assets.errors import UsageError
from export_assets.formats.base import FormatWriter
from export_assets.formats.findings import LONG_TEXTS, NESTED_NOT_FINITE, NOT_IN_CELLS
from export_assets.formats.nested import count_not_finite
from export_assets.formats.streams import ROWS_AT_ONCE
from export_assets.formats.xlsx_cells import Written, to_cells
from export_assets.formats.xlsx_layout import (
    END,
    beginning,
    beginning_of_long_texts,
    piece,
    rows,
)
from export_assets.formats.xlsx_package import MOST_ROWS, Package
from export_assets.formats.xlsx_text import is_long, pieces
from export_assets.formats.xlsx_titles import sheets_of
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Fidelity, LogicalType, TableSchema

_HELD_BYTES: Final = 4 << 20
_MOST_BYTES: Final = (1 << 31) - (64 << 20)
"""Of a sheet in XML: programs of 32 bits read no larger part of a workbook."""


class XlsxWriter(FormatWriter):
    """One workbook being written."""

    def __init__(self, path: Path, schema: TableSchema) -> None:
        self._schema = schema
        self._sheet, self._hidden = sheets_of([schema.name])[schema.name]
        self._forced: Counter[str] = Counter()
        self._long: Counter[str] = Counter()
        self._not_finite: Counter[str] = Counter()
        self._row = 1
        """The last row that was written; the header is the first."""
        self._bytes = 0
        self._part: IO[bytes] | None = None
        self._pieces: IO[bytes] | None = None
        self._piece = 0
        self._directory = path.parent
        self._package = Package(path)
        self._closed = False

    def write(self, batch: Batch) -> None:
        """Append the rows of *batch*.

        Raises:
            UsageError: A sheet has no room for them.
        """
        if self._row + batch.rows > MOST_ROWS:
            msg = f"{self._schema.name}: a sheet of Excel ends after {MOST_ROWS - 1:,} rows; "
            msg += "choose another format, or partitions"
            raise UsageError(msg)
        for column in self._schema.columns:
            if column.logical is LogicalType.NESTED:
                lost = count_not_finite(batch.frame[column.name])
                self._not_finite[column.name] += lost
        for frame in batch.frame.iter_slices(ROWS_AT_ONCE):
            self._append(frame)

    def close(self) -> None:
        """Finish the sheets and the file."""
        if self._closed:
            return
        try:
            self._begun().write(END.encode())
            sheets = [self._sheet]
            if self._pieces is not None:
                self._write_pieces(self._pieces)
                sheets.append(self._hidden)
            self._package.finish(sheets)
        except BaseException:
            self.abort()
            raise
        self._closed = True

    def abort(self) -> None:
        """Close the file without finishing it."""
        self._closed = True
        if self._pieces is not None:
            self._pieces.close()
        self._package.abort()

    def fidelity(self) -> Mapping[str, Fidelity]:
        """Count the values that are texts for Excel's sake, and those that go on elsewhere."""
        found = {
            name: Fidelity(verdict="widened", reason=reason, count=count)
            for reason, counts in ((NOT_IN_CELLS, self._forced), (LONG_TEXTS, self._long))
            for name, count in counts.items()
            if count
        }
        for name, count in self._not_finite.items():
            if count:
                found[name] = Fidelity(verdict="lossy", reason=NESTED_NOT_FINITE, count=count)
        return found

    def _begun(self) -> IO[bytes]:
        if self._part is None:
            self._part = self._package.begin(self._sheet.path)
            self._part.write(beginning(self._schema).encode())
        return self._part

    def _append(self, frame: pl.DataFrame) -> None:
        columns = []
        long: list[tuple[int, int, str]] = []
        for index, column in enumerate(self._schema.columns):
            written = to_cells(column, frame.to_series(index))
            self._forced[column.name] += written.forced
            if written.texts is not None and (odd := is_long(written.texts)).any():
                written = self._cut(index, written, odd, long)
            columns.append((column, written))
        text = rows(columns, first=self._row + 1, height=frame.height).encode()
        self._bytes += len(text)
        if self._bytes > _MOST_BYTES:
            msg = f"{self._schema.name}: more than 2 GB of cells are no sheet that programs can "
            msg += "read; choose another format, or partitions"
            raise UsageError(msg)
        self._begun().write(text)
        for row, column_number, rest in sorted(long, key=lambda one: one[:2]):
            self._put_aside(row, column_number, rest)
        self._row += frame.height

    def _cut(
        self, index: int, written: Written, odd: pl.Series, long: list[tuple[int, int, str]]
    ) -> Written:
        """Leave in the cells what fits, and note the rest."""
        assert written.texts is not None  # noqa: S101 - that is where long texts are
        firsts = []
        for place, text in zip(odd.arg_true(), written.texts.filter(odd), strict=True):
            first = next(pieces(text))
            firsts.append(first)
            if len(first) < len(text):
                self._long[self._schema.names[index]] += 1
                long.append((self._row + 1 + place, index + 1, text[len(first) :]))
        texts = written.texts.clone().scatter(odd.arg_true(), pl.Series(firsts, dtype=pl.String))
        return Written(numbers=written.numbers, texts=texts, forced=written.forced)

    def _put_aside(self, row: int, column: int, rest: str) -> None:
        if self._pieces is None:
            self._pieces = SpooledTemporaryFile(_HELD_BYTES, dir=str(self._directory))  # noqa: SIM115 - closed with the writer
        for text in pieces(rest):
            self._piece += 1
            if self._piece > MOST_ROWS:
                msg = f"{self._schema.name}: its long texts do not fit a sheet of Excel"
                raise UsageError(msg)
            line = piece(self._piece, row=row, column=column, text=text)
            self._pieces.write(line.encode())

    def _write_pieces(self, held: IO[bytes]) -> None:
        part = self._package.begin(self._hidden.path)
        part.write(beginning_of_long_texts().encode())
        held.seek(0)
        shutil.copyfileobj(held, part)
        part.write(END.encode())
        held.close()
