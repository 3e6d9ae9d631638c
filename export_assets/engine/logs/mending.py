"""Mending segments: what is damaged is made again from the log that holds its content.

A segment whose log is gone is the last copy of its lines. It stays as it is and is told; one whose
manifest cannot be read keeps all logs of the source from being read until it is mended, or moved
away by a person.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from export_assets.engine.ingest.listing import Listed
from export_assets.engine.ingest.look import Look, look_at, open_log
from export_assets.engine.ingest.names import escaped
from export_assets.engine.ingest.publish import Target, publish_segment
from export_assets.engine.ingest.rows import Head
from export_assets.engine.ingest.segments import Known, segment_paths
from export_assets.engine.logs.damaged import (
    Damaged,
    Wanted,
    is_of_database,
    load_damaged,
    wanted_of,
)
from export_assets.engine.logs.source import LogSource
from export_assets.errors import ExportError

GONE = "no log there is holds its content"
UNKNOWN = "its manifest cannot be read, and nothing else tells which log it was"


@dataclass(frozen=True, kw_only=True)
class Mend:
    """What is wrong with a segment, and what becomes of it."""

    path: Path
    facts: tuple[str, ...]
    kept: str | None
    """Why it is left; None where it is made again."""


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
        known, damaged = load_damaged(source, paths)
        plan = [(one, wanted_of(one, known)) for one in damaged]
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
            if is_of_database(one):
                # The next look at the database, which is no log, reads all of it again.
                ingestion.store.remove(ingestion.key, one.path.name, run_id)
            else:
                _make_again(source, known, (one, wanted), listed, run_id)
    return mends


def _database(one: Damaged, files: Sequence[Listed]) -> Listed | None:
    """Return the database that a segment was made of, where it is still there."""
    if one.segment is None or not is_of_database(one):
        return None
    name = one.segment.record.file
    return next((listed for listed in files if escaped(listed.name) == name), None)


def _find(source: LogSource, known: Known, wanted: Wanted, files: list[Listed]) -> Listed | None:
    for listed in files:
        for look in _looks(source, known, wanted, listed):
            if wanted.is_in(look):
                return listed
    return None


def _looks(source: LogSource, known: Known, wanted: Wanted, listed: Listed) -> Iterator[Look]:
    policy = source.ingestion().policy
    also = [end for end in (wanted.at, wanted.until) if end is not None]
    with suppress(OSError, ExportError), open_log(listed) as descriptor:
        if descriptor is not None:
            yield look_at(listed, descriptor, known, policy, now=datetime.now(UTC), also=also)


def _make_again(
    source: LogSource, known: Known, pair: tuple[Damaged, Wanted], listed: Listed, run_id: str
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
