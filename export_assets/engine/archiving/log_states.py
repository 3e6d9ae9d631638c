"""How far each log was read, and what its events are of in time; told by its content alone.

What decides is the content as it is now: its fingerprints are compared with those of every
segment, and the segments that fit must cover all of it.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from export_assets.engine.ingest.databases import MAGIC
from export_assets.engine.ingest.glances import Glances
from export_assets.engine.ingest.listing import Listed, list_logs
from export_assets.engine.ingest.look import Look, look_at, open_log
from export_assets.engine.ingest.names import escaped
from export_assets.engine.ingest.outcome import IngestReport
from export_assets.engine.ingest.segments import Segment
from export_assets.engine.logs.source import LogSource
from export_assets.engine.logs.view import files_in_place
from export_assets.store.verify import verify_partitions

_SIDECARS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, kw_only=True)
class LogState:
    """A log as it was when it was looked at."""

    name: str
    """Below the log directory; bytes that are no UTF-8 as Python's surrogates."""
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    length: int
    """Bytes of the content: of a gzip file, of what it unpacks to."""
    segments: tuple[Segment, ...]
    """Those that hold something of its content."""
    read: bool
    """Whether they hold all of it, to the last byte."""

    @property
    def times(self) -> tuple[datetime, datetime] | None:
        """The first and the last moment of its events; None where it has none."""
        return times_of(self.segments)

    def is_still(self, path: Path) -> bool:
        """Whether nothing happened since to the file, which is at *path*; it is not opened."""
        try:
            now = path.stat(follow_symlinks=False)
        except OSError:
            return False
        seen = (self.size, self.mtime_ns, self.ctime_ns, self.inode)
        return (now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino) == seen


def times_of(segments: tuple[Segment, ...]) -> tuple[datetime, datetime] | None:
    """Return the first and the last moment of the rows of *segments*; None without rows."""
    found = [files_in_place(segment) for segment in segments]
    first = [one.first for one in found if one.first is not None]
    last = [one.last for one in found if one.last is not None]
    return (min(first), max(last)) if first and last else None


def logs_below(logs: LogSource) -> Iterator[Listed]:
    """Yield the logs that are there, in order of name; databases beside them are none.

    Raises:
        SourceMissing: The directory is not there.
    """
    place = logs.place
    for listed in list_logs(place.directory, logs.config.files, aside=place.exports).files:
        base = listed.name.rpartition("/")[2]
        known = any(fnmatchcase(base, pattern) for pattern in logs.kind.database_files)
        if not known and not _is_of_database(listed.path):
            yield listed


class LogStates:
    """Looks at logs after all that is new in them was read."""

    def __init__(self, logs: LogSource, report: IngestReport, *, now: datetime) -> None:
        self._report = report
        self._now = now
        self._policy = logs.ingestion().policy
        self._files = {escaped(listed.name): listed for listed in logs_below(logs)}
        self._glances = Glances(logs.place.exports, logs.name, version=logs.kind.version)
        self._ends: dict[int, list[tuple[str, Segment]]] = defaultdict(list)
        for segment in report.known.all:
            record = segment.record
            self._ends[record.end].append((record.prefix, segment))
            for mark in record.marks:
                self._ends[mark.end].append((mark.prefix, segment))
        self._sound: dict[Path, list[str]] = {}

    @property
    def files(self) -> list[Listed]:
        """The logs, in order of name."""
        return list(self._files.values())

    def last_event_at_least(self, listed: Listed, status: os.stat_result) -> datetime | None:
        """Return a moment up to which an unchanged log has events, without reading it again.

        None where nothing is known without a look.
        """
        glance = self._glances.of(escaped(listed.name), status)
        if glance is None:
            return None
        known = tuple(
            one for one in self._report.known.of(glance.identity) if one.record.end <= glance.end
        )
        times = times_of(known)
        return times[1] if times else None

    def idle(self, status: os.stat_result) -> timedelta:
        """Return for how long nothing was written to a file; the kernel's own times count."""
        touched = max(status.st_ctime, status.st_mtime)
        return self._now - datetime.fromtimestamp(touched, UTC)

    def look(self, listed: Listed) -> LogState | None:
        """Return what is known of a log's content; None where it is no regular file.

        Raises:
            OSError: It is gone, or may not be read.
            SourceError: It was cut while it was looked at, or cannot be unpacked.
        """
        with open_log(listed) as descriptor:
            if descriptor is None:
                return None
            known = self._report.known
            look = look_at(listed, descriptor, known, self._policy, now=self._now)
        segments, read = self._holding(look, look.survey.length)
        if not read:
            segments, read = self._of_copy(look) or (segments, read)
        status = look.status
        return LogState(
            name=listed.name,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            ctime_ns=status.st_ctime_ns,
            inode=status.st_ino,
            length=look.survey.length,
            segments=segments,
            read=read and look.survey.damage is None,
        )

    def damage(self, state: LogState) -> list[str]:
        """Say in what the segments of a log are not what was published."""
        new = [one.path for one in state.segments if one.path not in self._sound]
        for verdict in verify_partitions(new):
            self._sound[verdict.path] = [finding.message for finding in verdict.findings]
        return [line for one in state.segments for line in self._sound[one.path]]

    def _holding(self, look: Look, length: int) -> tuple[tuple[Segment, ...], bool]:
        """Return the segments of the first *length* bytes, and whether they leave no gap."""
        found: dict[Path, tuple[int, int, Segment]] = {}
        for end, fingerprint in sorted(look.survey.prints.items()):
            for prefix, segment in self._ends.get(end, ()):
                start = segment.record.start
                if prefix == fingerprint and start < length:
                    found[segment.path] = (start, end, segment)
        reached = 0
        for start, end, _ in sorted(found.values(), key=lambda one: one[:2]):
            if start <= reached:
                reached = max(reached, end)
        return tuple(segment for _, _, segment in found.values()), reached >= length

    def _of_copy(self, look: Look) -> tuple[tuple[Segment, ...], bool] | None:
        """Return the same for the beginning of another log, where the file is a copy of that."""
        listed = self._files.get(self._report.duplicates.get(look.name, ""))
        if listed is None:
            return None
        length = look.survey.length
        with open_log(listed) as descriptor:
            if descriptor is None:
                return None
            other = look_at(
                listed,
                descriptor,
                self._report.known,
                self._policy,
                now=self._now,
                also=(length,),
            )
        if other.survey.prints.get(length) != look.survey.prints.get(length):
            return None
        return self._holding(other, length)


def _is_of_database(path: Path) -> bool:
    """Whether the file is a SQLite database, or what SQLite keeps beside one."""
    name = path.name
    for suffix in _SIDECARS:
        if name.endswith(suffix):
            path = path.with_name(name.removesuffix(suffix))
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False
