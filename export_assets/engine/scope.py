"""Which published partitions a request speaks of, whether the source still has rows for them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from export_assets.engine.partitioning import partitions_of
from export_assets.engine.report import ExportRecord
from export_assets.engine.request import ExportRequest
from export_assets.engine.slicing import whole_partitions
from export_assets.engine.tables import TablePlan
from export_assets.engine.workspace import ConfiguredSource
from export_assets.store.layout import ExportKey, is_visible
from export_assets.store.local import LocalStore
from export_assets.store.manifest import MANIFEST_NAME, SET
from export_assets.tables.partitions import ALL, UNDATED, TimePartitions

_NAMED = 3
"""Directories of one kind that are named one by one."""


def published_keys(
    store: LocalStore, source: str, *, plan: TablePlan, formats: Iterable[str]
) -> set[str]:
    """Return the keys of the partitions that have a directory in any of *formats*."""
    found: set[str] = set()
    for fmt in formats:
        parent = store.partition_path(ExportKey(source, plan.name, fmt), ALL).parent
        if parent.is_dir():
            keys = (plan.partitions.key_of_directory(path.name) for path in parent.iterdir())
            found.update(key for key in keys if key is not None)
    return found


def vanished_keys(
    store: LocalStore,
    source: str,
    *,
    plan: TablePlan,
    formats: Iterable[str],
    request: ExportRequest,
    seen: frozenset[str],
) -> frozenset[str]:
    """Return keys that must be published without rows.

    These are the partitions that hold rows in the store and are no longer among the keys *seen*
    in the source, within the request's range; for a table without partitions, its one partition.
    """
    if not isinstance(plan.partitions, TimePartitions):
        return frozenset({plan.partitions.key}) - seen
    if request.partitions:
        return frozenset(request.partitions) - seen
    found = published_keys(store, source, plan=plan, formats=formats)
    window = request.window
    if window.bounded:
        window = whole_partitions(plan.partitions, window)
        found = {key for key in found - {UNDATED} if window.holds(plan.partitions.window(key))}
    return frozenset(found) - seen


def other_slicings(
    store: LocalStore, source: ConfiguredSource, records: Sequence[ExportRecord]
) -> list[str]:
    """Say which exports have partitions that were published when they were sliced otherwise."""
    notes = []
    exports = dict.fromkeys((one.table, one.format) for one in records if one.format != SET)
    for table, fmt in exports:
        parent = store.partition_path(ExportKey(source.name, table, fmt), ALL).parent
        if not parent.is_dir():
            continue
        partitions = partitions_of(source.config, table)
        others = sorted(
            path.name
            for path in parent.iterdir()
            if is_visible(path.name)
            and partitions.key_of_directory(path.name) is None
            and (path / MANIFEST_NAME).is_file()
        )
        if others:
            count = "a partition" if len(others) == 1 else f"{len(others)} partitions"
            notes.append(
                f"{table}/{fmt}: {count} published under another slicing still there, "
                f"{others[0]} first; who reads the whole directory sees those rows twice: "
                f"remove or move away {_in_short(parent, others)}"
            )
    return notes


def _in_short(parent: Path, names: Sequence[str]) -> str:
    """Name the directories *names* of *parent*: all, or from the first to the last of each kind."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(name.partition("=")[0], []).append(name)
    shown = [
        name
        for kind in kinds.values()
        for name in (kind if len(kind) <= _NAMED else [f"{kind[0]} to {kind[-1]}"])
    ]
    return f"{', '.join(shown)} in {parent}"
