"""NDJSON: one object per line, UTF-8 without a byte order mark, LF; see `records`.

A line may come before all others that describes them (`schema_header`); and under the profile
`logged` the lines are logged objects themselves (`formats.logged`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import SpooledTemporaryFile

import msgspec

from export_assets.errors import IntegrityError, UsageError
from export_assets.formats.base import Dialect, Format, FormatOptions, FormatWriter
from export_assets.formats.logged import LoggedDecoder, LoggedEncoder, LoggedLines
from export_assets.formats.options import (
    SUFFIXES,
    compression_of,
    level_of,
    normal_form,
    refuse_delimiter,
    refuse_directories,
    refuse_pretty,
)
from export_assets.formats.record_reader import RecordDecoder
from export_assets.formats.records import RecordEncoder
from export_assets.formats.schema_header import (
    Header,
    Latest,
    has_header,
    header_line,
    read_header,
    version_of,
)
from export_assets.formats.streams import ROWS_AT_ONCE, TextSink, read_blocks, read_records
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Fidelity, TableSchema

_HELD_BYTES = 8 << 20
_BLOCK = 1 << 20


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


class TimedNdjsonWriter(FormatWriter):
    """One NDJSON file whose lines, or the first of them, tell what only the last row decides."""

    def __init__(
        self, path: Path, sink: TextSink, schema: TableSchema, options: FormatOptions
    ) -> None:
        self._sink = sink
        self._schema = schema
        self._options = options
        self._latest = Latest(schema, options)
        self._logged = LoggedEncoder(schema, options) if _is_logged(options) else None
        self._plain = RecordEncoder(schema)
        # Without a name: nothing of it can be left behind.
        self._held = SpooledTemporaryFile(_HELD_BYTES, dir=str(path.parent))  # noqa: SIM115 - closed below
        self._is_open = True

    def write(self, batch: Batch) -> None:
        """Append the rows of *batch*."""
        self._latest.update(batch)
        for rows in batch.frame.iter_slices(ROWS_AT_ONCE):
            if self._logged is None:
                self._held.write(self._plain.lines(rows))
            else:
                self._held.write(self._logged.ends(Batch(rows)))

    def close(self) -> None:
        """Write what was held, now that the time is known, and finish the file."""
        if not self._is_open:
            return
        moment = self._latest.text
        if has_header(self._options):
            self._sink.write(header_line(self._schema, self._options, moment))
        start = b"" if self._logged is None else self._logged.start(moment)
        self._held.seek(0)
        between = b"\n" + start
        first = start
        while block := self._held.read(_BLOCK):
            # What begins a line is written once the line before it was seen to go on.
            ended = block.endswith(b"\n")
            body = block[:-1] if ended else block
            self._sink.write(first + body.replace(b"\n", between))
            first = between if ended else b""
        if first and first is not start:
            self._sink.write(b"\n")
        self._held.close()
        self._sink.close()
        self._is_open = False

    def abort(self) -> None:
        """Close the file without finishing it."""
        self._is_open = False
        self._held.close()
        self._sink.abort()

    def fidelity(self) -> Mapping[str, Fidelity]:
        """Return per column what the lines could not hold."""
        return self._plain.fidelity() if self._logged is None else self._logged.fidelity()


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
        """Refuse unknown codecs, levels and versions, and what belongs to other formats.

        Raises:
            UsageError: An option cannot be honoured.
        """
        level_of(options, compression_of(self.name, options, self.compressions))
        refuse_delimiter(self.name, options)
        refuse_pretty(self.name, options)
        refuse_directories(self.name, options)
        if options.profile not in {"default", "logged"}:
            msg = f"profile: ndjson does not know {options.profile!r}; choose default or logged"
            raise UsageError(msg)
        version_of(options)

    def canonical(self, options: FormatOptions) -> FormatOptions:
        """Return the normal form: codec and level spelt out, and how lines differ from rows."""
        codec = compression_of(self.name, options, self.compressions)
        normal = normal_form(codec, level_of(options, codec))
        logged, header = _is_logged(options), has_header(options)
        if logged:
            normal = replace(
                normal, profile="logged", members_of=options.members_of, stamps=options.stamps
            )
        if header != logged:
            normal = replace(normal, schema_header=header)
        if header:
            normal = replace(normal, fields=options.fields)
        if logged or header:
            version = version_of(options)
            normal = replace(normal, schema_version=version, as_of=options.as_of)
        return normal

    def dialect(self, options: FormatOptions) -> Dialect:
        """Describe encoding, line end and codec, and how lines differ from rows."""
        codec = compression_of(self.name, options, self.compressions)
        values = {"encoding": "utf-8", "line_end": "LF", "compression": codec}
        if _is_logged(options):
            values["lines"] = "logged"
            values["members_of"] = options.members_of or ""
            values["stamps"] = msgspec.json.encode(options.stamps).decode()
        if has_header(options) or _is_logged(options):
            values["schema_header"] = "yes" if has_header(options) else "no"
            values["schema_version"] = version_of(options)
            values["as_of"] = options.as_of or ""
        return Dialect(values=values)

    def carried(self, schema: TableSchema, options: FormatOptions) -> TableSchema:
        """Return the columns that lines hold: of logged objects, these and the stamps.

        Raises:
            UsageError: There is no such column.
        """
        Latest(schema, options)
        return LoggedLines(schema, options).carried if _is_logged(options) else schema

    def carried_rows(self, batch: Batch, schema: TableSchema, options: FormatOptions) -> Batch:
        """Return what lines hold of *batch*.

        Raises:
            ContractViolation: A value of the column of objects is none.
        """
        return LoggedLines(schema, options).rows(batch)[0] if _is_logged(options) else batch

    def open(
        self,
        path: Path,
        schema: TableSchema,
        options: FormatOptions,
        metadata: Mapping[str, str],  # noqa: ARG002 - NDJSON has no place for it
    ) -> NdjsonWriter | TimedNdjsonWriter:
        """Create *path*."""
        self.check_options(options)
        self.carried(schema, options)
        codec = compression_of(self.name, options, self.compressions)
        sink = TextSink(path, codec=codec, level=level_of(options, codec))
        if _is_logged(options) or has_header(options):
            return TimedNdjsonWriter(path, sink, schema, options)
        return NdjsonWriter(sink, schema)

    def read(
        self, path: Path, schema: TableSchema, options: FormatOptions, *, strict: bool = True
    ) -> Iterator[Batch]:
        """Yield what was written.

        Raises:
            IntegrityError: The file is cut, or a line is not a record of the table.
        """
        self.check_options(options)
        codec = compression_of(self.name, options, self.compressions)
        runs = read_records(
            read_blocks(path, codec=codec),
            end=lambda buffer: buffer.rfind(b"\n") + 1,
            cut=f"{path.name}: the last record is cut",
        )
        return _read(runs, path, schema, options, strict=strict)


def _is_logged(options: FormatOptions) -> bool:
    return options.profile == "logged"


def _read(
    runs: Iterator[bytes], path: Path, schema: TableSchema, options: FormatOptions, *, strict: bool
) -> Iterator[Batch]:
    header: Header | None = None
    if has_header(options):
        first = next(runs, b"")
        line, _, rest = first.partition(b"\n")
        if not first:
            msg = f"{path.name}: the first line, which describes the others, is missing"
            raise IntegrityError(msg)
        header = read_header(line, file=path.name)
        runs = _again(rest, runs)
    if _is_logged(options):
        logged = LoggedDecoder(path, schema, options, header=header, strict=strict)
        yield from map(logged.batch, runs)
        return
    decoder = RecordDecoder(path, schema, strict=strict)
    for run in runs:
        yield decoder.batch(run, run)


def _again(run: bytes, runs: Iterator[bytes]) -> Iterator[bytes]:
    if run:
        yield run
    yield from runs
