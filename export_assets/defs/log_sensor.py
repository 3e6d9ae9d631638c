"""The sensor of a source of event logs: new lines are read, then what they changed is exported.

    logs changed ──> a run reads them ──> what is due ──> runs of exactly these partitions

A tick looks at names, sizes and times of the logs alone; it opens none, loads no segment and writes
nothing. Which partitions new lines are of is found by the run that reads them; see
`engine.logs.due`. Whether they are exported is decided from manifests. So nothing depends on the
cursor, on run keys or on Dagster's memory of runs: losing them costs runs that change nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from export_assets.defs.archives import matches_key, matches_partitions
from export_assets.defs.changes import following_checks
from export_assets.defs.log_assets import log_tables, read_keys
from export_assets.defs.log_checks import build_log_check_specs
from export_assets.defs.log_matches import MatchState, match_works, states_of
from export_assets.defs.log_work import (
    Work,
    attempts_of,
    export_works,
    exported_since,
    failed_lately,
    is_under_way,
    pending_of,
)
from export_assets.defs.names import logs_key
from export_assets.defs.schedules import default_tables
from export_assets.defs.switches import is_on, sensor_status
from export_assets.defs.table import TableExport
from export_assets.defs.wording import counted
from export_assets.engine.ingest.segments import segment_paths
from export_assets.engine.logs.due import Due, read_due
from export_assets.engine.logs.log_names import LogNames
from export_assets.engine.logs.looking import Glimpse
from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import ExportError
from export_assets.store.local import LocalStore

SECONDS = 30
LONGEST_LOOK = 15.0
"""Seconds after which a look goes on in the next tick; Dagster gives a tick sixty."""
MOST_REQUESTS = 100
"""Requests of one tick: Dagster looks up the key of each."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a cursor holds: the state of the logs of which all is exported and archived."""

    fingerprint: str = ""
    due: str = ""
    """Id of the look that found what was due then."""
    matches: Mapping[str, str] = field(default_factory=dict)
    """By match, the stamp of the logs that are archived."""
    glimpse: Glimpse = field(default_factory=Glimpse)
    """How far a look came that is not over."""
    since: str = ""
    """Id of the look that had found what was due when that one began."""


@dataclass(frozen=True, kw_only=True)
class _Decision:
    seen: Seen
    says: str
    works: Sequence[Work] = ()
    news: bool = False
    """Whether the logs are not as they were when all was exported."""
    is_done: bool = False
    """Whether all of them is exported by now."""


def build_log_sensor(
    source: ConfiguredSource, tables: Sequence[TableExport]
) -> dg.SensorDefinition:
    """Return the sensor `<source>_logs`, off until somebody or the YAML switches it on."""
    watch, config = log_watch(source, tables), source.config
    on = is_on(config, switch=config.automation.logs, asked=config.monitor.enabled is True)

    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        return watch.look(context.instance, context.cursor, now=datetime.now(UTC))

    return dg.SensorDefinition(
        name=f"{source.name}_logs",
        evaluation_fn=look,
        # Holds all of `targets` and their checks, and is short to read. Requests name theirs.
        asset_selection=dg.AssetSelection.groups(source.name),
        minimum_interval_seconds=max(int(config.monitor.every or SECONDS), 1),
        default_status=sensor_status(on=on),
        description=f"Reads new lines of the logs of {source.name}, and exports the partitions "
        "that they changed.",
    )


def log_watch(source: ConfiguredSource, tables: Sequence[TableExport]) -> "LogWatch":
    """Return what decides for the sensor of *source*."""
    workspace = tables[0].workspace
    return LogWatch(
        source=source,
        tables=_in_order(source, default_tables(tables)),
        store=workspace.store,
        archives=workspace.archives,
    )


