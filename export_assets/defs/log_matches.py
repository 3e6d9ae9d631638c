"""Matches as the sensor sees them: which there are, which rest, and which are archived.

A match is told by the directory, the patterns or the days that the configuration names. Nothing is
opened but the lists of archives, and these only once per state of a match's logs.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from export_assets.archives.match import archives_of_match
from export_assets.archives.metadata import ArchivedMember
from export_assets.archives.zip_reader import true_path
from export_assets.defs.archives import matches_key
from export_assets.defs.log_work import ARCHIVES_OF, Work, is_under_way, was_done
from export_assets.engine.archiving.match_logs import like, matches_around
from export_assets.engine.ingest.listing import Listed
from export_assets.engine.ingest.names import escaped
from export_assets.engine.logs.due import Due
from export_assets.engine.logs.log_names import LogNames
from export_assets.engine.workspace import ConfiguredSource


@dataclass(frozen=True, kw_only=True)
class MatchState:
    """A match and its files, as they are now."""

    id: str
    files: Mapping[str, os.stat_result]
    """By name below the log directory."""

    @property
    def stamp(self) -> str:
        """A stamp of the files, which says of none what is in it."""
        facts = [
            (name, one.st_size, one.st_mtime_ns, one.st_ctime_ns)
            for name, one in sorted(self.files.items())
        ]
        return hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def rests(self, now: datetime, idle: timedelta) -> bool:
        """Whether there is something, and nothing was written to it for as long as *idle*."""
        if not self.files:
            return False
        # The kernel's own time: no program can set it.
        last = max(one.st_ctime for one in self.files.values())
        return now - datetime.fromtimestamp(last, UTC) >= idle

    def is_in(self, members: Iterable[ArchivedMember]) -> bool:
        """Whether an archive with *members* was made of the files as they are."""
        held = {true_path(one): one for one in members}
        return all(_is_held(name, status, held) for name, status in self.files.items())


def _is_held(name: str, status: os.stat_result, held: Mapping[str, ArchivedMember]) -> bool:
    log, database = held.get(f"logs/{name}"), held.get(f"database/{name}")
    if log is not None:
        return (log.bytes, log.mtime_ns) == (status.st_size, status.st_mtime_ns)
    # Of a database there is a copy as of one moment, of another size.
    return database is not None and database.mtime_ns == status.st_mtime_ns


def states_of(source: ConfiguredSource, names: LogNames, due: Due | None) -> list[MatchState]:
    """Return every match that is known, with those of the logs *names* that are of it."""
    matches = source.config.log.matches
    listed = [
        Listed(name=name, path=names.root / name, size=0)
        for name in names.names
        if matches or "/" in name
    ]
    files: dict[str, list[Listed]] = defaultdict(list)
    for one in listed:
        for name in matches_around(one):
            files[name].append(one)
    by_days = due.matches if due is not None else {}
    for name, match in matches.items():
        if match.files:
            files[name] = list(like(listed, match.files))
        elif match.start is not None:
            had = set(by_days.get(name, ()))
            files[name] = [one for one in listed if escaped(one.name) in had]
    return [MatchState(id=name, files=_stats(files[name])) for name in sorted(files)]


def _stats(files: Iterable[Listed]) -> dict[str, os.stat_result]:
    found = {}
    for one in files:
        with suppress(OSError):
            found[one.name] = one.path.stat()
    return found


@dataclass(frozen=True, kw_only=True)
class MatchWorks:
    """What is to be done about matches."""

    works: Sequence[Work]
    archived: Mapping[str, str]
    """By match, the stamp of the files that are archived."""


def match_works(
    instance: dg.DagsterInstance,
    source: ConfiguredSource,
    states: Sequence[MatchState],
    known: Mapping[str, str],
    *,
    archives: Path,
    now: datetime,
) -> MatchWorks:
    """Return archives to be made of matches that rest; *known* are those seen to be archived."""
    idle = timedelta(seconds=source.config.log.match_idle)
    archived: dict[str, str] = {}
    works: list[Work] = []
    for state in states:
        stamp = state.stamp
        if not state.rests(now, idle):
            continue
        work = Work(
            assets=(matches_key(source.name),), keys=(state.id,), stamp=stamp, tag=ARCHIVES_OF
        )
        if known.get(state.id) == stamp or _is_archived(instance, state, work, archives):
            archived[state.id] = stamp
        else:
            works.append(work)
    if works and is_under_way(instance, source.name, now=now, tag=ARCHIVES_OF):
        works = []
    return MatchWorks(works=works, archived=archived)


def _is_archived(
    instance: dg.DagsterInstance, state: MatchState, work: Work, archives: Path
) -> bool:
    for _, metadata in archives_of_match(archives, state.id):
        if state.is_in(metadata.members):
            return True
    return was_done(instance, work)
