"""Rows of many tables from one read to many scans: Arrow streams in a private place."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl
import pyarrow as pa

from export_assets.sources.states.kind import Gathered, Row
from export_assets.tables.schema import TableSchema
from export_assets.translate import translating

_ROWS = 8_192


class Spools(Gathered):
    """Takes rows of some tables, and gives them back table by table, in the order they came."""

    def __init__(self, directory: Path, schemas: Sequence[TableSchema]) -> None:
        """Keep the rows in *directory*, which nobody else may enter."""
        self._tables = {schema.name: _Spool(directory, schema) for schema in schemas}

    def __enter__(self) -> Self:
        """Take rows until the block ends."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close what was taken."""
        for spool in self._tables.values():
            spool.close()

    def add(self, rows: Mapping[str, Sequence[Row]]) -> None:
        """Append rows by table."""
        for table, some in rows.items():
            if some:
                self._tables[table].add(some)

    def flush(self) -> None:
        """Let go of all rows that are held in memory."""
        for spool in self._tables.values():
            spool.flush()

    def count(self, table: str) -> int:
        """See `Gathered.count`."""
        return self._tables[table].count

    def column(self, table: str, name: str) -> pl.Series:
        """See `Gathered.column`."""
        self._tables[table].flush()
        frames = list(self._tables[table].frames([name]))
        return pl.concat(frames).get_column(name)

    def frames(self, table: str, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Yield *columns* of all rows of *table*, at least one frame."""
        return self._tables[table].frames(columns)


class _Spool:
    def __init__(self, directory: Path, schema: TableSchema) -> None:
        self._path = directory / f"{schema.name}.arrow"
        empty = pl.DataFrame(schema=schema.polars)
        self._empty = empty
        self._schema = empty.to_arrow(compat_level=pl.CompatLevel.oldest()).schema
        self._held: list[Row] = []
        self.count = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.fdopen(os.open(self._path, flags, 0o600), "wb", buffering=262_144)
        self._writer: pa.RecordBatchStreamWriter | None = pa.ipc.new_stream(
            self._file, self._schema, options=pa.ipc.IpcWriteOptions(compression="lz4")
        )

    def add(self, rows: Sequence[Row]) -> None:
        self._held.extend(rows)
        self.count += len(rows)
        if len(self._held) >= _ROWS:
            self._write()

    def flush(self) -> None:
        if self._writer is not None:
            self._write()
            with translating(str(self._path)):
                self._file.flush()

    def close(self) -> None:
        if self._writer is not None:
            self.flush()
            self._writer.close()
            self._file.close()
            self._writer = None

    def frames(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        fields = sorted(self._schema.get_field_index(name) for name in columns)
        options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
        if not self.count:
            yield self._empty.select(columns)
            return
        with self._path.open("rb") as file, pa.ipc.open_stream(file, options=options) as reader:
            for batch in reader:
                yield pl.DataFrame(batch).select(columns)

    def _write(self) -> None:
        if not self._held or self._writer is None:
            return
        arrays = [
            pa.array(values, field.type)
            for values, field in zip(zip(*self._held, strict=True), self._schema, strict=True)
        ]
        self._held.clear()
        with translating(str(self._path)):
            self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