@dataclass(frozen=True, kw_only=True)
class LogWatch:
    """Decides what is asked for, tick by tick."""

    source: ConfiguredSource
    store: LocalStore
    archives: Path
    tables: Sequence[TableExport]
    """Those exported by default, none before one that it is made of."""

    @property
    def read_assets(self) -> tuple[dg.AssetKey, ...]:
        """What a run that reads the logs fills."""
        return tuple(read_keys(self.source))

    @property
    def read_checks(self) -> list[dg.AssetCheckKey]:
        """The checks of what was read."""
        return [spec.key for spec in build_log_check_specs(self.source.name)]

    @property
    def targets(self) -> list[dg.AssetKey]:
        """Everything a run may be asked for."""
        own = [*self.read_assets, matches_key(self.source.name)]
        return own + [key for table in self.tables for key in table.keys]

    @property
    def checks(self) -> list[dg.AssetCheckKey]:
        """What is checked once all is exported: relations, and the clock."""
        return following_checks(self.source, self.tables)

    def look(
        self, instance: dg.DagsterInstance, cursor: str | None, *, now: datetime
    ) -> dg.SensorResult | dg.SkipReason:
        """Return what is to be done now, or why nothing is."""
        if not self.source.config.enabled:
            return dg.SkipReason(f"{self.source.name}: enabled is false, as configured")
        seen, logs = self._resumed(read_cursor(cursor)), self.source.logs
        try:
            names = logs.names()
        except ExportError as error:
            return dg.SkipReason(str(error))
        # By the kernel's clock, as the run does that reads.
        found = logs.look(names, now=datetime.now(UTC), before=seen.glimpse, seconds=LONGEST_LOOK)
        if isinstance(found, Glimpse):
            return dg.SensorResult(
                skip_reason=f"{self.source.name}: looked at {len(names.names):,} logs up to "
                f"{found.after!a}, and goes on",
                cursor=write_cursor(replace(seen, glimpse=found)),
            )
        done = replace(seen, glimpse=Glimpse(), since="")
        return self._looked(instance, names, found, done, now=now)

    def _resumed(self, seen: Seen) -> Seen:
        """Return *seen*, its look begun anew where something was read since it began.

        What it had looked at may be read by now; the run that would be asked for finds nothing.
        """
        due = read_due(self.store, self.source.name)
        since = due.id if due is not None else ""
        return seen if seen.since == since else replace(seen, glimpse=Glimpse(), since=since)

    def _looked(
        self,
        instance: dg.DagsterInstance,
        names: LogNames,
        fingerprint: str,
        seen: Seen,
        *,
        now: datetime,
    ) -> dg.SensorResult | dg.SkipReason:
        due = read_due(self.store, self.source.name)
        if due is None and not names.names and not segment_paths(self.store, self.source.name):
            return dg.SkipReason(f"{self.source.name}: no logs are there yet")
        states = states_of(self.source, names, due)
        matches = match_works(
            instance, self.source, states, seen.matches, archives=self.archives, now=now
        )
        decided = self._decided(instance, fingerprint, due, seen, now=now)
        requests, waiting = self._requests(instance, [*decided.works, *matches.works], now=now)
        if decided.is_done and self.checks:
            requests.append(dg.RunRequest(asset_selection=[], asset_check_keys=self.checks))
        return dg.SensorResult(
            run_requests=requests or None,
            skip_reason=None if requests else "; ".join([decided.says, *waiting[:1]]),
            cursor=write_cursor(replace(decided.seen, matches=matches.archived)),
            dynamic_partitions_requests=self._new_matches(instance, states),
            asset_events=[self._observation(fingerprint)] if decided.news else [],
        )

    def _decided(
        self,
        instance: dg.DagsterInstance,
        fingerprint: str,
        due: Due | None,
        seen: Seen,
        *,
        now: datetime,
    ) -> "_Decision":
        """Decide what is to be read and exported."""
        name = self.source.name
        now_seen = replace(seen, fingerprint=fingerprint, due=due.id if due is not None else "")
        is_read = due is not None and due.fingerprint == fingerprint
        if is_read and seen == now_seen:
            return _Decision(seen=seen, says=f"{name}: unchanged")
        if is_under_way(instance, name, now=now):
            return _Decision(seen=seen, says=f"{name}: changed, and the runs before are not done")
        works = [] if is_read else [self._reading(fingerprint)]
        if due is not None:
            works += self._exports(instance, due, is_read=is_read, now=now)
        if works:
            return _Decision(seen=seen, says=f"{name}: changed", works=works, news=True)
        return _Decision(seen=now_seen, says=f"{name}: exported", news=True, is_done=True)

    def _reading(self, fingerprint: str) -> Work:
        return Work(assets=self.read_assets, stamp=fingerprint)

    def _exports(
        self, instance: dg.DagsterInstance, due: Due, *, is_read: bool, now: datetime
    ) -> list[Work]:
        name, tables = self.source.name, self.tables
        pending = pending_of(tables, due)
        if pending and not is_read:
            # What was exported since may be made of lines that nobody has read for the sensor yet.
            newer = exported_since(instance, name, tables, due)
            pending = pending_of(tables, due, newer=newer) if newer else pending
        if not pending:
            return []
        failed = failed_lately(instance, name, tables, now=now)
        works = export_works(pending, tables, failed, now=now)
        return [replace(work, due=due.id) for work in works]

    def _requests(
        self, instance: dg.DagsterInstance, works: Sequence[Work], *, now: datetime
    ) -> tuple[list[dg.RunRequest], list[str]]:
        """Return a request for each of *works* that is not to wait, and why others are."""
        requests: list[dg.RunRequest] = []
        waiting: list[str] = []
        for work in works:
            if len(requests) >= MOST_REQUESTS:
                break
            attempts = attempts_of(instance, work)
            left = attempts.waits(now).total_seconds()
            if left > 0:
                times = counted(attempts.count, "time")
                waiting.append(f"asked for {times} in vain; again in {int(left) + 1} s")
            else:
                requests.append(work.request(self.source.name, attempts))
        return requests, waiting

    def _observation(self, fingerprint: str) -> dg.AssetObservation:
        """Return the news of the files; of the tables, the run that reads them tells."""
        tags = {"dagster/data_version": fingerprint}
        return dg.AssetObservation(logs_key(self.source.name), tags=tags)

    def _new_matches(
        self, instance: dg.DagsterInstance, states: Sequence[MatchState]
    ) -> list[dg.AddDynamicPartitionsRequest]:
        partitions = matches_partitions(self.source.name)
        if not states or partitions.name is None:
            return []
        known = set(instance.get_dynamic_partitions(partitions.name))
        new = [state.id for state in states if state.id not in known]
        return [partitions.build_add_request(new)] if new else []


