"""One pass over one table: read once, check and count every row, feed every lane."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
from export_assets.tables.redaction import Redactor
from export_assets.tables.schema import TableSchema
from export_assets.tables.statistics import StatisticsBuilder

Progress = Callable[[str, int], None]
"""Called with a table's name and how many more of its rows were read."""


def silent(table: str, rows: int) -> None:
    """Report progress to nobody."""
    del table, rows


class PartitionFacts:
    """What was counted of one partition's rows on their way in."""

    def __init__(self, schema: TableSchema, contract: Contract) -> None:
        self.digest = DigestBuilder(schema)
        self.statistics = StatisticsBuilder(schema)
        self.contract: PartitionContract = contract.start()

    def update(self, batch: Batch, hashes: RowHashes, offset: int, *, clean: bool) -> None:
        """Count the rows of *batch*, which lies at *offset* of what was hashed as a whole.

        *clean* says that no row of the whole breaks a rule about single rows.
        """
        self.digest.add(hashes, offset, batch.rows)
        self.statistics.update(batch)
        self.contract.update(batch, clean=clean)


@dataclass(frozen=True, kw_only=True)
class PassResult:
    """What one pass saw."""

    rows_read: int
    facts: dict[str, PartitionFacts]
    coerced: int
    schema: TableSchema
    """Of the rows that left, after redaction."""


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
) -> PassResult:
    """Read the rows wanted once and hand every lane the same batches, partition by partition.

    *vanished* tells, of the keys seen, which others must be written without rows.

    Raises:
        ValueMismatch: A value does not fit its column's type; the lanes hold a torn pass.
        SourceError: The source failed.
    """
    slicer = Slicer(plan, request)
    conformer = Conformer(plan.schema, assume_timezone=assume_timezone)
    facts: dict[str, PartitionFacts] = {}
    rows_read = 0
    batches_of_source = snapshot.batches(_scan(plan, request, slicer, assume_timezone))
    with reading_ahead(batches_of_source) as batches_read:
        for raw in batches_read:
            rows_read += raw.rows
            inside, slices = slicer.split(conformer.conform_batch(raw))
            whole = _leaving(inside, plan, redactor)
            if slices:
                _take_in(whole, slices, facts, contract=contract, lanes=lanes)
            progress(plan.name, raw.rows)
    for key in sorted(vanished(frozenset(facts))):
        facts[key] = PartitionFacts(redactor.schema, contract)
        for lane in lanes:
            lane.put(key, None)
    return PassResult(
        rows_read=rows_read,
        facts=facts,
        coerced=sum(conformer.coerced.values()),
        schema=redactor.schema,
    )


def _take_in(
    whole: Batch,
    slices: Sequence[Slice],
    facts: dict[str, PartitionFacts],
    *,
    contract: Contract,
    lanes: Sequence[Lane],
) -> None:
    """Hand one batch to the lanes, then count it: they write while this thread counts."""
    batches = [(item, whole.slice(item.offset, item.rows)) for item in slices]
    for item, batch in batches:
        for lane in lanes:
            lane.put(item.key, batch)
    hashes = RowHashes(whole, contract.schema)
    clean = contract.is_clean(whole)
    for item, batch in batches:
        if item.key not in facts:
            facts[item.key] = PartitionFacts(contract.schema, contract)
        facts[item.key].update(batch, hashes, item.offset, clean=clean)


def _leaving(inside: Batch, plan: TablePlan, redactor: Redactor) -> Batch:
    if not redactor.hides and len(plan.exported) == len(plan.schema.columns):
        return inside
    return Batch(redactor.apply(inside.frame.select(plan.exported)))


def _scan(plan: TablePlan, request: ExportRequest, slicer: Slicer, assume_timezone: str) -> Scan:
    return Scan(
        table=plan.name,
        schema=plan.schema,
        window=slicer.window,
        time_column=plan.time_column,
        assume_timezone=assume_timezone,
        order_by=plan.order_by,
        where=request.where,
        limit=request.limit,
        offset=request.offset,
    )
