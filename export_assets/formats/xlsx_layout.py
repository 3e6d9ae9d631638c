"""How a sheet is laid out in XML: a frozen header, then a row a row, cells of NULL left out.

Texts that do not fit a cell go on in a hidden sheet: row and column of the cell, and the piece.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

from export_assets.formats.xlsx_cells import WIDTHS, Written, style_of
from export_assets.formats.xlsx_package import HEAD
from export_assets.formats.xlsx_styles import HEADER, MAIN
from export_assets.formats.xlsx_text import escaped, escaped_text
from export_assets.tables.schema import Column, TableSchema

OPENING: Final = f'{HEAD}<worksheet xmlns="{MAIN}">'
END: Final = "</sheetData></worksheet>"
TEXT: Final = '<is><t xml:space="preserve">'
TEXT_END: Final = "</t></is></c>"

_FROZEN: Final = (
    '<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" '
    'activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
)
_LETTERS: Final = 26


def letters(index: int) -> str:
    """Return what column number *index*, from 0, is called in a sheet."""
    found = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, _LETTERS)
        found = chr(ord("A") + letter) + found
    return found


def beginning(schema: TableSchema) -> str:
    """Return the sheet of *schema* as far as its first row of values."""
    widths = "".join(
        f'<col min="{index}" max="{index}" width="{WIDTHS[column.logical]}" customWidth="1"/>'
        for index, column in enumerate(schema.columns, 1)
        if column.logical in WIDTHS
    )
    columns = f"<cols>{widths}</cols>" if widths else ""
    return f"{OPENING}{_FROZEN}{columns}<sheetData>{header(schema)}"


def header(schema: TableSchema) -> str:
    """Return the first row of the sheet of *schema*."""
    cells = (
        f'<c r="{letters(index)}1" s="{HEADER}" t="inlineStr">{TEXT}{escaped_text(name)}{TEXT_END}'
        for index, name in enumerate(schema.names)
    )
    return f'<row r="1">{"".join(cells)}</row>'


def beginning_of_long_texts() -> str:
    """Return the hidden sheet as far as its first piece."""
    return f"{OPENING}<sheetData>"


def piece(number: int, *, row: int, column: int, text: str) -> str:
    """Return row *number* of the hidden sheet: what follows in a cell of the other one."""
    cell = f'<c r="C{number}" t="inlineStr">{TEXT}{escaped_text(text)}{TEXT_END}'
    place = f'<c r="A{number}"><v>{row}</v></c><c r="B{number}"><v>{column}</v></c>'
    return f'<row r="{number}">{place}{cell}</row>'


def rows(columns: Sequence[tuple[Column, Written]], *, first: int, height: int) -> str:
    """Return *height* rows of the sheet in XML, the first of them number *first*."""
    numbers = pl.int_range(first, first + height, eager=True).cast(pl.String)
    parts = [pl.lit('<row r="'), pl.col("row"), pl.lit('">')]
    cells: dict[str, pl.Series] = {"row": numbers}
    for index, (column, written) in enumerate(columns):
        style = style_of(column)
        kinds = {
            "v": (written.numbers, f'" s="{style}"><v>' if style else '"><v>'),
            "b": (written.booleans, '" t="b"><v>'),
            "t": (written.texts, f'" t="inlineStr">{TEXT}'),
        }
        for kind, (values, opening) in kinds.items():
            if values is None:
                continue
            name = f"{kind}{index}"
            cells[name] = escaped(values) if kind == "t" else values
            ending = TEXT_END if kind == "t" else "</v></c>"
            cell = [pl.lit(f'<c r="{letters(index)}'), pl.col("row"), pl.lit(opening)]
            # A NULL in it makes all of it NULL.
            parts.append(pl.concat_str([*cell, pl.col(name), pl.lit(ending)]).fill_null(""))
    line = pl.concat_str([*parts, pl.lit("</row>")])
    return "".join(pl.DataFrame(cells).select(line).to_series().to_list())
