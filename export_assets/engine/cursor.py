"""How far a table was read by its cursor, and which rows of the source are newer.

A cursor is a column that grows with every change of a row. Its values are compared as naive
moments in UTC (or by the wall clock), dates as their midnight, integers as they are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import polars as pl

from export_assets.engine.table_pass import Observer
from export_assets.engine.tables import TablePlan
from export_assets.sources.base import AtLeast, Scan, Snapshot
from export_assets.store.manifest import Manifest
from export_assets.tables.batch import Batch
from export_assets.tables.conform import Conformer
from export_assets.tables.digest import Digest, DigestBuilder
from export_assets.tables.partition_keys import key_expr
from export_assets.tables.partitions import ALL, UNDATED, TimePartitions, Window
from export_assets.tables.redaction import Redactor
from export_assets.tables.schema import LogicalType, TableSchema

Value = int | datetime


@dataclass(frozen=True, kw_only=True)
class Watermark:
    """How far a table was read, as its manifests say."""

    column: str
    value: Value
    as_of: datetime
    """When it was read as far as that."""
    full_at: datetime
    """When all of the table was last read."""
    lag: float | None = None
    """Of `slice`, which the manifest of a table without partitions has."""
    slice_rows: int = 0
    slice_digest: str = ""

    def record(self) -> dict[str, str]:
        """Return the watermark as manifests hold it."""
        value = self.value
        found = {
            "column": self.column,
            "type": "integer" if isinstance(value, int) else "moment",
            "value": str(value) if isinstance(value, int) else value.isoformat(),
            "as_of": self.as_of.isoformat(),
            "full_at": self.full_at.isoformat(),
        }
        if self.lag is None:
            return found
        more = {"slice_lag": f"{self.lag:g}", "slice_rows": str(self.slice_rows)}
        return found | more | {"slice_digest": self.slice_digest}


def watermark_of(manifest: Manifest, column: str) -> Watermark | None:
    """Return how far *manifest* says the table was read by *column*; None where it does not."""
    told = manifest.watermark
    if told.get("column") != column:
        return None
    try:
        text, whole = told["value"], told["type"] == "integer"
        return Watermark(
            column=column,
            value=int(text) if whole else datetime.fromisoformat(text),
            as_of=datetime.fromisoformat(told["as_of"]),
            full_at=datetime.fromisoformat(told["full_at"]),
            lag=float(told["slice_lag"]) if "slice_lag" in told else None,
            slice_rows=int(told.get("slice_rows", "0")),
            slice_digest=told.get("slice_digest", ""),
        )
    except (KeyError, ValueError):
        return None  # of another version, and so of no use


def is_whole(plan: TablePlan) -> bool:
    """Whether the cursor of *plan* counts in whole numbers, not in time."""
    return plan.schema.column(plan.cursor or "").logical is LogicalType.INTEGER


def behind(value: Value, lag: float) -> Value:
    """Return the value *lag* before *value*: seconds of a time, units of an integer."""
    if isinstance(value, int):
        return value - round(lag)
    try:
        return value - timedelta(seconds=lag)
    except OverflowError:
        return datetime.min  # noqa: DTZ901 - naive, as all values here


def capped(value: Value, now: datetime) -> Value:
    """Return *value*, at most *now*: a clock that runs ahead must not hide what comes after."""
    if isinstance(value, int):
        return value
    return min(value, now.astimezone(UTC).replace(tzinfo=None))


class Newest(Observer):
    """Finds the greatest value of a column among the rows of a pass."""

    def __init__(self, column: str) -> None:
        self.value: Value | None = None
        self._column = column

    def rows(self, inside: Batch) -> None:
        """See `Observer.rows`."""
        if inside.rows:
            self.look(inside.frame)

    def look(self, frame: pl.DataFrame) -> None:
        """Look at the rows of *frame*; values that made the column another type tell nothing."""
        dtype = frame.schema[self._column]
        if not (dtype.is_integer() or dtype in (pl.Date, pl.Datetime)):
            return
        found = frame.select(_comparable(dtype, self._column).max()).item()
        if found is not None:
            self.value = found if self.value is None else max(self.value, found)


@dataclass(kw_only=True)
class Newer:
    """What a source has from some value of the cursor on."""

    keys: set[str] = field(default_factory=set)
    """Partitions that hold such rows, or rows whose cursor is null."""
    newest: Value | None = None
    """The greatest value in the whole table, where it is not less than the one asked from."""


def look_for_newer(
    plan: TablePlan, snapshot: Snapshot, start: Value, *, assume_timezone: str
) -> Newer:
    """Ask the source which partitions have rows from *start* on; only two columns are read.

    Raises:
        ValueMismatch: A value does not fit its column's type.
        SourceError: The source failed.
    """
    column, found = plan.cursor or "", Newer()
    names = [column]
    if isinstance(plan.partitions, TimePartitions):
        names = list(dict.fromkeys([column, plan.partitions.column]))
    newest = Newest(column)
    for frame in _rows_from(plan, snapshot, start, names, assume_timezone=assume_timezone):
        newest.look(frame)
        if isinstance(plan.partitions, TimePartitions):
            keys = frame.select(key_expr(plan.partitions).fill_null(UNDATED).unique())
            found.keys.update(keys.to_series().to_list())
        elif frame.height:
            found.keys.add(ALL)
    found.newest = newest.value
    return found


def digest_from(
    plan: TablePlan, snapshot: Snapshot, start: Value, redactor: Redactor, *, assume_timezone: str
) -> Digest:
    """Return the digest of the rows from *start* on, and of those whose cursor is null."""
    builder = DigestBuilder(redactor.schema)
    names = list(plan.schema.names)
    for frame in _rows_from(plan, snapshot, start, names, assume_timezone=assume_timezone):
        builder.update(Batch(redactor.apply(frame.select(plan.exported))))
    return builder.digest()


def _rows_from(
    plan: TablePlan, snapshot: Snapshot, start: Value, names: list[str], *, assume_timezone: str
) -> Iterator[pl.DataFrame]:
    column = plan.cursor or ""
    schema: TableSchema = replace(plan.schema.select(tuple(names)), primary_key=())
    scan = Scan(table=plan.name, schema=schema, assume_timezone=assume_timezone)
    if isinstance(start, int):
        scan = replace(scan, at_least=AtLeast(column=column, value=start))
    else:
        window = Window(start=start.replace(tzinfo=UTC))
        scan = replace(scan, window=window, time_column=column)
    conformer = Conformer(schema, assume_timezone=assume_timezone)
    for raw in snapshot.batches(scan):
        frame = conformer.conform_batch(raw).frame
        value = _comparable(frame.schema[column], column)
        wanted = frame.filter((value >= start) | value.is_null())
        if wanted.height:
            yield wanted


def _comparable(dtype: pl.DataType, column: str) -> pl.Expr:
    value = pl.col(column)
    return value if dtype.is_integer() else value.cast(pl.Datetime("us"))


def latest(manifests: Mapping[str, Manifest], column: str) -> tuple[Watermark, Manifest] | None:
    """Return the watermark told last among *manifests*, and whose it is.

    Not the one that reaches furthest: a database may go back in time, and is then read whole.
    """
    found = [
        (mark, manifest)
        for manifest in manifests.values()
        if (mark := watermark_of(manifest, column)) is not None
    ]
    if not found or len({type(mark.value) for mark, _ in found}) > 1:
        return None
    as_of = max(mark.as_of for mark, _ in found)
    # Two runs of one moment: whatever the nearer one did not reach is looked at again.
    last = [pair for pair in found if pair[0].as_of == as_of]
    return min(last, key=lambda pair: pair[0].value)
