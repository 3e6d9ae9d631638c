"""Parquet: one file a part, full row groups whatever the batches, JSON marked as JSON."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from export_assets.errors import IntegrityError, UsageError
from export_assets.formats.base import Format, FormatOptions, FormatWriter
from export_assets.formats.options import (
    compression_of,
    level_of,
    normal_form,
    refuse_delimiter,
    refuse_pretty,
)
from export_assets.tables.batch import Batch
from export_assets.tables.schema import LogicalType, TableSchema

READ_ROWS = 65_536

_JSON = pa.json_(pa.large_string())

# Measured over a million rows of four integers, a float and three texts (CPU seconds, MB):
# dictionary everywhere 0.53 and 38, nowhere 0.38 and 33, for repetitive text only with packed
# integer deltas 0.27 and 28.
_REPEATS = 4
"""Rows per distinct value from which a dictionary pays for text."""
_NUMBER_REPEATS = 100
"""The same for integers, which packed deltas serve well."""


def arrow_schema(schema: TableSchema) -> pa.Schema:
    """Return the Arrow schema of the conformed table."""
    frame = pl.DataFrame(schema=schema.polars)
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest()).schema.remove_metadata()


class ParquetWriter(FormatWriter):
    """One Parquet file being written, row group by full row group."""

    def __init__(
        self,
        path: Path,
        schema: TableSchema,
        *,
        codec: str,
        level: int | None,
        group_rows: int,
        metadata: Mapping[str, str],
    ) -> None:
        self._file = path.open("xb")
        self._schema = arrow_schema(schema)
        self._json = [i for i, c in enumerate(schema.columns) if c.logical is LogicalType.JSON]
        self._codec, self._level, self._group_rows = codec, level, group_rows
        self._metadata = metadata
        self._writer: Any = None
        self._pending: list[pa.Table] = []
        self._pending_rows = 0

    def write(self, batch: Batch) -> None:
        """Append the rows of *batch*."""
        table = batch.arrow
        if table.schema != self._schema:
            table = table.cast(self._schema)
        offset = 0
        while self._pending_rows + table.num_rows - offset >= self._group_rows:
            taken = self._group_rows - self._pending_rows
            self._pending.append(table.slice(offset, taken))
            offset += taken
            self._write_group()
        if offset < table.num_rows:
            self._pending.append(table.slice(offset))
            self._pending_rows += table.num_rows - offset

    def close(self) -> None:
        """Write the last group and the footer."""
        if self._file.closed:
            return
        try:
            if self._pending or self._writer is None:
                self._write_group()
            # Arrow's own copy of the schema, with JSON as the plain text that Polars expects.
            plain = base64.b64encode(self._schema.serialize().to_pybytes()).decode()
            self._writer.add_key_value_metadata({**self._metadata, "ARROW:schema": plain})
            self._writer.close()
        except BaseException:
            self.abort()
            raise
        self._file.close()

    def abort(self) -> None:
        """Close the handle without finishing."""
        self._pending.clear()
        writer, self._writer = self._writer, None
        for handle in (writer, self._file):
            if handle is not None:
                _close_quietly(handle)

    def _write_group(self) -> None:
        group = pa.concat_tables(self._pending) if self._pending else self._schema.empty_table()
        self._pending, self._pending_rows = [], 0
        # One chunk a column, so that pages end at the same rows however the batches were cut.
        group = group.combine_chunks()
        for index in self._json:
            field = pa.field(group.schema.field(index).name, _JSON)
            chunks = [pa.ExtensionArray.from_storage(_JSON, c) for c in group.column(index).chunks]
            group = group.set_column(index, field, pa.chunked_array(chunks, _JSON))
        if self._writer is None:
            self._writer = self._open_writer(group)
        if group.num_rows:
            self._writer.write_table(group, row_group_size=self._group_rows)

    def _open_writer(self, first: pa.Table) -> Any:  # noqa: ANN401 - pyarrow has no types
        dictionary, encoding = encodings(first)
        return pq.ParquetWriter(
            self._file,
            first.schema,
            version="2.6",
            compression=self._codec,
            compression_level=self._level,
            use_dictionary=dictionary,
            column_encoding=encoding,
            write_statistics=True,
            write_page_index=True,
            store_schema=False,
        )


def encodings(first: pa.Table) -> tuple[list[str], dict[str, str]]:
    """Choose dictionary columns and encodings from the *first* row group.

    Equal rows give an equal choice, so the file stays a function of its rows.
    """
    dictionary: list[str] = []
    encoding: dict[str, str] = {}
    for index, field in enumerate(first.schema):
        kind = field.type.storage_type if isinstance(field.type, pa.ExtensionType) else field.type
        whole = pa.types.is_integer(kind) or pa.types.is_temporal(kind)
        if not (whole or pa.types.is_large_string(kind)):
            continue
        column = first.column(index)
        if isinstance(field.type, pa.ExtensionType):
            column = column.cast(kind)
        distinct = int(pl.Series(column).to_frame().select(pl.first().approx_n_unique()).item())
        if distinct * (_NUMBER_REPEATS if whole else _REPEATS) <= first.num_rows:
            dictionary.append(field.name)
        elif whole:
            encoding[field.name] = "DELTA_BINARY_PACKED"
    return dictionary, encoding


class ParquetFormat(Format):
    """One Parquet file per part."""

    name = "parquet"
    kind = "parquet"
    compressions = ("zstd", "snappy", "gzip", "brotli", "lz4", "none")

    def suffix(self, options: FormatOptions) -> str:
        """Return `.parquet`; the codec is inside."""
        compression_of(self.name, options, self.compressions)
        return ".parquet"

    def check_options(self, options: FormatOptions) -> None:
        """Refuse unknown codecs and levels, and what belongs to text formats.

        Raises:
            UsageError: An option cannot be honoured.
        """
        level_of(options, compression_of(self.name, options, self.compressions))
        refuse_delimiter(self.name, options)
        refuse_pretty(self.name, options)
        if options.row_group_rows < 1:
            msg = f"row_group_rows: {options.row_group_rows} is not a number of rows above 0"
            raise UsageError(msg)

    def canonical(self, options: FormatOptions) -> FormatOptions:
        """Return the normal form: codec, level and row group size spelt out."""
        codec = compression_of(self.name, options, self.compressions)
        normal = normal_form(codec, level_of(options, codec))
        return replace(normal, row_group_rows=options.row_group_rows)

    def open(
        self,
        path: Path,
        schema: TableSchema,
        options: FormatOptions,
        metadata: Mapping[str, str],
    ) -> ParquetWriter:
        """Create *path*; *metadata* becomes key-value metadata."""
        self.check_options(options)
        codec = compression_of(self.name, options, self.compressions)
        return ParquetWriter(
            path,
            schema,
            codec=codec,
            level=level_of(options, codec),
            group_rows=options.row_group_rows,
            metadata=metadata,
        )

    def read(self, path: Path, schema: TableSchema, options: FormatOptions) -> Iterator[Batch]:
        """Yield what was written.

        Raises:
            IntegrityError: The file is not whole Parquet, or is not a table of that schema.
        """
        self.check_options(options)
        return _read(path, schema)


def _read(path: Path, schema: TableSchema) -> Iterator[Batch]:
    expected = arrow_schema(schema)
    with path.open("rb") as raw:
        try:
            # JSON comes as the text it is stored as, not as an extension type.
            file = pq.ParquetFile(raw, arrow_extensions_enabled=False, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            msg = f"{path.name}: not a whole Parquet file"
            raise IntegrityError(msg) from error
        with file:
            _check_schema(path, file.schema_arrow, expected)
            batches = file.iter_batches(batch_size=READ_ROWS)
            while True:
                try:
                    batch = next(batches, None)
                except (pa.ArrowException, OSError) as error:
                    msg = f"{path.name}: a row group is damaged"
                    raise IntegrityError(msg) from error
                if batch is None:
                    return
                table = pa.Table.from_batches([batch]).replace_schema_metadata()
                yield Batch(table=table if table.schema == expected else table.cast(expected))


def _check_schema(path: Path, found: pa.Schema, expected: pa.Schema) -> None:
    if found.names != expected.names:
        msg = f"{path.name}: the columns are not those of the table"
        raise IntegrityError(msg)
    for name in expected.names:
        if found.field(name).type != expected.field(name).type:
            kinds = f"{found.field(name).type}, not {expected.field(name).type}"
            msg = f"{path.name}: column {name} is {kinds}"
            raise IntegrityError(msg)


def _close_quietly(handle: Any) -> None:  # noqa: ANN401 - a file or an Arrow writer
    try:
        handle.close()
    except (OSError, ValueError, pa.ArrowException):
        # The disk is full or the handle is gone already; the file is given up anyway.
        return
