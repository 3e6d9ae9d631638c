"""A directory of event logs as a source: what is new is read, then all that was read is given."""

import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from export_assets.config.event_logs import LogConfig
from export_assets.engine.ingest.databases import Databases
from export_assets.engine.ingest.ingest import Ingestion
from export_assets.engine.ingest.listing import Listed, list_logs
from export_assets.engine.ingest.outcome import IngestReport
from export_assets.engine.ingest.policy import Policy
from export_assets.engine.ingest.segments import Known, Segment
from export_assets.engine.logs.kind import LogKind
from export_assets.engine.logs.lineage import Lineage, holds_known_content
from export_assets.engine.logs.log_names import LogNames, names_below
from export_assets.engine.logs.looking import Glimpse, look_at_all
from export_assets.engine.logs.remarks import remarks_of
from export_assets.engine.logs.snapshot import LogSnapshot
from export_assets.engine.logs.view import SegmentFiles, SegmentView, files_of
from export_assets.errors import ContractViolation, DestConflict, SourceMissing
from export_assets.sources.base import SnapshotInfo, Source
from export_assets.sources.private_temp import private_directory
from export_assets.store.durable import make_directory
from export_assets.store.local import LocalStore
from export_assets.translate import translating

KIND: Final = "event-log"
HELD: Final = ".held"
"""Directory of the store that holds links to what runs are reading."""


@dataclass(frozen=True, kw_only=True)
class LogPlace:
    """Where logs are read from, and where what was read is kept."""

    directory: Path
    exports: Path
    """The root of the store."""
    temp_dir: Path | None = None
    origin: str = ""
    """Hash of the directory's address, as manifests carry it."""
    private: bool = False
    """Whether what is new is read for this process alone, and nothing is kept."""
    only: tuple[str, ...] = ()
    """Patterns of the paths of the only logs that are read, privately; empty for all."""
    replacing: bool = False
    """Whether this directory takes the place of another one that was read before."""