def _in_order(source: ConfiguredSource, tables: Sequence[TableExport]) -> list[TableExport]:
    """Return *tables*, each after those it is made of."""
    made_of, found = log_tables(source), dict[str, TableExport | None]()
    by_name = {table.name: table for table in tables}

    def add(name: str) -> None:
        for other in made_of.get(name, ()):
            add(other)
        found.setdefault(name, by_name.get(name))

    for name in by_name:
        add(name)
    return [table for table in found.values() if table is not None]


def read_cursor(text: str | None) -> Seen:
    """Return what was seen last; nothing where *text* is no cursor."""
    try:
        cursor = json.loads(text or "")
    except (ValueError, RecursionError):
        return Seen()
    if not isinstance(cursor, dict):
        return Seen()
    match [cursor.get(name) for name in ("fingerprint", "due", "matches", "look")]:
        case [str(fingerprint), str(due), dict(matches), [str(after), int(total), str(since)]]:
            known = {name: one for name, one in matches.items() if isinstance(one, str)}
            glimpse = Glimpse(after=after, total=total)
            return Seen(
                fingerprint=fingerprint, due=due, matches=known, glimpse=glimpse, since=since
            )
    return Seen()


def write_cursor(seen: Seen) -> str:
    """Return the cursor that remembers *seen*."""
    return json.dumps(
        {
            "fingerprint": seen.fingerprint,
            "due": seen.due,
            "matches": dict(seen.matches),
            "look": [seen.glimpse.after, seen.glimpse.total, seen.since],
        }
    )
