"""From the configuration to everything Dagster shows."""

import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)
from dagster._utils.warnings import BetaWarning, PreviewWarning

from export_assets.defs.archive_jobs import build_archive_jobs
from export_assets.defs.archives import build_archives
from export_assets.defs.bundles import BundleRoot, build_bundles, bundle_roots
from export_assets.defs.catalog import build_catalog, build_catalog_resource
from export_assets.defs.changes import build_changes_sensor
from export_assets.defs.elsewhere import build_elsewhere_sensor
from export_assets.defs.exports import build_exports
from export_assets.defs.freshness import build_freshness_checks
from export_assets.defs.held import build_sources_resource
from export_assets.defs.history_job import build_history_job
from export_assets.defs.log_assets import is_log_source
from export_assets.defs.log_sensor import build_log_sensor
from export_assets.defs.notifications import build_notification_sensors
from export_assets.defs.pools import RETRY_SECONDS
from export_assets.defs.pruning import build_prune_job
from export_assets.defs.relations import build_relation_checks
from export_assets.defs.schedules import (
    build_freshness_schedule,
    build_job,
    build_schedule,
    build_set_job,
)
from export_assets.defs.sets import SetAsset, build_set, set_assets
from export_assets.defs.shapes import known_tables
from export_assets.defs.source_tables import build_source_tables
from export_assets.defs.table import TableExport
from export_assets.engine.workspace import ConfiguredSource, Workspace

Resources = Mapping[str, Any]
"""Dagster's resources by name."""


@dataclass(kw_only=True)
class _Parts:
    tables: list[TableExport] = field(default_factory=list)
    roots: list[BundleRoot] = field(default_factory=list)
    sets: list[SetAsset] = field(default_factory=list)
    assets: list[dg.AssetsDefinition] = field(default_factory=list)
    checks: list[dg.AssetChecksDefinition] = field(default_factory=list)
    jobs: list[UnresolvedAssetJobDefinition | dg.JobDefinition] = field(default_factory=list)
    schedules: list[dg.ScheduleDefinition] = field(default_factory=list)
    sensors: list[dg.SensorDefinition] = field(default_factory=list)


def build_definitions(
    workspace: Workspace,
    *,
    only: Collection[str] | None = None,
    resources: Resources | None = None,
    retry_seconds: float = RETRY_SECONDS,
) -> dg.Definitions:
    """Return assets, checks, sensors, schedules and jobs of every configured source.

    Args:
        workspace: The loaded project.
        only: The names of the only sources described; None for all.
        resources: Those of the project, where it has other definitions beside these.
        retry_seconds: How long the first retry of an error that may pass waits.
    """
    parts = _Parts()
    with _knowingly():
        for source in workspace.configured():
            if only is None or source.name in only:
                _add_source(parts, workspace, source, retry_seconds)
        if parts.tables or parts.roots:
            parts.sensors.append(build_elsewhere_sensor(parts.tables, parts.roots, parts.sets))
        _add_common(parts, workspace)
    return _definitions(parts, resources or build_resources(workspace))


def build_source_definitions(
    workspace: Workspace, name: str, *, resources: Resources, common: bool
) -> dg.Definitions:
    """Return what belongs to the source *name* alone, beside other definitions of the location.

    Args:
        workspace: The loaded project.
        name: The source.
        resources: Those of the project, the same objects for each of its sources.
        common: Whether to add what belongs to no source: the catalogue, notifications, the job
            that keeps Dagster's history short.
    """
    parts = _Parts()
    with _knowingly():
        _add_source(parts, workspace, workspace.source(name), RETRY_SECONDS)
        if parts.tables or parts.roots:
            elsewhere = build_elsewhere_sensor(
                parts.tables, parts.roots, parts.sets, name=f"{name}_published_elsewhere"
            )
            parts.sensors.append(elsewhere)
        if common:
            _add_common(parts, workspace)
    return _definitions(parts, resources)


def build_resources(workspace: Workspace) -> Resources:
    """Return the resources of the project."""
    return {
        "sources": build_sources_resource(workspace),
        "catalog": build_catalog_resource(workspace),
    }


def _definitions(parts: _Parts, resources: Resources) -> dg.Definitions:
    return dg.Definitions(
        assets=parts.assets,
        asset_checks=parts.checks,
        jobs=parts.jobs,
        schedules=parts.schedules,
        sensors=parts.sensors,
        resources=resources,
        # A run is one step per table; processes per step would cost seconds and split the snapshot.
        executor=dg.in_process_executor,
    )


def _add_common(parts: _Parts, workspace: Workspace) -> None:
    settings = workspace.project.settings
    parts.assets += build_catalog(workspace)
    parts.sensors += build_notification_sensors(settings.notify)
    history = build_history_job(settings.keep_runs_days)
    parts.jobs.append(history.job)
    parts.schedules.append(history.schedule)


@contextmanager
def _knowingly() -> Iterator[None]:
    """Silence what Dagster says of its beta and preview features while ours are built.

    We use some knowingly and are pinned to releases that have them; nobody who loads the
    definitions can act on a page of it. Every other warning, and every one of the code around, is
    shown as before.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)
        warnings.simplefilter("ignore", PreviewWarning)
        yield


def _add_source(
    parts: _Parts, workspace: Workspace, source: ConfiguredSource, retry_seconds: float
) -> None:
    shapes = known_tables(workspace, source).tables
    tables = [TableExport(workspace=workspace, configured=source, shape=shape) for shape in shapes]
    parts.tables += tables
    parts.assets += build_source_tables(source, shapes, retry_seconds=retry_seconds)
    parts.assets += [build_exports(table, retry_seconds=retry_seconds) for table in tables]
    roots = bundle_roots(workspace, source)
    parts.roots += roots
    parts.assets += [build_bundles(root, retry_seconds=retry_seconds) for root in roots]
    sets = set_assets(workspace, source, tables)
    parts.sets += sets
    parts.assets += [build_set(one, tables, retry_seconds=retry_seconds) for one in sets]
    parts.checks += build_relation_checks(tables, source.config.relations)
    parts.checks += build_freshness_checks(tables)
    if any(table.by_default for table in tables):
        chosen = [one for one in sets if one.one.by_default]
        # A job holds assets of one kind of partitions.
        keys = [one.key for one in chosen if one.partitions_def is None]
        split = [one.key for one in chosen if one.partitions_def is not None]
        job = build_job(source, tables, keys)
        parts.jobs.append(job)
        parts.schedules.append(build_schedule(source, tables, job, keys))
        for one in split:
            parts.jobs.append(build_set_job(source, one))
        if is_log_source(source):
            parts.sensors.append(build_log_sensor(source, tables))
        elif source.config.monitor.enabled is not False:
            parts.sensors.append(build_changes_sensor(source, tables, shapes, keys, split))
    if is_log_source(source):
        parts.assets += build_archives(source, retry_seconds=retry_seconds)
        archives = build_archive_jobs(source)
        parts.jobs += archives.jobs
        parts.schedules += archives.schedules
    pruning = build_prune_job(source, retry_seconds=retry_seconds)
    if pruning is not None:
        parts.jobs.append(pruning.job)
        parts.schedules.append(pruning.schedule)
    freshness = build_freshness_schedule(source, tables)
    if freshness is not None:
        parts.schedules.append(freshness)
