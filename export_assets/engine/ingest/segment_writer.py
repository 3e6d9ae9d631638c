"""One segment being written: rows and refused lines into a staging directory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from export_assets.engine.manifests import column_record
from export_assets.formats.base import FormatOptions, FormatWriter
from export_assets.formats.registry import format_named
from export_assets.sources.logs.quarantine import QUARANTINE, Quarantined, quarantine_frame
from export_assets.store.manifest import ColumnRecord, FileRecord
from export_assets.store.staging import Staging
from export_assets.tables.batch import Batch
from export_assets.tables.digest import DigestBuilder
from export_assets.tables.schema import TableSchema
from export_assets.tables.statistics import StatisticsBuilder

PART: Final = "part-00000.parquet"
REFUSED: Final = "_quarantine.ndjson"


class SegmentWriter:
    """Writes the files of a segment; one that would be empty is not made."""

    def __init__(self, staging: Staging, schema: TableSchema) -> None:
        self._staging = staging
        self._schema = schema
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

    def write(self, frame: pl.DataFrame) -> None:
        """Append rows of the schema."""
        if frame.is_empty():
            return
        if self._rows is None:
            self._rows = _open("parquet", self._staging.path / PART, self._schema)
        batch = Batch(frame=frame)
        self._rows.write(batch)
        self._digest.update(batch)
        self._statistics.update(batch)

    def refuse(self, records: Sequence[Quarantined]) -> None:
        """Append lines to the quarantine."""
        if not records:
            return
        if self._refused is None:
            self._refused = _open("ndjson", self._staging.path / REFUSED, QUARANTINE)
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


def _open(fmt: str, path: Path, schema: TableSchema) -> FormatWriter:
    return format_named(fmt).open(path, schema, FormatOptions(), {})
