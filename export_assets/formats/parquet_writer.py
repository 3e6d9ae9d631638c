"""How a table is laid out in Parquet.

Row groups are full whatever the batches, JSON columns are marked as JSON while every text in
them is, and encodings are chosen from the first row group: equal rows give equal bytes. What
nobody but us reads is written by `RowGroups`, which promises none of this.
"""

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from export_assets.formats.base import FormatWriter
from export_assets.formats.findings import NOT_JSON
from export_assets.formats.json_columns import is_all_json
from export_assets.formats.json_text import count_broken
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Fidelity, LogicalType, TableSchema

_JSON = pa.json_(pa.large_string())

# Measured over a million rows of four integers, a float and three texts (CPU seconds, MB):
# dictionary everywhere 0.53 and 38, nowhere 0.38 and 33, for repetitive text only with packed
# integer deltas 0.27 and 28.
_REPEATS = 4
"""Rows per distinct value from which a dictionary pays for text."""
_NUMBER_REPEATS = 100
"""The same for integers, which packed deltas serve well."""
_CLEARLY = 4
"""So many times as often in the first rows, and nobody counts the others."""


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
        self._path = path
        self._file: Any = path.open("xb")
        self._schema = schema.arrow
        self._marked = {c.name for c in schema.columns if c.logical is LogicalType.JSON}
        self._broken = dict.fromkeys(self._marked, 0)
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
            self._end_group()
        if offset < table.num_rows:
            self._pending.append(table.slice(offset))
            self._pending_rows += table.num_rows - offset

    def close(self) -> None:
        """Write the last group and the footer."""
        if self._file.closed:
            return
        try:
            if self._pending or self._writer is None:
                self._end_group()
            self._finish()
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Close the handle without finishing."""
        self._pending.clear()
        writer, self._writer = self._writer, None
        # The disk may be full or the handle gone already; the file is given up anyway.
        for handle in (writer, self._file):
            if handle is not None:
                with suppress(OSError, ValueError, pa.ArrowException):
                    handle.close()
        self._aside.unlink(missing_ok=True)

    def fidelity(self) -> Mapping[str, Fidelity]:
        """Return the JSON columns that hold something else too, and are plain text for that."""
        return {
            name: Fidelity(verdict="widened", reason=NOT_JSON, count=count)
            for name, count in self._broken.items()
            if count
        }

    @property
    def _aside(self) -> Path:
        return self._path.with_name(f".{self._path.name}.marked")

    def _end_group(self) -> None:
        group = pa.concat_tables(self._pending) if self._pending else self._schema.empty_table()
        self._pending, self._pending_rows = [], 0
        self._check_json(group)
        # One chunk a column, so that pages end at the same rows however the batches were cut.
        self._write_group(group.combine_chunks())
        large = group.num_rows >= self._group_rows
        del group
        # Arrow keeps what it freed, 25 MB of the peak over a million rows. What a small file took
        # is for the next one: to have the kernel fill it again takes as long as to count it all.
        if large:
            pa.default_memory_pool().release_unused()

    def _check_json(self, group: pa.Table) -> None:
        """Take the mark from JSON columns of *group* that hold anything but JSON.

        DuckDB refuses to read a marked column with one broken text in it.
        """
        unmarked = set()
        for name in self._broken:
            texts = group.column(name)
            if not is_all_json(texts):
                self._broken[name] += count_broken(texts.drop_null().to_pylist())
                unmarked.add(name)
        unmarked &= self._marked
        self._marked -= unmarked
        if unmarked and self._writer is not None:
            self._write_again()

    def _write_again(self) -> None:
        """Write the groups so far once more, with the marks that are left."""
        self._finish()
        self._path.rename(self._aside)
        self._file = self._path.open("xb")
        with pq.ParquetFile(self._aside, arrow_extensions_enabled=False) as earlier:
            for index in range(earlier.num_row_groups):
                group = earlier.read_row_group(index).replace_schema_metadata()
                self._write_group(group.cast(self._schema).combine_chunks())
        self._aside.unlink()

    def _write_group(self, group: pa.Table) -> None:
        for name in self._marked:
            index = group.schema.get_field_index(name)
            chunks = [
                pa.ExtensionArray.from_storage(_JSON, chunk) for chunk in group.column(name).chunks
            ]
            marked = pa.chunked_array(chunks, _JSON)
            group = group.set_column(index, pa.field(name, _JSON), marked)
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

    def _finish(self) -> None:
        """Write the footer and close the file."""
        # Arrow's own copy of the schema, with JSON as the plain text that Polars expects.
        plain = base64.b64encode(self._schema.serialize().to_pybytes()).decode()
        self._writer.add_key_value_metadata({**self._metadata, "ARROW:schema": plain})
        self._writer.close()
        self._writer = None
        self._file.close()


class RowGroups:
    """A file for our own use: every frame becomes row groups of its own, as it is."""

    def __init__(self, path: Path, *, group_rows: int, bounds: Sequence[str]) -> None:
        """Create *path*; row groups of at most *group_rows* tell the bounds of columns *bounds*."""
        self._file: Any = path.open("xb")
        self._group_rows, self._bounds = group_rows, list(bounds)
        self._writer: Any = None

    def write(self, frame: pl.DataFrame) -> None:
        """Append the rows of *frame*, all of which have the schema of the first."""
        # Texts as they lie in Polars: to line them up would take as long as to write them.
        table = frame.to_arrow(compat_level=pl.CompatLevel.newest())
        if self._writer is None:
            dictionary, encoding = encodings(table)
            self._writer = pq.ParquetWriter(
                self._file,
                table.schema,
                version="2.6",
                compression="lz4",
                use_dictionary=dictionary,
                column_encoding=encoding,
                write_statistics=self._bounds,
                store_schema=False,
            )
        self._writer.write_table(table, row_group_size=self._group_rows)

    def close(self) -> None:
        """Write the footer."""
        if self._writer is not None:
            self._writer.close()
        self._file.close()

    def abort(self) -> None:
        """Close the handle without finishing."""
        for handle in (self._writer, self._file):
            if handle is not None:
                with suppress(OSError, ValueError, pa.ArrowException):
                    handle.close()


def encodings(first: pa.Table) -> tuple[list[str], dict[str, str]]:
    """Choose dictionary columns and encodings from the *first* row group.

    Equal rows give an equal choice, so the file stays a function of its rows.
    """
    dictionary: list[str] = []
    encoding: dict[str, str] = {}
    for index, field in enumerate(first.schema):
        kind = field.type.storage_type if isinstance(field.type, pa.ExtensionType) else field.type
        whole = pa.types.is_integer(kind) or pa.types.is_temporal(kind)
        if not (whole or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
            continue
        if _repeats(first.column(index), _NUMBER_REPEATS if whole else _REPEATS):
            dictionary.append(field.name)
        elif whole:
            encoding[field.name] = "DELTA_BINARY_PACKED"
    return dictionary, encoding


def _repeats(column: pa.ChunkedArray, times: int) -> bool:
    """Whether a value stands in about *times* rows or more of *column*, in the mean."""
    rows = len(column)
    sample = _values(column.slice(0, rows // _REPEATS + 1))
    distinct = sample.n_unique()
    if distinct * times > rows:
        return False
    # Most columns tell at once: words of a few, and what is of every row alone.
    if distinct * times * _CLEARLY <= len(sample):
        return True
    return (
        int(_values(column).to_frame().select(pl.first().approx_n_unique()).item()) * times <= rows
    )


def _values(column: pa.ChunkedArray) -> pl.Series:
    kind = column.type
    return pl.Series(
        column.cast(kind.storage_type) if isinstance(kind, pa.ExtensionType) else column
    )
