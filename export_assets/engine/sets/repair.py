"""Sets that are damaged, or differ from the source: what to do about each, and doing it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from export_assets.engine.damage import Damage
from export_assets.engine.repair_plan import Repair, Thoroughness, last_copy
from export_assets.engine.report import ExportRecord, failure
from export_assets.engine.run import Exporter
from export_assets.engine.sets.checking import compare_sets
from export_assets.engine.verification import WRONG, SourceFinding
from export_assets.errors import ExportError
from export_assets.store.delivery import deliver
from export_assets.store.layout import ExportKey
from export_assets.store.local import read_if_there
from export_assets.store.manifest import SET
from export_assets.store.tree import scan_partitions
from export_assets.store.verify import verify_partition
from export_assets.tables.partitions import ALL


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


def plan_copy_repairs(exporter: Exporter, damages: Sequence[Damage]) -> list[Repair]:
    """Return the copies of sound sets that do not hold what their own record says."""
    store, source = exporter.workspace.store, exporter.source
    damaged, found = {damage.path for damage in damages}, []
    for name in source.config.sets:
        place, key = source.set_directory(name), ExportKey(source.name, name, SET)
        wanted = not exporter.request.tables or name in exporter.request.tables
        if place is None or not wanted or not place.is_dir():
            continue
        if store.partition_path(key, ALL) in damaged:
            continue  # what is published again is copied again
        facts = [finding.message for finding in verify_partition(place)]
        if facts and read_if_there(store.partition_path(key, ALL)) is not None:
            found.append(Repair(table=name, format=SET, partition=ALL, path=place, facts=facts))
    return found


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
    """Make one partition of a set, or a copy, again; whatever goes wrong is in the record."""
    if wrong.path == exporter.source.set_directory(wrong.table):
        return [_copied(exporter, wrong)]
    split = wrong.partition != ALL
    request = replace(
        exporter.request,
        tables=(wrong.table,),
        formats=(),
        options={},
        partitions=(wrong.partition.partition("=")[2] or wrong.partition,) if split else (),
        overwrite=True,
    )
    return list(replace(exporter, request=request).export().records)


def _copied(exporter: Exporter, wrong: Repair) -> ExportRecord:
    store, name = exporter.workspace.store, exporter.source.name
    published = store.partition_path(ExportKey(name, wrong.table, SET), ALL)
    manifest = None
    try:
        manifest = read_if_there(published)
        deliver(
            published,
            wrong.path,
            exporter.run.id,
            timeout=exporter.request.lock_timeout,
            overwrite=True,
            private=store.is_private(name),
        )
    except ExportError as error:
        return failure(name, wrong.table, SET, ALL, error)
    return ExportRecord(
        source=name,
        table=wrong.table,
        format=SET,
        partition=ALL,
        status="success",
        rows=manifest.rows if manifest is not None else 0,
        bytes=manifest.bytes if manifest is not None else 0,
        path=wrong.path,
        manifest=manifest,
    )
