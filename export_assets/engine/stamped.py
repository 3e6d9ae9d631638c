"""Which partitions are read of a table whose source knows what their rows are made of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from export_assets.engine.changes import Changes
from export_assets.engine.request import ExportRequest
from export_assets.engine.slicing import whole_partitions
from export_assets.engine.tables import TablePlan
from export_assets.sources.base import Snapshot
from export_assets.tables.partitions import UNDATED, TimePartitions

INPUTS = "inputs"
"""What a manifest's watermark calls the stamp of what its rows are made of."""

WHY_NOT = "unchanged: what its rows are made of is as it was"


@dataclass(frozen=True, kw_only=True)
class Stamped:
    """The stamps of a table's partitions now, and which partitions have another one published."""

    stamps: Mapping[str, str]
    keys: tuple[str, ...]
    """The partitions to read."""

    def record(self, key: str) -> dict[str, str]:
        """Return the watermark of a manifest of partition *key*."""
        return {INPUTS: self.stamps.get(key, "")}

    def stretches(self, known: Iterable[str]) -> list[tuple[str, ...]]:
        """Divide the partitions to read so that none of the others lies between two of one part.

        Args:
            known: Partitions that have rows, or had some.
        """
        wanted, found = set(self.keys), list[list[str]]()
        apart = True
        for key in sorted({*known, *self.keys}):
            if key not in wanted:
                apart = True
                continue
            if apart:
                found.append([])
            found[-1].append(key)
            apart = False
        return [tuple(keys) for keys in found]


def stamped_of(
    plan: TablePlan,
    snapshot: Snapshot,
    request: ExportRequest,
    changes: Changes,
    *,
    origin: str,
) -> Stamped | None:
    """Return which partitions *request* must read; None where only reading tells."""
    partitions = plan.partitions
    if request.output_dir is not None or not isinstance(partitions, TimePartitions):
        return None
    stamps = snapshot.stamps(plan.name, partitions)
    if stamps is None:
        return None
    there = {key for fmt in changes.formats for key in changes.published(fmt)}
    wanted = _wanted(request, partitions, {*stamps, *there})
    if request.full or request.overwrite:
        return Stamped(stamps=stamps, keys=tuple(wanted))
    keys = [
        key
        for key in wanted
        if not all(
            _is_as_before(changes, fmt, key, stamps.get(key, ""), origin) for fmt in changes.formats
        )
    ]
    return Stamped(stamps=stamps, keys=tuple(keys))


def _wanted(request: ExportRequest, partitions: TimePartitions, known: set[str]) -> Sequence[str]:
    if request.partitions:
        return sorted(request.partitions)
    if not request.window.bounded:
        return sorted(known)
    window = whole_partitions(partitions, request.window)
    return sorted(key for key in known - {UNDATED} if window.holds(partitions.window(key)))


def _is_as_before(changes: Changes, fmt: str, key: str, stamp: str, origin: str) -> bool:
    manifest = changes.manifest(fmt, key)
    return (
        manifest is not None
        and changes.obstacle(fmt, key) is None
        and manifest.watermark.get(INPUTS) == stamp
        and manifest.snapshot.origin == origin
    )
