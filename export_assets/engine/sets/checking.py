"""Published sets looked at again: their files by their readers, their content by the source."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from export_assets.engine.published import differing_values, published_schema
from export_assets.engine.run import Exporter
from export_assets.engine.sets.choosing import sets_of
from export_assets.engine.sets.documents import recorded_level
from export_assets.engine.sets.export import SetExporter
from export_assets.engine.sets.publishing import content_of
from export_assets.engine.sets.set_run import exported_columns
from export_assets.engine.sets.writing import WrittenSet
from export_assets.engine.tables import define_views
from export_assets.engine.verification import SourceFinding
from export_assets.errors import IntegrityError, UsageError
from export_assets.formats.joiners import joiner_of
from export_assets.formats.joining import Part, TableJoiner, digest_of
from export_assets.formats.nesting.layout import Frame
from export_assets.formats.nesting.read import read_nested
from export_assets.sources.base import Snapshot
from export_assets.store.contents import BundledTable, DocumentRecord, SetRecord
from export_assets.store.local import read_if_there
from export_assets.store.manifest import SET, Manifest
from export_assets.store.tree import scan_partitions
from export_assets.tables.digest import ALGORITHM, Digest


def differing_set(directory: Path, manifest: Manifest, record: SetRecord) -> str | None:
    """Read the set in *directory*; say how it differs from its *manifest*.

    Raises:
        IntegrityError: A file cannot be read as the manifest describes it.
    """
    joined = _joined(record)
    for path, tables in joined.items():
        fact = _differing_joined(directory, manifest, record, path, tables)
        if fact is not None:
            return fact
    for table in record.tables:
        for fmt, name in table.files.items():
            if name in joined:
                continue
            fact = differing_values(directory, _alone(manifest, record, table, fmt))
            if fact is not None:
                return f"{name} {fact}"
    for document in record.documents:
        fact = _differing_document(directory, document)
        if fact is not None:
            return fact
    return None


def _joined(record: SetRecord) -> dict[str, list[BundledTable]]:
    """Return, by path, the tables of files that hold several, or one as one of several."""
    found: dict[str, list[BundledTable]] = {}
    for table in record.tables:
        for name in table.files.values():
            if name not in record.dialects:
                found.setdefault(name, []).append(table)
    return found


def _differing_joined(
    directory: Path, manifest: Manifest, record: SetRecord, path: str, tables: list[BundledTable]
) -> str | None:
    (fmt,) = {name for name, file in tables[0].files.items() if file == path}
    joiner = joiner_of(fmt)
    parts = {
        table.name: Part(
            path=directory / path,
            schema=published_schema(_alone(manifest, record, table, fmt)),
            digest=Digest(
                rows=table.rows,
                row_digest=table.row_digest,
                columns={column.name: column.digest for column in table.columns},
            ),
        )
        for table in tables
    }
    if not isinstance(joiner, TableJoiner):
        return None
    for table in tables:
        found = digest_of(
            joiner.read(directory / path, parts, table.name), parts[table.name].schema
        )
        if found.rows != table.rows:
            return f"{path} holds {found.rows} rows of {table.name}, recorded are {table.rows}"
        for column in table.columns:
            lossy = column.fidelity == "lossy" and column.fidelity_count > 0
            if not lossy and found.columns[column.name] != column.digest:
                return f"{path}: values of {table.name} differ from those recorded in {column.name}"
    return None


def _alone(manifest: Manifest, record: SetRecord, table: BundledTable, fmt: str) -> Manifest:
    """Return what the manifest of one file of a set would be."""
    path = table.files[fmt]
    return msgspec.structs.replace(
        manifest,
        table=table.name,
        format=fmt,
        columns=table.columns,
        primary_key=table.primary_key,
        files=tuple(file for file in manifest.files if file.path == path),
        row_digest=table.row_digest,
        dialect=record.dialects.get(path, {}),
        set=msgspec.UNSET,
    )


def _differing_document(directory: Path, document: DocumentRecord) -> str | None:
    found = read_nested(
        directory / document.path, recorded_level(document.root), Frame(pretty=document.pretty)
    )
    for level in document.root.walk():
        rows, digest = found.rows[level.table], f"{found.totals[level.table]:016x}"
        if rows != level.rows:
            return f"{document.path} holds {rows} {level.name}, recorded are {level.rows}"
        if digest != level.digest:
            return f"{document.path}: its {level.name} differ from those recorded"
    return None


def verify_sets(exporter: Exporter, *, table: str | None = None) -> list[SourceFinding]:
    """Make every published set again, aside, and compare it with what is published.

    Raises:
        SourceError: The source cannot be read.
    """
    source, root = exporter.source, exporter.workspace.store.root
    paths = list(scan_partitions(root, source=source.name, table=table, fmt=SET))
    if not paths:
        return []
    with source.privately().source.snapshot() as snapshot:
        return list(compare_sets(exporter, snapshot, paths))


def compare_sets(
    exporter: Exporter, snapshot: Snapshot, paths: list[Path]
) -> Iterator[SourceFinding]:
    """Compare the sets at *paths* with a moment that is at hand.

    Raises:
        SourceError: The source cannot be read.
    """
    by_set: dict[str, list[tuple[Path, Manifest]]] = {}
    for path in paths:
        try:
            manifest = read_if_there(path)
        except IntegrityError as error:
            yield _finding(path.parts[-3], path.name, fact=str(error))
            continue
        if manifest is not None:
            by_set.setdefault(manifest.table, []).append((path, manifest))
    columns_of = exported_columns(snapshot)
    define_views(snapshot, exporter.source.config, exporter.source.system)
    for name, published in by_set.items():
        yield from _compared(exporter, snapshot, name, [one for _, one in published], columns_of)


def _compared(
    exporter: Exporter,
    snapshot: Snapshot,
    name: str,
    published: list[Manifest],
    columns_of: Mapping[str, Sequence[str]],
) -> Iterator[SourceFinding]:
    source = exporter.source
    record = published[0].set
    profile = record.profile if isinstance(record, SetRecord) else ""
    unknown = f"{source.name}: no set is called {name} any more"
    try:
        known = sets_of(columns_of, source.config, source.system, profile=profile)
        maker = SetExporter(
            workspace=exporter.workspace,
            source=source,
            request=replace(exporter.request, tables=(), formats=(), partitions=()),
            run=exporter.run,
            progress=exporter.progress,
        )
        made = maker.made(known[name], snapshot) if name in known else None
    except UsageError as error:
        made, unknown = None, str(error)
    if made is None:
        for manifest in published:
            yield _finding(name, manifest.partition, rows=manifest.rows, unknown=True, fact=unknown)
        return
    for manifest in published:
        yield _judged(name, manifest, made.pop(manifest.partition, None))
    for partition in made:
        yield replace(_finding(name, partition, fact="is not published"), verdict="missing")


def _judged(name: str, manifest: Manifest, made: WrittenSet | None) -> SourceFinding:
    finding = _finding(name, manifest.partition, rows=manifest.rows)
    if manifest.digest_algorithm != ALGORITHM:
        fact = f"published with digest {manifest.digest_algorithm}, not {ALGORITHM}"
        return replace(finding, verdict="unknown", fact=fact)
    if made is None:
        gone = manifest.rows == 0
        fact = "" if gone else "the source has nothing of it any more"
        return replace(finding, verdict="equal" if gone else "vanished", fact=fact)
    rows = sum(file.rows for file in made.files)
    if isinstance(manifest.set, SetRecord) and content_of(manifest.set) == content_of(made.record):
        return replace(finding, verdict="equal", rows=rows)
    return replace(finding, fact="its content is not what the source holds", rows=rows)


def _finding(
    name: str, partition: str, *, rows: int | None = None, fact: str = "", unknown: bool = False
) -> SourceFinding:
    return SourceFinding(
        table=name,
        format=SET,
        partition=partition,
        verdict="unknown" if unknown else "different",
        fact=fact,
        published=rows,
    )
