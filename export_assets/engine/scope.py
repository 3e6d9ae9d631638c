"""Which published partitions a request speaks of, whether the source still has rows for them."""

from collections.abc import Iterable

from export_assets.engine.request import ExportRequest
from export_assets.engine.slicing import whole_partitions
from export_assets.engine.tables import TablePlan
from export_assets.store.layout import ExportKey
from export_assets.store.local import LocalStore
from export_assets.tables.partitions import ALL, UNDATED, TimePartitions


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
        return frozenset({ALL}) - seen
    if request.partitions:
        return frozenset(request.partitions) - seen
    found = published_keys(store, source, plan=plan, formats=formats)
    window = request.window
    if window.bounded:
        window = whole_partitions(plan.partitions, window)
        found = {key for key in found - {UNDATED} if window.holds(plan.partitions.window(key))}
    return frozenset(found) - seen
