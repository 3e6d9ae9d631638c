"""Which logs and databases are of a match."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import polars as pl

from export_assets.archives.match import check_match_id
from export_assets.config.log_archives import MatchConfig
from export_assets.engine.archiving.log_states import LogState, LogStates, logs_below
from export_assets.engine.ingest.listing import Listed, list_logs
from export_assets.engine.ingest.names import is_like
from export_assets.engine.logs.source import LogSource
from export_assets.engine.logs.view import SegmentView
from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import SourceMissing, UsageError
from export_assets.tables.partitions import Window

_PREFIX = "match_"
How = Literal["patterns", "files", "days", "directory", "all"]
"""By the patterns asked for, the match's files or days in the YAML, its directory, or all."""


@dataclass(frozen=True, kw_only=True)
class MatchLogs:
    """The logs of a match, and how they were told."""

    how: How
    logs: tuple[Listed, ...]
    databases: tuple[Listed, ...] = ()
    """Those in the directory of the match."""


def matches_around(listed: Listed) -> Iterator[str]:
    """Yield the ids of matches in whose directories a file is."""
    yield from match_of_directory(listed.name)


def match_of_directory(file: str) -> Iterator[str]:
    """Yield the ids of matches in whose directories the file called *file* is."""
    for part in file.split("/")[:-1]:
        if part.startswith(_PREFIX) and _is_id(part.removeprefix(_PREFIX)):
            yield part.removeprefix(_PREFIX)


def window_of(match: MatchConfig) -> Window | None:
    """Return the time of a match; None where its logs alone tell what is of it."""
    if match.start is None:
        return None
    end = _midnight(match.end or match.start) + timedelta(days=1)
    return Window(start=_midnight(match.start), end=end)


def like(files: Sequence[Listed], patterns: Sequence[str]) -> Iterator[Listed]:
    """Yield the files called like one of *patterns*: by path, or by name where it has no `/`."""
    for listed in files:
        if is_like(listed.name, patterns):
            yield listed


def choose_logs(
    source: ConfiguredSource,
    match_id: str,
    patterns: Sequence[str] = (),
    *,
    run_id: str,
    now: datetime,
) -> MatchLogs:
    """Return the logs of a match; only where it is told by days are logs read for that.

    Raises:
        SourceMissing: The directory is not there, or no log is of the match.
        UsageError: The id is none, or the source is none of event logs.
    """
    check_match_id(match_id)
    logs, match = source.logs, source.config.log.matches.get(match_id)
    listed = tuple(logs_below(logs))
    inside = tuple(one for one in listed if _in_directory(one, match_id))
    found: MatchLogs
    if patterns:
        found = MatchLogs(how="patterns", logs=tuple(like(listed, patterns)))
    elif match is not None and match.files:
        found = MatchLogs(how="files", logs=tuple(like(listed, match.files)))
    elif match is not None:
        found = MatchLogs(how="days", logs=tuple(_of_days(logs, match, run_id=run_id, now=now)))
    elif inside:
        beside = list_logs(
            logs.place.directory, logs.kind.database_files, aside=logs.place.exports
        ).files
        databases = tuple(one for one in beside if _in_directory(one, match_id))
        found = MatchLogs(how="directory", logs=inside, databases=databases)
    else:
        found = MatchLogs(how="all", logs=listed)
    if not found.logs:
        what = f" like {', '.join(patterns)}" if patterns else ""
        msg = f"{source.name}: match {match_id}: no logs{what} found in {logs.place.directory}"
        raise SourceMissing(msg)
    return found


def _is_id(text: str) -> bool:
    try:
        check_match_id(text)
    except UsageError:
        return False
    return True


def _in_directory(listed: Listed, match_id: str) -> bool:
    return f"{_PREFIX}{match_id}" in listed.name.split("/")[:-1]


def _of_days(
    logs: LogSource, match: MatchConfig, *, run_id: str, now: datetime
) -> Iterator[Listed]:
    """Yield the logs with events of the match's days."""
    window = window_of(match)
    if window is None:
        return
    with logs.reading(run_id, now) as (report, view):
        states = LogStates(logs, report, now=now)
        first = _first_places(view, window)
        for listed in states.files:
            state = states.look(listed)
            if state is not None and _has_event(state, first):
                yield listed


def _first_places(view: SegmentView, window: Window) -> dict[str, int]:
    """Return, by identity of the content, where its first event of *window* is."""
    rows = view.scan(window, ["_src", "_off"])
    if rows is None:
        return {}
    found = rows.group_by("_src").agg(pl.col("_off").min()).collect(engine="streaming")
    return dict(found.iter_rows())


def _has_event(state: LogState, first: dict[str, int]) -> bool:
    # Another log may begin as this one does, and have such events only further on.
    places = [first.get(one.record.identity, state.length) for one in state.segments]
    return min(places, default=state.length) < state.length


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
