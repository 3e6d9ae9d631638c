"""The sensor of a source: when its file changed, say so and export what may have changed.

It looks at the cheap fingerprint only. Every decision can be made twice: exports of unchanged rows
change nothing, so a lost cursor costs a run and never loses one.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from export_assets.defs.names import source_table_key
from export_assets.defs.partitions import keys_between
from export_assets.defs.runs import CHUNK, requests_for
from export_assets.defs.schedules import default_tables
from export_assets.defs.shapes import TableShape
from export_assets.defs.source_tables import observed_tables, step_keys
from export_assets.defs.table import TableExport
from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import ExportError
from export_assets.tables.partitions import ALL, UNDATED, TimePartitions

SECONDS = 60
_TAG = "export_assets/changes"
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def build_changes_sensor(
    source: ConfiguredSource, tables: Sequence[TableExport], shapes: Sequence[TableShape]
) -> dg.SensorDefinition:
    """Return the sensor `<source>_changes`.

    It is off until somebody switches it on: a database that is written all day would be exported
    all day, and only its owner knows whether that is wanted.
    """
    chosen = default_tables(tables)
    keys = [key for table in chosen for key in table.keys]
    observed = [source_table_key(source.name, name) for name in observed_tables(source, shapes)]

    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            fingerprint = source.source.fingerprint()
        except ExportError as error:
            return dg.SkipReason(str(error))
        if fingerprint == read_cursor(context.cursor):
            return dg.SkipReason(f"{source.name}: unchanged")
        if _is_busy(context.instance, source.name):
            # The change is kept for later: a source that never rests must not fill the queue.
            return dg.SkipReason(f"{source.name}: changed, and the export before is not done")
        now = datetime.now(UTC)
        wanted = {table.name: keys_to_export(table, now) for table in chosen}
        tags = {_TAG: source.name}
        return dg.SensorResult(
            # Without run keys: a request made twice changes nothing, one dropped as already made
            # would lose a change that was undone and done again.
            run_requests=list(requests_for(wanted, chosen, step_keys(source), tags=tags)),
            asset_events=[
                dg.AssetObservation(key, tags={"dagster/data_version": fingerprint})
                for key in observed
            ],
            cursor=write_cursor(fingerprint),
        )

    return dg.SensorDefinition(
        name=f"{source.name}_changes",
        evaluation_fn=look,
        asset_selection=dg.AssetSelection.assets(*keys, *step_keys(source)),
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Exports the newest partitions of {source.name} when its data changed.",
    )


def keys_to_export(table: TableExport, now: datetime) -> list[str]:
    """Return the partitions from the last one published in every format to the present one.

    Returns:
        Their keys, or `all` alone where the whole table is cheaper to read once: where a format
        has nothing yet, or is more than a run's worth of partitions behind.
    """
    partitions = table.partitions
    last = [
        max((key for key in table.published_keys(fmt) if key != UNDATED), default="")
        for fmt in table.formats
    ]
    if not isinstance(partitions, TimePartitions) or not all(last):
        return [ALL]
    # Rows may lie in the future, and so may partitions; the present one is always due.
    present = partitions.window(partitions.key_of(now)).start or now
    start = min(present, *(partitions.window(key).start or now for key in last))
    keys = keys_between(partitions, start, now + timedelta(microseconds=1))
    return keys if len(keys) <= CHUNK else [ALL]


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


def _is_busy(instance: dg.DagsterInstance, source: str) -> bool:
    unfinished = dg.RunsFilter(tags={_TAG: source}, statuses=_UNFINISHED)
    return bool(instance.get_run_records(unfinished, limit=1))
