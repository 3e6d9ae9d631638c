"""From the configuration to everything Dagster shows."""

import warnings
from collections import Counter
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
from export_assets.defs.conditions import build_conditions_sensor
from export_assets.defs.elsewhere import build_elsewhere_sensor
from export_assets.defs.exports import build_exports
from export_assets.defs.extract_job import build_extract_job
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
    export_jobs,
)
from export_assets.defs.sets import SetAsset, build_set, set_assets
from export_assets.defs.shapes import known_tables
from export_assets.defs.source_tables import build_source_tables
from export_assets.defs.table import TableExport
from export_assets.defs.verifying import build_verify_job
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import ConfigError

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
        _add_elsewhere(parts, workspace, "published_elsewhere")
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
        common: Whether to add what belongs to no source: the catalogue, notifications, the sensor
            of automation conditions, the job that keeps Dagster's history short.
    """
    parts = _Parts()
    with _knowingly():
        _add_source(parts, workspace, workspace.source(name), RETRY_SECONDS)
        _add_elsewhere(parts, workspace, f"{name}_published_elsewhere")
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
    _refuse_namesakes(parts)
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


def _refuse_namesakes(parts: _Parts) -> None:
    """Refuse names that are made of two pairs of names: `verify_archives_x` of x and of archives_x.

    Raises:
        ConfigError: Two jobs, or two schedules or sensors, are called the same.
    """
    ticking = [*(one.name for one in parts.schedules), *(one.name for one in parts.sensors)]
    for kind, names in (("jobs", [one.name for one in parts.jobs]), ("schedules", ticking)):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            msg = f"{twice[0]}: two {kind} would be called so; call a source or a table otherwise"
            raise ConfigError(msg)


def _add_elsewhere(parts: _Parts, workspace: Workspace, name: str) -> None:
    """Add the sensor called *name*, which looks at what the sources of *parts* published."""
    if parts.tables or parts.roots:
        on = workspace.project.settings.automation.published_elsewhere
        sensor = build_elsewhere_sensor(parts.tables, parts.roots, parts.sets, name=name, on=on)
        parts.sensors.append(sensor)


def _add_common(parts: _Parts, workspace: Workspace) -> None:
    settings = workspace.project.settings
    switches = settings.automation
    parts.assets += build_catalog(workspace)
    parts.sensors.append(build_conditions_sensor(on=switches.conditions))
    parts.sensors += build_notification_sensors(settings.notify, on=switches.notifications)
    history = build_history_job(settings.keep_runs_days, on=switches.dagster_prune)
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
        for own in export_jobs(source, tables, keys):
            job = build_job(own)
            parts.jobs.append(job)
            parts.schedules.append(build_schedule(own, job))
        for one in split:
            parts.jobs.append(build_set_job(source, one))
        if is_log_source(source) and source.config.monitor.enabled is not False:
            parts.sensors.append(build_log_sensor(source, tables))
        elif source.config.monitor.enabled is not False:
            parts.sensors.append(build_changes_sensor(source, tables, shapes, keys, split))
    _add_upkeep(parts, workspace, source, tables, sets, retry_seconds=retry_seconds)


def _add_upkeep(
    parts: _Parts,
    workspace: Workspace,
    source: ConfiguredSource,
    tables: list[TableExport],
    sets: list[SetAsset],
    *,
    retry_seconds: float,
) -> None:
    """Add what is done about a source besides exporting it."""
    if is_log_source(source):
        parts.assets += build_archives(source, retry_seconds=retry_seconds)
        archives = build_archive_jobs(source)
        parts.jobs += archives.jobs
        parts.schedules += archives.schedules
    pruning = build_prune_job(source, retry_seconds=retry_seconds)
    if pruning is not None:
        parts.jobs.append(pruning.job)
        parts.schedules.append(pruning.schedule)
    if tables and workspace.project.settings.extracts_dir is not None:
        parts.jobs.append(build_extract_job(source, tables, retry_seconds=retry_seconds))
    verifying = build_verify_job(source, tables, sets)
    if verifying is not None:
        parts.jobs.append(verifying.job)
        parts.schedules.append(verifying.schedule)
    freshness = build_freshness_schedule(source, tables)
    if freshness is not None:
        parts.schedules.append(freshness)
