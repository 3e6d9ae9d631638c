"""Mending segments: what is damaged is made again from the log that holds its content.

A segment whose log is gone is the last copy of its lines. It stays as it is and is told; one whose
manifest cannot be read keeps all logs of the source from being read until it is mended, or moved
away by a person.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from export_assets.engine.ingest.listing import Listed
from export_assets.engine.ingest.look import Look, look_at, open_log
from export_assets.engine.ingest.names import escaped
from export_assets.engine.ingest.publish import Target, publish_segment
from export_assets.engine.ingest.rows import Head
from export_assets.engine.ingest.segment_writer import PART
from export_assets.engine.ingest.segments import DATABASE, Known, Segment, segment_paths
from export_assets.engine.logs.source import LogSource
from export_assets.errors import ExportError, IntegrityError
from export_assets.store.manifest import SegmentRecord
from export_assets.store.verify import verify_partitions

_MOST_LINES = 2_000

GONE = "no log there is holds its content"
UNKNOWN = "its manifest cannot be read, and nothing else tells which log it was"


@dataclass(frozen=True, kw_only=True)
class Mend:
    """What is wrong with a segment, and what becomes of it."""

    path: Path
    facts: tuple[str, ...]
    kept: str | None
    """Why it is left; None where it is made again."""


@dataclass(frozen=True, kw_only=True)
class _Damaged:
    path: Path
    facts: tuple[str, ...]
    segment: Segment | None
    """None where its manifest cannot be read."""

    @property
    def identity(self) -> str:
        return self.path.name.rpartition("-")[0]

    @property
    def start(self) -> int:
        return int(self.path.name.rpartition("-")[2])


@dataclass(frozen=True, kw_only=True)
class _Wanted:
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


def mend_segments(
    source: LogSource, run_id: str, *, agree: Callable[[Sequence[Mend]], bool]
) -> list[Mend]:
    """Make damaged segments again; return what was found, and what became of each.

    Args:
        source: The source of logs.
        run_id: The run.
        agree: Called once with the plan, before anything is written; False ends it there.

    Raises:
        DestLocked: Another run reads its logs.
        DestinationError: A segment cannot be written.
        SourceMissing: The directory of the logs is not there.
    """
    ingestion = source.ingestion()
    paths = segment_paths(ingestion.store, source.name)
    if not paths:
        return []
    with ingestion.alone(run_id):
        known, damaged = _load(source, paths)
        plan = [(one, _wanted(one, known)) for one in damaged]
        files = source.listed() if damaged else []
        looks = {
            one.path: _database(one, files) or _find(source, known, wanted, files)
            for one, wanted in plan
            if wanted
        }
        mends = [
            Mend(
                path=one.path,
                facts=one.facts,
                kept=UNKNOWN if wanted is None else None if looks[one.path] else GONE,
            )
            for one, wanted in plan
        ]
        if not agree(mends):
            return mends
        for one, wanted in plan:
            listed = looks.get(one.path)
            if listed is None or wanted is None:
                continue
            if _is_of_database(one):
                # The next look at the database, which is no log, reads all of it again.
                ingestion.store.remove(ingestion.key, one.path.name, run_id)
            else:
                _make_again(source, known, (one, wanted), listed, run_id)
    return mends


def _is_of_database(one: _Damaged) -> bool:
    return one.segment is not None and one.segment.record.prefix.startswith(DATABASE)


def _database(one: _Damaged, files: Sequence[Listed]) -> Listed | None:
    """Return the database that a segment was made of, where it is still there."""
    if one.segment is None or not _is_of_database(one):
        return None
    name = one.segment.record.file
    return next((listed for listed in files if escaped(listed.name) == name), None)


def _load(source: LogSource, paths: Sequence[Path]) -> tuple[Known, list[_Damaged]]:
    store, key = source.ingestion().store, source.ingestion().key
    known, damaged = Known(), list[_Damaged]()
    for verdict in verify_partitions(paths):
        path, segment = verdict.path, None
        with suppress(IntegrityError):
            manifest = store.manifest(key, path.name)
            if manifest is not None and isinstance(manifest.segment, SegmentRecord):
                segment = Segment(record=manifest.segment, manifest=manifest, path=path)
                known.add(segment)
        facts = tuple(one.message for one in verdict.findings if one.problem != "extra")
        if facts:
            damaged.append(_Damaged(path=path, facts=facts, segment=segment))
    return known, damaged


def _wanted(one: _Damaged, known: Known) -> _Wanted | None:
    """Tell by which content a log is known that can make the segment again."""
    if one.segment is not None:
        record = one.segment.record
        return _Wanted(
            at=record.end, prefix=record.prefix, until=record.end, base=known.before(record)
        )
    neighbours = [segment.record for segment in known.of(one.identity)]
    before = next((record for record in neighbours if record.end == one.start), None)
    after = next((record for record in neighbours if record.start > one.start), None)
    if after is not None:
        return _Wanted(at=after.end, prefix=after.prefix, until=after.start, base=before)
    if before is not None:
        return _Wanted(at=before.end, prefix=before.prefix, until=None, base=before)
    lines = _lines_of(one.path / PART) if one.start == 0 else ()
    return _Wanted(at=0, prefix="", until=None, base=None, lines=lines) if lines else None


def _lines_of(part: Path) -> tuple[tuple[int, int], ...]:
    """Return where lines of a segment are, all of them or some thousand; none if unreadable."""
    try:
        places = pl.read_parquet(part, columns=["_off", "_len"], hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError):
        return ()
    return tuple(places.gather_every(max(1, places.height // _MOST_LINES)).rows())


def _find(source: LogSource, known: Known, wanted: _Wanted, files: list[Listed]) -> Listed | None:
    for listed in files:
        for look in _looks(source, known, wanted, listed):
            if wanted.is_in(look):
                return listed
    return None


def _looks(source: LogSource, known: Known, wanted: _Wanted, listed: Listed) -> Iterator[Look]:
    policy = source.ingestion().policy
    also = [end for end in (wanted.at, wanted.until) if end is not None]
    with suppress(OSError, ExportError), open_log(listed) as descriptor:
        if descriptor is not None:
            yield look_at(listed, descriptor, known, policy, now=datetime.now(UTC), also=also)


def _make_again(
    source: LogSource, known: Known, pair: tuple[_Damaged, _Wanted], listed: Listed, run_id: str
) -> None:
    one, wanted = pair
    ingestion, before = source.ingestion(), one.segment
    for look in _looks(source, known, wanted, listed):
        head = Head(name=look.name, descriptor=look.descriptor, size=look.size)
        rows = ingestion.rows.rows_of(head)
        if rows is None:
            return
        publish_segment(
            replace(
                look,
                base=wanted.base,
                until=wanted.until,
                sealed=before.record.sealed if before else look.sealed,
            ),
            one.identity,
            rows,
            target=Target(
                store=ingestion.store,
                source=source.name,
                run_id=run_id,
                now=datetime.now(UTC),
                replaces=before.manifest.run_id if before else None,
                replaces_damaged=before is None,
                origin=source.place.origin,
            ),
            policy=ingestion.policy,
            follows=before.record.follows if before else "",
            marks=before.record.marks if before else (),
        )
