"""Rows of a table by their keys: a few keys at a time, or one scan where there are many."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from export_assets.engine.bundles.keys import MOST_KEYS, key_frame, key_sets, positions
from export_assets.engine.bundles.tables import BundleTable
from export_assets.engine.table_pass import Progress
from export_assets.errors import IntegrityError
from export_assets.sources.base import Scan, Snapshot
from export_assets.tables.schema import TableSchema

Wanted = Mapping[tuple[str, ...], pl.DataFrame]
"""Keys by the columns they are of: a row is wanted where it has one of them."""

_MOST_LOOKUPS = 16
"""Statements worth more than reading the table once: none may have an index to go by."""
_FRACTION = 4


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads rows from one snapshot."""

    snapshot: Snapshot
    zone: str
    progress: Progress
    counts: dict[str, int] = field(default_factory=dict)

    def keys(self, table: BundleTable, wanted: Wanted) -> Iterator[pl.DataFrame]:
        """Yield the columns of references of the rows *wanted*.

        Raises:
            ValueMismatch: A value does not fit its column's type.
            IntegrityError: The source counts other rows than it delivered.
        """
        for _, keys in self._rows(table, table.key_schema, wanted):
            yield keys

    def rows(
        self, table: BundleTable, wanted: Wanted
    ) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Yield the rows *wanted*, each once, conformed, and their columns of references.

        Raises:
            ValueMismatch: A value does not fit its column's type.
            IntegrityError: The source counts other rows than it delivered.
        """
        conformer = table.conformer(self.zone, keys=False)
        for raw, keys in self._rows(table, table.plan.schema, wanted):
            yield conformer.conform(raw), keys

    def _rows(
        self, table: BundleTable, schema: TableSchema, wanted: Wanted
    ) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        conformer = table.conformer(self.zone, keys=True)
        for raw, offered, taken in self._raw(table, schema, wanted):
            keys = conformer.conform(raw)
            chosen = _chosen(keys, offered)
            if taken:
                earlier = _chosen(keys, taken)
                chosen = chosen.filter(~chosen.is_in(earlier.implode()))
            if len(chosen):
                self.progress(table.name, len(chosen))
                yield raw[chosen], keys[chosen]

    def _raw(
        self, table: BundleTable, schema: TableSchema, wanted: Wanted
    ) -> Iterator[tuple[pl.DataFrame, Wanted, Wanted]]:
        """Yield raw rows, the keys they may have, and those whose rows came already."""
        if not self._looks_up(table.name, wanted):
            scan = Scan(table=table.name, schema=schema, assume_timezone=self.zone)
            for raw in self._counted(scan, self.count(table.name)):
                yield raw, wanted, {}
            return
        taken: dict[tuple[str, ...], pl.DataFrame] = {}
        for columns, keys in wanted.items():
            for piece in key_sets(columns, keys):
                scan = Scan(table=table.name, schema=schema, assume_timezone=self.zone, among=piece)
                for raw in self._counted(scan, None):
                    yield raw, {columns: keys}, taken
            taken[columns] = keys

    def _counted(self, scan: Scan, rows: int | None) -> Iterator[pl.DataFrame]:
        """Yield what *scan* delivers, and compare it with what the source counts."""
        delivered = 0
        for frame in self.snapshot.scan(scan):
            delivered += frame.height
            yield frame
        counted = self.snapshot.count_scan(replace(scan, order_by=())) if rows is None else rows
        if counted != delivered:
            msg = f"{scan.table}: the source counts {counted} rows, {delivered} were read"
            raise IntegrityError(msg)

    def _looks_up(self, table: str, wanted: Wanted) -> bool:
        """Whether to ask for the keys rather than to read the whole table."""
        keys = sum(frame.height for frame in wanted.values())
        lookups = sum(-(-frame.height // MOST_KEYS) for frame in wanted.values())
        if lookups <= 1:
            return True
        return lookups <= _MOST_LOOKUPS and keys * _FRACTION <= self.count(table)

    def count(self, table: str) -> int:
        """Return how many rows *table* has."""
        if table not in self.counts:
            self.counts[table] = self.snapshot.count(table)
        return self.counts[table]


def _chosen(keys: pl.DataFrame, wanted: Wanted) -> pl.Series:
    """Return the positions of the rows of *keys* that have one of the keys *wanted*, in order."""
    found = [positions(key_frame(keys, columns), values) for columns, values in wanted.items()]
    return found[0] if len(found) == 1 else pl.concat(found).unique().sort()
