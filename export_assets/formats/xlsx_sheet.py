"""The XML of a sheet of ours, back into cells; anything else is refused."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Final

import polars as pl

from export_assets.errors import IntegrityError
from export_assets.formats.streams import READ_BYTES, read_records
from export_assets.formats.xlsx_layout import END, OPENING

_ROW_END: Final = b"</row>"
_BEGIN: Final = b"<sheetData>"
_CELL: Final = (
    r'^(?P<column>[A-Z]{1,3})(?P<row>[0-9]+)"(?: s="[0-9]+")?(?: t="(?:b|inlineStr)")?>'
    r'(?:<v>(?P<number>[^<]*)</v>|<is><t xml:space="preserve">(?P<text>[^<]*)</t></is>)</c>'
    r'(?:</row>(?:<row r="[0-9]+"></row>)*(?:<row r="[0-9]+">)?)?$'
)


def runs_of_rows(path: Path, part: IO[bytes], first: bytes = b"") -> Iterator[bytes]:
    """Yield runs of whole rows of the sheet *part* of the workbook *path*, those behind *first*.

    Raises:
        IntegrityError: It is cut, or does not begin with that row.
    """
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


def cells_of(path: Path, run: str, before: int) -> tuple[pl.DataFrame, int]:
    """Return the cells of *run*, whose rows follow row number *before*, and its last row.

    Each has its `column`, its `row`, and what is in it: a `number` or a `text`.

    Raises:
        IntegrityError: They are not what is written for a table.
    """
    last = before + run.count("</row>")
    texts = pl.Series(run.split('<c r="')[1:], dtype=pl.String)
    cells = texts.str.extract_groups(_CELL).struct.unnest()
    there = f'<row r="{last}">' in run[run.rfind('<row r="') :]
    rows = cells["row"].cast(pl.Int64, strict=False)
    if not there or cells["column"].has_nulls() or not rows.is_between(before + 1, last).all():
        msg = f"{path.name}: rows {before + 1:,} to {last:,} are not as they were written"
        raise IntegrityError(msg)
    return cells.with_columns(rows), last


def _end_of_rows(buffer: bytes) -> int:
    at = buffer.rfind(_ROW_END)
    return at + len(_ROW_END) if at >= 0 else 0
