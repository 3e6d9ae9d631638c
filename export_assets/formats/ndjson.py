"""NDJSON: one object per line, UTF-8 without a byte order mark, LF; see `records`."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from export_assets.formats.base import Dialect, Format, FormatOptions, FormatWriter
from export_assets.formats.options import (
    SUFFIXES,
    compression_of,
    level_of,
    normal_form,
    refuse_delimiter,
    refuse_pretty,
)
from export_assets.formats.record_reader import RecordDecoder
from export_assets.formats.records import RecordEncoder
from export_assets.formats.streams import ROWS_AT_ONCE, TextSink, read_blocks, read_records
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Fidelity, TableSchema


class NdjsonWriter(FormatWriter):
    """One NDJSON file being written."""

    def __init__(self, sink: TextSink, schema: TableSchema) -> None:
        self._sink = sink
        self._encoder = RecordEncoder(schema)

    def write(self, batch: Batch) -> None:
        """Append the rows of *batch*."""
        for rows in batch.frame.iter_slices(ROWS_AT_ONCE):
            self._encoder.write_lines(rows, self._sink)

    def close(self) -> None:
        """Finish the file."""
        self._sink.close()

    def abort(self) -> None:
        """Close the file without finishing it."""
        self._sink.abort()

    def fidelity(self) -> Mapping[str, Fidelity]:
        """Return per column what JSON could not hold."""
        return self._encoder.fidelity()


class NdjsonFormat(Format):
    """One NDJSON file per part."""

    name = "ndjson"
    kind = "ndjson"
    compressions = ("none", "gzip", "zstd")
    carries_nonfinite = False

    def suffix(self, options: FormatOptions) -> str:
        """Return `.ndjson`, `.ndjson.gz` or `.ndjson.zst`."""
        return ".ndjson" + SUFFIXES[compression_of(self.name, options, self.compressions)]

    def check_options(self, options: FormatOptions) -> None:
        """Refuse unknown codecs and levels, and what belongs to other formats.

        Raises:
            UsageError: An option cannot be honoured.
        """
        level_of(options, compression_of(self.name, options, self.compressions))
        refuse_delimiter(self.name, options)
        refuse_pretty(self.name, options)

    def canonical(self, options: FormatOptions) -> FormatOptions:
        """Return the normal form: codec and level spelt out."""
        codec = compression_of(self.name, options, self.compressions)
        return normal_form(codec, level_of(options, codec))

    def dialect(self, options: FormatOptions) -> Dialect:
        """Describe encoding, line end and codec."""
        codec = compression_of(self.name, options, self.compressions)
        return Dialect(values={"encoding": "utf-8", "line_end": "LF", "compression": codec})

    def open(
        self,
        path: Path,
        schema: TableSchema,
        options: FormatOptions,
        metadata: Mapping[str, str],  # noqa: ARG002 - NDJSON has no place for it
    ) -> NdjsonWriter:
        """Create *path*."""
        self.check_options(options)
        codec = compression_of(self.name, options, self.compressions)
        return NdjsonWriter(TextSink(path, codec=codec, level=level_of(options, codec)), schema)

    def read(
        self, path: Path, schema: TableSchema, options: FormatOptions, *, strict: bool = True
    ) -> Iterator[Batch]:
        """Yield what was written.

        Raises:
            IntegrityError: The file is cut, or a line is not a record of the table.
        """
        self.check_options(options)
        codec = compression_of(self.name, options, self.compressions)
        return _read(path, schema, codec=codec, strict=strict)


def _read(path: Path, schema: TableSchema, *, codec: str, strict: bool) -> Iterator[Batch]:
    decoder = RecordDecoder(path, schema, strict=strict)
    cut = f"{path.name}: the last record is cut"
    for run in read_records(read_blocks(path, codec=codec), end=_end_of_lines, cut=cut):
        yield decoder.batch(run, run)


def _end_of_lines(buffer: bytes) -> int:
    return buffer.rfind(b"\n") + 1
