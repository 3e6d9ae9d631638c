"""What exports are made of, where Dagster knows nothing of it as they were made without Dagster.

Exports of which Dagster knows, made of tables of which it does not, are shown as stale, and whoever
materializes one is warned. So what is above published exports is reported as well: once, with the
version they were made from, and again only where Dagster has forgotten it.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import dagster as dg

from export_assets.defs.event_log import is_unfinished
from export_assets.defs.log_assets import is_log_source, read_keys
from export_assets.defs.log_checks import read_events
from export_assets.defs.metadata import RUN_ID
from export_assets.defs.names import source_table_key
from export_assets.defs.source_tables import steps_of
from export_assets.defs.table import TableExport
from export_assets.engine.system import Step
from export_assets.errors import ExportError
from export_assets.store.manifest import MANIFEST_NAME, Manifest

Event = dg.AssetMaterialization | dg.AssetObservation


def find_above(instance: dg.DagsterInstance, tables: Sequence[TableExport]) -> list[Event]:
    """Return events for what published exports of *tables* are made of and *instance* lacks."""
    found: list[Event] = []
    for _, group in groupby(tables, key=lambda table: table.source):
        found += _above(instance, list(group))
    return found


def _above(instance: dg.DagsterInstance, tables: Sequence[TableExport]) -> Iterator[Event]:
    source = tables[0].configured
    if is_log_source(source):
        lacking = [key for key in read_keys(source) if not _is_materialized(instance, key)]
        if lacking and _newest(instance, tables) is not None:
            yield from read_events(source.name, tables[0].store, lacking)
        return
    steps = steps_of(source)
    for step in steps:
        key = source_table_key(source.name, step.table)
        made = {step.table, *_made_of(step.table, steps)}
        if not _is_materialized(instance, key):
            # Those of the table itself say best of which version it was.
            manifest = _newest(instance, [one for one in tables if one.name == step.table])
            manifest = manifest or _newest(instance, [one for one in tables if one.name in made])
            if manifest is not None:
                yield dg.AssetMaterialization(key, metadata=_told(manifest), tags=_tags(manifest))
    filled = {step.table for step in steps}
    for table in tables:
        if table.name not in filled and _is_unknown(instance, table):
            manifest = _newest(instance, [table])
            if manifest is not None:
                yield dg.AssetObservation(
                    table.source_key, metadata=_told(manifest), tags=_tags(manifest)
                )


def _made_of(table: str, steps: Sequence[Step]) -> list[str]:
    """Return the tables that steps make of *table*, and of those in turn."""
    found = [table]
    for one in found:  # which grows as it is walked over
        found += [
            step.table for step in steps if one in step.depends_on and step.table not in found
        ]
    return found[1:]


def _newest(instance: dg.DagsterInstance, tables: Sequence[TableExport]) -> Manifest | None:
    """Return the manifest of *tables* that was written last, None where a run will report it."""
    written = [
        (stamp, table, fmt, key)
        for table in tables
        for fmt in table.formats
        for key in table.published_keys(fmt)
        for stamp in [_written(table.partition_path(fmt, key))]
    ]
    if not written:
        return None
    _, table, fmt, key = max(written, key=lambda one: one[0])
    try:
        manifest = table.manifest(fmt, key)
    except ExportError:
        return None  # the check `integrity` tells
    if manifest is None or is_unfinished(instance, manifest.run_id):
        return None
    return manifest


def _written(path: Path) -> int:
    try:
        return (path / MANIFEST_NAME).stat().st_mtime_ns
    except OSError:
        return 0


def _is_materialized(instance: dg.DagsterInstance, key: dg.AssetKey) -> bool:
    return bool(instance.fetch_materializations(key, limit=1).records)


def _is_unknown(instance: dg.DagsterInstance, table: TableExport) -> bool:
    """Whether nothing is known of the table, and of nothing made of it either.

    What a run made of a table that was never observed would be shown as stale by a version.
    """
    if instance.fetch_observations(table.source_key, limit=1).records:
        return False
    return not any(_is_materialized(instance, key) for key in table.keys)


def _told(manifest: Manifest) -> dict[str, dg.MetadataValue]:
    return {
        RUN_ID: dg.MetadataValue.text(manifest.run_id),
        "snapshot_id": dg.MetadataValue.text(manifest.snapshot.id),
        "status": dg.MetadataValue.text("published"),
    }


def _tags(manifest: Manifest) -> dict[str, str]:
    return {
        "dagster/data_version": manifest.snapshot.id,
        "dagster/data_version_is_user_provided": "true",
    }
