"""The sensor of a source: when its data changed, say so and export it, until it is exported.

It looks at the cheap fingerprint, and at what is known to be published of it. A run it asks for
reads every table once and publishes what differs, be it late edits of old partitions; tables with a
`cursor` are read where that says. Whether a change is done is decided from manifests: a run that
failed is asked for again, later and later, and a lost cursor costs a look.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from export_assets.defs.freshness import NAME as FRESHNESS
from export_assets.defs.freshness import fresh_tables
from export_assets.defs.names import source_table_key
from export_assets.defs.relations import check_name, checked_relations
from export_assets.defs.runs import requests_for
from export_assets.defs.schedules import default_tables
from export_assets.defs.shapes import TableShape
from export_assets.defs.source_tables import observed_tables, step_keys
from export_assets.defs.switches import is_on, sensor_status
from export_assets.defs.table import TableExport
from export_assets.engine.memory import PassMemory
from export_assets.engine.request import ExportRequest
from export_assets.engine.sets.choosing import wanted_sets
from export_assets.engine.sets.memory import SetMemory
from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import ExportError
from export_assets.tables.partitions import ALL
from export_assets.translate import without_secrets

SECONDS = 60
_LONGEST_WAIT = timedelta(hours=1)
_MOST_ATTEMPTS = 20
_TAG = "export_assets/changes"
_AT = "export_assets/fingerprint"


def build_changes_sensor(
    source: ConfiguredSource,
    tables: Sequence[TableExport],
    shapes: Sequence[TableShape],
    sets: Sequence[dg.AssetKey] = (),
    split: Sequence[dg.AssetKey] = (),
) -> dg.SensorDefinition:
    """Return the sensor `<source>_changes`.

    It is off until somebody switches it on, `monitor: {enabled: true}` or `automation` does: a
    database that is written all day would be exported all day, and only its owner knows whether
    that is wanted.
    """
    monitor, chosen = source.config.monitor, default_tables(tables)
    checks = following_checks(source, chosen)
    observed = [source_table_key(source.name, name) for name in observed_tables(source, shapes)]
    looking = _Looking(
        source=source, tables=chosen, sets=sets, split=split, observed=observed, checks=checks
    )

    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        return looking.look(context)

    return dg.SensorDefinition(
        name=f"{source.name}_changes",
        evaluation_fn=look,
        # Holds all it asks for, checks included, and is short to read. Requests name theirs.
        asset_selection=dg.AssetSelection.groups(source.name),
        minimum_interval_seconds=max(int(monitor.every or SECONDS), 1),
        default_status=sensor_status(
            on=is_on(
                source.config,
                switch=source.config.automation.changes,
                asked=monitor.enabled is True,
            )
        ),
        description=f"Exports what changed in {source.name}: every table is read once, and the "
        "partitions that differ are published.",
    )


@dataclass(frozen=True, kw_only=True)
class _Looking:
    """What the sensor of one source looks at, and asks for."""

    source: ConfiguredSource
    tables: Sequence[TableExport]
    sets: Sequence[dg.AssetKey]
    split: Sequence[dg.AssetKey]
    """Sets with a partition for each record, which have a run of their own."""
    observed: Sequence[dg.AssetKey]
    checks: Sequence[dg.AssetCheckKey]

    def look(self, context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Look once; see the module."""
        now, source = datetime.now(UTC), self.source
        if not source.config.enabled:
            return dg.SkipReason(f"{source.name}: enabled is false, as configured")
        try:
            fingerprint = source.source.fingerprint()
        except ExportError as error:
            return dg.SkipReason(str(error))
        except Exception as error:  # noqa: BLE001 - raised again, masked
            # Dagster keeps what a tick failed with, and all that led to it.
            told = without_secrets(error)
            raise told from told.__cause__
        if fingerprint == read_cursor(context.cursor):
            return dg.SkipReason(f"{source.name}: unchanged")
        if not source.config.monitor.export:
            return dg.SensorResult(
                asset_events=_observations(self.observed, fingerprint),
                cursor=write_cursor(fingerprint),
                skip_reason=f"{source.name}: changed; monitor.export is false, as configured",
            )
        if is_exported(source, self.tables, fingerprint, now=now):
            checks = list(self.checks)
            return dg.SensorResult(
                # Checks of several tables and of the clock speak of what is published by now.
                run_requests=[dg.RunRequest(asset_selection=[], asset_check_keys=checks)]
                if checks
                else [],
                asset_events=_observations(self.observed, fingerprint),
                cursor=write_cursor(fingerprint),
            )
        reason = why_wait(context.instance, source.name, fingerprint, now=now)
        if reason is not None:
            return dg.SkipReason(f"{source.name}: changed, {reason}")
        tags = {_TAG: source.name, _AT: _tag_value(fingerprint)}
        wanted = {table.name: [ALL] for table in self.tables}
        first = [*step_keys(source), *self.sets]
        return dg.SensorResult(
            # Without run keys: a request made twice changes nothing, one dropped as already made
            # would lose a change that was undone and done again.
            run_requests=[
                *requests_for(wanted, self.tables, first, tags=tags),
                *(dg.RunRequest(asset_selection=[key], tags=tags) for key in self.split),
            ],
            asset_events=_observations(self.observed, fingerprint),
            cursor=context.cursor,
        )


