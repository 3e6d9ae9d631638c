"""The main flow: a log directory, pass by pass, into segments, every line exactly once.

    ingestion = Ingestion(store, "range", rows)
    report = ingestion.run(Path("logs"), run_id)     again and again

What was read is known from the published segments alone, so it makes no difference where a pass
was killed. docs/on-disk-format.md says what segments are and how content is told.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from export_assets.engine.ingest.heads import Heads
from export_assets.engine.ingest.listing import Listed, escaped, list_logs
from export_assets.engine.ingest.look import Look, Policy, look_at, open_log
from export_assets.engine.ingest.outcome import IngestReport, Truncation
from export_assets.engine.ingest.publish import identity_of, publish_segment
from export_assets.engine.ingest.rows import Rows
from export_assets.engine.ingest.segments import Known, SegmentsKey, load_known
from export_assets.errors import DestLocked, SourceError
from export_assets.store.layout import lock_path, parse_leftover, staging_dir
from export_assets.store.local import LocalStore
from export_assets.store.lock import partition_lock
from export_assets.store.manifest import SegmentRecord
from export_assets.translate import translate


@dataclass(frozen=True)
class Ingestion:
    """Reads the logs of one source into segments."""

    store: LocalStore
    """Where segments are published."""
    source: str
    rows: Rows
    """What makes rows of records."""
    _: KW_ONLY
    policy: Policy = field(default_factory=Policy)
    patterns: tuple[str, ...] = ("*",)
    """What logs are called; matched with the last part of the name."""

    @property
    def key(self) -> SegmentsKey:
        """Where the segments are."""
        return SegmentsKey(self.source)

    def run(self, directory: Path, run_id: str, *, now: datetime | None = None) -> IngestReport:
        """Publish what is new below *directory*.

        Raises:
            DestLocked: Another run reads logs of the same source.
            DestinationError: A segment cannot be written.
            IntegrityError: The manifest of a segment is damaged.
            SourceMissing: *directory* is not there.
        """
        with self._alone(run_id):
            listing = list_logs(directory, self.patterns)
            self._sweep(run_id)
            one = _Pass(self, load_known(self.store, self.source), run_id, now)
            # Smaller ones first: a copy made while its original grew is the beginning of it.
            one.files = sorted(listing.files, key=lambda listed: (listed.size, listed.name))
            one.report.ignored.update(listing.ignored)
            return one.run()

    @contextmanager
    def _alone(self, run_id: str) -> Iterator[None]:
        # Two runs could cut the same content at different places.
        lock = lock_path(self.store.root, self.key, "ingest")
        with partition_lock(lock, holder=run_id, subject=f"{self.key}"):
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
        self, ingestion: Ingestion, known: Known, run_id: str, now: datetime | None
    ) -> None:
        self.report = IngestReport()
        self.files: list[Listed] = []
        self._ingestion = ingestion
        self._known = known
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
                    else:
                        self._one(listed, descriptor, heads)
            except FileNotFoundError:
                self.report.gone.append(name)
            except SourceError as error:
                self.report.failed[name] = error
            except OSError as error:
                self.report.failed[name] = translate(error, subject=name, side="source")
        self._tell_truncations()
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
        self.report.pending_bytes += look.survey.length - look.end
        if not look.is_new:
            self._unchanged(look, before)
            return
        identity = identity_of(look, self._known)
        other = before if before and before.identity != identity else None
        manifest = publish_segment(
            look,
            identity,
            own.rows,
            store=own.store,
            source=own.source,
            policy=own.policy,
            follows=other.identity if other else "",
            run_id=self._run_id,
            now=self._now,
        )
        record = manifest.segment
        assert isinstance(record, SegmentRecord)  # noqa: S101 - it was just made so
        self._known.add(record, self._now)
        self.report.published.append(record)
        self._at[identity, record.end] = look.name
        if other:
            self._before[look.name] = other

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
