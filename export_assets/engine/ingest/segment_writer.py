"""One segment being written: rows and refused lines into a staging directory."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Self

import polars as pl

from export_assets.engine.ingest.segments import TIME
from export_assets.engine.manifests import column_record
from export_assets.formats.base import FormatOptions, FormatWriter
from export_assets.formats.parquet_writer import RowGroups
from export_assets.formats.registry import format_named
from export_assets.sources.logs.quarantine import Quarantined
from export_assets.sources.logs.quarantine_rows import QUARANTINE, quarantine_frame
from export_assets.store.contents import ColumnRecord
from export_assets.store.manifest import FileRecord
from export_assets.store.staging import Staging
from export_assets.tables.batch import Batch
from export_assets.tables.schema import LogicalType, TableSchema
from export_assets.tables.statistics import StatisticsBuilder

PART: Final = "part-00000.parquet"
REFUSED: Final = "_quarantine.ndjson"


_GROUP_ROWS: Final = 32_768
"""Segments are read a few columns or minutes at a time, and often."""


class SegmentWriter:
    """Writes the files of a segment, a context; one that would be empty is not made."""

    def __init__(self, staging: Staging, schema: TableSchema) -> None:
        self._staging = staging
        self._schema = schema = _stored(schema)
        self._statistics = StatisticsBuilder(schema)
        self._parts: RowGroups | None = None
        self._refused: FormatWriter | None = None
        self._refused_rows = 0
        self.rows = 0
        """Rows written so far."""

    def write(self, frame: pl.DataFrame) -> None:
        """Append rows of the schema."""
        if frame.is_empty():
            return
        if self._parts is None:
            path = self._staging.path / PART
            self._parts = RowGroups(path, group_rows=_GROUP_ROWS, bounds=[TIME])
        self._parts.write(frame)
        self._statistics.update(Batch(table=frame.to_arrow(compat_level=pl.CompatLevel.newest())))
        self.rows += frame.height

    def refuse(self, records: Sequence[Quarantined]) -> None:
        """Append lines to the quarantine."""
        if not records:
            return
        if self._refused is None:
            path = self._staging.path / REFUSED
            self._refused = format_named("ndjson").open(path, QUARANTINE, FormatOptions(), {})
        self._refused.write(Batch(frame=quarantine_frame(records)))
        self._refused_rows += len(records)

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finish the files, or give them up where an exception passes."""
        done = kind is None
        try:
            for writer in self._writers if done else ():
                writer.close()
        except BaseException:
            done = False
            raise
        finally:
            for writer in () if done else self._writers:
                writer.abort()

    @property
    def _writers(self) -> list[RowGroups | FormatWriter]:
        return [writer for writer in (self._parts, self._refused) if writer is not None]

    def part(self) -> FileRecord | None:
        """Return the record of the rows' file; None where there are none."""
        return self._staging.record(PART, rows=self.rows) if self._parts else None

    def quarantine(self) -> FileRecord | None:
        """Return the record of the file of refused lines; None where there are none."""
        if self._refused is None:
            return None
        return self._staging.record(REFUSED, rows=self._refused_rows)

    def columns(self) -> tuple[ColumnRecord, ...]:
        """Describe the columns, without digests: the sums of the files prove them."""
        return tuple(
            column_record(column, self._statistics.of(column.name), "", None)
            for column in self._schema.columns
        )


def _stored(schema: TableSchema) -> TableSchema:
    """Return *schema* with JSON as the text it is: nobody but us reads segments.

    To prove of every text that it is JSON, for the mark in Parquet, takes as long as the rest.
    """
    columns = (
        replace(column, logical=LogicalType.TEXT) if column.logical is LogicalType.JSON else column
        for column in schema.columns
    )
    return replace(schema, columns=tuple(columns))
