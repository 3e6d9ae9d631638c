"""JSON: one array of records, a record a line, or indented by two when pretty; see `records`."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from export_assets.errors import IntegrityError
from export_assets.formats.base import Dialect, Format, FormatOptions, FormatWriter
from export_assets.formats.options import (
    SUFFIXES,
    compression_of,
    level_of,
    normal_form,
    refuse_delimiter,
    refuse_directories,
    refuse_line_shapes,
)
from export_assets.formats.record_reader import RecordDecoder
from export_assets.formats.records import RecordEncoder
from export_assets.formats.streams import ROWS_AT_ONCE, Bytes, TextSink, read_blocks, read_records
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Fidelity, TableSchema

_EMPTY = b"[]\n"
_START = b"[\n"
_END = b"\n]\n"


class JsonWriter(FormatWriter):
    """One JSON array being written."""

    def __init__(self, sink: TextSink, schema: TableSchema, options: FormatOptions) -> None:
        self._sink = sink
        self._encoder = RecordEncoder(schema)
        self._encode = _pretty_records if options.pretty else _compact_records
        self._started = False
        self._closed = False

    def write(self, batch: Batch) -> None:
        """Append the rows of *batch*."""
        for rows in batch.frame.iter_slices(ROWS_AT_ONCE):
            self._sink.write(b",\n" if self._started else _START)
            self._sink.write(self._encode(self._encoder, rows))
            self._started = True

    def close(self) -> None:
        """Close the array and the file."""
        if not self._closed:
            self._closed = True
            self._sink.write(_END if self._started else _EMPTY)
        self._sink.close()

    def abort(self) -> None:
        """Close the file without finishing it."""
        self._closed = True
        self._sink.abort()

    def fidelity(self) -> Mapping[str, Fidelity]:
        """Return per column what JSON could not hold."""
        return self._encoder.fidelity()


class JsonFormat(Format):
    """One JSON array per part."""

    name = "json"
    kind = "json"
    compressions = ("none", "gzip", "zstd")
    carries_nonfinite = False

    def suffix(self, options: FormatOptions) -> str:
        """Return `.json`, `.json.gz` or `.json.zst`."""
        return ".json" + SUFFIXES[compression_of(self.name, options, self.compressions)]

    def check_options(self, options: FormatOptions) -> None:
        """Refuse unknown codecs and levels, and a delimiter.

        Raises:
            UsageError: An option cannot be honoured.
        """
        level_of(options, compression_of(self.name, options, self.compressions))
        refuse_line_shapes(self.name, options)
        refuse_directories(self.name, options)
        refuse_delimiter(self.name, options)

    def canonical(self, options: FormatOptions) -> FormatOptions:
        """Return the normal form: codec, level and layout spelt out."""
        codec = compression_of(self.name, options, self.compressions)
        return replace(normal_form(codec, level_of(options, codec)), pretty=options.pretty)

    def dialect(self, options: FormatOptions) -> Dialect:
        """Describe encoding, layout and codec."""
        codec = compression_of(self.name, options, self.compressions)
        layout = "indented" if options.pretty else "a record a line"
        return Dialect(values={"encoding": "utf-8", "layout": layout, "compression": codec})

    def open(
        self,
        path: Path,
        schema: TableSchema,
        options: FormatOptions,
        metadata: Mapping[str, str],  # noqa: ARG002 - an array of records has no place for it
    ) -> JsonWriter:
        """Create *path*."""
        self.check_options(options)
        codec = compression_of(self.name, options, self.compressions)
        sink = TextSink(path, codec=codec, level=level_of(options, codec))
        return JsonWriter(sink, schema, options)

    def read(
        self, path: Path, schema: TableSchema, options: FormatOptions, *, strict: bool = True
    ) -> Iterator[Batch]:
        """Yield what was written.

        Raises:
            IntegrityError: The file is cut, or is not an array of records of the table.
        """
        self.check_options(options)
        codec = compression_of(self.name, options, self.compressions)
        return _read(path, schema, codec=codec, pretty=options.pretty, strict=strict)


def _compact_records(encoder: RecordEncoder, frame: pl.DataFrame) -> Bytes:
    """Return the records of *frame* with commas between them, a record a line."""
    # Records hold no line feed, so each one is the end of a record.
    return memoryview(_with_commas(encoder, frame))[:-2]


def _pretty_records(encoder: RecordEncoder, frame: pl.DataFrame) -> Bytes:
    """Return the records of *frame* with commas between them, a column a line."""
    return encoder.pretty(frame)[:-1].replace(b"\n  }\n", b"\n  },\n")


# Strings hold no raw line feed and JSON columns lost theirs, so what follows, all of it around
# line feeds, never occurs inside a value.
_COMPACT_END = b"}"
_PRETTY_END = b"\n  }"
_LINE_FEED, _COMMA, _BRACE, _BLANK = b"\n,} "
_PRETTY_TO_LINES = (
    (b"\n  },\n", b"}\n"),
    (b"\n  }\n", b"}\n"),
    (b"  {\n    ", b"{"),
    (b",\n    ", b","),
)


def _read(
    path: Path, schema: TableSchema, *, codec: str, pretty: bool, strict: bool
) -> Iterator[Batch]:
    end = (_PRETTY_END if pretty else _COMPACT_END) + b",\n"
    encode = RecordEncoder.pretty if pretty else _with_commas
    decoder = RecordDecoder(path, schema, strict=strict, encode=encode)
    blocks = _inside_array(path, read_blocks(path, codec=codec))
    more = False
    for run in read_records(blocks, end=partial(_end_of_records, end=end)):
        more = run.endswith(end)
        records = run if more else run[:-1] + b",\n"
        lines = _pretty_to_lines(records) if pretty else _compact_to_lines(records)
        if lines is None:
            msg = f"{path.name}: the records are not parted by commas"
            raise IntegrityError(msg)
        written = records.replace(end, _PRETTY_END + b"\n") if pretty else records
        yield decoder.batch(lines, written)
    if more:
        msg = f"{path.name}: the array ends in a comma"
        raise IntegrityError(msg)


def _end_of_records(buffer: bytes, *, end: bytes) -> int:
    """Return where the last record that another one follows ends."""
    at = buffer.rfind(end)
    return at + len(end) if at >= 0 else 0


def _with_commas(encoder: RecordEncoder, frame: pl.DataFrame) -> bytes:
    return encoder.lines(frame).replace(b"\n", b",\n")


def _compact_to_lines(records: bytes) -> bytes | None:
    """Return *records* with blanks for the commas after them, None where one has none.

    Whether the last one is whole is left to the decoder.
    """
    # Replacing `},` and a line feed in bytes takes as long as parsing the records.
    signs = np.frombuffer(records, dtype=np.uint8).copy()
    commas = np.flatnonzero(signs == _LINE_FEED) - 1
    if (signs[commas] != _COMMA).any() or (signs[commas[:-1] - 1] != _BRACE).any():
        return None
    signs[commas] = _BLANK
    return signs.tobytes()


def _pretty_to_lines(records: bytes) -> bytes | None:
    """Return *records* on a line each without commas, None where one has none.

    Whether the last one is whole is left to the decoder.
    """
    number = records.count(_PRETTY_END + b",\n", 0, -2) + 1
    for old, new in _PRETTY_TO_LINES:
        records = records.replace(old, new)
    return records if records.count(b"\n") == number else None


def _inside_array(path: Path, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what stands between the brackets, the last line feed included."""
    held = b""
    started = False
    for block in blocks:
        held += block
        if not started and len(held) >= len(_EMPTY):
            if held == _EMPTY:
                continue
            if not held.startswith(_START):
                msg = f"{path.name}: not an array of records"
                raise IntegrityError(msg)
            started, held = True, held[len(_START) :]
        if started and len(held) > len(_END):
            yield held[: -len(_END)]
            held = held[-len(_END) :]
    if not started and held == _EMPTY:
        return
    if held != _END:
        msg = f"{path.name}: the array is cut"
        raise IntegrityError(msg)
    yield b"\n"
