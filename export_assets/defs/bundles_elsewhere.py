"""Bundles that were published without Dagster: their partitions are added, and they are reported.

Of bundles of several rows, or of rows named by another column than the key, Dagster has no
partition; they are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from export_assets.defs.bundles import BundleRoot, describe_bundle, id_of
from export_assets.defs.event_log import latest, run_id_of
from export_assets.defs.whole import version_of
from export_assets.errors import ExportError
from export_assets.store.layout import is_visible
from export_assets.store.local import read_if_there
from export_assets.store.manifest import MANIFEST_NAME, Manifest

# What Dagster refuses in the key of a partition.
_REFUSED = ("...", "\a", "\b", "\f", "\n", "\r", "\t", "\v", "\0")
# A manifest is written just before its directory is renamed into place, which is the time compared.
_SLACK_NS = 600 * 10**9
MOST = 200


@dataclass(kw_only=True)
class UnseenBundles:
    """What one tick found of bundles."""

    events: list[dg.AssetMaterialization] = field(default_factory=list)
    added: list[dg.AddDynamicPartitionsRequest] = field(default_factory=list)
    stamps: dict[str, int] = field(default_factory=dict)
    """By asset, when its directory had changed last at the end of a look through it."""


def find_bundles(
    instance: dg.DagsterInstance,
    roots: Sequence[BundleRoot],
    stamps: Mapping[str, int],
    *,
    most: int = MOST,
) -> UnseenBundles:
    """Return events for the bundles of *roots* that *instance* does not know, *most* about.

    Args:
        instance: Where Dagster keeps its events.
        roots: The roots configured.
        stamps: How far each was looked through; see `UnseenBundles.stamps`.
        most: Events after which the rest waits for the next tick.
    """
    found = UnseenBundles()
    for root in roots:
        name = root.key.to_user_string()
        before = stamps.get(name, 0)
        try:
            stamp = root.parent.stat().st_mtime_ns
        except OSError:
            continue
        found.stamps[name] = before
        if stamp != before and _look(instance, root, before, found, most - len(found.events)):
            found.stamps[name] = stamp
    return found


def _look(
    instance: dg.DagsterInstance, root: BundleRoot, before: int, found: UnseenBundles, room: int
) -> bool:
    """Report what is new of one root; False where something is left for the next tick."""
    manifests = dict(_published(root, before))
    known = latest(instance, root.key, list(manifests))
    events: list[dg.AssetMaterialization] = []
    complete = True
    for one, manifest in manifests.items():
        record = known.get(one)
        if record is not None and run_id_of(record) == manifest.run_id:
            continue
        run = instance.get_run_by_id(manifest.run_id)
        if len(events) >= room or (run is not None and not run.is_finished):
            complete = False
            continue
        events.append(_event(root, one, manifest))
    partitions = root.partitions_def
    offered = set(instance.get_dynamic_partitions(partitions.name or ""))
    new = [event.partition for event in events if event.partition not in offered]
    if new:
        found.added.append(partitions.build_add_request([one for one in new if one is not None]))
    found.events += events
    return complete


def _event(root: BundleRoot, one: str, manifest: Manifest) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset_key=root.key,
        partition=one,
        metadata=describe_bundle(manifest, root.path(one), status="published"),
        tags={
            "dagster/data_version": version_of(manifest),
            "dagster/data_version_is_user_provided": "true",
        },
    )


def _published(root: BundleRoot, before: int) -> Iterator[tuple[str, Manifest]]:
    """Yield the bundles of one row each that were published since the last look ended."""
    hidden = set(root.configured.config.table(root.table).anonymize)
    for path in sorted(root.parent.iterdir()):
        if not is_visible(path.name):
            continue
        try:
            if (path / MANIFEST_NAME).stat().st_mtime_ns < before - _SLACK_NS:
                continue
            manifest = read_if_there(path)
        except (ExportError, OSError):
            continue  # the check `bundle` tells
        one = id_of(manifest) if manifest is not None else None
        if manifest is None or one is None or any(text in one for text in _REFUSED):
            continue
        if hidden.intersection(manifest.primary_key):
            continue  # no row is found by a pseudonym
        yield one, manifest
