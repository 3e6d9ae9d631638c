"""The job that reads again what is published of a source, and its schedule.

It runs the checks that compare files with their manifests, and needs no source. A table is a step,
so a run that was interrupted goes on where it was (*Re-execute from failure*), and a schedule reads
a share of the partitions each time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from export_assets.defs.cron_lines import five_fields
from export_assets.defs.sets import CHECK, SetAsset
from export_assets.defs.shares import SUBSET, next_share
from export_assets.defs.switches import is_on, schedule_status
from export_assets.defs.table import TableExport
from export_assets.engine.workspace import ConfiguredSource

WEEKLY = "10 2 * * 6"
INTEGRITY = "integrity"


@dataclass(frozen=True, kw_only=True)
class VerifyJob:
    """What verifies one source."""

    job: UnresolvedAssetJobDefinition
    schedule: dg.ScheduleDefinition


def build_verify_job(
    source: ConfiguredSource, tables: Sequence[TableExport], sets: Sequence[SetAsset]
) -> VerifyJob | None:
    """Return the job `verify_<source>` and its schedule; None where nothing is exported."""
    keys = [dg.AssetCheckKey(key, INTEGRITY) for table in tables for key in table.keys]
    # Of the others nobody can say all records without asking Dagster.
    keys += [dg.AssetCheckKey(one.key, CHECK) for one in sets if one.partitions_def is None]
    if not keys:
        return None
    rules, name = source.config.verify, f"verify_{source.name}"
    job = dg.define_asset_job(
        name,
        selection=dg.AssetSelection.checks(*keys),
        description=f"Read what is published of {source.name} again, and compare it with its "
        "manifests.",
        tags={"export_assets/source": source.name},
    )

    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        share = next_share(context.instance, name, parts=rules.parts)
        tick = f"{context.scheduled_execution_time:%Y-%m-%dT%H:%M}"
        return dg.RunRequest(run_key=f"{source.name}@{tick}", tags={SUBSET: share.tag})

    on = is_on(
        source.config, switch=source.config.automation.verify, asked=rules.schedule is not None
    )
    share = "everything" if rules.parts == 1 else f"one of {rules.parts} shares of it"
    schedule = dg.ScheduleDefinition(
        name=f"{source.name}_verify",
        job=job,
        cron_schedule=five_fields(rules.schedule or WEEKLY),
        execution_timezone="UTC",
        execution_fn=evaluate,
        default_status=schedule_status(on=on),
        description=f"Compares what is published of {source.name} with its manifests: {share} "
        "each time.",
    )
    return VerifyJob(job=job, schedule=schedule)
