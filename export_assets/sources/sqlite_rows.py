"""The patient reader: Python's own sqlite3, value by value, for tables the fast one cannot carry.

Same frames as `sqlite_scan`. Beyond it, columns that profiling widened to text or binary are
converted here: integers to their digits, reals to the shortest text that reads back as the same
number, text to its UTF-8 bytes.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from threading import Lock

import polars as pl

from export_assets.sources.sql import quote
from export_assets.sources.sqlite_plan import Plan
from export_assets.sources.sqlite_types import raw_dtype
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.schema import Column


class RawText(bytes):
    """Text as the bytes SQLite delivers, told apart from a blob."""

    __slots__ = ()


def needs_rows(plan: Plan) -> bool:
    """Whether profiling widened a column to something only this reader converts."""
    return any(is_converted(column) for column in plan.columns)


def is_converted(column: Column) -> bool:
    """Whether *column* carries values of other storage classes, turned into text or binary."""
    kept = column.fidelity.verdict == "exact"
    if column.reading is not None and column.reading.from_text:
        return True
    return not kept and str(raw_dtype(column)) in ("String", "Binary")


def scan_rows(connection: sqlite3.Connection, lock: Lock, plan: Plan) -> Iterator[pl.DataFrame]:
    """Yield the rows of *plan* through *connection*.

    Raises:
        ValueMismatch: A value would not survive as the type promised for its column.
        sqlite3.Error: SQLite failed.
    """
    expressions = tuple(f"{quote(c.name)} as c{i}" for i, c in enumerate(plan.columns))
    statement = plan.relation.prefix + plan.body(expressions)
    with closing(connection.cursor()) as cursor:
        rows = _first(connection, cursor, lock, statement, plan)
        while rows:
            yield _frame(plan, rows)
            with lock:
                rows = _fetch(connection, cursor, plan.scan.batch_rows)


def _first(
    connection: sqlite3.Connection, cursor: sqlite3.Cursor, lock: Lock, statement: str, plan: Plan
) -> list[tuple[object, ...]]:
    with lock:
        connection.text_factory = RawText
        cursor.execute(statement, plan.values)
        return _fetch(connection, cursor, plan.scan.batch_rows)


def _fetch(
    connection: sqlite3.Connection, cursor: sqlite3.Cursor, rows: int
) -> list[tuple[object, ...]]:
    connection.text_factory = RawText
    try:
        return cursor.fetchmany(rows)
    finally:
        connection.text_factory = str


def _frame(plan: Plan, rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    series = [
        pl.Series(column.name, _convert(plan, column, values), dtype=raw_dtype(column), strict=True)
        for column, values in zip(plan.columns, zip(*rows, strict=True), strict=True)
    ]
    return pl.DataFrame(series)


def _convert(plan: Plan, column: Column, values: tuple[object, ...]) -> list[object]:
    dtype = str(raw_dtype(column))
    kinds = set(map(type, values)) - {type(None)}
    if dtype == "Int64":
        _only(plan, column, kinds, {int})
        return list(values)
    if dtype == "Float64":
        return _floats(plan, column, values, kinds)
    converted = is_converted(column)
    if dtype == "String":
        return _texts(
            plan, column, values, kinds, allowed={RawText, int, float} if converted else {RawText}
        )
    if converted:
        return [_as_bytes(value) for value in values]
    _only(plan, column, kinds, {bytes})
    return list(values)


def _floats(
    plan: Plan, column: Column, values: tuple[object, ...], kinds: set[type]
) -> list[object]:
    _only(plan, column, kinds, {int, float})
    if kinds == {float}:
        return list(values)
    for value in values:
        if isinstance(value, int) and int(float(value)) != value:
            fact = "holds integers that a float cannot carry"
            raise ValueMismatch(plan.scan.table, column.name, fact)
    return [None if value is None else float(value) for value in values]  # type: ignore[arg-type]  # only numbers are left


def _texts(
    plan: Plan,
    column: Column,
    values: tuple[object, ...],
    kinds: set[type],
    *,
    allowed: set[type],
) -> list[object]:
    _only(plan, column, kinds, allowed)
    try:
        return [_as_text(value) for value in values]
    except UnicodeDecodeError as error:
        fact = "holds text that is not UTF-8"
        raise ValueMismatch(plan.scan.table, column.name, fact) from error


def _only(plan: Plan, column: Column, kinds: set[type], allowed: set[type]) -> None:
    if kinds - allowed:
        fact = f"holds values that are not {column.logical}"
        raise ValueMismatch(plan.scan.table, column.name, fact)


def _as_text(value: object) -> str | None:
    if isinstance(value, RawText):
        return value.decode()
    return None if value is None else repr(value)


def _as_bytes(value: object) -> bytes | None:
    if value is None:
        return None
    return bytes(value) if isinstance(value, bytes) else repr(value).encode()
