"""CSV: RFC 4180, UTF-8, header always, an unquoted empty field for NULL and `""` for no text.

default, tidy   LF
legacy          CRLF
excel           byte order mark, CRLF, and a `'` before text a spreadsheet would take for a formula
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from export_assets.errors import UsageError
from export_assets.formats.base import Dialect, Format, FormatOptions, FormatWriter
from export_assets.formats.csv_reader import read_csv
from export_assets.formats.csv_rows import CsvLayout, write_rows
from export_assets.formats.findings import NESTED_NOT_FINITE
from export_assets.formats.nested import (
    count_not_finite,
    leaves,
    nested_from_json,
    nested_to_json,
)
from export_assets.formats.options import (
    SUFFIXES,
    compression_of,
    level_of,
    normal_form,
    refuse_directories,
    refuse_line_shapes,
    refuse_pretty,
)
from export_assets.formats.streams import ROWS_AT_ONCE, TextSink
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, Fidelity, LogicalType, TableSchema

_NEVER_DELIMITERS = frozenset('"\r\n\0')


class CsvWriter(FormatWriter):
    """One CSV file being written."""

    def __init__(self, sink: TextSink, schema: TableSchema, layout: CsvLayout) -> None:
        self._sink = sink
        self._schema = schema
        self._layout = layout
        self._nested = [c.name for c in schema.columns if c.logical is LogicalType.NESTED]
        self._not_finite = dict.fromkeys(self._nested, 0)

    def write(self, batch: Batch) -> None:
        """Append the rows of *batch*."""
        for name in self._nested:
            self._not_finite[name] += count_not_finite(batch.frame[name])
        for rows in batch.frame.iter_slices(ROWS_AT_ONCE):
            write_rows(rows, self._schema, self._layout, self._sink)

    def close(self) -> None:
        """Finish the file."""
        self._sink.close()

    def abort(self) -> None:
        """Close the file without finishing it."""
        self._sink.abort()

    def fidelity(self) -> Mapping[str, Fidelity]:
        """Count the numbers inside nested values that JSON text cannot hold."""
        return {
            name: Fidelity(verdict="lossy", reason=NESTED_NOT_FINITE, count=count)
            for name, count in self._not_finite.items()
            if count
        }


class CsvFormat(Format):
    """One CSV file per part."""

    name = "csv"
    kind = "csv"
    compressions = ("none", "gzip", "zstd")
    delimiter = ","
    """Where options say nothing."""

    def suffix(self, options: FormatOptions) -> str:
        """Return `.csv`, `.csv.gz` or `.csv.zst`."""
        return f".{self.name}" + SUFFIXES[compression_of(self.name, options, self.compressions)]

    def check_options(self, options: FormatOptions) -> None:
        """Refuse a delimiter that is not one character, unknown codecs and pretty printing.

        Raises:
            UsageError: An option cannot be honoured.
        """
        level_of(options, compression_of(self.name, options, self.compressions))
        refuse_line_shapes(self.name, options)
        refuse_directories(self.name, options)
        refuse_pretty(self.name, options)
        if options.delimiter is not None:
            _check_delimiter(options.delimiter)

    def canonical(self, options: FormatOptions) -> FormatOptions:
        """Return the normal form: codec, level, delimiter and line layout spelt out."""
        codec = compression_of(self.name, options, self.compressions)
        layout = self._layout(options)
        profile = "default" if options.profile == "tidy" else options.profile
        normal = normal_form(codec, level_of(options, codec))
        return replace(normal, profile=profile, delimiter=layout.delimiter)

    def carried(self, schema: TableSchema, options: FormatOptions) -> TableSchema:  # noqa: ARG002 - part of the seam
        """Return all columns; another schema than *schema* where values may be held as null."""
        return replace(schema) if _floats_within(schema) else schema

    def carried_rows(self, batch: Batch, schema: TableSchema, options: FormatOptions) -> Batch:  # noqa: ARG002 - part of the seam
        """Return *batch* with null for the numbers inside nested values that JSON cannot hold."""
        held = {
            column.name: nested_from_json(nested_to_json(values), column.dtype)
            for column in _floats_within(schema)
            if count_not_finite(values := batch.frame[column.name])
        }
        if not held:
            return batch
        columns = {one.name: held.get(one.name, one) for one in batch.frame.get_columns()}
        return Batch(pl.DataFrame(columns))

    def dialect(self, options: FormatOptions) -> Dialect:
        """Describe delimiter, line end, NULL and formula guard."""
        layout = self._layout(options)
        return Dialect(
            values={
                "encoding": "utf-8",
                "byte_order_mark": "yes" if layout.mark else "no",
                "delimiter": layout.delimiter,
                "quote": '"',
                "line_end": "CRLF" if layout.line_end == "\r\n" else "LF",
                "header": "yes",
                "null": "empty field",
                "empty_text": '""',
                "formula_guard": "'" if layout.guard else "none",
                "compression": compression_of(self.name, options, self.compressions),
            }
        )

    def open(
        self,
        path: Path,
        schema: TableSchema,
        options: FormatOptions,
        metadata: Mapping[str, str],  # noqa: ARG002 - CSV has no place for it
    ) -> CsvWriter:
        """Create *path* and write its header."""
        self.check_options(options)
        codec = compression_of(self.name, options, self.compressions)
        layout = self._layout(options)
        header = layout.header(schema)
        sink = TextSink(path, codec=codec, level=level_of(options, codec))
        try:
            sink.write(header)
        except OSError:
            sink.abort()
            raise
        return CsvWriter(sink, schema, layout)

    def read(
        self,
        path: Path,
        schema: TableSchema,
        options: FormatOptions,
        *,
        strict: bool = True,  # noqa: ARG002 - the parser itself is strict
    ) -> Iterator[Batch]:
        """Yield what was written.

        Raises:
            IntegrityError: The file is cut, or is not a table of that schema.
        """
        self.check_options(options)
        codec = compression_of(self.name, options, self.compressions)
        return read_csv(path, schema, self._layout(options), codec=codec)

    def _layout(self, options: FormatOptions) -> CsvLayout:
        return CsvLayout.of(options, delimiter=self.delimiter)


def _floats_within(schema: TableSchema) -> list[Column]:
    """Return the nested columns that hold numbers with a point."""
    nested = [column for column in schema.columns if column.logical is LogicalType.NESTED]
    return [
        column
        for column in nested
        if any(leaf.dtype.is_float() for leaf in leaves(pl.Series(dtype=column.dtype)))
    ]


def _check_delimiter(delimiter: str) -> None:
    if len(delimiter) != 1:
        msg = f"CSV delimiter must be a single character, not {delimiter!r}"
        raise UsageError(msg)
    # Lone surrogates and the like cannot be written; ASCII control characters can.
    if delimiter in _NEVER_DELIMITERS or not (delimiter.isascii() or delimiter.isprintable()):
        never = "other than a quote, a line end, NUL or an unprintable"
        msg = f"CSV delimiter must be a single character {never}, not {delimiter!r}"
        raise UsageError(msg)
