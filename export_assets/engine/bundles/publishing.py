"""The last step of a bundle: its set into the store, whole or not at all, or into a directory."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from export_assets.engine.bundles.bundle_set import SetWriter, WrittenSet
from export_assets.engine.bundles.gather import Gatherer
from export_assets.engine.bundles.naming import bundle_directory
from export_assets.engine.destination import StoreSlot
from export_assets.engine.manifests import code_version, effective_hash
from export_assets.engine.report import ExportRecord, Status
from export_assets.engine.request import Run
from export_assets.errors import DestConflict
from export_assets.formats.registry import format_named
from export_assets.store.adhoc import DirectoryTarget
from export_assets.store.contents import BundleRecord
from export_assets.store.layout import ExportKey
from export_assets.store.manifest import BUNDLE, TREE, Counters, Manifest, SnapshotRecord
from export_assets.tables.digest import ALGORITHM

TREE_LAYOUT = 1
"""Raised when this package starts writing other trees for equal rows and configuration."""


@dataclass(frozen=True, kw_only=True)
class PublishedSet:
    """What became of a set, and what was odd about it."""

    record: ExportRecord
    files: tuple[Path, ...]
    warnings: tuple[str, ...]


def publish(gatherer: Gatherer, writer: SetWriter, run: Run) -> PublishedSet:
    """Write the set into the store and publish it in one step; leave an equal one as it is.

    Raises:
        DestConflict: What is published there is another bundle, or of a later moment.
        DestinationError: The set cannot be written; what was published before still is.
        IntegrityError: What was written is not what the snapshot held.
    """
    source, request = gatherer.exporter.source, gatherer.request
    gathered = writer.gathered
    primary = gathered.key == gatherer.tables[request.table].order
    directory = bundle_directory(gathered.key, writer.ids, primary=primary)
    # The key of the partition is what its directory says, or is its directory.
    plain = ",".join(writer.ids)
    partition = plain if primary and unquote(directory) == f"id={plain}" else directory
    store = gatherer.exporter.workspace.store
    key = ExportKey(source.name, request.table, BUNDLE)
    with store.stage(
        key, directory, run.id, timeout=request.lock_timeout, replace_damaged=True
    ) as staging:
        slot = StoreSlot(staging)
        written = writer.write(lambda stem, suffix: staging.path / f"{stem}{suffix}")
        manifest = _manifest(gatherer, written, run, partition)
        previous = slot.previous
        warnings = written.warnings
        if previous is not None:
            _refuse_other(previous, manifest, f"{key}/{directory}", gatherer)
            if slot.damage is None and not request.overwrite and _same(previous, manifest):
                return _done(previous, "unchanged", staging.target, warnings)
        if slot.damage is not None:
            warnings = (*warnings, f"{key}/{directory}: {slot.damage}; published again")
        _, path, published = slot.commit(manifest)
        return _done(published, "success", path, warnings)


def write_directory(
    directory: Path, gatherer: Gatherer, writer: SetWriter, run: Run
) -> PublishedSet:
    """Write the set into *directory*, each file whole or absent under its final name.

    Raises:
        DestinationError: The directory cannot be written.
        IntegrityError: What was written is not what the snapshot held.
    """
    source, request = gatherer.exporter.source.name, gatherer.request
    stem = f"{request.table}_bundle"
    if len(writer.ids) == 1:
        stem += f"_{writer.ids[0]}"
    target = DirectoryTarget(directory, run.now, run_id=run.id, overwrite=request.overwrite)
    names: dict[str, str] = {}

    def placing(name: str, suffix: str) -> Path:
        own = stem if name + suffix == TREE else f"{stem}_{name}"
        file = names[name + suffix] = target.file_name(own, suffix)
        return target.staged(file)

    with target:
        written = writer.write(placing)
        manifest = _manifest(gatherer, written, run, ",".join(writer.ids))
        kept = [name for name in names.values() if target.skips(name)]
        if kept:
            path = target.directory / kept[0]
            error = f"{path} exists; use --overwrite"
            return _done(manifest, "skipped", path, written.warnings, error=error)
        for file in written.files:
            bundled = written.record.table_of(file.path)
            target.publish(
                names[file.path],
                rows=file.rows,
                source=source,
                table=bundled[0].name if bundled is not None else request.table,
                fmt=bundled[1] if bundled is not None else BUNDLE,
            )
        files = tuple(target.directory / names[file.path] for file in written.files)
        return _done(manifest, "success", files[0], written.warnings, files=files)


def _done(
    manifest: Manifest,
    status: Status,
    path: Path,
    warnings: tuple[str, ...],
    *,
    files: tuple[Path, ...] | None = None,
    error: str | None = None,
) -> PublishedSet:
    if files is None:
        files = tuple(path / file.path for file in manifest.files) if error is None else ()
    record = ExportRecord(
        source=manifest.source,
        table=manifest.table,
        format=BUNDLE,
        partition=manifest.partition,
        status=status,
        rows=manifest.rows,
        bytes=manifest.bytes,
        path=path,
        manifest=manifest,
        error=error,
    )
    return PublishedSet(record=record, files=files, warnings=warnings)


def _manifest(gatherer: Gatherer, written: WrittenSet, run: Run, partition: str) -> Manifest:
    """Describe the set as it is about to be published."""
    source, info = gatherer.exporter.source, gatherer.snapshot.info
    total = sum(int(table.row_digest, 16) for table in written.record.tables) % 2**64
    layout = "indented" if gatherer.request.pretty else "a record a line"
    return Manifest(
        source=source.name,
        table=gatherer.request.table,
        format=BUNDLE,
        partition=partition,
        snapshot=SnapshotRecord(
            kind=info.kind,
            id=info.id,
            taken_at=info.taken_at,
            consistency=info.consistency,
            origin=source.origin,
        ),
        config_hash=_config_hash(gatherer, written.record),
        code_version=code_version(),
        columns=(),
        primary_key=written.record.tables[0].primary_key,
        order_by=written.record.tables[0].primary_key,
        files=written.files,
        row_digest=f"{total:016x}",
        digest_algorithm=ALGORITHM,
        counters=Counters(exported=written.record.rows),
        dialect={"encoding": "utf-8", "layout": layout},
        bundle=written.record,
        created_at=run.now,
        run_id=run.id,
    )


def _config_hash(gatherer: Gatherer, record: BundleRecord) -> str:
    """Return the hash of what decides the set besides the source."""
    config, request = gatherer.exporter.source.config, gatherer.exporter.request
    own = gatherer.request
    parts = [
        str(TREE_LAYOUT),
        repr((own.follow, sorted(own.exclude), own.include_related, own.depth)),
        repr((own.pretty, own.computed, own.formats, record.key)),
        repr([str(step.link) for step in gatherer.route.walked()]),
    ]
    parts += [
        effective_hash(config, table.name, fmt, request)
        for table in record.tables
        for fmt in ("json", *table.files)
    ]
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:16]


def _same(old: Manifest, new: Manifest) -> bool:
    """Whether publishing *new* over *old* would change nothing a reader sees."""
    return (
        old.format_version == new.format_version
        and old.config_hash == new.config_hash
        and old.digest_algorithm == new.digest_algorithm
        and old.bundle == new.bundle
        and _files(old) == _files(new)
    )


def _files(manifest: Manifest) -> list[tuple[str, int, str]]:
    """Return what tells of each file: its bytes where equal rows give equal ones."""
    found = []
    for file in manifest.files:
        whose = manifest.bundle.table_of(file.path) if manifest.bundle else None
        tells = whose is None or format_named(whose[1]).reproducible
        found.append((file.path, file.rows, file.sha256 if tells else ""))
    return found


def _refuse_other(old: Manifest, new: Manifest, subject: str, gatherer: Gatherer) -> None:
    """Refuse to replace what is another bundle, or shows a later moment.

    Raises:
        DestConflict: It is, and overwriting was not asked for.
    """
    if (old.table, old.partition) != (new.table, new.partition):
        # Where the file system ignores case, `id=A` lies where `id=a` is looked for.
        msg = f"{subject}: holds the bundle {old.partition!r} of {old.table!r}, which stays"
        raise DestConflict(msg)
    if gatherer.request.overwrite:
        return
    if gatherer.exporter.source.ad_hoc and old.snapshot.origin != new.snapshot.origin:
        msg = f"{subject}: was published from another database; give this one a name in a YAML "
        msg += "file, or use --output-dir or --overwrite"
        raise DestConflict(msg)
    if old.snapshot.taken_at > new.snapshot.taken_at:
        moment = old.snapshot.taken_at.isoformat(timespec="seconds")
        msg = f"{subject}: run {old.run_id} published rows of a later moment, {moment}"
        raise DestConflict(msg)
