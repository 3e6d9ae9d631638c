"""The job that deletes Dagster's old runs, and its schedule."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from export_assets.defs.dagster_history import delete_run, plan_history
from export_assets.defs.failing import failing
from export_assets.defs.switches import schedule_status
from export_assets.defs.wording import counted

NAME = "prune_dagster"
WEEKLY = "20 5 * * 0"


@dataclass(frozen=True, kw_only=True)
class HistoryJob:
    """What prunes Dagster's history."""

    job: dg.JobDefinition
    schedule: dg.ScheduleDefinition


def build_history_job(days: int, *, on: bool = False) -> HistoryJob:
    """Return the job `prune_dagster` and its schedule.

    Args:
        days: How long finished runs are kept.
        on: Whether the schedule is on from the start.
    """

    @dg.op(config_schema={}, description="Delete old runs that no asset needs.")
    def delete_old_runs(context: dg.OpExecutionContext) -> None:
        prune_history(context, before=datetime.now(UTC) - timedelta(days=days))

    @dg.job(
        name=NAME,
        description=f"Delete runs of Dagster that ended more than {counted(days, 'day')} ago, with "
        "their events and logs; those that say what an asset is like now stay.",
    )
    def job() -> None:
        delete_old_runs()

    schedule = dg.ScheduleDefinition(
        name="dagster_prune",
        job=job,
        cron_schedule=WEEKLY,
        execution_timezone="UTC",
        default_status=schedule_status(on=on),
        description="Deletes old runs of Dagster that no asset needs.",
    )
    return HistoryJob(job=job, schedule=schedule)


def prune_history(context: dg.OpExecutionContext, *, before: datetime) -> None:
    """Delete what ended *before* and nothing hangs on.

    Raises:
        dg.Failure: A run could not be deleted; those before it are.
    """
    plan = plan_history(context.instance, before=before)
    deleted = 0
    for run_id in plan.delete:
        with failing(f"run {run_id}", side="destination", retry=False):
            delete_run(context.instance, run_id)
        deleted += 1
    context.log.info("%s deleted, %s kept for their assets", deleted, len(plan.keep))
    context.add_output_metadata(
        {
            "before": dg.MetadataValue.timestamp(before),
            "deleted": deleted,
            "kept_for_assets": len(plan.keep),
        }
    )
