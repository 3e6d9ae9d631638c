"""What one scan asks of PostgreSQL: expressions with their guards, filters, order."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from export_assets.errors import UsageError
from export_assets.sources.base import AtLeast, KeySet, Scan
from export_assets.sources.postgres_catalog import CatalogColumn, CatalogTable
from export_assets.sources.postgres_literals import literal
from export_assets.sources.postgres_types import Natural, is_natural, reading
from export_assets.sources.sql import Relation, alias, any_of, quote, select
from export_assets.sources.times import INSTANTS
from export_assets.tables.schema import Column

MISFIT = "export_assets misfit"
"""What a guard makes the server say, followed by the position of the column."""

_UNITS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
_MARGIN = timedelta(days=1)
_EPOCH_MARGIN = 0.001
"""Seconds by which windows over epoch numbers are widened: fractions are rounded afterwards."""
_SQL_TYPES: dict[pl.DataType, str] = {
    pl.String(): "int8::text",  # no text is malformed, but many are no number
    pl.Date(): "date",
    pl.Time(): "time",
    pl.Datetime("us"): "timestamp",
    pl.Datetime("us", "UTC"): "timestamptz",
    pl.List(pl.Int64()): "int8[]",
    pl.List(pl.Float64()): "float8[]",
    pl.List(pl.Boolean()): "bool[]",
    pl.List(pl.String()): "text[]",
}
_INTEGERS = frozenset({"int2", "int4", "int8"})
_WITHOUT_EQUALITY = frozenset({"json", "xml", "point", "polygon"})


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One scan, ready to be put to the server."""

    scan: Scan
    relation: Relation
    columns: Mapping[str, CatalogColumn]
    """Every column of the relation."""
    table: CatalogTable | None
    """None for a configured view."""

    def reading(self, column: Column) -> Natural:
        """Return how *column* is read."""
        return reading(column, self.columns[column.name].type)

    def body(self) -> str:
        """Return the SELECT of the scan's columns, guarded."""
        return self._select(
            [
                alias(self._guarded(column, position), f"c{position}")
                for position, column in enumerate(self.scan.schema.columns)
            ],
            order_by=self._order(),
        )

    def counting(self) -> str:
        """Return a SELECT of as many rows, of nothing."""
        return self._select(["1"])

    def extremes(self) -> str:
        """Return a SELECT of the first and the last value of the one column, or of all of them."""
        [column] = self.scan.schema.columns
        how = self.reading(column)
        if how.dtype == pl.String() or not is_natural(column, how):
            return self.body()
        ends = (f"{end}({quote(column.name)})" for end in ("min", "max"))
        return " union all ".join(select(self.relation, [alias(end, "c0")]) for end in ends)

    def literal(self, name: str, value: object) -> str:
        """Return *value* as the column called *name* is compared with it.

        Raises:
            UsageError: No column of PostgreSQL holds the value.
        """
        return self._literal(name, value, self._compared(name)[1])

    def _select(self, expressions: list[str], *, order_by: tuple[str, ...] = ()) -> str:
        scan = self.scan
        limit = [] if scan.limit is None else [f"limit {int(scan.limit)}"]
        limit += [f"offset {int(scan.offset)}"] if scan.offset else []
        return select(
            self.relation,
            expressions,
            where=self._where(),
            order_by=order_by,
            limit=" ".join(limit),
        )

    def _guarded(self, column: Column, position: int) -> str:
        how, name = self.reading(column), quote(column.name)
        expression = how.expression.format(c=name)
        if not how.misfit:
            return expression
        # Depends on the value, or the planner would evaluate it at once; says nothing of it.
        words = f"'{MISFIT} {position}:' || left({name}::text, 0)"
        failing = f"({words})::{_SQL_TYPES[how.dtype]}"
        return f"case when {how.misfit.format(c=name)} then {failing} else {expression} end"

    def _where(self) -> list[str]:
        where = self._window()
        for name, value in self.scan.where.items():
            where.append(self.equality(name, value))
        if self.scan.among is not None:
            where.append(self._among(self.scan.among))
        if self.scan.at_least is not None:
            where += self._from(self.scan.at_least)
        return where

    def _from(self, start: AtLeast) -> list[str]:
        known, name = self.columns[start.column], quote(start.column)
        if not known.type.built_in or known.type.name not in _INTEGERS:
            return []
        unknown = [f"{name} is null"] if known.nullable else []
        # A number beyond the column's type is compared as numeric.
        return [any_of([f"{name} >= {int(start.value)}", *unknown])]

    def equality(self, name: str, value: object) -> str:
        """Return the condition that the column called *name* holds *value*."""
        if value is None:
            return f"{quote(name)} is null"
        return f"{self._compared(name)[0]} = {self.literal(name, value)}"

    def _compared(self, name: str) -> tuple[str, str]:
        """Return the column called *name* as it is compared, and the type of what it equals."""
        known = self.columns[name].type
        if known.built_in and known.name in _WITHOUT_EQUALITY:
            return f"{quote(name)}::text", "text"
        return quote(name), known.sql

    def _literal(self, name: str, value: object, kind: str) -> str:
        encoding = next((c.encoding for c in self.scan.schema.columns if c.name == name), "native")
        zone = self.scan.assume_timezone
        try:
            return literal(value, kind, zone=zone, encoding=encoding)
        except UsageError as error:
            msg = f"{self.scan.table}.{name}: {error}"
            raise UsageError(msg) from error

    def _among(self, keys: KeySet) -> str:
        whole = [row for row in keys.values if None not in row]
        partial = [row for row in keys.values if None in row]
        conditions = []
        if whole:
            compared = [self._compared(name) for name in keys.columns]
            rows = (
                ", ".join(
                    self._literal(name, value, kind)
                    for name, value, (_, kind) in zip(keys.columns, row, compared, strict=True)
                )
                for row in whole
            )
            left = ", ".join(column for column, _ in compared)
            conditions.append(f"({left}) in (values {', '.join(f'({row})' for row in rows)})")
        for row in partial:
            pairs = zip(keys.columns, row, strict=True)
            conditions.append(" and ".join(self.equality(name, value) for name, value in pairs))
        return any_of(conditions) if conditions else "false"

    def _order(self) -> tuple[str, ...]:
        scan = self.scan
        names = list(scan.order_by)
        if scan.time_column is not None and scan.time_column not in names:
            names.insert(0, scan.time_column)
        if not names:
            return ()  # the order of storage, which one snapshot has only one of
        key = self.table.primary_key if self.table else ()
        terms = [self._term(name) for name in (*names, *(n for n in key if n not in names))]
        if not key and self.table is not None and self.table.kind in ("r", "m", "p"):
            terms += ["tableoid", "ctid"]
        return tuple(terms)

    def _term(self, name: str) -> str:
        known = self.columns[name]
        term = quote(name)
        if known.type.built_in and known.type.name in _WITHOUT_EQUALITY:
            term += "::text"
        if known.collated and known.type.kind == "base":
            term += ' collate "C"'  # the same order on every server
        # An index serves only the order it has, and says NULLs come last.
        return f"{term} nulls first" if known.nullable else term

    def _window(self) -> list[str]:
        scan = self.scan
        column = next((c for c in scan.schema.columns if c.name == scan.time_column), None)
        if column is None or not scan.window.bounded or column.logical not in INSTANTS:
            return []
        how = self.reading(column)
        name = quote(column.name)
        parts: list[str] = []
        for operator, moment in ((">=", scan.window.start), ("<", scan.window.end)):
            if moment is not None:
                late = operator == "<"
                bound = _bound(moment, column, how, scan.assume_timezone, late=late)
                if bound is None:
                    return []
                parts.append(f"{name} {operator} {bound}")
        conditions = [" and ".join(parts)]
        if self.columns[column.name].nullable:
            conditions.append(f"{name} is null")
        if how.misfit:
            conditions.append(how.misfit.format(c=name))
        return [any_of(conditions)]


def _bound(moment: datetime, column: Column, how: Natural, zone: str, *, late: bool) -> str | None:
    """Return *moment* as a literal to compare *column* with, None where it cannot be."""
    if column.encoding in _UNITS:
        if not how.dtype.is_numeric():
            return None
        margin = _EPOCH_MARGIN if late else -_EPOCH_MARGIN
        return repr((moment.timestamp() + margin) * _UNITS[column.encoding])
    if how.dtype == pl.Datetime("us", "UTC"):
        return literal(moment, "timestamp with time zone")
    if how.dtype not in (pl.Datetime("us"), pl.Date()):
        return None
    naive = moment.astimezone(UTC).replace(tzinfo=None)
    if zone == "UTC" or how.dtype == pl.Date():
        return literal(naive, "timestamp")
    # Wall clocks of another zone: no zone is further than a day from UTC.
    try:
        return literal(naive + _MARGIN if late else naive - _MARGIN, "timestamp")
    except OverflowError:
        return None
