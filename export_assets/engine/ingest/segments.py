"""The published segments of a source: all there is to know about how far its logs were read."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from export_assets.store.durable import refuse_links
from export_assets.store.layout import ExportKey, is_visible
from export_assets.store.local import LocalStore
from export_assets.store.manifest import MANIFEST_NAME, Manifest, SegmentRecord, parse_manifest
from export_assets.translate import translating

SEGMENTS = "_segments"
DATABASE = "rows:"
"""What the fingerprint of a database's rows begins with."""
DAMAGE = "disk:"
"""What the fingerprint of a log begins with of which something cannot be read."""
TIME = "occurred_at"
"""The column of segments that says when: Datetime(µs, UTC), never null."""


class SegmentsKey(ExportKey):
    """Where the segments of one source are: a directory that no table can have."""

    def __init__(self, source: str) -> None:
        super().__init__(source, SEGMENTS, "parquet")

    @property
    def parts(self) -> tuple[str, str, str]:
        """Directory names below the root."""
        return super().parts[0], SEGMENTS, self.format


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One published segment."""

    record: SegmentRecord
    manifest: Manifest
    path: Path

    @property
    def created_at(self) -> datetime:
        """When it was published."""
        return self.manifest.created_at

    @property
    def span(self) -> timedelta | None:
        """From its earliest row to its latest; None where rows have no time."""
        for column in self.manifest.columns:
            if column.name == TIME and column.min is not None and column.max is not None:
                return datetime.fromisoformat(column.max) - datetime.fromisoformat(column.min)
        return None

    @property
    def version(self) -> str:
        """Of the rules its rows were made by."""
        return self.manifest.config_hash


class Known:
    """The segments of one source, in memory."""

    def __init__(self) -> None:
        self._by_end: dict[int, dict[str, SegmentRecord]] = {}
        self._by_identity: dict[str, dict[int, Segment]] = {}
        self._names: dict[str, Segment] = {}

    @property
    def ends(self) -> list[int]:
        """Where segments end, in bytes of the content, in no order."""
        return list(self._by_end)

    @property
    def all(self) -> list[Segment]:
        """Every segment, in order of identity and start."""
        return [
            self._by_identity[identity][start]
            for identity in sorted(self._by_identity)
            for start in sorted(self._by_identity[identity])
        ]

    def only(self, counts: Callable[[Segment], bool]) -> "Known":
        """Return those segments that count."""
        found = Known()
        for segment in self.all:
            if counts(segment):
                found.add(segment)
        return found

    def add(self, segment: Segment) -> None:
        """Take note of a published segment; of two with one start the later stands."""
        record = segment.record
        of_identity = self._by_identity.setdefault(record.identity, {})
        before = of_identity.get(record.start)
        if before is not None:
            self._forget(before.record)
        of_identity[record.start] = segment
        for known in _stations(record):
            self._by_end.setdefault(known.end, {})[known.prefix] = known
        newest = self._names.get(record.file)
        if newest is None or (segment.created_at, record.end) >= (
            newest.created_at,
            newest.record.end,
        ):
            self._names[record.file] = segment

    def drop(self, segment: Segment) -> None:
        """Take note that a segment is no more."""
        record = segment.record
        self._forget(record)
        of_identity = self._by_identity[record.identity]
        del of_identity[record.start]
        if not of_identity:
            del self._by_identity[record.identity]
        if self._names.get(record.file) is segment:
            del self._names[record.file]

    def _forget(self, record: SegmentRecord) -> None:
        for known in _stations(record):
            at_end = self._by_end[known.end]
            at_end.pop(known.prefix, None)
            if not at_end:
                del self._by_end[known.end]

    def match(self, prints: Mapping[int, str]) -> SegmentRecord | None:
        """Return the longest segment of the content with these fingerprints by end."""
        for end in sorted(prints, reverse=True):
            found = self._by_end.get(end, {}).get(prints[end])
            if found is not None:
                return found
        return None

    def of(self, identity: str) -> list[Segment]:
        """Return the segments of *identity* in order of start."""
        found = self._by_identity.get(identity, {})
        return [found[start] for start in sorted(found)]

    def at(self, record: SegmentRecord) -> Segment:
        """Return the segment of *record*."""
        return self._by_identity[record.identity][record.start]

    def before(self, record: SegmentRecord) -> SegmentRecord | None:
        """Return how far was read where *record* starts; None at the start of the content."""
        for segment in self.of(record.identity):
            if segment.record.end == record.start:
                return segment.record
        if record.start == 0:
            return None
        # What is before it was read of another log, that begins alike.
        return msgspec.structs.replace(
            record, end=record.start, next_line=record.first_line, sealed=False, marks=()
        )

    def reaches(self, identity: str, end: int) -> bool:
        """Whether the segment of *identity* that goes furthest ends at *end*."""
        return identity in self._by_identity and self.tip(identity) == end

    def tip(self, identity: str) -> int:
        """Return where the segment of *identity* ends that goes furthest."""
        return max(segment.record.end for segment in self._by_identity[identity].values())

    def named(self, file: str) -> SegmentRecord | None:
        """Return the newest segment of a file called *file*."""
        found = self._names.get(file)
        return found.record if found else None


def _stations(record: SegmentRecord) -> Iterator[SegmentRecord]:
    """Yield what was known of the content each time it was read, the last time last."""
    for mark in record.marks:
        yield msgspec.structs.replace(
            record, end=mark.end, prefix=mark.prefix, next_line=mark.next_line
        )
    yield record


def segment_paths(store: LocalStore, source: str) -> list[Path]:
    """Return the directories of all segments of *source*, as `verify_partitions` takes them."""
    parent = store.root.joinpath(*SegmentsKey(source).parts)
    try:
        with os.scandir(parent) as entries:
            names = [
                entry.name
                for entry in entries
                if is_visible(entry.name) and entry.is_dir(follow_symlinks=False)
            ]
    except FileNotFoundError:
        return []
    return [parent / name for name in sorted(names)]


def segments(store: LocalStore, source: str) -> Iterator[tuple[Path, Manifest, SegmentRecord]]:
    """Yield every published segment of *source* in order of path.

    Raises:
        IntegrityError: A manifest is damaged.
    """
    paths = segment_paths(store, source)
    if paths:
        with translating(str(paths[0].parent)):
            refuse_links(store.root, paths[0])
    for path in paths:
        # There may be ten thousands: their parents are not looked at for each again.
        with translating(str(path)):
            manifest = _manifest_in(path)
        if manifest is not None and isinstance(manifest.segment, SegmentRecord):
            yield path, manifest, manifest.segment


def _manifest_in(path: Path) -> Manifest | None:
    name = f"{path}{os.sep}{MANIFEST_NAME}"
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return parse_manifest(file.read(), path / MANIFEST_NAME)


def load_known(store: LocalStore, source: str) -> Known:
    """Return what is known of *source*.

    Raises:
        IntegrityError: A manifest is damaged: nothing may be read before it is repaired.
    """
    known = Known()
    for path, manifest, record in segments(store, source):
        known.add(Segment(record=record, manifest=manifest, path=path))
    return known
