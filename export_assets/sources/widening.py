"""Columns whose values do not fit their type, as text: what databases with strict types share."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import polars as pl

from export_assets.tables.conform import Conformer
from export_assets.tables.schema import Column, Fidelity, LogicalType, TableSchema


def as_text(column: Column, fact: str, count: int) -> Column:
    """Return *column* as text, because of *count* values of which *fact* holds."""
    return replace(
        column,
        logical=LogicalType.TEXT,
        encoding="native",
        precision=None,
        scale=None,
        nested=None,
        fidelity=Fidelity(verdict="widened", reason=fact, count=count),
    )


def widen_converted(
    schema: TableSchema,
    names: Sequence[str],
    frames: Callable[[TableSchema], Iterable[pl.DataFrame]],
    *,
    assume_timezone: str,
) -> TableSchema:
    """Return *schema* with those columns as text that do not convert to what is promised of them.

    Args:
        schema: The table as it is promised.
        names: Columns that are converted after they were read.
        frames: Reads the raw rows of a part of the schema.
        assume_timezone: Zone of times without one.
    """
    if not names:
        return schema
    part = schema.select(tuple(names))
    conformer, lost = Conformer(part, assume_timezone=assume_timezone), Counter[str]()
    for frame in frames(part):
        lost.update(conformer.count_misfits(frame))
    for name, count in lost.items():
        column = schema.column(name)
        fact = f"holds values that are no {column.logical}"
        schema = schema.with_column(as_text(column, fact, count))
    return schema
