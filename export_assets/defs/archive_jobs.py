"""The jobs and schedules of archives: old logs are moved away, archives are read again."""

from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from export_assets.defs.archives import CHECK, matches_key, offload_key
from export_assets.defs.cron_lines import five_fields
from export_assets.defs.shares import SUBSET, next_share
from export_assets.defs.switches import is_on, schedule_status
from export_assets.engine.workspace import ConfiguredSource

WEEKLY = "40 3 * * 0"
OFFLOADS = "20 4 * * 0"
PARTS = 4
"""Runs of the schedule in which all members of all archives are read once."""


@dataclass(frozen=True, kw_only=True)
class ArchiveJobs:
    """What runs over the archives of one source by itself."""

    jobs: list[UnresolvedAssetJobDefinition]
    schedules: list[dg.ScheduleDefinition]


def build_archive_jobs(source: ConfiguredSource) -> ArchiveJobs:
    """Return the jobs `offload_<source>` and `verify_archives_<source>`, and their schedules."""
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
    schedules = [_verify_schedule(source, verify), _offload_schedule(source, offload)]
    return ArchiveJobs(jobs=[offload, verify], schedules=schedules)


def _offload_schedule(
    source: ConfiguredSource, job: UnresolvedAssetJobDefinition
) -> dg.ScheduleDefinition:
    rules, switch = source.config.log.offload, source.config.automation.offload
    on = is_on(source.config, switch=switch, asked=rules.schedule is not None)
    return dg.ScheduleDefinition(
        name=f"{source.name}_offload",
        job=job,
        cron_schedule=five_fields(rules.schedule or OFFLOADS),
        execution_timezone="UTC",
        default_status=schedule_status(on=on),
        description=f"Archives the logs of {source.name} that have no events for "
        f"{rules.days_old} days.",
    )


def _verify_schedule(
    source: ConfiguredSource, job: UnresolvedAssetJobDefinition
) -> dg.ScheduleDefinition:
    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        share = next_share(context.instance, job.name, parts=PARTS)
        name = f"{source.name}@{context.scheduled_execution_time:%Y-%m-%dT%H:%M}"
        return dg.RunRequest(run_key=name, tags={SUBSET: share.tag})

    on = is_on(source.config, switch=source.config.automation.verify_archives)
    return dg.ScheduleDefinition(
        name=f"{source.name}_verify_archives",
        job=job,
        cron_schedule=WEEKLY,
        execution_timezone="UTC",
        execution_fn=evaluate,
        default_status=schedule_status(on=on),
        description=f"Reads a quarter of every archive of {source.name} each week and compares it "
        "with what was archived.",
    )