class LogSource(Source):
    """Event logs in a directory."""

    def __init__(
        self, name: str, place: LogPlace, kind: LogKind, config: LogConfig, *, busy_timeout: float
    ) -> None:
        self.name = name
        self.place = place
        self.kind = kind
        self.config = config
        self._busy_timeout = busy_timeout

    @property
    def patterns(self) -> tuple[str, ...]:
        """What is looked at below the directory."""
        return (*self.config.files, *self.kind.database_files)

    def fingerprint(self) -> str:
        """Return a stamp of the names, sizes and times of change of all logs.

        Raises:
            SourceMissing: The directory is not there.
        """
        return self._stamp(datetime.now(UTC))

    def names(self) -> LogNames:
        """Return what is called like a log, nothing of it being looked at.

        Raises:
            SourceMissing: The directory is not there.
        """
        place = self.place
        return names_below(place.directory, self.patterns, only=place.only, aside=place.exports)

    def look(
        self, names: LogNames, *, now: datetime, before: Glimpse, seconds: float
    ) -> str | Glimpse:
        """Return the fingerprint, or how far the look came in so many *seconds*."""
        seal = timedelta(seconds=self.config.seal_after)
        return look_at_all(names, now=now, seal_after=seal, before=before, seconds=seconds)

    def _stamp(self, now: datetime) -> str:
        seal = timedelta(seconds=self.config.seal_after)
        stamp = look_at_all(self.names(), now=now, seal_after=seal)
        assert isinstance(stamp, str)  # noqa: S101 - it was not to stop
        return stamp

    def listed(self) -> list[Listed]:
        """Return the logs and databases that are there.

        Raises:
            SourceMissing: The directory is not there.
        """
        place = self.place
        return list_logs(place.directory, self.patterns, only=place.only, aside=place.exports).files

    @contextmanager
    def snapshot(self) -> Iterator[LogSnapshot]:
        """Read what is new and give all that was read so far.

        Raises:
            ContractViolation: More lines were refused than the configuration allows.
            DestinationError: What was read cannot be kept.
            SourceMissing: The directory is not there, or holds no logs and never did.
        """
        run_id, now = f"read-{uuid.uuid4().hex[:12]}", datetime.now(UTC)
        stamp = self._stamp(now)
        with self.reading(run_id, now) as (report, view):
            info = SnapshotInfo(kind=KIND, id=stamp, taken_at=now)
            yield LogSnapshot(self.name, info, view, self.kind, remarks_of(report, view))

    @contextmanager
    def reading(self, run_id: str, now: datetime) -> Iterator[tuple[IngestReport, SegmentView]]:
        """Read what is new; give what became of each log, and all that was read so far.

        Raises:
            ContractViolation: More lines were refused than the configuration allows.
            DestinationError: What was read cannot be kept.
            SourceMissing: The directory is not there, or holds no logs and never did.
        """
        with private_directory(self._scratch()) as scratch:
            report, view = self._read(run_id, now, scratch)
            self._refuse(view, report)
            yield report, view

    def ingestion(self, scratch: Path | None = None) -> Ingestion:
        """Return what reads the logs into segments, kept in *scratch* where given."""
        config = self.config
        return Ingestion(
            LocalStore(self.place.exports),
            self.name,
            self.kind,
            scratch=LocalStore(scratch) if scratch is not None else None,
            policy=Policy(
                seal_after=timedelta(seconds=config.seal_after),
                max_line_bytes=config.max_line_bytes,
            ),
            patterns=config.files,
            only=self.place.only,
            origin=self.place.origin,
        )

    def _read(self, run_id: str, now: datetime, scratch: Path) -> tuple[IngestReport, SegmentView]:
        ingestion = self.ingestion(scratch / "segments" if self.place.private else None)
        directory = self.place.directory
        with self._alone(ingestion, run_id):
            self._keep_private(ingestion)
            known = self._own(ingestion)
            report = ingestion.read(directory, run_id, now=now, known=known)
            if self.kind.database_files:
                Databases(
                    ingestion=ingestion,
                    read=self.kind.read_database,
                    patterns=self.kind.database_files,
                    report=report,
                    run_id=run_id,
                    now=now,
                ).take(directory)
            return report, self._view(report, scratch / "held")

    @contextmanager
    def _alone(self, ingestion: Ingestion, run_id: str) -> Iterator[None]:
        """Keep others from reading the logs meanwhile, where there is anything to be kept."""
        if self.place.private and not self._segments(ingestion).is_dir():
            yield
            return
        with ingestion.alone(run_id, timeout=self._busy_timeout):
            yield

    def _own(self, ingestion: Ingestion) -> Known:
        """Return the segments of this directory.

        Raises:
            DestConflict: Others were made of another directory.
        """
        place = self.place
        if place.only:
            # Segments do not tell under which other names their content lies there, too.
            return Known()
        known, lineage = ingestion.load(), Lineage(self._segments(ingestion))
        if lineage.knows(place.origin, known):
            return known.only(lineage.counts)
        own = known.only(lineage.counts)
        moved = holds_known_content(self.listed(), own, ingestion.policy)
        if place.private:
            return own if moved else Known()
        if moved:
            lineage.add(place.origin, known)
        elif place.replacing:
            lineage.replace(place.origin)
        else:
            msg = f"{self.name}: {self._segments(ingestion).parent} holds events of another log"
            msg += " directory; --overwrite lets this one take its place, --output-dir writes"
            msg += " elsewhere"
            raise DestConflict(msg)
        return known.only(lineage.counts)

    def _segments(self, ingestion: Ingestion) -> Path:
        return self.place.exports.joinpath(*ingestion.key.parts[:-1])

    def _keep_private(self, ingestion: Ingestion) -> None:
        """Let nobody else look into segments: they hold lines as they were logged."""
        if not self.place.private:
            segments = self._segments(ingestion)
            with translating(str(segments)):
                make_directory(segments)
                segments.chmod(0o700)

    def _scratch(self) -> Path | None:
        """Return where to hold segments: beside them, where links to them can be had."""
        held = self.place.exports / HELD
        if self.place.private and not held.is_dir():
            return self.place.temp_dir
        with translating(str(held)):
            make_directory(held)
        return held

    def _view(self, report: IngestReport, held: Path) -> SegmentView:
        """Hold every segment as it is now, by names of our own that nobody replaces."""
        held.mkdir()
        root = f"{self.place.exports}{os.sep}"
        found: list[SegmentFiles] = []
        for number, segment in enumerate(report.known.all):
            names = [record.path for record in segment.manifest.listed]
            if str(segment.path).startswith(root):
                at = _held(segment, names, held, str(number))
            else:
                at = {name: segment.path / name for name in names}
            found.append(files_of(segment, at))
        return SegmentView(tuple(found))

    def _refuse(self, view: SegmentView, report: IngestReport) -> None:
        if not view.segments and not report.failed and not self.listed():
            like = f" like {', '.join(self.place.only)}" if self.place.only else ""
            msg = f"{self.name}: no logs{like} found in {self.place.directory}"
            raise SourceMissing(msg)
        lines = view.rows + view.refused
        most = self.config.quarantine_max
        if most is not None and lines and view.refused / lines > most:
            msg = f"{self.name}: {view.refused:,} of {lines:,} lines are refused, more than the "
            msg += f"{most:.2%} that quarantine_max allows; nothing was published"
            raise ContractViolation(msg)


def _held(segment: Segment, names: Sequence[str], held: Path, prefix: str) -> dict[str, Path]:
    """Link the files of a segment into *held*; copy short ones where links cannot be had.

    Longer ones are never replaced, and stay where they are then.
    """
    at = {name: held / f"{prefix}-{name}" for name in names}
    try:
        for name in names:
            os.link(f"{segment.path}{os.sep}{name}", at[name])
    except OSError:
        if segment.record.end - segment.record.start >= Policy().grow_bytes:
            return {name: segment.path / name for name in names}
        for name in names:
            shutil.copyfile(segment.path / name, at[name])
    return at
