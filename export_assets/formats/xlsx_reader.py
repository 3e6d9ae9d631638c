"""A workbook of ours back into batches, in constant memory, as strictly as it was written."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final

import msgspec
import polars as pl

from export_assets.errors import IntegrityError
from export_assets.formats.xlsx_cells import from_cells
from export_assets.formats.xlsx_layout import header, letters
from export_assets.formats.xlsx_package import Sheet
from export_assets.formats.xlsx_pieces import Ahead, Piece, pieces_of
from export_assets.formats.xlsx_sheet import cells_of, runs_of_rows
from export_assets.formats.xlsx_text import unescaped
from export_assets.tables.batch import Batch
from export_assets.tables.schema import TableSchema

_TAIL: Final = 22
"""Bytes that a ZIP file ends with, where no comment follows."""


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
                pieces = pieces_of(path, stack.enter_context(package.open(hidden.path)))
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


def _batches(
    path: Path, schema: TableSchema, part: IO[bytes], pieces: Iterator[Piece]
) -> Iterator[Batch]:
    held = Ahead(pieces)
    row = 1
    for run in runs_of_rows(path, part, header(schema).encode()):
        cells, last = cells_of(path, run.decode(), row)
        yield Batch(_frame(path, schema, cells, first=row + 1, last=last, pieces=held))
        row = last
    if held.next is not None:
        msg = f"{path.name}: a text goes on that is in no cell"
        raise IntegrityError(msg)


def _frame(
    path: Path, schema: TableSchema, cells: pl.DataFrame, *, first: int, last: int, pieces: Ahead
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
    return texts.clone().scatter(places, pl.Series(joined, dtype=pl.String))
