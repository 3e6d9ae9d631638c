"""The job of a source, and the schedule that brings it up to date."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from export_assets.config.models import SourceConfig
from export_assets.defs.cron_lines import five_fields
from export_assets.defs.freshness import fresh_tables
from export_assets.defs.log_assets import is_log_source
from export_assets.defs.names import op_part
from export_assets.defs.partitions import keys_between
from export_assets.defs.runs import requests_for
from export_assets.defs.source_tables import upstream_keys
from export_assets.defs.switches import is_on, schedule_status
from export_assets.defs.table import TableExport
from export_assets.engine.workspace import ConfiguredSource
from export_assets.tables.partitions import ALL, ExportPartitions, TimePartitions

DAILY = "30 1 * * *"
HOURLY = "17 * * * *"
_DAY_HOURS = 24
_HOUR_SECONDS = 3_600


def default_tables(tables: Sequence[TableExport]) -> list[TableExport]:
    """Return the tables that are exported when nobody names one."""
    return [table for table in tables if table.by_default]


@dataclass(frozen=True, kw_only=True)
class ExportJob:
    """What exports tables of one source at once: a job of Dagster has one kind of partitions."""

    source: ConfiguredSource
    tables: Sequence[TableExport]
    sets: Sequence[dg.AssetKey] = ()
    suffix: str = ""
    """What follows the source in the names of job and schedule; empty for the first."""

    @property
    def name(self) -> str:
        """The job's name."""
        return f"export_{self.source.name}{self.suffix}"


def export_jobs(
    source: ConfiguredSource, tables: Sequence[TableExport], sets: Sequence[dg.AssetKey] = ()
) -> list[ExportJob]:
    """Return the jobs that export everything of *source*: one, where its slices are all alike.

    Tables without partitions, and sets, are of the first job, with those that are sliced as the
    first of all is; tables of other slices have a job called after the first of them.
    """
    alike: dict[str, list[TableExport]] = {}
    whole: list[TableExport] = []
    for table in default_tables(tables):
        slices = table.partitions_def
        if slices is None:
            whole.append(table)
        else:
            alike.setdefault(slices.get_serializable_unique_identifier(), []).append(table)
    groups = list(alike.values())
    first = groups[0] if groups else []
    return [ExportJob(source=source, tables=[*first, *whole], sets=sets)] + [
        ExportJob(source=source, tables=group, suffix=f"_{op_part(group[0].name)}")
        for group in groups[1:]
    ]


def build_job(job: ExportJob) -> UnresolvedAssetJobDefinition:
    """Return the job that fills and exports its tables."""
    source, keys = job.source, [key for table in job.tables for key in table.keys]
    which = f"{', '.join(table.name for table in job.tables)}" if job.suffix else "every table"
    return dg.define_asset_job(
        job.name,
        selection=dg.AssetSelection.assets(*keys, *job.sets, *upstream_keys(source)),
        description=f"Export {which} of {source.name} in every configured format.",
        tags={"export_assets/source": source.name},
    )


def build_set_job(source: ConfiguredSource, key: dg.AssetKey) -> UnresolvedAssetJobDefinition:
    """Return the job that exports a set with a partition for each record, all of them at once."""
    return dg.define_asset_job(
        f"export_{'_'.join(op_part(one) for one in key.path[:-1])}",
        selection=dg.AssetSelection.assets(key),
        description=f"Export {key.path[1]} of {source.name}, every record that changed.",
        tags={"export_assets/source": source.name},
    )


def build_schedule(job: ExportJob, target: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Return the schedule of *job*: as configured, else daily at 01:30 UTC.

    It runs from the start where the configuration asks for a schedule; otherwise somebody has to
    switch it on, because nobody asked for the load on the source. Of event logs it exports whatever
    is new: lines come late, and days of which nothing is new are not read.
    """
    source, config = job.source, job.source.config
    rhythm = rhythm_of(config)

    def evaluate(
        context: dg.ScheduleEvaluationContext,
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        tick = context.scheduled_execution_time
        if not rhythm.is_due(tick):
            yield dg.SkipReason(f"{source.name}: every {rhythm.hours} hours")
            return
        if is_log_source(source):
            wanted = {table.name: [ALL] for table in job.tables}
        else:
            start, end = rhythm.period(tick)
            wanted = {table.name: due(table, start, end) for table in job.tables}
        name = f"{source.name}{job.suffix}@{tick:%Y-%m-%dT%H:%M}"
        steps, formats = upstream_keys(source), config.scheduled_formats
        yield from requests_for(wanted, job.tables, steps, run_key=name, formats=formats)
        if job.sets:
            yield dg.RunRequest(run_key=f"{name}#sets", asset_selection=list(job.sets))

    asked = config.schedule is not None or config.every_hours is not None
    what = "every table" if not job.suffix else ", ".join(table.name for table in job.tables)
    return dg.ScheduleDefinition(
        name=f"{source.name}{job.suffix}_schedule",
        job=target,
        cron_schedule=rhythm.cron,
        execution_timezone="UTC",
        execution_fn=evaluate,
        default_status=schedule_status(
            on=is_on(config, switch=config.automation.schedule, asked=asked)
        ),
        description=f"Exports what is new in {source.name}."
        if is_log_source(source)
        else f"Exports the last period of {what} of {source.name}.",
    )


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """When a schedule is due."""

    cron: str
    hours: int | None = None
    """Hours from one time to the next, where cron cannot say it."""

    def is_due(self, tick: datetime) -> bool:
        """Whether *tick* is one of the times."""
        if self.hours is None:
            return True
        return int(tick.timestamp()) // _HOUR_SECONDS % self.hours == 0

    def period(self, tick: datetime) -> tuple[datetime, datetime]:
        """Return the time since the one before *tick*, as `start <= t < end`."""
        if self.hours is None:
            return period(self.cron, tick)
        end = tick.astimezone(UTC)
        return _whole_days(end - timedelta(hours=self.hours), end)


def rhythm_of(config: SourceConfig) -> Rhythm:
    """Return when *config* wants its source to be exported: daily where it does not say."""
    hours = config.every_hours
    if hours is None:
        return Rhythm(cron=five_fields(config.schedule or DAILY))
    if _DAY_HOURS % hours == 0:
        return Rhythm(cron="0 0 * * *" if hours == _DAY_HOURS else f"0 */{hours} * * *")
    # Cron begins anew at midnight.
    return Rhythm(cron="0 0 * * *" if hours % _DAY_HOURS == 0 else "0 * * * *", hours=hours)


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
        default_status=schedule_status(
            on=is_on(source.config, switch=source.config.automation.freshness)
        ),
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
    return _whole_days(start, end)


def _whole_days(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    if end - start >= timedelta(days=1):
        start, end = (
            moment.replace(hour=0, minute=0, second=0, microsecond=0) for moment in (start, end)
        )
    return start, end


def due(table: TableExport, start: datetime, end: datetime) -> list[str]:
    """Return the partitions of *table* that hold a moment of the period.

    Of a table that is sliced by the time of its exports, that of the run itself, which finds the
    table as it is then.
    """
    if isinstance(table.partitions, ExportPartitions):
        return [ALL]
    if isinstance(table.partitions, TimePartitions):
        return keys_between(table.partitions, start, end)
    return [ALL]
