"""Looking at every value of a SQLite table: storage classes in SQL, the rest by converting."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import polars as pl

from export_assets.sources.sql import Relation, query, quote
from export_assets.sources.sqlite_plan import BEYOND_FLOAT
from export_assets.sources.sqlite_types import TEMPORAL, raw_dtype
from export_assets.sources.sqlite_widen import Classes, numeric
from export_assets.tables.conform import Conformer
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.schema import Column, Encoding, Fidelity, LogicalType, TableSchema

_AGGREGATES = (
    "sum(typeof({c}) = 'integer')",
    "sum(typeof({c}) = 'real')",
    "sum(typeof({c}) = 'text')",
    "sum(typeof({c}) = 'blob')",
    f"sum({BEYOND_FLOAT})",
    "min(case when typeof({c}) in ('integer', 'real') and {c} <> 0 then cast({c} as real) end)",
    "max(case when typeof({c}) in ('integer', 'real') and {c} <> 0 then cast({c} as real) end)",
)
# SQLite limits the columns of a result to 2,000 by default.
_COLUMNS_PER_QUERY = 2_000 // len(_AGGREGATES)


def count_classes(
    run: Callable[[str], Sequence[Sequence[float | None]]],
    relation: Relation,
    columns: Sequence[Column],
) -> dict[str, Classes]:
    """Count the storage classes of *columns* in one pass for as many as one query takes."""
    found: dict[str, Classes] = {}
    for start in range(0, len(columns), _COLUMNS_PER_QUERY):
        some = columns[start : start + _COLUMNS_PER_QUERY]
        expressions = [form.format(c=quote(one.name)) for one in some for form in _AGGREGATES]
        row = run(query(relation, expressions))[0]
        for position, column in enumerate(some):
            part = row[position * len(_AGGREGATES) : (position + 1) * len(_AGGREGATES)]
            integers, reals, texts, blobs, beyond = (int(value or 0) for value in part[:5])
            found[column.name] = Classes(
                integers=integers,
                reals=reals,
                texts=texts,
                blobs=blobs,
                beyond_float=beyond,
                low=part[5],
                high=part[6],
            )
    return found


def profile_values(
    scan: Callable[[TableSchema], Iterable[pl.DataFrame]],
    schema: TableSchema,
    classes: dict[str, Classes],
    *,
    assume_timezone: str,
) -> TableSchema:
    """Convert every value that its storage class alone does not settle, and widen on misfits."""
    while True:
        judged = tuple(column.name for column in schema.columns if _needs_judging(column))
        if not judged:
            return schema
        try:
            misfits = _count_misfits(scan, schema.select(judged), assume_timezone=assume_timezone)
        except ValueMismatch as mismatch:
            # Only text that is no UTF-8 gets here; it stays so as binary, so this ends.
            column = schema.column(mismatch.column)
            if column.logical is LogicalType.BINARY:
                raise
            schema = schema.with_column(_not_utf8(column, classes[column.name]))
            continue
        for name, count in misfits.items():
            schema = schema.with_column(_demote(schema.column(name), classes[name], count))
        return schema


def measure_times(
    frames: Iterator[pl.DataFrame], schema: TableSchema, *, assume_timezone: str
) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last instant of the one column of *schema*, in UTC."""
    column = schema.columns[0]
    if column.logical not in TEMPORAL or column.logical is LogicalType.TIME:
        return None, None
    conformer = Conformer(schema, assume_timezone=assume_timezone)
    lows, highs = [], []
    for frame in frames:
        values = conformer.conform(frame).get_column(column.name)
        instants = values.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        if instants.null_count() < len(instants):
            lows.append(instants.min())
            highs.append(instants.max())
    first = pl.Series(lows, dtype=pl.Datetime("us", "UTC")).min()
    last = pl.Series(highs, dtype=pl.Datetime("us", "UTC")).max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return None, None
    return first, last


def _needs_judging(column: Column) -> bool:
    if raw_dtype(column) == pl.String():
        return True
    return (
        column.logical in (LogicalType.BOOLEAN, LogicalType.DECIMAL) or column.logical in TEMPORAL
    )


def _count_misfits(
    scan: Callable[[TableSchema], Iterable[pl.DataFrame]],
    schema: TableSchema,
    *,
    assume_timezone: str,
) -> Counter[str]:
    conformer = Conformer(schema, assume_timezone=assume_timezone)
    misfits: Counter[str] = Counter()
    for frame in scan(schema):
        misfits.update(conformer.count_misfits(frame))
    return misfits


def _demote(column: Column, classes: Classes, count: int) -> Column:
    if raw_dtype(column) != pl.String():
        widened = numeric(column, classes)
        reason = f"holds numbers that are no {_wish(column)}"
    else:
        widened = replace(column, logical=LogicalType.TEXT, encoding=_native())
        reason = f"holds text that is no {_wish(column)}"
    return replace(widened, fidelity=Fidelity(verdict="widened", reason=reason, count=count))


def _wish(column: Column) -> str:
    if column.logical is LogicalType.DECIMAL:
        return f"decimal({column.precision}, {column.scale})"
    return column.logical.value


def _not_utf8(column: Column, classes: Classes) -> Column:
    reason = "holds text that is not UTF-8"
    fidelity = Fidelity(verdict="widened", reason=reason, count=classes.texts + classes.numbers)
    return replace(column, logical=LogicalType.BINARY, encoding=_native(), fidelity=fidelity)


def _native() -> Encoding:
    return "native"
