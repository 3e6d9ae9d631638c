"""Databases beside the logs that hold events, too: each becomes a segment of its own.

A database is no log: rows may be edited and removed. So it is read whole whenever it changed, from
a private copy. The segment before is removed only where the new one has all of its rows; events
that left the database, or went with a database that was replaced, stay what they were.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from export_assets.engine.ingest.ingest import Ingestion
from export_assets.engine.ingest.listing import Listed, list_logs
from export_assets.engine.ingest.names import escaped
from export_assets.engine.ingest.outcome import IngestReport
from export_assets.engine.ingest.publish import Target, publish_rows
from export_assets.engine.ingest.segments import DATABASE, Segment
from export_assets.errors import SourceError
from export_assets.sources.logs.quarantine import Quarantined
from export_assets.sources.private_temp import private_directory
from export_assets.sources.sqlite import SqliteSource
from export_assets.store.manifest import SegmentRecord
from export_assets.tables.schema import TableSchema

MAGIC: Final = b"SQLite format 3\0"


@dataclass(frozen=True, kw_only=True)
class DatabaseEvents:
    """What is in a database."""

    schema: TableSchema
    rows: pl.DataFrame
    """Of the schema; without places, which are their numbers."""
    refused: list[Quarantined]


@dataclass(frozen=True, kw_only=True)
class Databases:
    """Reads the databases below a log directory."""

    ingestion: Ingestion
    read: Callable[[Path, str], DatabaseEvents | None]
    """Reads a copy of a database; None where there are no events in it."""
    patterns: tuple[str, ...]
    report: IngestReport
    run_id: str
    now: datetime

    def take(self, directory: Path) -> None:
        """Publish what is new, or changed, in the databases below *directory*."""
        own = self.ingestion
        found = list_logs(directory, self.patterns, only=own.only, aside=own.store.root)
        for listed in found.files:
            name = escaped(listed.name)
            try:
                self._one(listed, name)
            except FileNotFoundError:
                self.report.gone.append(name)
            except SourceError as error:
                self.report.failed[name] = error

    def _one(self, listed: Listed, name: str) -> None:
        with listed.path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                return
        source = SqliteSource(name, listed.path)
        before = self._before(name)
        fingerprint = source.fingerprint()
        version = self.ingestion.rows.version
        if any(
            one.manifest.snapshot.id == fingerprint and one.version == version for one in before
        ):
            self.report.unchanged.append(name)
            return
        with private_directory() as scratch:
            copy = source.copy_to(scratch / "events.db")
            found = self.read(copy, name)
        if found is not None:
            self._publish(name, fingerprint, found, before)

    def _before(self, name: str) -> list[Segment]:
        return [
            segment
            for segment in self.report.known.all
            if segment.record.file == name and segment.record.prefix.startswith(DATABASE)
        ]

    def _publish(
        self, name: str, fingerprint: str, found: DatabaseEvents, before: list[Segment]
    ) -> None:
        own = self.ingestion
        digest = hashlib.sha256(f"{name}\0{own.rows.version}".encode())
        for row in found.rows.select("event_id").iter_rows():
            digest.update(row[0].encode("utf-8"))
        for one in found.refused:
            digest.update((one.sha256 or "").encode("ascii"))
        identity = digest.hexdigest()[:32]
        count = found.rows.height + len(found.refused)
        record = SegmentRecord(
            identity=identity,
            file=name,
            start=0,
            end=count,
            sha256=digest.hexdigest(),
            prefix=f"{DATABASE}{digest.hexdigest()}",
            first_line=1,
            next_line=count + 1,
            exported_bytes=found.rows.height,
            quarantined_bytes=len(found.refused),
            blank_bytes=0,
            pending_bytes=0,
        )
        store = own.scratch or own.store
        same = [one for one in before if one.record.identity == identity]
        replaces = same[0].manifest.run_id if same and own.scratch is None else None
        manifest = publish_rows(
            record,
            found.rows,
            found.refused,
            schema=found.schema,
            target=Target(
                store=store,
                source=own.source,
                run_id=self.run_id,
                now=self.now,
                replaces=replaces,
                origin=own.origin,
            ),
            snapshot=fingerprint,
            version=own.rows.version,
        )
        assert isinstance(manifest.segment, SegmentRecord)  # noqa: S101 - it was just made so
        path = store.partition_path(own.key, manifest.partition)
        segment = Segment(record=manifest.segment, manifest=manifest, path=path)
        self.report.known.add(segment)
        self.report.published.append(manifest.segment)
        self.report.lines += count
        if own.scratch is None:
            self._remove(found.rows, [one for one in before if one.record.identity != identity])

    def _remove(self, rows: pl.DataFrame, before: list[Segment]) -> None:
        """Remove segments of which the new one has all events."""
        there = rows["event_id"]
        for segment in before:
            parts = [segment.path / part.path for part in segment.manifest.files]
            gone = any(
                not pl.read_parquet(part, columns=["event_id"])["event_id"].is_in(there).all()
                for part in parts
            )
            if not gone and self.ingestion.store.remove(
                self.ingestion.key,
                segment.path.name,
                self.run_id,
                expected_run_id=segment.manifest.run_id,
            ):
                self.report.known.drop(segment)
