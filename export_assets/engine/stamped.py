"""Which partitions are read of a table whose source knows what their rows are made of."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from export_assets.engine.changes import Changes
from export_assets.engine.memory import Inputs, PassMemory
from export_assets.engine.request import ExportRequest
from export_assets.engine.slicing import whole_partitions
from export_assets.engine.tables import TablePlan
from export_assets.sources.base import Snapshot
from export_assets.store.manifest import Manifest
from export_assets.tables.partitions import UNDATED, Partitions, TimePartitions

INPUTS = "inputs"
"""What a manifest's watermark calls the stamp of what its rows are made of."""

WHY_NOT = "unchanged: what its rows are made of is as it was"


@dataclass(frozen=True, kw_only=True)
class Stamped:
    """The stamps of a table's partitions now, and which partitions have another one published."""

    stamps: Mapping[str, str]
    keys: tuple[str, ...]
    """The partitions to read."""

    @property
    def read(self) -> dict[str, str]:
        """By key, the stamps of the partitions to read."""
        return {key: self.stamps.get(key, "") for key in self.keys}

    def record(self, key: str) -> dict[str, str]:
        """Return the watermark of a manifest of partition *key*."""
        return {INPUTS: self.stamps.get(key, "")}

    def stretches(self, known: Iterable[str]) -> list[tuple[str, ...]]:
        """Divide the partitions to read so that none of the others lies between two of one part.

        Args:
            known: Partitions that have rows, or had some.
        """
        wanted = set(self.keys)
        runs = groupby(sorted({*known, *wanted}), key=lambda key: key in wanted)
        return [tuple(keys) for inside, keys in runs if inside]


def stamped_of(
    plan: TablePlan,
    snapshot: Snapshot,
    request: ExportRequest,
    changes: Changes,
    *,
    memory: PassMemory,
    origin: str,
    published: Collection[str],
) -> Stamped | None:
    """Return which partitions *request* must read; None where only reading tells.

    *published* are the partitions that have a directory in any format.
    """
    partitions = plan.partitions
    if request.output_dir is not None:
        return None
    if request.window.bounded and not isinstance(partitions, TimePartitions):
        return None
    stamps = snapshot.stamps(plan.name, partitions)
    if stamps is None:
        return None
    wanted = _wanted(request, partitions, {*stamps, *published})
    if request.full or request.overwrite:
        return Stamped(stamps=stamps, keys=tuple(wanted))
    seen = {fmt: memory.inputs(plan.name, fmt) for fmt in changes.formats}
    keys = [
        key
        for key in wanted
        if not all(
            is_made_of(_sound(changes, fmt, key, origin=origin), stamps.get(key, ""), seen[fmt])
            for fmt in changes.formats
        )
    ]
    return Stamped(stamps=stamps, keys=tuple(keys))


def is_made_of(manifest: Manifest | None, stamp: str, seen: Mapping[str, Inputs]) -> bool:
    """Whether the rows of *manifest* are those of inputs with *stamp*.

    *seen* is what was read later and made no difference, by partition key.
    """
    if manifest is None:
        return False
    if manifest.watermark.get(INPUTS) == stamp:
        return True
    return seen.get(manifest.partition) == Inputs(run_id=manifest.run_id, stamp=stamp)


def _wanted(request: ExportRequest, partitions: Partitions, known: set[str]) -> Sequence[str]:
    if not isinstance(partitions, TimePartitions):
        return [partitions.key]
    if request.partitions:
        return sorted(request.partitions)
    if not request.window.bounded:
        return sorted(known)
    window = whole_partitions(partitions, request.window)
    return sorted(key for key in known - {UNDATED} if window.holds(partitions.window(key)))


def _sound(changes: Changes, fmt: str, key: str, *, origin: str) -> Manifest | None:
    """Return the manifest of what is published and can be compared; None where nothing is."""
    manifest = changes.manifest(fmt, key)
    if manifest is None or changes.obstacle(fmt, key) is not None:
        return None
    return manifest if manifest.snapshot.origin == origin else None
