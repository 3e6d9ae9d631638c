"""Filters of a scan as expressions over rows in memory."""

from datetime import UTC, date, datetime

import polars as pl

from export_assets.errors import UsageError
from export_assets.sources.base import KeySet
from export_assets.tables.schema import Column, LogicalType

_TRUE, _FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})


def equal(column: Column, value: object) -> pl.Expr:
    """Return the expression for rows whose *column* has *value*; None means no value.

    Raises:
        UsageError: It is no value of the column's type.
    """
    if value is None:
        return pl.col(column.name).is_null()
    try:
        wanted = _value_of(column, value)
    except (ValueError, OverflowError) as error:
        msg = f"{column.name}: {value!r} is no {column.logical}"
        raise UsageError(msg) from error
    return pl.col(column.name) == pl.lit(wanted, dtype=column.dtype)


def among(keys: KeySet) -> pl.Expr:
    """Return the expression for rows whose values are one of *keys*."""
    if len(keys.columns) == 1:
        return pl.col(keys.columns[0]).is_in([value for (value,) in keys.values])
    found = [
        pl.all_horizontal(
            pl.col(name) == pl.lit(value) for name, value in zip(keys.columns, one, strict=True)
        )
        for one in keys.values
    ]
    return pl.any_horizontal(found) if found else pl.lit(value=False)


def _value_of(column: Column, value: object) -> object:
    if not isinstance(value, str):
        return value
    if column.logical is LogicalType.INTEGER:
        return int(value)
    if column.logical is LogicalType.FLOAT:
        return float(value)
    if column.logical is LogicalType.BOOLEAN:
        if value.casefold() in _TRUE | _FALSE:
            return value.casefold() in _TRUE
        raise ValueError(value)
    if column.logical is LogicalType.TIMESTAMP:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if column.logical is LogicalType.DATE:
        return date.fromisoformat(value)
    return value
