"""CSV back into batches, as strictly as it was written."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv

from export_assets.errors import IntegrityError
from export_assets.formats.cells import TEXTUAL, from_text
from export_assets.formats.csv_rows import BYTE_ORDER_MARK, INSIDE, CsvLayout, without_guard
from export_assets.formats.streams import read_blocks, read_records
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, LogicalType, TableSchema

_TYPES = {
    LogicalType.BOOLEAN: pa.bool_(),
    LogicalType.INTEGER: pa.int64(),
    LogicalType.FLOAT: pa.float64(),
    LogicalType.DATE: pa.date32(),
    LogicalType.TIMESTAMP: pa.timestamp("us", "UTC"),
    LogicalType.NAIVE_TIMESTAMP: pa.timestamp("us"),
}
"""Types Arrow's CSV reader takes straight from the text; the others are read as text first."""

_PLAIN_TEXT = frozenset({LogicalType.TEXT, LogicalType.JSON, LogicalType.UUID})

_COLUMN = re.compile(r"In CSV column #(\d+): Row #(\d+)")
_WIDTH = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")


def read_csv(path: Path, schema: TableSchema, layout: CsvLayout, *, codec: str) -> Iterator[Batch]:
    """Yield the rows of *path* as batches of `schema.polars`.

    Raises:
        IntegrityError: The file is cut, or is not a table of that schema.
    """
    header = layout.header(schema)
    cut = f"{path.name}: the last row is cut"
    blocks = _after_header(path, header, codec=codec)
    rows = 0
    line_end = layout.line_end.encode()
    for run in read_records(blocks, end=_end_of_rows, cut=cut):
        if not run.endswith(line_end):
            raise IntegrityError(cut)
        try:
            batch = _parse(run, schema, layout)
        except pa.ArrowInvalid as error:
            raise IntegrityError(_fact(path, schema, rows, str(error))) from error
        rows += batch.rows
        yield batch


def _after_header(path: Path, header: bytes, *, codec: str) -> Iterator[bytes]:
    blocks = read_blocks(path, codec=codec)
    first = b""
    for block in blocks:
        first += block
        if len(first) >= len(header):
            break
    if not first.startswith(header):
        cut = header.startswith(first)
        fact = "the header is cut" if cut else "the header does not name the columns of the table"
        msg = f"{path.name}: {fact}"
        raise IntegrityError(msg)
    yield first[len(header) :]
    yield from blocks


def _end_of_rows(buffer: bytes) -> int:
    """Return where the last whole row ends: a line end with an even number of quotes before it."""
    end = buffer.rfind(b"\n") + 1
    quotes = buffer.count(b'"', 0, end)
    while end and quotes % 2:
        previous = buffer.rfind(b"\n", 0, end - 1) + 1
        quotes -= buffer.count(b'"', previous, end)
        end = previous
    return end


def _parse(run: bytes, schema: TableSchema, layout: CsvLayout) -> Batch:
    delimiter = layout.delimiter
    if not delimiter.isascii():
        run = _with_short_delimiter(run, delimiter.encode())
        delimiter = INSIDE
    if run.startswith(BYTE_ORDER_MARK):
        # Arrow drops a mark at the start of what it reads; here it is part of a value.
        run = BYTE_ORDER_MARK + run
    table = arrow_csv.read_csv(
        pa.BufferReader(run),
        read_options=arrow_csv.ReadOptions(
            column_names=list(schema.names),
            # Batches are read by several writers' checks at once: one thread each is enough.
            use_threads=False,
            block_size=len(run),
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types={c.name: _TYPES.get(c.logical, pa.large_string()) for c in schema.columns},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["true"],
            false_values=["false"],
        ),
    )
    return _typed(table, schema, layout)


def _with_short_delimiter(run: bytes, delimiter: bytes) -> bytes:
    """Replace *delimiter* outside quotes by one byte; inside quotes it is text."""
    parts = run.split(b'"')
    parts[::2] = [part.replace(delimiter, INSIDE.encode()) for part in parts[::2]]
    return b'"'.join(parts)


def _typed(table: pa.Table, schema: TableSchema, layout: CsvLayout) -> Batch:
    """Turn the columns that were read as text into what they are."""
    pending = [c for c in schema.columns if _needs_work(c, layout)]
    if not pending:
        return Batch(table=table)
    frame = Batch(table=table).frame
    changed = []
    for column in pending:
        text = frame[column.name]
        if layout.guard and column.logical in TEXTUAL:
            text = without_guard(text)
        changed.append(_values(column, text))
    return Batch(frame.with_columns(changed))


def _needs_work(column: Column, layout: CsvLayout) -> bool:
    if column.logical in _PLAIN_TEXT:
        return layout.guard
    return column.logical not in _TYPES


def _values(column: Column, text: pl.Series) -> pl.Series:
    try:
        return from_text(column, text)
    except (pl.exceptions.PolarsError, msgspec.MsgspecError, TypeError, ValueError) as error:
        # pa.ArrowInvalid is a ValueError too.
        msg = f"In column {column.name}"
        raise pa.ArrowInvalid(msg) from error


def _fact(path: Path, schema: TableSchema, rows: int, message: str) -> str:
    """Say what is wrong without quoting a value of the table."""
    if found := _WIDTH.search(message):
        row, expected, got = (int(group) for group in found.groups())
        return f"{path.name}: row {rows + row} has {got} fields, not {expected}"
    if found := _COLUMN.search(message):
        column = schema.columns[int(found[1])]
        where = f"row {rows + int(found[2])}, column {column.name}"
        return f"{path.name}: {where} does not hold {column.logical}"
    if message.startswith("In column "):
        column = schema.column(message.removeprefix("In column "))
        return f"{path.name}: column {column.name} does not hold {column.logical}"
    return f"{path.name}: not CSV as this project writes it"
