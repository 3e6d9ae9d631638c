"""What is said of a column's values without showing them: nulls, least and greatest."""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

import polars as pl

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
        ordered = [column.name for column in schema.columns if column.logical in _ORDERED]
        self._ordered = frozenset(ordered)
        self._selection = pl.all().null_count().name.prefix("n:")
        self._bounds = [
            bound for name in ordered for bound in (_low(name, schema), _high(name, schema))
        ]

    def update(self, frame: pl.DataFrame) -> None:
        """Add the rows of *frame*."""
        if not frame.height:
            return
        row = frame.lazy().select(self._selection, *self._bounds).collect().row(0, named=True)
        for name, old in self._found.items():
            low, high = old.min, old.max
            if name in self._ordered:
                low = _least(low, row[f"l:{name}"])
                high = _greatest(high, row[f"h:{name}"])
            nulls = old.nulls + row[f"n:{name}"]
            self._found[name] = ColumnStatistics(nulls=nulls, min=low, max=high)

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
    return str(bound)


def _finite(name: str, schema: TableSchema) -> pl.Expr:
    column = pl.col(name)
    if schema.column(name).logical is LogicalType.FLOAT:
        return column.filter(column.is_finite())
    return column


def _low(name: str, schema: TableSchema) -> pl.Expr:
    return _finite(name, schema).min().alias(f"l:{name}")


def _high(name: str, schema: TableSchema) -> pl.Expr:
    return _finite(name, schema).max().alias(f"h:{name}")


def _least(old: Bound | None, new: Bound | None) -> Bound | None:
    if old is None or new is None:
        return new if old is None else old
    return min(old, new)


def _greatest(old: Bound | None, new: Bound | None) -> Bound | None:
    if old is None or new is None:
        return new if old is None else old
    return max(old, new)
