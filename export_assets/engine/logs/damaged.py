"""Damaged segments, and by which content the log is told that can make one again."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from export_assets.engine.ingest.look import Look
from export_assets.engine.ingest.segment_writer import PART
from export_assets.engine.ingest.segments import DATABASE, Known, Segment
from export_assets.engine.logs.source import LogSource
from export_assets.errors import IntegrityError
from export_assets.store.manifest import SegmentRecord
from export_assets.store.verify import verify_partitions

_MOST_LINES = 2_000


@dataclass(frozen=True, kw_only=True)
class Damaged:
    """A segment that is not what its manifest says."""

    path: Path
    facts: tuple[str, ...]
    segment: Segment | None
    """None where its manifest cannot be read."""

    @property
    def identity(self) -> str:
        """Of its content, by its name."""
        return self.path.name.rpartition("-")[0]

    @property
    def start(self) -> int:
        """Where it begins, by its name."""
        return int(self.path.name.rpartition("-")[2])


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Where the content of a segment is told: a log whose bytes up to `at` have this print."""

    at: int
    prefix: str
    until: int | None
    """Where the segment ends; at the end of the log where nobody knows."""
    base: SegmentRecord | None
    lines: tuple[tuple[int, int], ...] = ()
    """Where some lines begin and how long they are, where no print is known."""

    def is_in(self, look: Look) -> bool:
        """Whether a log that was looked at holds the content."""
        if not self.lines:
            return look.survey.prints.get(self.at) == self.prefix
        if look.base is not None or look.survey.gzip:
            return False
        # Each ends with a line feed, and begins after one.
        ends = (end for at, length in self.lines for end in (at, at + length) if end)
        return all(os.pread(look.descriptor, 1, end - 1) == b"\n" for end in ends)


def is_of_database(one: Damaged) -> bool:
    """Tell whether it was made of a database."""
    return one.segment is not None and one.segment.record.prefix.startswith(DATABASE)


def load_damaged(source: LogSource, paths: Sequence[Path]) -> tuple[Known, list[Damaged]]:
    """Return what is known of the segments at *paths*, and those that are damaged."""
    store, key = source.ingestion().store, source.ingestion().key
    known, damaged = Known(), list[Damaged]()
    for verdict in verify_partitions(paths):
        path, segment = verdict.path, None
        with suppress(IntegrityError):
            manifest = store.manifest(key, path.name)
            if manifest is not None and isinstance(manifest.segment, SegmentRecord):
                segment = Segment(record=manifest.segment, manifest=manifest, path=path)
                known.add(segment)
        facts = tuple(one.message for one in verdict.findings if one.problem != "extra")
        if facts:
            damaged.append(Damaged(path=path, facts=facts, segment=segment))
    return known, damaged


def wanted_of(one: Damaged, known: Known) -> Wanted | None:
    """Tell by which content a log is known that can make the segment again."""
    if one.segment is not None:
        record = one.segment.record
        return Wanted(
            at=record.end, prefix=record.prefix, until=record.end, base=known.before(record)
        )
    neighbours = [segment.record for segment in known.of(one.identity)]
    before = next((record for record in neighbours if record.end == one.start), None)
    after = next((record for record in neighbours if record.start > one.start), None)
    if after is not None:
        return Wanted(at=after.end, prefix=after.prefix, until=after.start, base=before)
    if before is not None:
        return Wanted(at=before.end, prefix=before.prefix, until=None, base=before)
    lines = _lines_of(one.path / PART) if one.start == 0 else ()
    return Wanted(at=0, prefix="", until=None, base=None, lines=lines) if lines else None


def _lines_of(part: Path) -> tuple[tuple[int, int], ...]:
    """Return where lines of a segment are, all of them or some thousand; none if unreadable."""
    try:
        places = pl.read_parquet(part, columns=["_off", "_len"], hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError):
        return ()
    return tuple(places.gather_every(max(1, places.height // _MOST_LINES)).rows())
