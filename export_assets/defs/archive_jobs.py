"""The jobs and schedules of archives: old logs are moved away, archives are read again."""

from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from export_assets.defs.archives import CHECK, SUBSET, matches_key, offload_key
from export_assets.defs.schedules import five_fields
from export_assets.engine.workspace import ConfiguredSource

WEEKLY = "40 3 * * 0"
PARTS = 4
"""Weeks in which all members of all archives are read once."""


@dataclass(frozen=True, kw_only=True)
class ArchiveJobs:
    """What runs over the archives of one source by itself."""

    jobs: list[UnresolvedAssetJobDefinition]
    schedules: list[dg.ScheduleDefinition]


def build_archive_jobs(source: ConfiguredSource) -> ArchiveJobs:
    """Return the jobs `offload_<source>` and `verify_archives_<source>`, and their schedules.

    Offloading runs by itself only where the configuration asks for it.
    """
    offload = dg.define_asset_job(
        f"offload_{source.name}",
        selection=dg.AssetSelection.assets(offload_key(source.name)),
        description=f"Archive the old logs of {source.name}; they go where settings and YAML "
        "permit it.",
        tags={"export_assets/source": source.name},
    )
    verify = dg.define_asset_job(
        f"verify_archives_{source.name}",
        selection=dg.AssetSelection.checks(
            *(
                dg.AssetCheckKey(key, CHECK)
                for key in (matches_key(source.name), offload_key(source.name))
            )
        ),
        description=f"Read the archives of {source.name} again.",
        tags={"export_assets/source": source.name},
    )
    schedules = [_verify_schedule(source, verify)]
    cron = source.config.log.offload.schedule
    if cron is not None:
        schedules.append(_offload_schedule(source, offload, five_fields(cron)))
    return ArchiveJobs(jobs=[offload, verify], schedules=schedules)


def _offload_schedule(
    source: ConfiguredSource, job: UnresolvedAssetJobDefinition, cron: str
) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=f"{source.name}_offload",
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Archives the logs of {source.name} that have no events for "
        f"{source.config.log.offload.days_old} days.",
    )


def _verify_schedule(
    source: ConfiguredSource, job: UnresolvedAssetJobDefinition
) -> dg.ScheduleDefinition:
    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        week = context.scheduled_execution_time.toordinal() // 7
        part = f"{week % PARTS + 1}/{PARTS}"
        name = f"{source.name}@{context.scheduled_execution_time:%Y-%m-%dT%H:%M}"
        return dg.RunRequest(run_key=name, tags={SUBSET: part})

    return dg.ScheduleDefinition(
        name=f"{source.name}_verify_archives",
        job=job,
        cron_schedule=WEEKLY,
        execution_timezone="UTC",
        execution_fn=evaluate,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"Reads a quarter of every archive of {source.name} each week and compares it "
        "with what was archived.",
    )
