"""Sets that are damaged, or differ from the source: what to do about each, and doing it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from export_assets.engine.damage import Damage
from export_assets.engine.repair_plan import Repair, Thoroughness, last_copy
from export_assets.engine.report import ExportRecord
from export_assets.engine.run import Exporter
from export_assets.engine.sets.checking import compare_sets
from export_assets.engine.verification import WRONG, SourceFinding
from export_assets.store.manifest import SET
from export_assets.store.tree import scan_partitions


def plan_set_repairs(
    exporter: Exporter, damages: Sequence[Damage], how: Thoroughness
) -> list[Repair]:
    """Decide over every set that is wrong, in order of path.

    Raises:
        SourceError: The source cannot be read.
    """
    store, source = exporter.workspace.store, exporter.source
    damaged = {damage.path: damage for damage in damages}
    paths = set(damaged)
    if how.against_source:
        for table in exporter.request.tables or (None,):
            paths.update(scan_partitions(store.root, source=source.name, table=table, fmt=SET))
    if not paths:
        return []
    with source.source.snapshot() as snapshot:
        found = {
            (one.table, one.partition): one
            for one in compare_sets(exporter, snapshot, sorted(paths))
        }
    return [
        one
        for path in sorted(paths)
        if (one := _decided(path, damaged.get(path), found, how)) is not None
    ]


def _decided(
    path: Path,
    damage: Damage | None,
    found: dict[tuple[str, str], SourceFinding],
    how: Thoroughness,
) -> Repair | None:
    """Return what is wrong with the set at *path*; None where nothing is."""
    manifest = damage.manifest if damage is not None else None
    name, partition = path.parts[-3], path.name
    if manifest is not None:
        name, partition = manifest.table, manifest.partition
    compared = found.get((name, partition)) or found.get((path.parts[-3], path.name))
    facts = list(damage.facts) if damage is not None else []
    if damage is None and (compared is None or compared.verdict not in WRONG):
        return None
    if compared is not None and compared.fact and compared.fact not in facts:
        facts.append(compared.fact)
    kept = damage.kept if damage is not None else None
    if compared is not None and compared.verdict == "unknown":
        kept = kept or compared.fact
    published = compared.published if compared is not None else None
    if compared is not None and published and compared.rows < published and not how.may_lose:
        kept = kept or last_copy(compared.rows, published)
    return Repair(table=name, format=SET, partition=partition, path=path, facts=facts, kept=kept)


def publish_set(exporter: Exporter, wrong: Repair) -> list[ExportRecord]:
    """Make one partition of a set again; whatever goes wrong is in the record."""
    split = wrong.partition != "all"
    request = replace(
        exporter.request,
        tables=(wrong.table,),
        formats=(),
        options={},
        partitions=(wrong.partition.partition("=")[2] or wrong.partition,) if split else (),
        overwrite=True,
    )
    return list(replace(exporter, request=request).export().records)
