"""Sets of a source in one run: written from the run's own snapshot, published, copied out."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote

from export_assets.engine.report import ExportRecord, failure
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.sets.publishing import SetPublisher, set_hash
from export_assets.engine.sets.spec import ExportSet, Moment
from export_assets.engine.sets.tables import SetFailed, SetTables
from export_assets.engine.sets.writing import SetWriter, WrittenSet, share_of
from export_assets.engine.table_pass import Progress, silent
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import UsageError
from export_assets.sources.base import Snapshot
from export_assets.sources.private_temp import private_directory
from export_assets.store.contents import DocumentRecord
from export_assets.store.delivery import deliver, stage_directory
from export_assets.store.layout import ExportKey
from export_assets.store.manifest import SET
from export_assets.store.staging import Staging
from export_assets.store.tree import scan_partitions
from export_assets.tables.partitions import ALL
from export_assets.translate import translate


@dataclass(frozen=True, kw_only=True)
class SetExporter:
    """Exports the sets of one source from one snapshot."""

    workspace: Workspace
    source: ConfiguredSource
    request: ExportRequest
    run: Run
    progress: Progress = silent

    def export(self, one: ExportSet, snapshot: Snapshot) -> list[ExportRecord]:
        """Export one set; whatever goes wrong is in the records."""
        started, whole = time.perf_counter(), "*" if one.split else ALL
        try:
            with private_directory(self.source.temp_dir) as spool, _views(one, snapshot):
                records = list(self._exported(one, snapshot, spool))
        except SetFailed as error:
            failed = replace(error.record, table=one.name, format=SET, partition=whole, path=None)
            records = [replace(failed, status="failed", error=str(error), manifest=None)]
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            told = translate(error, subject=f"{self.source.name}/{one.name}", side="destination")
            records = [failure(self.source.name, one.name, SET, whole, told)]
        seconds = round(time.perf_counter() - started, 6)
        return [replace(record, seconds=seconds) for record in records]

    def made(self, one: ExportSet, snapshot: Snapshot) -> dict[str, WrittenSet]:
        """Make a set aside, publish nothing of it, and return what it holds by partition.

        Raises:
            ExportError: It cannot be made.
        """
        with private_directory(self.source.temp_dir) as spool, _views(one, snapshot):
            writer = self._writer(one, snapshot, spool)
            if one.split is None:
                directory = spool / SET
                directory.mkdir()
                return {ALL: writer.write(directory)}
            (document,) = one.documents
            path, found = spool / document.name, {}
            for name, record in writer.nester(document).write_each(lambda _: path):
                found[name] = share_of(one, path, record)
                path.unlink()
            return found

    def _writer(self, one: ExportSet, snapshot: Snapshot, spool: Path) -> SetWriter:
        tables = SetTables.of(
            one,
            snapshot,
            workspace=self.workspace,
            source=self.source,
            run=self.run,
            spool=spool,
            progress=self.progress,
        )
        path = self.source.url.path
        moment = Moment(
            taken_at=snapshot.info.taken_at,
            source=self.source.name,
            file=path.name if path is not None else "",
        )
        return SetWriter(one=one, tables=tables, moment=moment)

    def _exported(self, one: ExportSet, snapshot: Snapshot, spool: Path) -> Iterator[ExportRecord]:
        writer = self._writer(one, snapshot, spool)
        publisher = SetPublisher(
            one=one,
            source=self.source,
            info=snapshot.info,
            run=self.run,
            stage=self._stage,
            config_hash=set_hash(one, writer.tables.source.config),
            overwrite=self.request.overwrite,
        )
        if one.split is not None:
            yield from self._split(one, writer, publisher)
            return

        def write(directory: Path) -> WrittenSet:
            written = writer.write(directory)
            snapshot.check()
            return written

        record = publisher.publish(ALL, ALL, write)
        yield self._delivered(one, record)

    def _stage(self, key: ExportKey, directory: str) -> AbstractContextManager[Staging]:
        request = self.request
        if request.export_dir is not None:
            self._refuse_inside(request.export_dir)
            return stage_directory(
                request.export_dir,
                key,
                self.run.id,
                timeout=request.lock_timeout,
                overwrite=request.overwrite,
                private=self.workspace.store.is_private(key.source),
            )
        return self.workspace.store.stage(
            key, directory, self.run.id, timeout=request.lock_timeout, replace_damaged=True
        )

    def _refuse_inside(self, directory: Path) -> None:
        """Refuse a directory among those of the store, which are published otherwise.

        Raises:
            UsageError: It is one, or holds them.
        """
        root, there = self.workspace.store.root, directory.resolve()
        if there == root or there.is_relative_to(root) or root.is_relative_to(there):
            msg = f"{directory}: lies among the exports, which a set is published in anyway"
            raise UsageError(msg)

    def _delivered(self, one: ExportSet, record: ExportRecord) -> ExportRecord:
        """Keep the copy of a published set as it is published."""
        directory = self.source.set_directory(one.name)
        if directory is None or self.request.export_dir is not None or record.path is None:
            return record
        self._refuse_inside(directory)
        deliver(
            record.path,
            directory,
            self.run.id,
            timeout=self.request.lock_timeout,
            overwrite=self.request.overwrite,
            private=self.workspace.store.is_private(self.source.name),
        )
        return record

    def _split(
        self, one: ExportSet, writer: SetWriter, publisher: SetPublisher
    ) -> Iterator[ExportRecord]:
        """Publish a document for each record; of a record that is gone, one without any."""
        (document,) = one.documents
        nester, wanted = writer.nester(document), set(self.request.partitions)
        seen: set[str] = set()
        path = writer.tables.spool / document.name
        for name, record in nester.write_each(lambda _: path):
            seen.add(name)
            if not wanted or name in wanted:
                yield publisher.publish(
                    partition_directory(one, name), name, _moving(one, path, record)
                )
            path.unlink(missing_ok=True)
        for name in self._gone(one, seen):
            if not wanted or name in wanted:
                yield publisher.publish(
                    partition_directory(one, name),
                    name,
                    lambda staged: share_of(
                        one, staged / document.name, nester.write_none(staged / document.name)
                    ),
                )

    def _gone(self, one: ExportSet, seen: set[str]) -> list[str]:
        """Return the records that are published and not there any more.

        Raises:
            UsageError: One was asked for that is neither.
        """
        key = ExportKey(self.source.name, one.name, SET)
        published = {
            unquote(path.name.partition("=")[2])
            for path in scan_partitions(
                self.workspace.store.root, source=key.source, table=key.table, fmt=SET
            )
            if path.name.startswith(f"{one.split}=")
        }
        for name in self.request.partitions:
            if name not in published and name not in seen:
                msg = f"{one.name}: {one.split} {name}: there is no such record"
                raise UsageError(msg)
        return sorted(published - seen)


def _moving(one: ExportSet, path: Path, record: DocumentRecord) -> Callable[[Path], WrittenSet]:
    def write(directory: Path) -> WrittenSet:
        placed = directory / path.name
        shutil.move(path, placed)
        return share_of(one, placed, record)

    return write


def _views(one: ExportSet, snapshot: Snapshot) -> AbstractContextManager[None]:
    """Have the views of *one* while the block runs."""
    if not one.views:
        return nullcontext()
    return snapshot.defining({name: view.query for name, view in one.views.items()})


def partition_directory(one: ExportSet, name: str) -> str:
    """Return the directory of the record called *name*."""
    return f"{one.split}={quote(name, safe='')}"
