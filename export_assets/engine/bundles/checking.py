"""Published bundles looked at again: their files by their readers, their rows by the source."""

from dataclasses import replace
from pathlib import Path

import msgspec

from export_assets.engine.bundle import Bundler
from export_assets.engine.bundle_request import BundleRequest, Follow
from export_assets.engine.bundles.proof import read_tree
from export_assets.engine.published import differing_values
from export_assets.engine.run import Exporter
from export_assets.engine.sets.checking import differing_set
from export_assets.engine.verification import SourceFinding, Verdict
from export_assets.errors import IntegrityError, UsageError
from export_assets.sources.base import Snapshot
from export_assets.sources.private_temp import private_directory
from export_assets.store.contents import BundledTable, BundleRecord, SetRecord
from export_assets.store.local import read_if_there
from export_assets.store.manifest import BUNDLE, TREE, Manifest
from export_assets.store.tree import scan_partitions
from export_assets.tables.digest import ALGORITHM


def differing_content(directory: Path, manifest: Manifest) -> str | None:
    """Read a partition, a bundle or a set in *directory*; say how it differs from its *manifest*.

    Raises:
        IntegrityError: A file cannot be read as the manifest describes it.
    """
    if isinstance(manifest.set, SetRecord):
        return differing_set(directory, manifest, manifest.set)
    record = manifest.bundle
    if not isinstance(record, BundleRecord):
        return differing_values(directory, manifest)
    found = read_tree(directory / TREE, manifest.table, record)
    for table in record.tables:
        if found.rows[table.name] != table.rows:
            rows = found.rows[table.name]
            return f"{TREE} holds {rows} rows of {table.name}, recorded are {table.rows}"
        for fmt, name in table.files.items():
            alone = _alone(manifest, record, table, fmt)
            if (fact := differing_values(directory, alone)) is not None:
                return f"{name} {fact}"
    return None


def _alone(manifest: Manifest, record: BundleRecord, table: BundledTable, fmt: str) -> Manifest:
    """Return what the manifest of one table of a bundle in one format would be."""
    return msgspec.structs.replace(
        manifest,
        table=table.name,
        format=fmt,
        columns=table.columns,
        primary_key=table.primary_key,
        files=tuple(file for file in manifest.files if file.path == table.files[fmt]),
        row_digest=table.row_digest,
        dialect=record.dialects.get(fmt, {}),
        bundle=msgspec.UNSET,
    )


def verify_bundles(exporter: Exporter, *, table: str | None = None) -> list[SourceFinding]:
    """Read the rows of every published bundle again and compare them with what is published.

    Raises:
        SourceError: The source cannot be read.
    """
    source, root = exporter.source, exporter.workspace.store.root
    paths = list(scan_partitions(root, source=source.name, table=table, fmt=BUNDLE))
    if not paths:
        return []
    with source.privately().source.snapshot() as snapshot:
        found = [compare_bundle(exporter, snapshot, path) for path in paths]
    return [one for one in found if one is not None]


def compare_bundle(exporter: Exporter, snapshot: Snapshot, path: Path) -> SourceFinding | None:
    """Compare the bundle at *path* with a moment that is at hand; None where none is there.

    Raises:
        SourceError: The source cannot be read.
    """
    try:
        manifest = read_if_there(path)
    except IntegrityError as error:
        return SourceFinding(
            table=path.parts[-3],
            format=BUNDLE,
            partition=path.name,
            verdict="different",
            fact=str(error),
        )
    return None if manifest is None else _compared(exporter, snapshot, manifest)


def _compared(exporter: Exporter, snapshot: Snapshot, manifest: Manifest) -> SourceFinding:
    source, record = exporter.source, manifest.bundle
    finding = SourceFinding(
        table=manifest.table,
        format=BUNDLE,
        partition=manifest.partition,
        verdict="unknown",
        published=manifest.rows,
    )
    if not isinstance(record, BundleRecord):
        return replace(finding, verdict="different", fact="its manifest is that of no bundle")
    if manifest.digest_algorithm != ALGORITHM:
        fact = f"published with digest {manifest.digest_algorithm}, not {ALGORITHM}"
        return replace(finding, fact=fact)
    if not set(source.config.table(manifest.table).anonymize).isdisjoint(record.key):
        return replace(finding, fact="its ids are pseudonyms, by which no row can be found")
    request = request_again(manifest, record)
    bundler = Bundler(
        workspace=exporter.workspace, source=source, request=request, run=exporter.run
    )
    try:
        rows, differences = _differences(bundler, snapshot, record)
    except UsageError as error:
        rows, differences = 0, [str(error)]
    fact = "; ".join(differences)
    verdict: Verdict = "different" if differences else "equal"
    return replace(finding, verdict=verdict, fact=fact, rows=rows)


def request_again(manifest: Manifest, record: BundleRecord) -> BundleRequest:
    """Return the request that made the bundle of *manifest*."""
    return BundleRequest(
        table=manifest.table,
        ids=record.ids,
        key=record.key,
        follow=_FOLLOW[record.follow],
        exclude=record.exclude,
        include_related=record.include_related,
        depth=record.depth,
        formats=tuple(dict.fromkeys(fmt for table in record.tables for fmt in table.files)),
        pretty=manifest.dialect.get("layout") == "indented",
        computed=record.computed,
    )


_FOLLOW: dict[str, Follow] = {"children": "children", "parents": "parents", "both": "both"}


def _differences(
    bundler: Bundler, snapshot: Snapshot, record: BundleRecord
) -> tuple[int, list[str]]:
    """Return the rows the source has now, and in which tables they are others."""
    found: list[str] = []
    with private_directory(bundler.source.temp_dir) as spool:
        gathered = bundler.gatherer(snapshot).gather(record.ids, spool)
    published = {table.name: table for table in record.tables}
    for name, rows in gathered.rows.items():
        digest, known = rows.digest.digest(), published.pop(name, None)
        if known is None:
            found.append(f"{name} belongs to it now")
        elif known.rows != digest.rows:
            found.append(f"the source has {digest.rows} rows of {name}, published are {known.rows}")
        elif known.row_digest != digest.row_digest:
            found.append(f"rows of {name} differ")
    found += [f"{name} belongs to it no more" for name in published]
    return sum(gathered.counts.values()), found
