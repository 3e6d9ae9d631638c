"""One segment being written: rows and refused lines into a staging directory."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import polars as pl

from export_assets.engine.manifests import column_record
from export_assets.formats.base import FormatOptions, FormatWriter
from export_assets.formats.registry import format_named
from export_assets.sources.logs.quarantine import QUARANTINE, Quarantined, quarantine_frame
from export_assets.store.manifest import ColumnRecord, FileRecord
from export_assets.store.staging import Staging
from export_assets.tables.batch import Batch
from export_assets.tables.digest import DigestBuilder, RowHashes
from export_assets.tables.schema import LogicalType, TableSchema
from export_assets.tables.statistics import StatisticsBuilder

PART: Final = "part-00000.parquet"
REFUSED: Final = "_quarantine.ndjson"


# Segments are read a few columns or minutes at a time, and often: small groups, packed quickly.
_OPTIONS: Final = FormatOptions(compression="zstd", compression_level=1, row_group_rows=32_768)


class Prepared:
    """Rows that are ready to be written: what takes time and needs no order is done."""

    def __init__(self, frame: pl.DataFrame, schema: TableSchema) -> None:
        self.batch = Batch(table=Batch(frame=frame).arrow)
        self.hashes = RowHashes(self.batch, schema)
        self.statistics = StatisticsBuilder(schema)
        self.statistics.update(self.batch)


class SegmentWriter:
    """Writes the files of a segment; one that would be empty is not made."""

    def __init__(self, staging: Staging, schema: TableSchema) -> None:
        self._staging = staging
        self._schema = schema = _stored(schema)
        self._digest = DigestBuilder(schema)
        self._statistics = StatisticsBuilder(schema)
        self._rows: FormatWriter | None = None
        self._refused: FormatWriter | None = None
        self._refused_rows = 0

    @property
    def rows(self) -> int:
        """Rows written so far."""
        return self._digest.rows

    @property
    def row_digest(self) -> str:
        """Digest of the rows written so far."""
        return self._digest.digest().row_digest

    def prepare(self, frame: pl.DataFrame) -> Prepared | None:
        """Make rows of the schema ready for `add`, in any thread; None of no rows."""
        return None if frame.is_empty() else Prepared(frame, self._schema)

    def add(self, rows: Prepared | None) -> None:
        """Append rows that `prepare` made ready."""
        if rows is None:
            return
        if self._rows is None:
            path = self._staging.path / PART
            self._rows = format_named("parquet").open(path, self._schema, _OPTIONS, {})
        self._rows.write(rows.batch)
        self._digest.add(rows.hashes, 0, rows.batch.rows)
        self._statistics.add(rows.statistics)

    def write(self, frame: pl.DataFrame) -> None:
        """Append rows of the schema."""
        self.add(self.prepare(frame))

    def refuse(self, records: Sequence[Quarantined]) -> None:
        """Append lines to the quarantine."""
        if not records:
            return
        if self._refused is None:
            path = self._staging.path / REFUSED
            self._refused = format_named("ndjson").open(path, QUARANTINE, FormatOptions(), {})
        self._refused.write(Batch(frame=quarantine_frame(records)))
        self._refused_rows += len(records)

    def close(self) -> None:
        """Finish the files."""
        for writer in (self._rows, self._refused):
            if writer is not None:
                writer.close()

    def abort(self) -> None:
        """Give the files up."""
        for writer in (self._rows, self._refused):
            if writer is not None:
                writer.abort()

    def part(self) -> FileRecord | None:
        """Return the record of the rows' file; None where there are none."""
        return self._staging.record(PART, rows=self.rows) if self._rows else None

    def quarantine(self) -> FileRecord | None:
        """Return the record of the file of refused lines; None where there are none."""
        if self._refused is None:
            return None
        return self._staging.record(REFUSED, rows=self._refused_rows)

    def columns(self) -> tuple[ColumnRecord, ...]:
        """Describe the columns."""
        digests = self._digest.digest().columns
        verdicts = self._rows.fidelity() if self._rows else {}
        return tuple(
            column_record(
                column,
                self._statistics.of(column.name),
                digests[column.name],
                verdicts.get(column.name),
            )
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
