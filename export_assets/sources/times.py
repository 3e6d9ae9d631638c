"""The time range of a column, measured on converted values."""

from collections.abc import Iterable
from datetime import UTC, datetime

import polars as pl

from export_assets.tables.conform import Conformer
from export_assets.tables.schema import LogicalType, TableSchema

INSTANTS = frozenset({LogicalType.DATE, LogicalType.TIMESTAMP, LogicalType.NAIVE_TIMESTAMP})
"""Types whose values have a place in time."""


def measure_times(
    frames: Iterable[pl.DataFrame], schema: TableSchema, *, assume_timezone: str
) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last instant of the one column of *schema*, in UTC."""
    column = schema.columns[0]
    if column.logical not in INSTANTS:
        return None, None
    conformer = Conformer(schema, assume_timezone=assume_timezone)
    lows, highs = [], []
    for frame in frames:
        values = conformer.conform(frame).get_column(column.name)
        instants = values.cast(pl.Datetime("us"))
        if instants.null_count() < len(instants):
            lows.append(instants.min())
            highs.append(instants.max())
    first, last = pl.Series(lows).min(), pl.Series(highs).max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return None, None
    return first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)
