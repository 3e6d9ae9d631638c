"""Texts that go on in the hidden sheet of a workbook, in the order of their cells."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import polars as pl

from export_assets.formats.xlsx_sheet import cells_of, runs_of_rows
from export_assets.formats.xlsx_text import unescaped


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What follows in a cell."""

    row: int
    column: int
    text: str


class Ahead:
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


def pieces_of(path: Path, part: IO[bytes]) -> Iterator[Piece]:
    """Yield the pieces in the hidden sheet *part* of the workbook *path*.

    Raises:
        IntegrityError: It is cut, or another sheet.
    """
    number = 0
    for run in runs_of_rows(path, part):
        cells, number = cells_of(path, run.decode(), number)
        row, column, text = (
            cells.filter(pl.col("column") == letter)[kind]
            for letter, kind in (("A", "number"), ("B", "number"), ("C", "text"))
        )
        for place in zip(row.cast(pl.Int64), column.cast(pl.Int64), unescaped(text), strict=True):
            yield Piece(row=place[0], column=place[1], text=place[2])
