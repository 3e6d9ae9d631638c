"""A workbook of ours back into batches, in constant memory, as strictly as it was written."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Final

import msgspec
import polars as pl

from export_assets.errors import IntegrityError
from export_assets.formats.streams import READ_BYTES, read_records
from export_assets.formats.xlsx_cells import from_cells
from export_assets.formats.xlsx_layout import (
    END,
    OPENING,
    beginning_of_long_texts,
    header,
    letters,
)
from export_assets.formats.xlsx_package import Sheet
from export_assets.formats.xlsx_text import unescaped
from export_assets.tables.batch import Batch
from export_assets.tables.schema import TableSchema

_TAIL: Final = 22
"""Bytes that a ZIP file ends with, where no comment follows."""
_ROW_END: Final = b"</row>"
_BEGIN: Final = b"<sheetData>"
_CELL: Final = (
    r'^(?P<column>[A-Z]{1,3})(?P<row>[0-9]+)"(?: s="[0-9]+")?(?: t="(?:b|inlineStr)")?>'
    r'(?:<v>(?P<number>[^<]*)</v>|<is><t xml:space="preserve">(?P<text>[^<]*)</t></is>)</c>'
    r'(?:</row>(?:<row r="[0-9]+"></row>)*(?:<row r="[0-9]+">)?)?$'
)
_LAST_ROW: Final = b'<row r="'


def read_xlsx(path: Path, schema: TableSchema, sheets: tuple[Sheet, Sheet]) -> Iterator[Batch]:
    """Yield the rows of a table as batches of `schema.polars`.

    Args:
        path: The workbook.
        schema: The table.
        sheets: Its sheet, and the one of its long texts, where there is one.

    Raises:
        IntegrityError: The file is cut or damaged, or holds no such table.
    """
    check_whole(path)
    try:
        with zipfile.ZipFile(path) as package, ExitStack() as stack:
            plain, hidden = sheets
            part = stack.enter_context(package.open(plain.path))
            pieces: Iterator[Piece] = iter(())
            if hidden.path in package.NameToInfo:
                pieces = _pieces(path, stack.enter_context(package.open(hidden.path)))
            yield from _batches(path, schema, part, pieces)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, UnicodeDecodeError) as error:
        msg = f"{path.name}: not a whole workbook"
        raise IntegrityError(msg) from error


def check_whole(path: Path) -> None:
    """Refuse a file that does not end where a workbook of ours ends.

    Raises:
        IntegrityError: It does not.
    """
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _TAIL))
        tail = file.read()
    if len(tail) < _TAIL or not tail.startswith(b"PK\5\6"):
        msg = f"{path.name}: not a whole workbook"
        raise IntegrityError(msg)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What follows in a cell."""

    row: int
    column: int
    text: str


def _batches(
    path: Path, schema: TableSchema, part: IO[bytes], pieces: Iterator[Piece]
) -> Iterator[Batch]:
    held = _Ahead(pieces)
    row = 1
    for run in _runs(path, part, header(schema).encode()):
        cells, last = _cells(path, run.decode(), row)
        yield Batch(_frame(path, schema, cells, first=row + 1, last=last, pieces=held))
        row = last
    if held.next is not None:
        msg = f"{path.name}: a text goes on that is in no cell"
        raise IntegrityError(msg)


def _runs(path: Path, part: IO[bytes], first: bytes) -> Iterator[bytes]:
    """Yield runs of whole rows, those behind the row *first*."""
    blocks = iter(lambda: part.read(READ_BYTES), b"")
    opening, _, rest = next(blocks, b"").partition(_BEGIN)
    while len(rest) < len(first) and (more := next(blocks, b"")):
        rest += more
    if not opening.startswith(OPENING.encode()) or not rest.startswith(first):
        msg = f"{path.name}: the columns are not those of the table"
        raise IntegrityError(msg)
    behind = b""
    for run in read_records(chain([rest[len(first) :]], blocks), end=_end_of_rows):
        if run.endswith(_ROW_END):
            yield run
        else:
            behind = run
    if behind != END.encode():
        msg = f"{path.name}: the sheet is cut"
        raise IntegrityError(msg)