def following_checks(
    source: ConfiguredSource, tables: Sequence[TableExport]
) -> list[dg.AssetCheckKey]:
    """Return the checks that a run over whole tables leaves out: of relations, and of the clock."""
    relations = [
        dg.AssetCheckKey(child.key(child.formats[0]), check_name(relation))
        for child, relation, _ in checked_relations(tables, source.config.relations)
    ]
    return relations + [
        dg.AssetCheckKey(table.key(fmt), FRESHNESS)
        for table in fresh_tables(tables)
        for fmt in table.formats
    ]


def is_exported(
    source: ConfiguredSource, tables: Sequence[TableExport], fingerprint: str, *, now: datetime
) -> bool:
    """Whether all of *tables* are known to be published as they are at *fingerprint*."""
    if not tables:
        return True
    store, request = tables[0].store, ExportRequest()
    memory = PassMemory(store, source, request, now=now)
    sets = SetMemory(store, source, request).recall(
        wanted_sets(source.config, request), fingerprint
    )
    return sets is not None and all(
        memory.recall(table.name, table.formats, fingerprint) is not None for table in tables
    )


def why_wait(
    instance: dg.DagsterInstance, source: str, fingerprint: str, *, now: datetime
) -> str | None:
    """Return why no run is asked for now: one is under way, or has just ended without success.

    A source that never rests must not fill the queue, nor one that cannot be exported.
    """
    records = instance.get_run_records(dg.RunsFilter(tags={_TAG: source}), limit=_MOST_ATTEMPTS)
    if any(not record.dagster_run.is_finished for record in records):
        return "and the export before is not done"
    at = _tag_value(fingerprint)
    tried = [record for record in records if record.dagster_run.tags.get(_AT) == at]
    if not tried:
        return None
    wait = min(timedelta(seconds=SECONDS) * 2 ** (len(tried) - 1), _LONGEST_WAIT)
    left = tried[0].update_timestamp.astimezone(UTC) + wait - now
    if left <= timedelta(0):
        return None
    times = "once" if len(tried) == 1 else f"{len(tried)} times"
    return f"tried {times} without success; again in {int(left.total_seconds()) + 1} s"


def _observations(keys: Sequence[dg.AssetKey], fingerprint: str) -> list[dg.AssetObservation]:
    return [dg.AssetObservation(key, tags={"dagster/data_version": fingerprint}) for key in keys]


def _tag_value(fingerprint: str) -> str:
    return hashlib.sha256(fingerprint.encode()).hexdigest()[:16]


def read_cursor(text: str | None) -> str | None:
    """Return the fingerprint seen last, None where there is none or *text* is no cursor."""
    try:
        cursor = json.loads(text or "")
    except ValueError:
        return None
    fingerprint = cursor.get("fingerprint") if isinstance(cursor, Mapping) else None
    return fingerprint if isinstance(fingerprint, str) else None


def write_cursor(fingerprint: str) -> str:
    """Return the cursor that remembers *fingerprint*."""
    return json.dumps({"fingerprint": fingerprint})
