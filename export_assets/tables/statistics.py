"""What is said of a column's values without showing them: nulls, least and greatest."""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from export_assets.tables.batch import Batch
from export_assets.tables.schema import LogicalType, TableSchema

# Text and bytes are people's names as likely as not: their bounds stay out of manifests.
_ORDERED = {
    LogicalType.INTEGER,
    LogicalType.FLOAT,
    LogicalType.DECIMAL,
    LogicalType.DATE,
    LogicalType.TIME,
    LogicalType.TIMESTAMP,
    LogicalType.NAIVE_TIMESTAMP,
}

Bound = int | float | Decimal | date | datetime | time


@dataclass(frozen=True, kw_only=True)
class ColumnStatistics:
    """Nulls of a column, and its bounds where the type has an order worth telling."""

    nulls: int = 0
    min: Bound | None = None
    max: Bound | None = None


class StatisticsBuilder:
    """Collects the statistics of a table batch by batch."""

    def __init__(self, schema: TableSchema) -> None:
        self._schema = schema
        self._found = {name: ColumnStatistics() for name in schema.names}

    def update(self, batch: Batch) -> None:
        """Add the rows of *batch*."""
        for column in self._schema.columns:
            old = self._found[column.name]
            array = batch.arrow.column(column.name)
            low, high = old.min, old.max
            if column.logical in _ORDERED:
                new_low, new_high = _bounds(array, column.logical)
                low, high = _least(low, new_low), _greatest(high, new_high)
            nulls = old.nulls + array.null_count
            self._found[column.name] = ColumnStatistics(nulls=nulls, min=low, max=high)

    def add(self, other: "StatisticsBuilder") -> None:
        """Add what *other* found in further rows of the same table."""
        for name, old in self._found.items():
            new = other.of(name)
            self._found[name] = ColumnStatistics(
                nulls=old.nulls + new.nulls,
                min=_least(old.min, new.min),
                max=_greatest(old.max, new.max),
            )

    def of(self, name: str) -> ColumnStatistics:
        """Return what was found for column *name*."""
        return self._found[name]


def render_bound(bound: Bound | None) -> str | None:
    """Write a bound as the text formats do: ISO 8601 times, plain digits."""
    if bound is None:
        return None
    if isinstance(bound, datetime):
        return bound.isoformat(timespec="microseconds")
    if isinstance(bound, (date, time)):
        return bound.isoformat()
    # Python alone would write the decimal 0.0000000 as 0E-7.
    return f"{bound:f}" if isinstance(bound, Decimal) else str(bound)


def _bounds(array: pa.ChunkedArray, logical: LogicalType) -> tuple[Bound | None, Bound | None]:
    if logical is LogicalType.FLOAT:
        finite = pc.is_finite(array)
        if pc.all(finite).as_py() is False:
            array = array.filter(finite)
    elif logical is LogicalType.TIME:
        array = array.cast(pa.time64("us"), safe=False)
    found = pc.min_max(array)
    return found["min"].as_py(), found["max"].as_py()


def _least(old: Bound | None, new: Bound | None) -> Bound | None:
    if old is None or new is None:
        return new if old is None else old
    return min(old, new)


def _greatest(old: Bound | None, new: Bound | None) -> Bound | None:
    if old is None or new is None:
        return new if old is None else old
    return max(old, new)
