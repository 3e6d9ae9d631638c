"""The job of a source, and the schedule that brings it up to date."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from export_assets.defs.freshness import fresh_tables
from export_assets.defs.partitions import keys_between
from export_assets.defs.runs import requests_for
from export_assets.defs.source_tables import upstream_keys
from export_assets.defs.table import TableExport
from export_assets.engine.workspace import ConfiguredSource
from export_assets.tables.partitions import ALL, TimePartitions

DAILY = "30 1 * * *"
HOURLY = "17 * * * *"


def default_tables(tables: Sequence[TableExport]) -> list[TableExport]:
    """Return the tables that are exported when nobody names one."""
    return [table for table in tables if table.by_default]


def build_job(
    source: ConfiguredSource, tables: Sequence[TableExport]
) -> UnresolvedAssetJobDefinition:
    """Return the job that fills and exports every table of *source*."""
    keys = [key for table in default_tables(tables) for key in table.keys]
    return dg.define_asset_job(
        f"export_{source.name}",
        selection=dg.AssetSelection.assets(*keys, *upstream_keys(source)),
        description=f"Export every table of {source.name} in every configured format.",
        tags={"export_assets/source": source.name},
    )


def build_schedule(
    source: ConfiguredSource,
    tables: Sequence[TableExport],
    job: UnresolvedAssetJobDefinition,
) -> dg.ScheduleDefinition:
    """Return the schedule of *source*: as configured, else daily at 01:30 UTC.

    It runs from the start where the configuration asks for a schedule; otherwise somebody has to
    switch it on, because nobody asked for the load on the source.
    """
    chosen = default_tables(tables)
    cron = five_fields(source.config.schedule or DAILY)

    def evaluate(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        start, end = period(cron, context.scheduled_execution_time)
        wanted = {table.name: due(table, start, end) for table in chosen}
        name = f"{source.name}@{context.scheduled_execution_time:%Y-%m-%dT%H:%M}"
        yield from requests_for(wanted, chosen, upstream_keys(source), run_key=name)

    return dg.ScheduleDefinition(
        name=f"{source.name}_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        execution_fn=evaluate,
        default_status=dg.DefaultScheduleStatus.RUNNING
        if source.config.schedule
        else dg.DefaultScheduleStatus.STOPPED,
        description=f"Exports the last period of every table of {source.name}.",
    )


def build_freshness_schedule(
    source: ConfiguredSource, tables: Sequence[TableExport]
) -> dg.ScheduleDefinition | None:
    """Return the schedule that looks every hour how old tables are, None where none gets old."""
    keys = [
        dg.AssetCheckKey(table.key(fmt), "freshness")
        for table in fresh_tables(tables)
        for fmt in table.formats
    ]
    if not keys:
        return None
    job = dg.define_asset_job(
        f"check_freshness_{source.name}",
        selection=dg.AssetSelection.checks(*keys),
        description=f"Look how old the exports of {source.name} are.",
    )
    return dg.ScheduleDefinition(
        name=f"{source.name}_freshness",
        job=job,
        cron_schedule=HOURLY,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )


def period(cron: str, tick: datetime) -> tuple[datetime, datetime]:
    """Return the time between the tick before *tick* and *tick*, as `start <= t < end`.

    Periods of a day and more are of whole days: what ran at 01:30 yesterday and runs at 01:30
    today exports yesterday.
    """
    end = tick.astimezone(UTC)
    ticks = dg.TimeWindowPartitionsDefinition(
        start=datetime(2000, 1, 1, tzinfo=UTC),
        fmt="%Y-%m-%dT%H:%M",
        cron_schedule=cron,
        timezone="UTC",
    )
    window = ticks.get_prev_partition_window(end)
    start = window.start.astimezone(UTC) if window is not None else end - timedelta(days=1)
    if end - start >= timedelta(days=1):
        start, end = (
            moment.replace(hour=0, minute=0, second=0, microsecond=0) for moment in (start, end)
        )
    return start, end


def due(table: TableExport, start: datetime, end: datetime) -> list[str]:
    """Return the partitions of *table* that hold a moment of the period."""
    if isinstance(table.partitions, TimePartitions):
        return keys_between(table.partitions, start, end)
    return [ALL]


def five_fields(cron: str) -> str:
    """Return a cron line for one of the names that stand for some."""
    names = {
        "@hourly": "0 * * * *",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *",
        "@yearly": "0 0 1 1 *",
    }
    return names.get(cron, cron)
