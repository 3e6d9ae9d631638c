"""Finding the column that says when each row of a table happened, and how to slice by it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from export_assets.engine.tables import TIMES
from export_assets.errors import ExportError
from export_assets.sources.base import Scan, Snapshot
from export_assets.sources.times import measure_times
from export_assets.tables.partitions import Every
from export_assets.tables.schema import Column, Encoding, LogicalType, TableSchema

MOST_PARTITIONS = 3_650
"""Ten years of days: more makes Dagster's pages slow."""
FEWEST_ROWS = 100
"""Rows of a partition, on average, below which a table is not sliced that finely."""
_SMALL_TABLE = 1_000
_ROWS_OF_A_BUSY_DAY = 5_000_000
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_ZONE = "UTC"

_LENGTHS: dict[Every, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "month": timedelta(days=30.4),
    "year": timedelta(days=365.2),
}
# What a row is about, rather than when it was touched, planned or ends.
_EVENT = re.compile(
    r"(occurred|happened|recorded|measured|observed|logged|event)(_?(at|on|time|date|ts))?"
    r"|(event_?)?(timestamp|datetime|time|ts)"
)
_CREATED = re.compile(r"(created|inserted|added|received)(_?(at|on|time|date|ts))?|creation_?date")
_ANY = re.compile(r".+_(at|on|time|date|ts|timestamp|datetime)|date|day", re.DOTALL)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER = re.compile(
    r"updat|modif|chang|delet|remov|expir|due|birth|dob|last_|next_|valid|end|until|schedul|"
    r"cancel|ship|deliver|paid|close|finish|complet|sync|export|import|seen|login"
)


@dataclass(frozen=True, kw_only=True)
class FoundTime:
    """The column by which a table's rows lie in time, and their range."""

    column: str
    first: datetime
    last: datetime
    every: Every | None
    """Length of a partition; None where the table is too small to be sliced."""
    encoding: Encoding | None = None
    """How the values are written, where the declared type does not say that they are times."""


def find_time(
    snapshot: Snapshot, schema: TableSchema, *, rows: int, now: datetime, untyped: bool
) -> FoundTime | None:
    """Return the first column of *schema* whose name says event and whose values all agree.

    Args:
        snapshot: Where to look.
        schema: The table.
        rows: How many it has.
        now: The present; times more than a year ahead of it are no events.
        untyped: Look at text and numbers, too.
    """
    if not rows:
        return None
    for column in _candidates(schema, untyped=untyped):
        for shown in _readings(column):
            one = replace(schema, columns=(shown,))
            if snapshot.count_scan(Scan(table=schema.name, schema=one, where={column.name: None})):
                break  # rows without a time have no partition of their own
            typed = column.logical in TIMES
            span = _measure(snapshot, one, latest=now + timedelta(days=366), exact=not typed)
            if span is not None:
                return FoundTime(
                    column=column.name,
                    first=span[0],
                    last=span[1],
                    every=choose_length(rows, *span, hours=column.logical is not LogicalType.DATE),
                    encoding=None if typed else shown.encoding,
                )
    return None


def choose_length(
    rows: int, first: datetime, last: datetime, *, hours: bool = True
) -> Every | None:
    """Return the finest slicing that makes neither too many nor tiny partitions, None for none.

    *hours* says whether the times tell hours at all.
    """
    busy = rows / ((last - first) / _LENGTHS["day"] + 1) >= _ROWS_OF_A_BUSY_DAY
    for every, length in _LENGTHS.items():
        partitions = (last - first) // length + 1
        if every == "hour" and not (busy and hours):
            continue
        if partitions <= MOST_PARTITIONS and rows >= max(_SMALL_TABLE, FEWEST_ROWS * partitions):
            return every
    return None


def _candidates(schema: TableSchema, *, untyped: bool) -> Iterator[Column]:
    """Yield the columns that may be the time, the likeliest first."""
    numbers = {LogicalType.TEXT, LogicalType.INTEGER} if untyped else set()
    likely = [column for column in schema.columns if column.logical in TIMES | numbers]
    ranked = [(_rank(column.name, schema.name), column) for column in likely]
    yield from (column for rank, column in sorted(ranked, key=lambda one: one[0]) if rank)


def _rank(name: str, table: str) -> int:
    """Return 1 for the likeliest names, 0 for those that are no event."""
    folded = _CAMEL.sub("_", name).lower()
    stem = table.lower().rstrip("s")
    own = len(stem) > 2 and folded.startswith(stem)  # noqa: PLR2004 - ordered_at of orders
    if _EVENT.fullmatch(folded) or (own and _ANY.fullmatch(folded)):
        return 1
    if _OTHER.search(folded):
        return 0
    return 2 if _CREATED.fullmatch(folded) else 3 if _ANY.fullmatch(folded) else 0


def _readings(column: Column) -> Iterator[Column]:
    """Yield *column* as it is, or as the times that its text or numbers may be."""
    if column.logical in TIMES:
        yield column
        return
    encodings: tuple[Encoding, ...] = ("epoch_s", "epoch_ms", "epoch_us")
    for encoding in encodings if column.logical is LogicalType.INTEGER else ("iso",):
        yield replace(column, logical=LogicalType.TIMESTAMP, encoding=encoding)


def _measure(
    snapshot: Snapshot, one: TableSchema, *, latest: datetime, exact: bool
) -> tuple[datetime, datetime] | None:
    """Return first and last of the only column of *one*, None where a value is no likely time.

    *exact* holds the values to the encoding promised, which the configuration will insist on.
    """
    promised = one.columns[0]
    try:
        found = snapshot.profile(one.name, one, assume_timezone=_ZONE)
        if found.columns[0].logical is not promised.logical or (exact and found != one):
            return None
        first, last = measure_times(
            snapshot.scan(Scan(table=one.name, schema=found)), found, assume_timezone=_ZONE
        )
    except ExportError:
        return None
    if first is None or last is None or first < _EARLIEST or last > latest:
        return None
    return first, last
