"""What a run would do now, and why: decided from manifests and memory, without reading a row."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from export_assets.engine.manifests import effective_hash
from export_assets.engine.memory import PassMemory
from export_assets.engine.privacy import review_plans
from export_assets.engine.run import Exporter
from export_assets.engine.scope import published_keys
from export_assets.engine.shape_changes import judge_drift
from export_assets.engine.tables import (
    TablePlan,
    check_configured,
    define_views,
    plan_tables,
    select_tables,
)
from export_assets.errors import IntegrityError
from export_assets.formats.base import Format
from export_assets.sources.base import Snapshot
from export_assets.store.layout import ExportKey
from export_assets.store.manifest import SET
from export_assets.store.tree import has_no_manifest
from export_assets.tables.partitions import NoPartitions

Action = Literal["publish", "compare", "nothing", "refuse"]

BLOCKED = "cannot publish: files without a manifest are in the way"

EVERY = "*"
"""Stands for all partitions of a table that a run would find in the source."""


@dataclass(frozen=True, kw_only=True)
class PlannedExport:
    """What a run would do with one partition, or with all that a run would find."""

    table: str
    format: str
    partition: str
    action: Action
    """`publish` writes for certain; `compare` reads and publishes what differs; `refuse` fails."""
    reason: str


def plan_exports(exporter: Exporter) -> list[PlannedExport]:
    """Decide over every table, format and partition of the exporter's request.

    Raises:
        UsageError: The request names what does not exist.
        SourceError: The source cannot be opened.
    """
    with opened_plans(exporter) as (snapshot, plans, refused):
        fingerprint = snapshot.info.id
    return (
        refused
        + [
            planned
            for plan in plans
            for fmt in exporter.choices.formats(plan.name)
            for planned in _plan_one(exporter, plan, fmt, fingerprint)
        ]
        + _plan_sets(exporter, fingerprint)
    )


def _plan_sets(exporter: Exporter, fingerprint: str) -> list[PlannedExport]:
    exporter.sets.check()
    recalled = exporter.sets.recalled(fingerprint)
    if recalled is not None:
        reason = "the source has not changed since it was published"
        return [
            PlannedExport(
                table=one.table,
                format=SET,
                partition=one.partition,
                action="nothing",
                reason=reason,
            )
            for one in recalled
        ]
    where = exporter.request.export_dir
    told = "made again, and published where anything of it changed"
    return [
        PlannedExport(
            table=name,
            format=SET,
            partition=EVERY,
            action="compare" if where is None else "publish",
            reason=told if where is None else f"into {where}",
        )
        for name in exporter.sets.names
    ]


@contextmanager
def opened_plans(
    exporter: Exporter,
) -> Iterator[tuple[Snapshot, Sequence[TablePlan], list[PlannedExport]]]:
    """Open the source and give the tables of the request, and what of them is refused as it is.

    Raises:
        UsageError: The request names what does not exist.
        ContractViolation: Columns look personal, and the source refuses those not classified.
        SourceError: The source cannot be opened.
    """
    exporter.choices.check_options()
    source = exporter.source
    with source.privately().source.snapshot() as snapshot:
        define_views(snapshot, source.config, source.system)
        request = exporter.tables_request
        names = select_tables(snapshot.tables(), source.config, request) if request else []
        check_configured(snapshot.tables(), source.config, source.system)
        plans, unreadable = plan_tables(
            names, snapshot, source.config, source.system, exporter.request
        )
        review_plans(source.config, plans)
        verdict = judge_drift(plans, exporter.workspace.store, exporter.choices)
        refused = [
            PlannedExport(
                table=name, format=fmt.name, partition=EVERY, action="refuse", reason=str(error)
            )
            for name, error in (unreadable | verdict.refused).items()
            for fmt in exporter.choices.formats(name)
        ]
        yield snapshot, verdict.plans, refused


def recalled_plan(
    exporter: Exporter, plan: TablePlan, fmt: Format, fingerprint: str
) -> list[PlannedExport] | None:
    """Return what is planned where nothing of the table needs to be read, else None."""
    store, now = exporter.workspace.store, exporter.run.now
    memory = PassMemory(store, exporter.source, exporter.request, now=now)
    recalled = memory.recall(plan.name, [fmt.name], fingerprint)
    if recalled is None:
        return None
    reason = "the source has not changed since it was published"
    return [_planned(plan, fmt, record.partition, "nothing", reason) for record in recalled]


def _plan_one(
    exporter: Exporter, plan: TablePlan, fmt: Format, fingerprint: str
) -> list[PlannedExport]:
    request = exporter.request
    if request.output_dir is not None:
        where = f"a new file in {request.output_dir}"
        return [_planned(plan, fmt, EVERY, "publish", where)]
    published = published_keys(
        exporter.workspace.store, exporter.source.name, plan=plan, formats=[fmt.name]
    )
    wanted = request.partitions or tuple(sorted(published))
    if request.overwrite:
        refused = [
            _planned(plan, fmt, key, "refuse", BLOCKED)
            for key in wanted
            if _is_blocked(exporter, plan, fmt, key)
        ]
        if refused and plan.time_column is None:
            return refused
        return [_planned(plan, fmt, EVERY, "publish", "overwrite was asked for"), *refused]
    recalled = recalled_plan(exporter, plan, fmt, fingerprint)
    if recalled is not None:
        return recalled
    planned = [_judge(exporter, plan, fmt, key, fingerprint) for key in wanted]
    if not request.partitions:
        new = "partitions found in the source and not published yet"
        if not published:
            new = "nothing of it is published yet"
        only_one = plan.time_column is None and published
        planned += [] if only_one else [_planned(plan, fmt, EVERY, "publish", new)]
    return planned


def _judge(
    exporter: Exporter, plan: TablePlan, fmt: Format, key: str, fingerprint: str
) -> PlannedExport:
    export = ExportKey(exporter.source.name, plan.name, fmt.name)
    directory = plan.partitions.directory(key)
    try:
        manifest = exporter.workspace.store.manifest(export, directory)
    except IntegrityError:
        return _planned(plan, fmt, key, "publish", "its manifest is damaged")
    if manifest is None:
        if _is_blocked(exporter, plan, fmt, key):
            return _planned(plan, fmt, key, "refuse", BLOCKED)
        return _planned(plan, fmt, key, "publish", "not published yet")
    current = effective_hash(exporter.source.config, plan.name, fmt.name, exporter.request)
    if manifest.config_hash != current:
        return _planned(plan, fmt, key, "publish", "its configuration changed")
    if manifest.snapshot.id == fingerprint:
        reason = f"published from this state of the source by run {manifest.run_id}"
        return _planned(plan, fmt, key, "nothing", reason)
    taken = manifest.snapshot.taken_at.isoformat(timespec="seconds")
    return _planned(plan, fmt, key, "compare", f"the source changed since {taken}")


def _is_blocked(exporter: Exporter, plan: TablePlan, fmt: Format, key: str) -> bool:
    export = ExportKey(exporter.source.name, plan.name, fmt.name)
    path = exporter.workspace.store.partition_path(export, plan.partitions.directory(key))
    return has_no_manifest(path)


def _planned(
    plan: TablePlan, fmt: Format, partition: str, action: Action, reason: str
) -> PlannedExport:
    if plan.time_column is None and isinstance(plan.partitions, NoPartitions):
        partition = plan.partitions.key
    return PlannedExport(
        table=plan.name, format=fmt.name, partition=partition, action=action, reason=reason
    )
