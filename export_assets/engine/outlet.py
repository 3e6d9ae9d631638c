"""Where one run's files go, opened before its first table and closed after its last."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from export_assets.engine.destination import DirectoryDestination, Opener, StoreDestination
from export_assets.engine.document import DocumentDestination
from export_assets.engine.report import ExportRecord
from export_assets.engine.request import ExportRequest, Run
from export_assets.formats.base import FormatOptions
from export_assets.formats.document import check_members
from export_assets.store.adhoc import DirectoryTarget
from export_assets.store.local import LocalStore


def _as_they_are(records: Sequence[ExportRecord]) -> list[ExportRecord]:
    return list(records)


@dataclass(frozen=True, kw_only=True)
class Outlet:
    """Gives each table its destination, and has the last word over what was exported."""

    open: Opener
    finish: Callable[[Sequence[ExportRecord]], list[ExportRecord]] = _as_they_are


@contextmanager
def open_outlet(
    store: LocalStore,
    source: str,
    request: ExportRequest,
    run: Run,
    *,
    tables: Sequence[str],
    document_options: FormatOptions,
) -> Iterator[Outlet]:
    """Open the store per table, or an output directory for the whole run.

    Args:
        store: Where partitions are published without an output directory.
        source: The name of the source.
        request: What is exported.
        run: The run.
        tables: Every table of the source.
        document_options: How the tables are written where they are one document.

    Raises:
        DestinationError: The output directory cannot be written.
        UsageError: A table cannot be in one document with its metadata.
    """
    if request.output_dir is None:
        yield Outlet(
            open=lambda slots: StoreDestination(store, source, run.id, slots, request.lock_timeout)
        )
        return
    if request.one_file:
        check_members(tables, metadata=request.document_metadata)
    target = DirectoryTarget(
        request.output_dir,
        run.now,
        run_id=run.id,
        overwrite=request.overwrite,
        private=store.is_private(source),
    )
    with target:
        if not request.one_file:
            directory = DirectoryDestination(target, tables)
            yield Outlet(open=lambda _: directory)
            return
        document = DocumentDestination(
            target, source=source, request=request, run=run, options=document_options
        )
        yield Outlet(open=lambda _: document, finish=document.finish)
