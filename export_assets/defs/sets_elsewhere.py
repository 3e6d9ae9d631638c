"""Sets that were published without Dagster: their partitions are added, and they are reported."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from export_assets.defs.event_log import latest, run_id_of
from export_assets.defs.sets import SetAsset, materialization
from export_assets.errors import ExportError
from export_assets.store.layout import is_visible
from export_assets.store.local import read_if_there
from export_assets.store.manifest import Manifest
from export_assets.tables.partitions import ALL

MOST = 200


@dataclass(kw_only=True)
class UnseenSets:
    """What one tick found of sets."""

    events: list[dg.AssetMaterialization] = field(default_factory=list)
    added: list[dg.AddDynamicPartitionsRequest] = field(default_factory=list)
    stamps: dict[str, int] = field(default_factory=dict)
    """By asset, when its directory had changed last at the end of a look through it."""


def find_sets(
    instance: dg.DagsterInstance, assets: Sequence[SetAsset], stamps: Mapping[str, int]
) -> UnseenSets:
    """Return events for what is published of *assets* and *instance* does not know.

    Args:
        instance: Where Dagster keeps its events.
        assets: The sets configured.
        stamps: How far each was looked through; see `UnseenSets.stamps`.
    """
    found = UnseenSets()
    for asset in assets:
        name = asset.key.to_user_string()
        before = stamps.get(name, 0)
        store = asset.workspace.store
        parent = store.partition_path(asset.export, ALL).parent
        try:
            stamp = parent.stat().st_mtime_ns
        except OSError:
            continue
        found.stamps[name] = before
        if stamp != before and _look(instance, asset, found):
            found.stamps[name] = stamp
    return found


def _look(instance: dg.DagsterInstance, asset: SetAsset, found: UnseenSets) -> bool:
    """Report what is new of one set; False where something is left for the next tick."""
    manifests = {one.partition: one for one in _published(asset)}
    known = latest(instance, asset.key, list(manifests))
    complete, new = True, []
    for partition, manifest in manifests.items():
        record = known.get(partition)
        if record is not None and run_id_of(record) == manifest.run_id:
            continue
        run = instance.get_run_by_id(manifest.run_id)
        if len(found.events) >= MOST or (run is not None and not run.is_finished):
            complete = False
            continue
        new.append(partition)
        found.events.append(materialization(asset, manifest, status="published"))
    partitions = asset.partitions_def
    if partitions is not None and new:
        offered = set(instance.get_dynamic_partitions(partitions.name or ""))
        lacking = [one for one in new if one not in offered]
        if lacking:
            found.added.append(partitions.build_add_request(lacking))
    return complete


def _published(asset: SetAsset) -> Iterator[Manifest]:
    parent = asset.workspace.store.partition_path(asset.export, ALL).parent
    for path in sorted(parent.iterdir()):
        if not is_visible(path.name):
            continue
        try:
            manifest = read_if_there(path)
        except (ExportError, OSError):
            continue  # the check `set` tells
        if manifest is not None and asset.directory(manifest.partition) == path.name:
            yield manifest
