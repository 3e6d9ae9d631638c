"""The main flow: a log directory, pass by pass, into segments, every line exactly once.

    ingestion = Ingestion(store, "range", rows)
    report = ingestion.run(Path("logs"), run_id)     again and again

What was read is known from the published segments alone, so it makes no difference where a pass
was killed. docs/on-disk-format.md says what segments are and how content is told.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from export_assets.engine.ingest.damage import damage_identity, publish_damage, tells_damage
from export_assets.engine.ingest.glances import Glances
from export_assets.engine.ingest.heads import Heads
from export_assets.engine.ingest.listing import Listed, list_logs
from export_assets.engine.ingest.look import Look, look_at, open_log
from export_assets.engine.ingest.names import escaped
from export_assets.engine.ingest.outcome import IngestReport, Truncation
from export_assets.engine.ingest.policy import Policy
from export_assets.engine.ingest.publish import Target, identity_of, publish_segment
from export_assets.engine.ingest.rows import Head, Rows, RowsByLog
from export_assets.engine.ingest.segments import (
    DATABASE,
    Known,
    Segment,
    SegmentsKey,
    load_known,
)
from export_assets.errors import DestLocked, SourceError
from export_assets.store.layout import lock_path, parse_leftover, staging_dir
from export_assets.store.local import LocalStore
from export_assets.store.lock import partition_lock
from export_assets.store.manifest import SegmentMark, SegmentRecord
from export_assets.translate import translate

_MOST_MARKS = 256
_LONGEST_GROWN = timedelta(hours=36)


@dataclass(frozen=True)
class Ingestion:
    """Reads the logs of one source into segments."""

    store: LocalStore
    """Where segments are published."""
    source: str
    rows: RowsByLog
    """What makes rows of records."""
    _: KW_ONLY
    scratch: LocalStore | None = None
    """Where new segments go instead, which are then seen by this process alone."""
    policy: Policy = field(default_factory=Policy)
    patterns: tuple[str, ...] = ("*",)
    """What logs are called; matched with the last part of the name."""
    only: tuple[str, ...] = ()
    """Patterns of the paths of the only logs that are looked at; empty for all."""
    origin: str = ""
    """Hash of the directory's address."""

    @property
    def key(self) -> SegmentsKey:
        """Where the segments are."""
        return SegmentsKey(self.source)

    def run(self, directory: Path, run_id: str, *, now: datetime | None = None) -> IngestReport:
        """Publish what is new below *directory*; see `read`.

        Raises:
            DestLocked: Another run reads logs of the same source.
        """
        with self.alone(run_id):
            return self.read(directory, run_id, now=now)

    def load(self) -> Known:
        """Return what is known of the source.

        Raises:
            IntegrityError: The manifest of a segment is damaged.
        """
        return load_known(self.store, self.source)

    def read(
        self,
        directory: Path,
        run_id: str,
        *,
        now: datetime | None = None,
        known: Known | None = None,
    ) -> IngestReport:
        """Publish what is new below *directory*, under the lock that `alone` gives.

        *known* are the segments that count; all there are where None.

        Raises:
            DestinationError: A segment cannot be written.
            IntegrityError: The manifest of a segment is damaged.
            SourceMissing: *directory* is not there.
        """
        listing = list_logs(directory, self.patterns, only=self.only, aside=self.store.root)
        self._sweep(run_id)
        known = self.load() if known is None else known
        glances = Glances(self.store.root, self.source, version=self.rows.version)
        one = _Pass(self, known, glances, run_id, now)
        # Smaller ones first: a copy made while its original grew is the beginning of it.
        one.files = sorted(listing.files, key=lambda listed: (listed.size, listed.name))
        one.report.ignored.update(listing.ignored)
        one.report.failed.update(listing.failed)
        report = one.run()
        if self.scratch is None:
            glances.keep()
        return report

    @contextmanager
    def alone(self, run_id: str, *, timeout: float = 0.0) -> Iterator[None]:
        """Keep others from reading logs of the source.

        Raises:
            DestLocked: Another run does, for longer than *timeout* seconds.
        """
        # Two runs could cut the same content at different places.
        lock = lock_path(self.store.root, self.key, "ingest")
        with partition_lock(lock, timeout=timeout, holder=run_id, subject=f"{self.key}"):
            yield

    def _sweep(self, run_id: str) -> None:
        """Remove what a killed run left, though the name it wrote under never comes again."""
        staging = staging_dir(self.store.root, self.key)
        names = [path.name for path in staging.iterdir()] if staging.is_dir() else []
        found = {left.partition for name in names if (left := parse_leftover(name))}
        for partition in sorted(found):
            with suppress(DestLocked), self.store.stage(self.key, partition, run_id):
                pass


