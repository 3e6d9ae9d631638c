"""The last step of a set: into the store, whole or not at all, unless nothing of it changed."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from export_assets.config.format_options import FormatOptionsConfig
from export_assets.config.models import SourceConfig
from export_assets.engine.destination import StoreSlot
from export_assets.engine.manifests import code_version, effective_hash
from export_assets.engine.report import ExportRecord
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.sets.spec import ExportSet
from export_assets.engine.sets.writing import WrittenSet
from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import DestConflict
from export_assets.sources.base import SnapshotInfo
from export_assets.store.contents import SetRecord
from export_assets.store.layout import ExportKey
from export_assets.store.manifest import SET, Counters, Manifest, SnapshotRecord
from export_assets.store.staging import Staging
from export_assets.tables.digest import ALGORITHM

LAYOUT = 1
"""Raised when this package starts writing other bytes for equal rows and configuration."""

Stage = Callable[[ExportKey, str], AbstractContextManager[Staging]]
"""Gives a place to write one partition of a set, under its lock."""


@dataclass(frozen=True, kw_only=True)
class SetPublisher:
    """Publishes one set of one moment."""

    one: ExportSet
    source: ConfiguredSource
    info: SnapshotInfo
    run: Run
    stage: Stage
    config_hash: str
    overwrite: bool = False

    def publish(
        self, directory: str, partition: str, write: Callable[[Path], WrittenSet]
    ) -> ExportRecord:
        """Write a partition and publish it; one that is published as it is stays.

        Raises:
            DestConflict: What is published there is of another database, or no set.
            DestinationError: It cannot be written; what was published before still is.
        """
        key = ExportKey(self.source.name, self.one.name, SET)
        with self.stage(key, directory) as staging:
            slot = StoreSlot(staging)
            written = write(staging.path)
            manifest = self._manifest(written, partition)
            previous, warning = slot.previous, None
            if previous is not None:
                self._refuse_other(previous)
                if slot.damage is None and not self.overwrite and same(previous, manifest):
                    return self._record(previous, staging.target, status="unchanged")
            if slot.damage is not None:
                warning = f"{key}/{directory}: {slot.damage}; published again"
            _, path, published = slot.commit(manifest)
            return self._record(published, path, status="success", warning=warning)

    def _refuse_other(self, previous: Manifest) -> None:
        if previous.snapshot.origin != self.source.origin and not self.overwrite:
            msg = f"{self.source.name}/{self.one.name}: was published from another database; use "
            msg += "--overwrite to replace it"
            raise DestConflict(msg)

    def _record(
        self, manifest: Manifest, path: Path, *, status: str, warning: str | None = None
    ) -> ExportRecord:
        return ExportRecord(
            source=self.source.name,
            table=self.one.name,
            format=SET,
            partition=manifest.partition,
            status="unchanged" if status == "unchanged" else "success",
            rows=manifest.rows,
            bytes=manifest.bytes,
            path=path,
            manifest=manifest,
            warning=warning,
        )

    def _manifest(self, written: WrittenSet, partition: str) -> Manifest:
        info = self.info
        return Manifest(
            source=self.source.name,
            table=self.one.name,
            format=SET,
            partition=partition,
            snapshot=SnapshotRecord(
                kind=info.kind,
                id=info.id,
                taken_at=info.taken_at,
                consistency=info.consistency,
                origin=self.source.origin,
            ),
            config_hash=self.config_hash,
            code_version=code_version(),
            columns=(),
            files=written.files,
            row_digest=written.digest,
            digest_algorithm=ALGORITHM,
            counters=Counters(exported=sum(file.rows for file in written.files)),
            set=written.record,
            created_at=self.run.now,
            run_id=self.run.id,
        )


def same(one: Manifest, other: Manifest) -> bool:
    """Whether two generations hold the same content in the same files."""
    return (
        one.config_hash == other.config_hash
        and one.code_version == other.code_version
        and one.row_digest == other.row_digest
        and [file.path for file in one.files] == [file.path for file in other.files]
        and isinstance(one.set, SetRecord)
        and isinstance(other.set, SetRecord)
        and content_of(one.set) == content_of(other.set)
    )


def content_of(record: SetRecord) -> object:
    """Return what two sets have in common where they hold the same."""
    tables = [(table.name, table.rows, table.row_digest) for table in record.tables]
    return tables, [msgspec.to_builtins(document) for document in record.documents]


def set_hash(one: ExportSet, config: SourceConfig) -> str:
    """Return the hash of everything that decides what the files of *one* look like.

    *config* has the rules of its views.
    """
    parts = [str(LAYOUT), one.profile, repr(one.split)]
    parts += [f"{name}={view.query}" for name, view in sorted(one.views.items())]
    parts += [repr((document.name, document.root, document.pretty)) for document in one.documents]
    for joined in one.joined:
        parts += [repr(joined), repr([str(relation) for relation in config.relations])]
        parts += [
            effective_hash(config, table, joined.format, ExportRequest()) for table in joined.tables
        ]
    for table, fmt, stem, options in _files(one):
        request = ExportRequest(formats=(fmt,), options=options)
        parts.append(f"{stem} {table} {effective_hash(config, table, fmt, request)}")
    for document in one.documents:
        for level in document.root.walk():
            parts.append(effective_hash(config, level.table, "ndjson", ExportRequest()))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _files(one: ExportSet) -> Iterator[tuple[str, str, str, dict[str, FormatOptionsConfig]]]:
    for file in one.files:
        yield file.table, file.format, file.stem, {file.format: file.options}
