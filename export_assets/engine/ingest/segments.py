"""The published segments of a source: all there is to know about how far its logs were read."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from export_assets.store.layout import ExportKey, is_visible
from export_assets.store.local import LocalStore
from export_assets.store.manifest import Manifest, SegmentRecord

SEGMENTS = "_segments"


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
    created_at: datetime


class Known:
    """The segments of one source, in memory."""

    def __init__(self) -> None:
        self._by_end: dict[int, dict[str, SegmentRecord]] = {}
        self._tips: dict[str, int] = {}
        self._names: dict[str, Segment] = {}

    @property
    def ends(self) -> list[int]:
        """Where segments end, in bytes of the content, in no order."""
        return list(self._by_end)

    def add(self, record: SegmentRecord, created_at: datetime) -> None:
        """Take note of a published segment."""
        self._by_end.setdefault(record.end, {})[record.prefix] = record
        self._tips[record.identity] = max(record.end, self._tips.get(record.identity, 0))
        newest = self._names.get(record.file)
        if newest is None or (created_at, record.end) >= (newest.created_at, newest.record.end):
            self._names[record.file] = Segment(record=record, created_at=created_at)

    def match(self, prints: Mapping[int, str]) -> SegmentRecord | None:
        """Return the longest segment of the content with these fingerprints by end."""
        for end in sorted(prints, reverse=True):
            found = self._by_end.get(end, {}).get(prints[end])
            if found is not None:
                return found
        return None

    def tip(self, identity: str) -> int:
        """Return where the segment of *identity* ends that goes furthest."""
        return self._tips[identity]

    def named(self, file: str) -> SegmentRecord | None:
        """Return the newest segment of a file called *file*."""
        found = self._names.get(file)
        return found.record if found else None


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
    key = SegmentsKey(source)
    for path in segment_paths(store, source):
        manifest = store.manifest(key, path.name)
        if manifest is not None and isinstance(manifest.segment, SegmentRecord):
            yield path, manifest, manifest.segment


def load_known(store: LocalStore, source: str) -> Known:
    """Return what is known of *source*.

    Raises:
        IntegrityError: A manifest is damaged: nothing may be read before it is repaired.
    """
    known = Known()
    for _, manifest, record in segments(store, source):
        known.add(record, manifest.created_at)
    return known
