"""How rows look in CSV: layout, quoting, formula guard."""

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Self

import polars as pl

from export_assets.formats.base import FormatOptions
from export_assets.formats.cells import TEXTUAL, float_texts, to_text
from export_assets.formats.streams import TextSink
from export_assets.tables.schema import Column, TableSchema

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

INSIDE = "\x1f"
"""Stands for a delimiter of several bytes between reading and parsing."""

# A guard is put before, and taken away from, text that starts with a formula sign after any
# number of guards: `=a` and `'=a` stay two different texts, and `'tis` stays as it is.
_TO_GUARD = r"^('*[=+\-@\t\r\n\x00])"
_GUARDED = r"^'('*[=+\-@\t\r\n\x00])"

_SIMPLE_DELIMITERS = frozenset(",;\t|\x1f\x01~^!#$%&*<>?@_ ")
"""ASCII that occurs in no number and no date, so that Polars may write the rows."""


_HEADERS = 128
"""First lines to keep."""


@dataclass(frozen=True, kw_only=True)
class CsvLayout:
    """Everything about a CSV file but its columns."""

    delimiter: str = ","
    line_end: str = "\n"
    mark: bool = False
    guard: bool = False

    @classmethod
    def of(cls, options: FormatOptions, *, delimiter: str) -> Self:
        """Return the layout *options* ask for, with *delimiter* where they name none."""
        excel = options.profile == "excel"
        windows = options.profile in {"excel", "legacy"}
        return cls(
            delimiter=options.delimiter or delimiter,
            line_end="\r\n" if windows else "\n",
            mark=excel,
            guard=excel,
        )

    def header(self, schema: TableSchema) -> bytes:
        """Return the first line with everything that stands before it."""
        return _header(self, schema.names)


def write_rows(frame: pl.DataFrame, schema: TableSchema, layout: CsvLayout, sink: TextSink) -> None:
    """Append the rows of *frame* to *sink* as lines of CSV."""
    # Polars takes some names for patterns; here nobody sees the names.
    columns = [replace(c, name=str(index)) for index, c in enumerate(schema.columns)]
    renamed = frame.rename(dict(zip(frame.columns, map(str, range(frame.width)), strict=True)))
    texts = renamed.select(_cell(column, layout) for column in columns)
    if layout.delimiter not in _SIMPLE_DELIMITERS:
        sink.write(_encode_quoted(texts, layout))
        return
    sink.write_with(
        partial(
            texts.write_csv,
            include_header=False,
            separator=layout.delimiter,
            line_terminator=layout.line_end,
        )
    )


def without_guard(text: pl.Series) -> pl.Series:
    """Return *text* as it was before the formula guard."""
    return text.alias("text").str.replace(_GUARDED, "${1}").alias(text.name)


@lru_cache(_HEADERS)
def _header(layout: CsvLayout, columns: tuple[str, ...]) -> bytes:
    # Kept: a table of many small partitions asks for the same line twice a file.
    names = pl.Series(columns, dtype=pl.String)
    if layout.guard:
        names = names.str.replace(_TO_GUARD, "'${1}")
    quoted = pl.DataFrame({"name": names}).select(_quoted(pl.col("name"), layout)).to_series()
    line = layout.delimiter.join(quoted.to_list()) + layout.line_end
    return (BYTE_ORDER_MARK if layout.mark else b"") + line.encode()


def _cell(column: Column, layout: CsvLayout) -> pl.Expr:
    text = to_text(column)
    cell = pl.col(column.name) if text is None else text
    if layout.guard and column.logical in TEXTUAL:
        return cell.str.replace(_TO_GUARD, "'${1}")
    return cell


def _encode_quoted(texts: pl.DataFrame, layout: CsvLayout) -> bytes:
    """Write rows whose delimiter may occur anywhere, or is longer than one byte."""
    cells = [_quoted(_as_text(name, dtype), layout) for name, dtype in texts.schema.items()]
    line = pl.concat_str(cells, separator=layout.delimiter) + layout.line_end
    return "".join(texts.select(line).to_series().to_list()).encode()


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    if dtype.is_float():
        return pl.col(name).map_batches(float_texts, return_dtype=pl.String())
    return pl.col(name).cast(pl.String)


def _quoted(cell: pl.Expr, layout: CsvLayout) -> pl.Expr:
    """Return *cell* with quotes where it needs them, and nothing for NULL."""
    needs = cell == ""
    stand_in = () if layout.delimiter.isascii() else (INSIDE,)
    for sign in (layout.delimiter, '"', "\n", "\r", *stand_in):
        needs = needs | cell.str.contains(sign, literal=True)
    doubled = pl.format('"{}"', cell.str.replace_all('"', '""', literal=True))
    return pl.when(needs).then(doubled).otherwise(cell).fill_null("")
