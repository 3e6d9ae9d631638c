"""How a table's shape has changed since it was last published.

    added       a column that was not there                      said, and published
    widened     a type that holds every value of the old one     said, and published
    loosened    a column that may be null now                    said, and published
    dropped     a column that is gone                            refused unless allowed
    narrowed    a type that does not hold the old values         refused unless allowed

What counts is what the source declares: values that make a column wider than its declaration are
told by its fidelity, and change from run to run.
"""

from dataclasses import dataclass

from export_assets.tables.schema import Column, LogicalType, TableSchema

_WIDER: dict[LogicalType, frozenset[LogicalType]] = {
    LogicalType.BOOLEAN: frozenset({LogicalType.INTEGER, LogicalType.FLOAT, LogicalType.DECIMAL}),
    LogicalType.INTEGER: frozenset({LogicalType.FLOAT, LogicalType.DECIMAL}),
    LogicalType.DATE: frozenset({LogicalType.TIMESTAMP, LogicalType.NAIVE_TIMESTAMP}),
}
_NEVER_TEXT = frozenset({LogicalType.BINARY})
_DIGITS_OF_INTEGER = 19


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What has changed; each entry is a clause that names the column."""

    harmless: tuple[str, ...] = ()
    """Additions, wider types, columns that may be null now."""
    breaking: tuple[str, ...] = ()
    """What readers of the old files would miss or misread."""


def compare_schemas(old: TableSchema, new: TableSchema) -> Drift:
    """Return how the table declared *new* differs from what was published of it as *old*."""
    before = {column.name: column for column in old.columns}
    added = [f"column {name} appeared" for name in new.names if name not in before]
    dropped = [f"column {name} is gone" for name in old.names if name not in new.names]
    wider: list[str] = []
    narrower: list[str] = []
    for column in new.columns:
        if column.name not in before:
            continue
        was = before[column.name]
        if _is_retyped(was, column):
            clause = f"column {column.name} is {_type(column)} now, was {_type(was)}"
            (wider if _holds(column, was) else narrower).append(clause)
        elif column.nullable and not was.nullable:
            wider.append(f"column {column.name} may be null now")
    return Drift(harmless=(*added, *wider), breaking=(*dropped, *narrower))


def _is_retyped(was: Column, now: Column) -> bool:
    """Whether the source declares another type, and that means another one here."""
    redeclared = was.declared.casefold().split() != now.declared.casefold().split()
    return redeclared and (was.logical is not now.logical or was.dtype != now.dtype)


def _holds(now: Column, was: Column) -> bool:
    """Whether every value of the old type is one of the new."""
    if now.logical is LogicalType.TEXT:
        return was.logical not in _NEVER_TEXT
    if now.logical is LogicalType.DECIMAL and was.logical in {
        LogicalType.DECIMAL,
        LogicalType.INTEGER,
    }:
        whole, fraction = _digits(now)
        whole_before, fraction_before = _digits(was)
        return whole >= whole_before and fraction >= fraction_before
    return now.logical in _WIDER.get(was.logical, frozenset())


def _digits(column: Column) -> tuple[int, int]:
    """Return the digits before and after the point."""
    if column.logical is LogicalType.INTEGER:
        return _DIGITS_OF_INTEGER, 0
    scale = column.scale or 0
    return (column.precision or 38) - scale, scale


def _type(column: Column) -> str:
    if column.logical is LogicalType.DECIMAL:
        return f"decimal({column.precision or 38},{column.scale or 0})"
    return str(column.dtype) if column.logical is LogicalType.NESTED else str(column.logical)
