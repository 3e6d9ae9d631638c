"""The job of a source that deletes what no `keep` rule keeps, as far as the configuration permits.

A run takes no configuration: it is anybody's who reaches the web server, and must not decide what
is deleted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from export_assets.defs.catalog import connect, tell_of_catalog
from export_assets.defs.cron_lines import five_fields
from export_assets.defs.failing import failing
from export_assets.defs.held import RunSources
from export_assets.defs.names import export_key
from export_assets.defs.pools import pool_of, retry_policy
from export_assets.defs.switches import is_on, schedule_status
from export_assets.defs.wording import counted
from export_assets.engine.catalog.keeping import keep_current
from export_assets.engine.pruning import has_rules, plan_for, unattended_deletion
from export_assets.engine.workspace import ConfiguredSource
from export_assets.store.catalogue import Damaged, Published, list_published
from export_assets.store.retention import PruneReport, Slice, prune

WEEKLY = "50 4 * * 0"
_NAMED = 20


@dataclass(frozen=True, kw_only=True)
class PruneJob:
    """What prunes one source."""

    job: dg.JobDefinition
    schedule: dg.ScheduleDefinition


def build_prune_job(source: ConfiguredSource, *, retry_seconds: float) -> PruneJob | None:
    """Return the job `prune_<source>` and its schedule; None where everything is kept anyway."""
    if not has_rules(source.config):
        return None
    name = source.name

    @dg.op(
        name=f"prune__{name}",
        config_schema={},
        pool=pool_of(source.config),
        retry_policy=retry_policy(retry_seconds),
        description="Plan, tell the plan, and delete exactly that, where it is permitted.",
    )
    def prune_partitions(
        context: dg.OpExecutionContext, sources: dg.ResourceParam[RunSources]
    ) -> None:
        _prune(context, sources, name)

    @dg.job(
        name=f"prune_{name}",
        description=f"Delete partitions of {name} that no rule of keep keeps, where settings and "
        "YAML permit it.",
        tags={"export_assets/source": name},
    )
    def job() -> None:
        prune_partitions()

    cron = source.config.prune.schedule
    schedule = dg.ScheduleDefinition(
        name=f"{name}_prune",
        job=job,
        cron_schedule=five_fields(cron or WEEKLY),
        execution_timezone="UTC",
        default_status=schedule_status(
            on=is_on(source.config, switch=source.config.automation.prune, asked=cron is not None)
        ),
        description=f"Deletes partitions of {name} that no rule of keep keeps.",
    )
    return PruneJob(job=job, schedule=schedule)


def _prune(context: dg.OpExecutionContext, sources: RunSources, name: str) -> None:
    """Prune the source *name*.

    Raises:
        dg.Failure: The plan cannot be made, or some of it could not be deleted.
    """
    workspace, log = sources.workspace, context.log
    config, settings = workspace.source(name).config, workspace.project.settings
    with failing(name, side="destination"):
        listed = list(list_published(settings.exports_dir, source=name))
    found = [one for one in listed if isinstance(one, Published)]
    for damaged in (one for one in listed if isinstance(one, Damaged)):
        log.warning("kept, for it cannot be read: %s", damaged.message)
    plan = plan_for(config, found, datetime.now(UTC))
    for one in plan.remove:
        log.info("no rule keeps %s (%s bytes)", one, one.bytes)
    refused = unattended_deletion(settings, config)
    report = PruneReport()
    if refused is None:
        report = prune(plan, workspace.store, run_id=context.run.run_id)
        _tell_of_assets(context, report.removed, {(one.key, one.directory): one for one in found})
    elif plan.remove:
        log.warning("nothing was deleted: %s", refused)
    figures: dict[str, Any] = {
        "planned": len(plan.remove),
        "planned_bytes": plan.bytes_freed,
        "kept": len(plan.keep),
        "deleted": len(report.removed),
        "deleted_bytes": sum(one.bytes for one in report.removed),
        "partitions": dg.MetadataValue.md("\n".join(f"- {one}" for one in plan.remove)),
        "deletes": refused is None,
    }
    context.add_output_metadata(figures)
    if report.removed:
        for warning in keep_current(settings, connect=connect):
            log.warning(warning)
        tell_of_catalog(context, workspace)
    if report.failed:
        named = "; ".join(str(error) for _, error in report.failed[:_NAMED])
        text = f"{name}: {counted(len(report.failed), 'partition')} could not be deleted: {named}"
        retry = all(error.retriable for _, error in report.failed)
        raise dg.Failure(text, metadata=figures, allow_retries=retry)


def _tell_of_assets(
    context: dg.OpExecutionContext,
    removed: Sequence[Slice],
    found: Mapping[tuple[object, str], Published],
) -> None:
    """Observe of each export which of its partitions are gone.

    Dagster goes on showing them as materialized: it forgets no partition, only whole assets.
    """
    for one in removed:
        published = found[one.key, one.directory]
        context.log_event(
            dg.AssetObservation(
                export_key(published.source, published.table, published.format),
                partition=published.partition,
                description="pruned: no rule of keep keeps it",
                metadata={
                    "status": "pruned",
                    "rows": published.rows,
                    "bytes": published.bytes,
                    "generation": published.generation,
                },
            )
        )
