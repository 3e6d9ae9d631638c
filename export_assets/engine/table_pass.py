"""One pass over one table: read once, check and count every row, feed every lane."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from export_assets.engine.handed import Hashed
from export_assets.engine.lane import Lane
from export_assets.engine.prefetch import reading_ahead
from export_assets.engine.request import ExportRequest
from export_assets.engine.slicing import Slice, Slicer
from export_assets.engine.tables import TablePlan
from export_assets.sources.base import Scan, Snapshot
from export_assets.tables.batch import Batch
from export_assets.tables.conform import Conformer
from export_assets.tables.contract import Contract, PartitionContract
from export_assets.tables.digest import DigestBuilder, RowHashes
from export_assets.tables.partitions import UNDATED, TimePartitions
from export_assets.tables.redaction import Redactor
from export_assets.tables.schema import TableSchema
from export_assets.tables.statistics import StatisticsBuilder

Progress = Callable[[str, int], None]
"""Called with a table's name and how many more of its rows were read."""


def silent(table: str, rows: int) -> None:
    """Report progress to nobody."""
    del table, rows


class Observer:
    """Sees the rows of a pass on their way; does nothing unless told otherwise."""

    def rows(self, inside: Batch) -> None:
        """Look at conformed rows before anything of them is hidden."""

    def leaving(self, key: str, batch: Batch) -> None:
        """Look at rows of partition *key* as they leave."""


def everything(fmt: str, key: str) -> bool:
    """Write every partition in every format."""
    del fmt, key
    return True


class PartitionFacts:
    """What was counted of one partition's rows on their way in."""

    def __init__(self, schema: TableSchema, contract: Contract) -> None:
        self.digest = DigestBuilder(schema)
        self.statistics = StatisticsBuilder(schema)
        self.contract: PartitionContract = contract.start()
        self._unique = {name: schema.names.index(name) for name in contract.unique}
        self.coerced = 0
        """Wall-clock readings that were ambiguous or skipped by the clock."""

    def update(self, batch: Batch, hashes: RowHashes, offset: int, *, clean: bool) -> None:
        """Count the rows of *batch*, which lies at *offset* of what was hashed as a whole.

        *clean* says that no row of the whole breaks a rule about single rows.
        """
        self.digest.add(hashes, offset, batch.rows)
        self.statistics.update(batch)
        part = slice(offset, offset + batch.rows)
        unique = {name: hashes.columns[at][part].copy() for name, at in self._unique.items()}
        self.contract.update(batch, clean=clean, hashes=unique)


@dataclass(frozen=True, kw_only=True)
class PassResult:
    """What one pass saw."""

    rows_read: int
    left_out: int
    """Rows of these that the formats of the pass do not see."""
    scan: Scan
    """What was asked of the source."""
    facts: dict[str, PartitionFacts]
    schema: TableSchema
    """Of the rows that left, after redaction."""
    waiting: Mapping[str, int]
    """Rows by key of the partitions there was no room for, which need a pass of their own."""

    @property
    def rows(self) -> int:
        """Rows taken in, and rows of partitions that wait."""
        taken = sum(facts.digest.rows for facts in self.facts.values())
        return taken + sum(self.waiting.values())


def read_table(
    plan: TablePlan,
    snapshot: Snapshot,
    request: ExportRequest,
    *,
    assume_timezone: str,
    redactor: Redactor,
    contract: Contract,
    vanished: Callable[[frozenset[str]], frozenset[str]],
    lanes: Sequence[Lane],
    progress: Progress,
    room: int | None = None,
    writes: Callable[[str, str], bool] = everything,
    observers: Sequence[Observer] = (),
) -> PassResult:
    """Read the rows wanted once and hand every lane the same batches, partition by partition.

    *vanished* tells, of the keys seen, which others must be written without rows. With *room*,
    rows of further partitions than so many are counted and left for another pass. Lanes get the
    partitions that their format *writes*; all others are counted only.

    Raises:
        ValueMismatch: A value does not fit its column's type; the lanes hold a torn pass.
        SourceError: The source failed.
    """
    slicer = Slicer(plan, request)
    conformer = Conformer(plan.schema, assume_timezone=assume_timezone)
    intake = _Intake(
        contract=contract,
        lanes=lanes,
        room=room,
        writes=writes,
        observers=observers,
        in_order=snapshot.keeps_time_order and isinstance(plan.partitions, TimePartitions),
    )
    rows_read = 0
    scan = _scan(plan, request, slicer, assume_timezone)
    with reading_ahead(snapshot.batches(scan), cancel=snapshot.cancel) as batches_read:
        for raw in batches_read:
            rows_read += raw.rows
            inside, slices = slicer.split(conformer.conform_batch(raw), conformer.coerced_rows)
            for observer in observers:
                observer.rows(inside)
            if slices:
                intake.take(_leaving(inside, plan, redactor), slices)
            progress(plan.name, raw.rows)
            if slicer.done:
                break
    for key in sorted(vanished(intake.seen)):
        intake.take_empty(key)
    return PassResult(
        rows_read=rows_read,
        left_out=slicer.left_out,
        scan=scan,
        facts=intake.facts,
        schema=redactor.schema,
        waiting=intake.waiting,
    )


