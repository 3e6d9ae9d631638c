"""Where one run's files go, opened before its first table and closed after its last."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from export_assets.config.models import SourceConfig
from export_assets.engine.destination import DirectoryDestination, Opener, StoreDestination
from export_assets.engine.report import ExportRecord
from export_assets.engine.request import ExportRequest, Run
from export_assets.formats.base import Format, FormatOptions
from export_assets.formats.registry import format_named
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
    source: SourceConfig,
    request: ExportRequest,
    run: Run,
    *,
    tables: Sequence[str],
    chosen: Sequence[str],
    options: Callable[[str, Format], FormatOptions],
) -> Iterator[Outlet]:
    """Open the store per table, or an output directory for the whole run.

    Args:
        store: Where partitions are published without an output directory.
        source: The source.
        request: What is exported.
        run: The run.
        tables: Every table of the source.
        chosen: Those to be exported.
        options: How a table is written in a format, `*` being any.

    Raises:
        DestinationError: The output directory cannot be written.
        UsageError: A table cannot be in one file with its metadata.
    """
    if request.output_dir is None:
        yield Outlet(
            open=lambda slots: StoreDestination(
                store, source.source, run.id, slots, request.lock_timeout
            )
        )
        return
    if request.one_file:
        from export_assets.formats.joiners import joiner_of

        joiner_of(request.formats[0]).check(chosen, described=request.document_metadata)
    private = store.is_private(source.source)
    with DirectoryTarget(
        request.output_dir, run.now, run_id=run.id, overwrite=request.overwrite, private=private
    ) as target:
        if not request.one_file:
            directory = DirectoryDestination(target, tables)
            yield Outlet(open=lambda _: directory)
            return
        from export_assets.engine.one_file import OneFileDestination

        fmt = format_named(request.formats[0])
        whole = OneFileDestination(
            target,
            source=source.source,
            relations=source.relations,
            request=request,
            run=run,
            fmt=fmt,
            options=options("*", fmt),
        )
        yield Outlet(open=lambda _: whole, finish=whole.finish)
