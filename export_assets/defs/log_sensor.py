"""The sensor of a source of event logs: new lines are read, then what they changed is exported.

    logs changed ──> a run reads them ──> what is due ──> runs of exactly these partitions

A tick looks at names, sizes and times of the logs alone; it opens none, loads no segment and writes
nothing. Which partitions new lines are of is found by the run that reads them; see
`engine.logs.due`. Whether they are exported is decided from manifests. So nothing depends on the
cursor, on run keys or on Dagster's memory of runs: losing them costs runs that change nothing.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from export_assets.defs.changes import following_checks
from export_assets.defs.log_assets import log_tables, tables_read
from export_assets.defs.log_checks import build_log_check_specs
from export_assets.defs.log_work import (
    Work,
    attempts_of,
    export_works,
    failed_lately,
    is_under_way,
    pending_of,
)
from export_assets.defs.names import logs_key, segments_key, source_table_key
from export_assets.defs.schedules import default_tables
from export_assets.defs.table import TableExport
from export_assets.defs.wording import counted
from export_assets.engine.logs.due import Due, read_due
from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import ExportError

SECONDS = 30
MOST_REQUESTS = 100
"""Requests of one tick: Dagster looks up the key of each."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a cursor holds: the state of the logs of which all is exported."""

    fingerprint: str = ""
    due: str = ""
    """Id of the look that found what was due then."""


def build_log_sensor(
    source: ConfiguredSource, tables: Sequence[TableExport]
) -> dg.SensorDefinition:
    """Return the sensor `<source>_logs`, off until somebody switches it on."""
    watch = LogWatch(source=source, tables=_in_order(source, default_tables(tables)))

    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        return watch.look(context.instance, context.cursor, now=datetime.now(UTC))

    return dg.SensorDefinition(
        name=f"{source.name}_logs",
        evaluation_fn=look,
        asset_selection=dg.AssetSelection.assets(*watch.targets)
        | dg.AssetSelection.checks(*watch.checks, *watch.read_checks),
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Reads new lines of the logs of {source.name}, and exports the partitions "
        "that they changed.",
    )


@dataclass(frozen=True, kw_only=True)
class LogWatch:
    """Decides what is asked for, tick by tick."""

    source: ConfiguredSource
    tables: Sequence[TableExport]
    """Those exported by default, none before one that it is made of."""

    @property
    def read_assets(self) -> tuple[dg.AssetKey, ...]:
        """What a run that reads the logs fills."""
        own = [source_table_key(self.source.name, name) for name in tables_read(self.source)]
        return (segments_key(self.source.name), *own)

    @property
    def read_checks(self) -> list[dg.AssetCheckKey]:
        """The checks of what was read."""
        return [spec.key for spec in build_log_check_specs(self.source.name)]

    @property
    def targets(self) -> list[dg.AssetKey]:
        """Everything a run may be asked for."""
        return [*self.read_assets, *(key for table in self.tables for key in table.keys)]

    @property
    def checks(self) -> list[dg.AssetCheckKey]:
        """What is checked once all is exported: relations, and the clock."""
        return following_checks(self.source, self.tables)

    def look(
        self, instance: dg.DagsterInstance, cursor: str | None, *, now: datetime
    ) -> dg.SensorResult | dg.SkipReason:
        """Return what is to be done now, or why nothing is."""
        name = self.source.name
        try:
            fingerprint = self.source.source.fingerprint()
        except ExportError as error:
            return dg.SkipReason(str(error))
        due = read_due(self.tables[0].store, name) if self.tables else None
        seen = Seen(fingerprint=fingerprint, due=due.id if due is not None else "")
        is_read = due is not None and due.fingerprint == fingerprint
        if is_read and seen == read_cursor(cursor):
            return dg.SkipReason(f"{name}: unchanged")
        if is_under_way(instance, name, now=now):
            return dg.SkipReason(f"{name}: changed, and the runs before are not done")
        works = [] if is_read else [self._reading(fingerprint)]
        works += self._exports(instance, due, now=now) if due is not None else []
        if not works:
            return self._done(seen)
        return self._asked(instance, works, fingerprint, cursor, now=now)

    def _reading(self, fingerprint: str) -> Work:
        return Work(assets=self.read_assets, stamp=fingerprint)

    def _exports(self, instance: dg.DagsterInstance, due: Due, *, now: datetime) -> list[Work]:
        pending = pending_of(self.tables, due)
        if not pending:
            return []
        failed = failed_lately(instance, self.source.name, self.tables)
        return list(export_works(pending, self.tables, failed, now=now))

    def _done(self, seen: Seen) -> dg.SensorResult:
        checks = self.checks
        return dg.SensorResult(
            run_requests=[dg.RunRequest(asset_selection=[], asset_check_keys=checks)]
            if checks
            else [],
            asset_events=list(self._observations(seen.fingerprint)),
            cursor=write_cursor(seen),
        )

    def _asked(
        self,
        instance: dg.DagsterInstance,
        works: Sequence[Work],
        fingerprint: str,
        cursor: str | None,
        *,
        now: datetime,
    ) -> dg.SensorResult | dg.SkipReason:
        requests: list[dg.RunRequest] = []
        waiting: list[str] = []
        for work in works:
            if len(requests) >= MOST_REQUESTS:
                break
            attempts = attempts_of(instance, work)
            left = attempts.waits(now).total_seconds()
            if left > 0:
                times = counted(attempts.count, "time")
                waiting.append(f"tried {times} without success; again in {int(left) + 1} s")
                continue
            requests.append(work.request(self.source.name, attempts))
        if not requests:
            return dg.SkipReason(f"{self.source.name}: {waiting[0]}")
        return dg.SensorResult(
            run_requests=requests,
            asset_events=list(self._observations(fingerprint)),
            cursor=cursor,
        )

    def _observations(self, fingerprint: str) -> Iterator[dg.AssetObservation]:
        name = self.source.name
        filled = set(tables_read(self.source))
        tables = [table for table in log_tables(self.source) if table not in filled]
        for key in (logs_key(name), *(source_table_key(name, table) for table in tables)):
            yield dg.AssetObservation(key, tags={"dagster/data_version": fingerprint})


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


def read_cursor(text: str | None) -> Seen | None:
    """Return what was seen last; None where there is nothing or *text* is no cursor."""
    try:
        cursor = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    values = (
        [cursor.get(name) for name in ("fingerprint", "due")] if isinstance(cursor, Mapping) else []
    )
    match values:
        case [str(fingerprint), str(due)]:
            return Seen(fingerprint=fingerprint, due=due)
    return None


def write_cursor(seen: Seen) -> str:
    """Return the cursor that remembers *seen*."""
    return json.dumps({"fingerprint": seen.fingerprint, "due": seen.due})