class _Intake:
    """Hands rows to the lanes and counts them, as long as there is room for their partitions."""

    def __init__(
        self,
        *,
        contract: Contract,
        lanes: Sequence[Lane],
        room: int | None,
        writes: Callable[[str, str], bool],
        observers: Sequence[Observer],
        in_order: bool,
    ) -> None:
        self.facts: dict[str, PartitionFacts] = {}
        self.waiting: Counter[str] = Counter()
        self._contract = contract
        # In an order that all runs share; see `Lane.put`.
        self._lanes = sorted(lanes, key=lambda lane: lane.format.name)
        self._room = room
        self._writes = writes
        self._observers = observers
        # Whether no more rows come for a partition once another one began.
        self._in_order = in_order
        self._open: str | None = None
        self._writing: dict[str, list[Lane]] = {}
        self._taken = 0

    @property
    def seen(self) -> frozenset[str]:
        """Keys of all partitions that rows came for."""
        return frozenset(self.facts) | frozenset(self.waiting)

    def take(self, whole: Batch, slices: Sequence[Slice]) -> None:
        """Hand one batch to the lanes, then look at it: they write while this thread counts."""
        admitted = [item for item in slices if self._admits(item.key)]
        for item in slices:
            if item.key not in self.facts:
                self.waiting[item.key] += item.rows
        if not admitted:
            return
        # As a whole, which makes one Arrow table that all slices share.
        hashes = RowHashes(whole, self._contract.schema)
        batches = [(item, whole.slice(item.offset, item.rows)) for item in admitted]
        for item, batch in batches:
            for lane in self._writing[item.key]:
                lane.put(item.key, batch, Hashed(hashes, item.offset))
        clean = self._contract.is_clean(whole)
        for item, batch in batches:
            facts = self._opened(item.key)
            facts.update(batch, hashes, item.offset, clean=clean)
            facts.coerced += item.coerced
            for observer in self._observers:
                observer.leaving(item.key, batch)

    def _opened(self, key: str) -> PartitionFacts:
        if self._in_order and key not in (self._open, UNDATED):
            if self._open is not None:
                self.facts[self._open].contract.settle()
            self._open = key
        return self.facts[key]

    def take_empty(self, key: str) -> None:
        """Make partition *key* exist without rows."""
        if not self._admits(key):
            self.waiting[key] = 0
            return
        for lane in self._writing[key]:
            lane.put(key, None)

    def _admits(self, key: str) -> bool:
        if key in self.facts:
            return True
        lanes = [lane for lane in self._lanes if self._writes(lane.format.name, key)]
        if lanes and self._room is not None and self._taken >= self._room:
            return False
        self._taken += bool(lanes)
        self._writing[key] = lanes
        self.facts[key] = PartitionFacts(self._contract.schema, self._contract)
        return True


def _only(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return the columns called *names*, which Polars may take for patterns, in that order."""
    return pl.DataFrame({name: frame.get_column(name) for name in names})


def _leaving(inside: Batch, plan: TablePlan, redactor: Redactor) -> Batch:
    strips = plan.view.strips(redactor.schema)
    if not (redactor.hides or strips) and len(plan.exported) == len(plan.schema.columns):
        return inside
    frame = redactor.apply(_only(inside.frame, plan.exported))
    return Batch(plan.view.stripped(frame) if strips else frame)


def _scan(plan: TablePlan, request: ExportRequest, slicer: Slicer, assume_timezone: str) -> Scan:
    return Scan(
        table=plan.name,
        schema=plan.schema,
        window=slicer.window,
        time_column=plan.time_column,
        assume_timezone=assume_timezone,
        order_by=plan.order_by,
        batch_rows=plan.batch_rows,
        where=request.where,
        limit=None if slicer.counts else request.limit,
        offset=0 if slicer.counts else request.offset,
    )
