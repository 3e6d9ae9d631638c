"""Looking at every value of a SQLite table: storage classes in SQL, the rest by converting."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import polars as pl

from export_assets.sources.sql import Relation, query, quote
from export_assets.sources.sqlite_plan import BEYOND_FLOAT
from export_assets.sources.sqlite_types import TEMPORAL, raw_dtype
from export_assets.sources.sqlite_widen import Classes, numeric
from export_assets.tables.conform import Conformer
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.schema import Column, Encoding, Fidelity, LogicalType, TableSchema

_COUNTS = (
    "count({c})",
    "count(*) filter (where typeof({c}) = 'integer')",
    "count(*) filter (where typeof({c}) = 'real')",
    "count(*) filter (where typeof({c}) = 'blob')",
)
_NUMBER = "typeof({c}) in ('integer', 'real')"
_RANGES = (
    f"count(*) filter (where {BEYOND_FLOAT})",
    f"min(case when {_NUMBER} and {{c}} <> 0 then cast({{c}} as real) end)",
    f"max(case when {_NUMBER} and {{c}} <> 0 then cast({{c}} as real) end)",
)
# SQLite limits the columns of a result to 2,000 by default.
_COLUMNS_PER_QUERY = 400

Run = Callable[[str], Sequence[Sequence[float | None]]]


def count_classes(run: Run, relation: Relation, columns: Sequence[Column]) -> dict[str, Classes]:
    """Count the storage classes of *columns*: one pass, and one more where numbers surprise."""
    names = [column.name for column in columns]
    found: dict[str, Classes] = {}
    for name, (values, integers, reals, blobs) in _measure(run, relation, names, _COUNTS).items():
        counts = [int(count or 0) for count in (integers, reals, blobs)]
        texts = int(values or 0) - sum(counts)
        found[name] = Classes(integers=counts[0], reals=counts[1], blobs=counts[2], texts=texts)
    surprising = [column.name for column in columns if _surprises(column, found[column.name])]
    for name, (beyond, low, high) in _measure(run, relation, surprising, _RANGES).items():
        found[name] = replace(found[name], beyond_float=int(beyond or 0), low=low, high=high)
    return found


def _surprises(column: Column, classes: Classes) -> bool:
    whole = column.logical in (LogicalType.INTEGER, LogicalType.BOOLEAN)
    return bool(classes.numbers) and not (whole and classes.integers == classes.values)


def _measure(
    run: Run, relation: Relation, names: Sequence[str], forms: Sequence[str]
) -> dict[str, Sequence[float | None]]:
    """Evaluate the aggregates *forms* over each column called *names*."""
    found = {}
    for start in range(0, len(names), _COLUMNS_PER_QUERY):
        some = names[start : start + _COLUMNS_PER_QUERY]
        expressions = [form.format(c=quote(name)) for name in some for form in forms]
        row = run(query(relation, expressions))[0]
        for position, name in enumerate(some):
            found[name] = row[position * len(forms) : (position + 1) * len(forms)]
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
        widened = replace(column, logical=LogicalType.TEXT, encoding=_native(), reading=None)
        reason = f"holds text that is no {_wish(column)}"
    return replace(widened, fidelity=Fidelity(verdict="widened", reason=reason, count=count))


def _wish(column: Column) -> str:
    if column.logical is LogicalType.DECIMAL:
        return f"decimal({column.precision}, {column.scale})"
    return column.logical.value


def _not_utf8(column: Column, classes: Classes) -> Column:
    reason = "holds text that is not UTF-8"
    fidelity = Fidelity(verdict="widened", reason=reason, count=classes.texts + classes.numbers)
    return replace(
        column, logical=LogicalType.BINARY, encoding=_native(), reading=None, fidelity=fidelity
    )


def _native() -> Encoding:
    return "native"
