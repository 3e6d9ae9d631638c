"""How many rows the partitions before one have, from manifests that are read once a run."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from export_assets.defs.table import TableExport
from export_assets.errors import ExportError
from export_assets.store.manifest import Manifest
from export_assets.tables.partitions import UNDATED, ExportPartitions

_MOST_LOOKS = 3
"""Manifests that are looked at for each one wanted, where some are of unfinished partitions."""


@dataclass(frozen=True, kw_only=True)
class Past:
    """A published partition."""

    key: str
    rows: int
    finished: bool
    """Whether its time was over when its rows were read, so that no more are to come."""


class History:
    """The published partitions of one export."""

    def __init__(self, table: TableExport, fmt: str, known: Iterable[Manifest] = ()) -> None:
        """Begin with manifests that are *known* already."""
        self._table, self._fmt = table, fmt
        self._past: dict[str, Past | None] = {}
        self.add(known)

    def add(self, known: Iterable[Manifest]) -> None:
        """Take over manifests that somebody has read."""
        self._past |= {one.partition: self._of(one) for one in known}

    def is_finished(self, manifest: Manifest, *, unchanged_at: datetime | None = None) -> bool:
        """Whether the time of the partition was over when its rows were read.

        Rows that were found unchanged later, at *unchanged_at*, were read then.
        """
        # Of exports that are kept by their time each holds the whole table, at any time of day.
        if isinstance(self._table.partitions, ExportPartitions) or manifest.window is None:
            return True
        end = manifest.window.end
        taken_at = manifest.snapshot.taken_at
        return end is None or end <= max(taken_at, unchanged_at or taken_at)

    def before(self, key: str, number: int, *, finished: bool = False) -> list[Past]:
        """Return the last *number* partitions before *key*, in order.

        Those that cannot be read are passed over, and with *finished* those whose time was not
        over when they were read.
        """
        found: list[Past] = []
        end = bisect_left(self._keys, key)
        for one in reversed(self._keys[max(end - _MOST_LOOKS * number, 0) : end]):
            past = self._read(one)
            if past is not None and (past.finished or not finished):
                found.append(past)
            if len(found) == number:
                break
        return found[::-1]

    @cached_property
    def _keys(self) -> list[str]:
        return [key for key in self._table.published_keys(self._fmt) if key != UNDATED]

    def _read(self, key: str) -> Past | None:
        if key not in self._past:
            try:
                manifest = self._table.manifest(self._fmt, key)
            except (ExportError, OSError):
                manifest = None  # the check `integrity` of that partition tells
            self._past[key] = None if manifest is None else self._of(manifest)
        return self._past[key]

    def _of(self, manifest: Manifest) -> Past:
        return Past(key=manifest.partition, rows=manifest.rows, finished=self.is_finished(manifest))