def _end_of_rows(buffer: bytes) -> int:
    at = buffer.rfind(_ROW_END)
    return at + len(_ROW_END) if at >= 0 else 0


def _cells(path: Path, run: str, before: int) -> tuple[pl.DataFrame, int]:
    """Return the cells of *run*, whose rows follow row number *before*, and its last row."""
    last = before + run.count("</row>")
    texts = pl.Series(run.split('<c r="')[1:], dtype=pl.String)
    cells = texts.str.extract_groups(_CELL).struct.unnest()
    there = f'<row r="{last}">' in run[run.rfind('<row r="') :]
    rows = cells["row"].cast(pl.Int64, strict=False)
    if not there or cells["column"].has_nulls() or not rows.is_between(before + 1, last).all():
        msg = f"{path.name}: rows {before + 1:,} to {last:,} are not as they were written"
        raise IntegrityError(msg)
    return cells.with_columns(rows), last


def _frame(
    path: Path, schema: TableSchema, cells: pl.DataFrame, *, first: int, last: int, pieces: "_Ahead"
) -> pl.DataFrame:
    height = last - first + 1
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, height)
    parts = cells.partition_by("column", as_dict=True, include_key=False)
    rests = pieces.until(last)
    done = {}
    for index, column in enumerate(schema.columns):
        found = parts.pop((letters(index),), None)
        numbers = texts = nothing
        if found is not None:
            places = found["row"] - first
            numbers, texts = (_at(places, found[kind], height) for kind in ("number", "text"))
        try:
            texts = _whole(unescaped(texts), rests.get(index + 1, {}), first)
            done[column.name] = from_cells(column, numbers, texts)
        except (pl.exceptions.PolarsError, msgspec.MsgspecError, TypeError, ValueError) as error:
            # pa.ArrowInvalid is a ValueError too.
            msg = f"{path.name}: column {column.name} does not hold {column.logical}"
            raise IntegrityError(msg) from error
    if parts:
        msg = f"{path.name}: there are cells beside the columns of the table"
        raise IntegrityError(msg)
    return pl.DataFrame(done)


def _at(places: pl.Series, values: pl.Series, height: int) -> pl.Series:
    """Return *values* at their *places* in a column of *height* rows."""
    if len(values) == height:
        return values
    empty = pl.Series([None], dtype=pl.String).new_from_index(0, height)
    return empty.scatter(places, values)


def _whole(texts: pl.Series, rests: dict[int, str], first: int) -> pl.Series:
    """Return *texts* with what follows of them, by number of the row."""
    if not rests:
        return texts
    places = [row - first for row in rests]
    joined = [texts[place] + rest for place, rest in zip(places, rests.values(), strict=True)]
    return texts.scatter(places, pl.Series(joined, dtype=pl.String))


class _Ahead:
    """Pieces in the order of their cells, looked at before they are taken."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self._pieces = pieces
        self.next = next(pieces, None)

    def until(self, row: int) -> dict[int, dict[int, str]]:
        """Return what follows in cells up to *row*: by column, then by row."""
        found: dict[int, dict[int, list[str]]] = {}
        while self.next is not None and self.next.row <= row:
            found.setdefault(self.next.column, {}).setdefault(self.next.row, []).append(
                self.next.text
            )
            self.next = next(self._pieces, None)
        return {
            column: {place: "".join(texts) for place, texts in rows.items()}
            for column, rows in found.items()
        }


def _pieces(path: Path, part: IO[bytes]) -> Iterator[Piece]:
    start = beginning_of_long_texts().encode()
    if part.read(len(start)) != start:
        msg = f"{path.name}: the sheet of long texts is another one"
        raise IntegrityError(msg)
    blocks = iter(lambda: part.read(READ_BYTES), b"")
    number = 0
    for run in read_records(blocks, end=_end_of_rows):
        if not run.endswith(_ROW_END):
            break
        cells, number = _cells(path, run.decode(), number)
        row, column, text = (
            cells.filter(pl.col("column") == letter)[kind]
            for letter, kind in (("A", "number"), ("B", "number"), ("C", "text"))
        )
        for place in zip(row.cast(pl.Int64), column.cast(pl.Int64), unescaped(text), strict=True):
            yield Piece(row=place[0], column=place[1], text=place[2])
