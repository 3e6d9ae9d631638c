"""Bundles that are damaged, or differ from the source: what to do about each, and doing it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from export_assets.engine.bundle import Bundler
from export_assets.engine.bundles.checking import compare_bundle, request_again
from export_assets.engine.damage import Damage
from export_assets.engine.repair_plan import Repair, Thoroughness, last_copy
from export_assets.engine.report import ExportRecord, failure
from export_assets.engine.run import Exporter
from export_assets.engine.verification import WRONG
from export_assets.errors import ExportError, IntegrityError
from export_assets.sources.base import Snapshot
from export_assets.store.contents import BundleRecord
from export_assets.store.local import read_if_there
from export_assets.store.manifest import BUNDLE
from export_assets.store.tree import scan_partitions


def plan_bundle_repairs(
    exporter: Exporter, damages: Sequence[Damage], how: Thoroughness
) -> list[Repair]:
    """Decide over every bundle that is wrong, in order of path.

    Raises:
        SourceError: The source cannot be read.
    """
    root, source = exporter.workspace.store.root, exporter.source
    damaged = {damage.path: damage for damage in damages}
    paths = set(damaged)
    if how.against_source:
        for table in exporter.request.tables or (None,):
            paths.update(scan_partitions(root, source=source.name, table=table, fmt=BUNDLE))
    if not paths:
        return []
    with source.source.snapshot() as snapshot:
        found = [
            _decided(exporter, snapshot, path, damaged.get(path), how) for path in sorted(paths)
        ]
    return [one for one in found if one is not None]


def publish_bundle(exporter: Exporter, wrong: Repair) -> list[ExportRecord]:
    """Make the bundle again as it was asked for; whatever goes wrong is in the record."""
    try:
        manifest = read_if_there(wrong.path)
        if manifest is None or not isinstance(manifest.bundle, BundleRecord):
            msg = f"{wrong.path}: is no bundle any more"
            raise IntegrityError(msg)
        request = replace(
            request_again(manifest, manifest.bundle),
            overwrite=True,
            lock_timeout=exporter.request.lock_timeout,
        )
        bundler = Bundler(
            workspace=exporter.workspace,
            source=exporter.source,
            request=request,
            run=exporter.run,
            progress=exporter.progress,
        )
        return list(bundler.export().records)
    except ExportError as error:
        return [failure(exporter.source.name, wrong.table, BUNDLE, wrong.partition, error)]


def _decided(
    exporter: Exporter, snapshot: Snapshot, path: Path, damage: Damage | None, how: Thoroughness
) -> Repair | None:
    """Return what is wrong with the bundle at *path*; None where nothing is."""
    facts = list(damage.facts) if damage is not None else []
    left = Repair(table=path.parts[-3], format=BUNDLE, partition=path.name, path=path, facts=facts)
    if damage is not None and (damage.kept is not None or damage.manifest is None):
        unknown = f"{path}: nothing says what the bundle held; move it away and make it again"
        return replace(left, kept=damage.kept or unknown)
    found = compare_bundle(exporter, snapshot, path)
    if found is None or (damage is None and found.verdict not in WRONG):
        return None
    if found.fact and found.fact not in facts:
        facts.append(found.fact)
    kept = found.fact if found.verdict == "unknown" else None
    if found.published is not None and found.rows < found.published and not how.may_lose:
        kept = kept or last_copy(found.rows, found.published)
    return replace(left, table=found.table, partition=found.partition, facts=facts, kept=kept)