class _Pass:
    """One pass over the files listed."""

    def __init__(
        self,
        ingestion: Ingestion,
        known: Known,
        glances: Glances,
        run_id: str,
        now: datetime | None,
    ) -> None:
        self.report = IngestReport(known=known)
        self.files: list[Listed] = []
        self._ingestion = ingestion
        self._known = known
        self._glances = glances
        version = ingestion.rows.version
        self._outdated = {one.record.identity for one in known.all if one.version != version}
        """Content of which rows were made by other rules."""
        self._run_id = run_id
        self._now = now or datetime.now(UTC)
        self._at: dict[tuple[str, int], str] = {}
        """By identity and end, the file whose content goes so far."""
        self._before: dict[str, SegmentRecord] = {}
        """By name, the segment it had before, of another identity."""

    def run(self) -> IngestReport:
        heads = Heads(self.files)
        for listed in self.files:
            name = escaped(listed.name)
            try:
                with open_log(listed) as descriptor:
                    if descriptor is None:
                        self.report.ignored[name] = "no regular file any more"
                    elif not self._is_as_before(name, descriptor):
                        self._one(listed, descriptor, heads)
            except FileNotFoundError:
                self.report.gone.append(name)
            except SourceError as error:
                self.report.failed[name] = error
            except OSError as error:
                self.report.failed[name] = translate(error, subject=name, side="source")
        self._tell_truncations()
        version = self._ingestion.rows.version
        self.report.outdated_lines = sum(
            one.record.next_line - one.record.first_line
            for one in self._known.all
            if one.version != version and not one.record.prefix.startswith(DATABASE)
        )
        return self.report

    def _one(self, listed: Listed, descriptor: int, heads: Heads) -> None:
        own = self._ingestion
        look = look_at(listed, descriptor, self._known, own.policy, now=self._now)
        before = self._known.named(look.name)
        if look.is_new and not self._continues(look):
            original = self._original(look, heads)
            if original is not None:
                self.report.duplicates[look.name] = original
                return
        rows = self._rows_of(look)
        if rows is not None and look.base is not None:
            self._renew(look, look.base, rows)
        pending = look.survey.length - look.end
        self.report.pending_bytes += pending
        if tells_damage(look):
            self._note_damage(look)
        if not look.is_new:
            if look.base is not None:
                self._glances.note(look, look.base.identity, pending=pending)
            self._unchanged(look, before)
            return
        if rows is None:
            self.report.unknown.append(look.name)
            return
        identity = identity_of(look, self._known)
        other = before if before and before.identity != identity else None
        segment = self._publish(self._grown(look, identity), identity, rows, follows=other)
        self._at[identity, segment.record.end] = look.name
        self._glances.note(look, identity, pending=pending)
        if other:
            self._before[look.name] = other

    def _is_as_before(self, name: str, descriptor: int) -> bool:
        """Note a file that nothing happened to since it was looked at; False for all others."""
        glance = self._glances.of(name, os.fstat(descriptor))
        if glance is None or glance.identity in self._outdated:
            return False
        if not self._known.reaches(glance.identity, glance.end):
            return False
        idle = self._now - datetime.fromtimestamp(glance.ctime_ns / 1e9, UTC)
        if glance.pending and idle >= self._ingestion.policy.seal_after:
            return False
        twin = self._at.setdefault((glance.identity, glance.end), name)
        self.report.pending_bytes += glance.pending
        if twin != name:
            self.report.duplicates[name] = twin
        else:
            self.report.unchanged.append(name)
        return True

    def _rows_of(self, look: Look) -> Rows | None:
        """Return what makes rows of the file, where anything of it is to be read."""
        outdated = look.base is not None and look.base.identity in self._outdated
        if not look.is_new and not outdated:
            return None
        head = Head(name=look.name, descriptor=look.descriptor, size=look.size)
        return self._ingestion.rows.rows_of(head)

    def _grown(self, look: Look, identity: str) -> Look:
        """Return *look* with a last segment that is short to be read again with what is new."""
        base = look.base
        if base is None or base.identity != identity:
            return look
        if base.end - base.start >= self._ingestion.policy.grow_bytes or base.sealed:
            return look
        span = self._known.at(base).span
        if span is not None and span > _LONGEST_GROWN:
            # What it would add is of another day, and days are published one by one.
            return look
        return replace(look, base=self._known.before(base))

    def _renew(self, look: Look, base: SegmentRecord, rows: Rows) -> None:
        """Make the rows of segments again that were made by other rules than *rows*."""
        for segment in self._known.of(base.identity):
            record = segment.record
            if segment.version == rows.version or record.end not in look.survey.prints:
                continue
            if look.survey.prints[record.end] == record.prefix:
                again = replace(look, base=self._known.before(record), until=record.end)
                again = replace(again, sealed=record.sealed)
                self._publish(again, base.identity, rows, follows=None)

    def _publish(
        self, look: Look, identity: str, rows: Rows, *, follows: SegmentRecord | None
    ) -> Segment:
        own = self._ingestion
        there = {one.record.start: one for one in self._known.of(identity)}.get(look.start)
        store = own.scratch or own.store
        replaces = there if there and there.path.is_relative_to(store.root) else None
        manifest = publish_segment(
            look,
            identity,
            rows,
            target=Target(
                store=store,
                source=own.source,
                run_id=self._run_id,
                now=self._now,
                replaces=replaces.manifest.run_id if replaces else None,
                origin=own.origin,
            ),
            policy=own.policy,
            follows=follows.identity if follows else there.record.follows if there else "",
            marks=_marks(there.record, look.end) if there else (),
        )
        record = manifest.segment
        assert isinstance(record, SegmentRecord)  # noqa: S101 - it was just made so
        path = store.partition_path(own.key, manifest.partition)
        segment = Segment(record=record, manifest=manifest, path=path)
        self._known.add(segment)
        self.report.published.append(record)
        lines = record.next_line - record.first_line
        grown = there is not None and there.version == rows.version
        before = there.record if there is not None and grown else None
        self.report.lines += lines - (before.next_line - before.first_line if before else 0)
        return segment

    def _note_damage(self, look: Look) -> None:
        """Keep a record of what cannot be read of a log, where no segment has it yet."""
        own = self._ingestion
        identity, prefix = damage_identity(look)
        if self._known.of(identity):
            return
        store = own.scratch or own.store
        target = Target(
            store=store, source=own.source, run_id=self._run_id, now=self._now, origin=own.origin
        )
        manifest = publish_damage(look, identity, prefix, target=target, version=own.rows.version)
        record = manifest.segment
        assert isinstance(record, SegmentRecord)  # noqa: S101 - it was just made so
        path = store.partition_path(own.key, manifest.partition)
        self._known.add(Segment(record=record, manifest=manifest, path=path))

    def _continues(self, look: Look) -> bool:
        return look.base is not None and self._known.tip(look.base.identity) == look.base.end

    def _unchanged(self, look: Look, before: SegmentRecord | None) -> None:
        if look.base is not None:
            place = look.base.identity, look.base.end
            twin = self._at.setdefault(place, look.name)
            if twin != look.name:
                self.report.duplicates[look.name] = twin
                return
        if before and (look.base is None or look.base.identity != before.identity):
            self._before[look.name] = before
        self.report.unchanged.append(look.name)

    def _original(self, look: Look, heads: Heads) -> str | None:
        """Return the file of which *look* is a copy from earlier, all of it read by now."""
        wanted = look.survey.prints[look.end]
        if max(self._known.ends, default=0) < look.end:
            return None
        for listed in heads.alike(look.descriptor, look.size, look.end):
            with suppress(OSError, SourceError), open_log(listed) as descriptor:
                if descriptor is None:
                    continue
                other = look_at(
                    listed,
                    descriptor,
                    self._known,
                    self._ingestion.policy,
                    now=self._now,
                    also=(look.end,),
                )
                if other.start >= look.end and other.survey.prints.get(look.end) == wanted:
                    return other.name
        return None

    def _tell_truncations(self) -> None:
        found = {identity for identity, end in self._at if self._known.tip(identity) == end}
        for name, before in sorted(self._before.items()):
            if before.identity not in found:
                self.report.truncations.append(
                    Truncation(
                        file=name,
                        identity=before.identity,
                        read_bytes=before.end,
                        unread_bytes=before.pending_bytes,
                    )
                )


def _marks(before: SegmentRecord, end: int) -> tuple[SegmentMark, ...]:
    """Return where a segment ended that now ends at *end*."""
    own = SegmentMark(end=before.end, prefix=before.prefix, next_line=before.next_line)
    marks = before.marks if before.end == end else (*before.marks, own)
    return marks[-_MOST_MARKS:]
