"""One moment of a DuckDB database: discovery, counting, profiling and scanning."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl
import pyarrow as pa

from export_assets.errors import UsageError
from export_assets.sources.base import Scan, Snapshot, SnapshotInfo, TableFacts
from export_assets.sources.duckdb_catalog import CatalogTable, read_catalog
from export_assets.sources.duckdb_errors import translate
from export_assets.sources.duckdb_keys import key_filter, key_values
from export_assets.sources.duckdb_types import (
    Natural,
    describe_column,
    is_plain_nested,
    raw_schema,
    reading,
)
from export_assets.sources.names import check_columns, check_name
from export_assets.sources.sql import (
    Relation,
    alias,
    count_of,
    query,
    quote,
    select,
    strip_statement,
    table_relation,
    view_relation,
)
from export_assets.sources.times import INSTANTS, measure_times
from export_assets.sources.widening import as_text, widen_converted
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.schema import Column, TableSchema

_UNITS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}


class DuckDbSnapshot(Snapshot):
    """A private copy, opened read-only and cut off from files and network."""

    def __init__(
        self, name: str, info: SnapshotInfo, connection: duckdb.DuckDBPyConnection
    ) -> None:
        self.info = info
        self._name = name
        self._connection = connection
        self._views: dict[str, str] = {}
        self._fitting: dict[tuple[str, Column], bool] = {}
        try:
            self._catalog = read_catalog(connection)
        except duckdb.Error as error:
            raise translate(error, name) from error

    def check(self) -> None:
        """Do nothing more: DuckDB compares the checksum of every block it reads."""

    def columns(self, table: str) -> Sequence[str]:
        """See `Snapshot.columns`."""
        known = self._catalog.get(table)
        return tuple(known.columns) if known else ()

    def define(self, views: Mapping[str, str]) -> None:
        """See `Snapshot.define`.

        Raises:
            UsageError: A statement is no SELECT that works on this database.
        """
        before = dict(self._views)
        self._views.update({name: strip_statement(sql) for name, sql in views.items()})
        try:
            for name in views:
                _check_single(query(self._relation(name), ["*"]))
                self._types(name)
        except duckdb.Error as error:
            self._views = before
            raise translate(error, f"{self._name}: view {name}") from error

    def tables(self) -> Sequence[str]:
        """See `Snapshot.tables`."""
        return tuple(dict.fromkeys([*self._catalog, *self._views]))

    def describe(self, table: str) -> TableSchema:
        """See `Snapshot.describe`."""
        known = self._known(table)
        facts = known.columns if known else {}
        columns = []
        for name, declared in self._declared(table).items():
            nullable, description = facts.get(name, (True, ""))
            nested = self._nested(table, name) if is_plain_nested(declared) else None
            column = describe_column(
                name, declared, nested=nested, nullable=nullable, description=description
            )
            columns.append(column)
        return TableSchema(
            name=table,
            columns=tuple(columns),
            primary_key=known.primary_key if known else (),
            foreign_keys=tuple(known.foreign_keys) if known else (),
            description=known.comment if known else "",
        )

    def profile(self, table: str, schema: TableSchema, *, assume_timezone: str) -> TableSchema:
        """See `Snapshot.profile`."""
        for name, count in self._count_misfits(table, schema).items():
            column = schema.column(name)
            fact = reading(column).fact
            schema = schema.with_column(as_text(column, fact, count))
        converted = [c.name for c in schema.columns if c.dtype != reading(c).dtype]
        return widen_converted(
            schema,
            converted,
            lambda part: self._scan(Scan(table=table, schema=part)),
            assume_timezone=assume_timezone,
        )

    def count(self, table: str) -> int:
        """See `Snapshot.count`."""
        return int(str(self._one_row(query(self._relation(table), ["count(*)"]))[0]))

    def count_scan(self, scan: Scan) -> int:
        """See `Snapshot.count_scan`."""
        relation, body, values = self._statement(scan)
        return int(str(self._one_row(count_of(relation, body), values)[0]))

    def facts(self, table: str, time_column: str | None, assume_timezone: str) -> TableFacts:
        """See `Snapshot.facts`."""
        rows = self.count(table)
        if time_column is None:
            return TableFacts(rows=rows)
        check_columns(table, [time_column], tuple(self._declared(table)))
        schema = self.describe(table).select((time_column,))
        schema = self.profile(table, schema, assume_timezone=assume_timezone)
        frames = self._scan(Scan(table=table, schema=schema))
        first, last = measure_times(frames, schema, assume_timezone=assume_timezone)
        return TableFacts(rows=rows, first=first, last=last)

    def scan(self, scan: Scan) -> Iterator[pl.DataFrame]:
        """See `Snapshot.scan`."""
        misfits = self._count_misfits(scan.table, scan.schema)
        for name in misfits:
            raise ValueMismatch(scan.table, name, reading(scan.schema.column(name)).fact)
        yield from self._scan(scan)

    def _scan(self, scan: Scan) -> Iterator[pl.DataFrame]:
        relation, body, values = self._statement(scan)
        statement = relation.prefix + body
        wanted = raw_schema(scan.schema)
        try:
            with closing(self._connection.cursor()) as cursor:
                reader = cursor.sql(statement, params=values).to_arrow_reader(scan.batch_rows)
                for batch in reader:
                    yield _frame(batch, wanted)
        except duckdb.Error as error:
            raise translate(error, self._name) from error

    def _statement(self, scan: Scan) -> tuple[Relation, str, list[object]]:
        declared = self._declared(scan.table)
        time = [scan.time_column] if scan.time_column else []
        keyed = scan.among.columns if scan.among is not None else ()
        asked = [*scan.schema.names, *scan.order_by, *scan.where, *keyed, *time]
        check_columns(scan.table, asked, tuple(declared))
        where, values = _time_filter(scan)
        for name, value in scan.where.items():
            if value is None:
                where.append(f"{quote(name)} is null")
            else:
                self._check_value(scan, name, value, declared[name])
                where.append(f"{quote(name)} = cast(? as {declared[name]})")
                values.append(value)
        if scan.among is not None:
            where.append(key_filter(scan.among, declared))
            values += key_values(scan.among, declared, scan.assume_timezone)
        if scan.at_least is not None:
            name = quote(scan.at_least.column)
            where.append(f"({name} >= cast(? as hugeint) or {name} is null)")
            values.append(scan.at_least.value)
        limit = []
        if scan.limit is not None:
            limit.append("limit ?")
            values.append(scan.limit)
        if scan.offset:
            limit.append("offset ?")
            values.append(scan.offset)
        relation = self._relation(scan.table)
        body = select(
            relation,
            [
                alias(reading(column).expression.format(c=quote(column.name)), f"c{position}")
                for position, column in enumerate(scan.schema.columns)
            ],
            where=where,
            order_by=self._order(scan),
            limit=" ".join(limit),
        )
        return relation, body, values

    def _check_value(self, scan: Scan, name: str, value: object, declared: str) -> None:
        """Refuse a value that is none of the column's type, before anything is read.

        Raises:
            UsageError: It is none.
        """
        if self._one_row(f"select try_cast(? as {declared}) is not null", [value])[0]:
            return
        logical = next((c.logical for c in scan.schema.columns if c.name == name), declared.lower())
        msg = f"{scan.table}.{name}: {value!r} is no {logical}"
        raise UsageError(msg)

    def _order(self, scan: Scan) -> list[str]:
        names = list(scan.order_by)
        if scan.time_column is not None and scan.time_column not in names:
            names.insert(0, scan.time_column)
        if not names:
            return []  # the order of insertion, which DuckDB preserves
        known = self._known(scan.table)
        key = known.primary_key if known else ()
        terms = [quote(name) for name in (*names, *(name for name in key if name not in names))]
        if not key and known is not None and not known.is_view:
            terms.append("rowid")
        return [f"{term} nulls first" for term in terms]

    def _count_misfits(self, table: str, schema: TableSchema) -> dict[str, int]:
        """Count the values the promised types cannot carry; columns known to fit are skipped."""
        guards: dict[str, Natural] = {}
        for column in schema.columns:
            how = reading(column)
            if how.misfit and not self._fitting.get((table, column)):
                guards[column.name] = how
        if not guards:
            return {}
        check_columns(table, guards, tuple(self._declared(table)))
        counts = self._one_row(
            query(
                self._relation(table),
                [
                    f"count(*) filter (where {how.misfit.format(c=quote(name))})"
                    for name, how in guards.items()
                ],
            )
        )
        found = {}
        for name, count in zip(guards, counts, strict=True):
            if count:
                found[name] = int(str(count))
            else:
                self._fitting[table, schema.column(name)] = True
        return found

    def _declared(self, table: str) -> dict[str, str]:
        try:
            return self._types(table)
        except duckdb.Error as error:
            raise translate(error, f"{self._name}: {table}") from error

    def _types(self, table: str) -> dict[str, str]:
        statement = "describe " + query(self._relation(table), ["*"])
        with closing(self._connection.cursor()) as cursor:
            return {str(row[0]): str(row[1]) for row in cursor.execute(statement).fetchall()}

    def _nested(self, table: str, column: str) -> pl.DataType:
        statement = query(self._relation(table), [quote(column)]) + " limit 0"
        with closing(self._connection.cursor()) as cursor:
            schema = cursor.sql(statement).to_arrow_reader(1).schema
        frame = pl.from_arrow(schema.empty_table())
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table always gives a frame
        return frame.dtypes[0]

    def _one_row(self, statement: str, values: Sequence[object] = ()) -> tuple[object, ...]:
        try:
            with closing(self._connection.cursor()) as cursor:
                row = cursor.execute(statement, list(values)).fetchone()
        except duckdb.Error as error:
            raise translate(error, self._name) from error
        return tuple(row or ())

    def _known(self, table: str) -> CatalogTable | None:
        return None if table in self._views else self._catalog.get(table)

    def _relation(self, table: str) -> Relation:
        """Return what to select from for *table*.

        Raises:
            UsageError: There is no such table or view.
        """
        if table in self._views:
            return view_relation(table, self._views, self._catalog)
        check_name(self._name, table, self.tables(), what="table")
        known = self._catalog[table]
        return table_relation(known.schema, known.table)


def _check_single(statement: str) -> None:
    """Refuse text that closes the parentheses around it and goes on with statements of its own."""
    found = duckdb.extract_statements(statement)
    if len(found) != 1 or found[0].type != duckdb.StatementType.SELECT:
        msg = "not one SELECT statement"
        raise duckdb.ParserException(msg)


def _frame(batch: pa.RecordBatch, wanted: pl.Schema) -> pl.DataFrame:
    frame = pl.from_arrow(batch)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a batch always gives a frame
    columns = zip(frame.get_columns(), wanted.items(), strict=True)
    return pl.DataFrame([series.cast(dtype).alias(name) for series, (name, dtype) in columns])


def _time_filter(scan: Scan) -> tuple[list[str], list[object]]:
    column = next((c for c in scan.schema.columns if c.name == scan.time_column), None)
    if column is None or not scan.window.bounded or column.logical not in INSTANTS:
        return [], []
    how = reading(column)
    name = quote(column.name)
    parts: list[str] = []
    values: list[object] = []
    for operator, moment in ((">=", scan.window.start), ("<", scan.window.end)):
        if moment is not None:
            bound = _bound(moment, column, how, scan.assume_timezone, later=operator == "<")
            if bound is None:
                return [], []
            parts.append(f"{name} {operator} ?")
            values.append(bound)
    unjudged = f"{name} is null" + (f" or {how.misfit.format(c=name)}" if how.misfit else "")
    return [f"({' and '.join(parts)}) or {unjudged}"], values


_EPOCH_MARGIN = 0.001
"""Seconds by which windows over epoch numbers with a fraction are widened."""


def _bound(
    moment: datetime, column: Column, how: Natural, zone: str, *, later: bool
) -> datetime | float | None:
    """Return *moment* as DuckDB compares it with *column*, None where it cannot."""
    if column.encoding in _UNITS:
        if not how.dtype.is_numeric():
            return None
        # A float is rounded to the microsecond afterwards, which may carry it into the window.
        margin = _EPOCH_MARGIN if how.dtype.is_float() else 0.0
        margin = margin if later else -margin
        return (moment.timestamp() + margin) * _UNITS[column.encoding]
    if how.dtype == pl.Datetime("us", "UTC"):
        return moment
    if how.dtype not in (pl.Datetime("us"), pl.Date()):
        return None
    naive = moment.astimezone(UTC).replace(tzinfo=None)
    if zone == "UTC" or how.dtype == pl.Date():
        return naive
    # Wall clocks of another zone: no zone is further than a day from UTC.
    return naive + timedelta(days=1) if later else naive - timedelta(days=1)
