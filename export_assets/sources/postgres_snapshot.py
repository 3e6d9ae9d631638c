"""One moment of a PostgreSQL database: discovery, counting, profiling and scanning."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import polars as pl

from export_assets.errors import ExportError, UsageError
from export_assets.sources.base import Consistency, Scan, Snapshot, SnapshotInfo, TableFacts
from export_assets.sources.names import check_columns, check_name
from export_assets.sources.postgres_catalog import CatalogColumn, CatalogTable
from export_assets.sources.postgres_open import Moment
from export_assets.sources.postgres_plan import Plan
from export_assets.sources.postgres_readers import Readers
from export_assets.sources.postgres_scan import stream
from export_assets.sources.postgres_types import describe_column, is_natural, reading
from export_assets.sources.postgres_views import check_single, probe_columns, with_views
from export_assets.sources.sql import (
    Relation,
    count_of,
    quote,
    select,
    strip_statement,
    table_relation,
    view_relation,
)
from export_assets.sources.times import INSTANTS, measure_times
from export_assets.sources.widening import as_text, widen_converted
from export_assets.tables.batch import Batch
from export_assets.tables.schema import TableSchema

_SIZE = "select sum(pg_total_relation_size(relid))::int8 from pg_partition_tree($1::int8::oid)"
_SIZE_OF_ONE = "select pg_total_relation_size($1::int8::oid)"


class PostgresSnapshot(Snapshot):
    """A repeatable-read transaction that holds the locks, and readers that share its snapshot."""

    def __init__(self, name: str, info: SnapshotInfo, readers: Readers, moment: Moment) -> None:
        self.info = info
        self._name = name
        self._readers = readers
        self._moment = moment
        self._catalog = moment.catalog
        self._views: dict[str, str] = {}
        self._view_columns: dict[str, dict[str, CatalogColumn]] = {}

    def check(self) -> None:
        """Do nothing more: the server compares the checksums of the pages it reads."""

    def cancel(self) -> None:
        """See `Snapshot.cancel`: the server is asked to stop at once, even while it sorts."""
        self._readers.cancel()

    def consistency_of(self, table: str) -> Consistency:
        """See `Snapshot.consistency_of`: what another server holds is not part of this snapshot."""
        known = self._known(table)
        foreign = known is not None and known.kind == "f"
        return "best-effort" if foreign else self.info.consistency

    def columns(self, table: str) -> Sequence[str]:
        """See `Snapshot.columns`."""
        known = self._catalog.get(table)
        return tuple(known.columns) if known else ()

    def define(self, views: Mapping[str, str]) -> None:
        """See `Snapshot.define`.

        Raises:
            UsageError: A statement is no SELECT that works on this database.
        """
        before, columns = dict(self._views), dict(self._view_columns)
        self._views.update({name: strip_statement(sql) for name, sql in views.items()})
        try:
            for name in views:
                subject = f"view {name}"
                with self._readers.reader() as session:
                    check_single(session, self._views[name], subject=subject)
                    self._view_columns[name] = probe_columns(
                        session, self._relation(name), self._moment.types, subject=subject
                    )
        except ExportError:
            self._views, self._view_columns = before, columns
            raise

    def tables(self) -> Sequence[str]:
        """See `Snapshot.tables`."""
        return tuple(dict.fromkeys([*self._catalog, *self._views]))

    def describe(self, table: str) -> TableSchema:
        """See `Snapshot.describe`.

        Raises:
            SourceMissing: The role may not read the table.
            SourceBusy: Somebody held it for longer than the busy timeout.
        """
        columns, known = self._columns(table), self._known(table)
        return TableSchema(
            name=table,
            columns=tuple(
                describe_column(
                    one.name,
                    one.declared,
                    one.type,
                    nullable=one.nullable,
                    description=one.comment,
                )
                for one in columns.values()
            ),
            primary_key=known.primary_key if known else (),
            foreign_keys=tuple(known.foreign_keys) if known else (),
            description=known.comment if known else "",
        )

    def profile(self, table: str, schema: TableSchema, *, assume_timezone: str) -> TableSchema:
        """See `Snapshot.profile`."""
        for name, (count, fact) in self._count_misfits(table, schema).items():
            schema = schema.with_column(as_text(schema.column(name), fact, count))
        columns = self._columns(table)
        converted = [
            one.name
            for one in schema.columns
            if not is_natural(one, reading(one, columns[one.name].type))
        ]
        return widen_converted(
            schema,
            converted,
            lambda part: self.scan(Scan(table=table, schema=part)),
            assume_timezone=assume_timezone,
        )

    def count(self, table: str) -> int:
        """See `Snapshot.count`."""
        self._columns(table)
        relation = self._relation(table)
        statement = with_views(relation, select(relation, ["count(*)"]))
        return int(self._ask(statement, subject=table)[0])

    def count_scan(self, scan: Scan) -> int:
        """See `Snapshot.count_scan`."""
        plan = self._plan(scan)
        bare = Relation(source=plan.relation.source, others={})
        statement = with_views(plan.relation, count_of(bare, plan.counting()))
        return int(self._ask(statement, subject=scan.table)[0])

    def facts(self, table: str, time_column: str | None, assume_timezone: str) -> TableFacts:
        """See `Snapshot.facts`."""
        rows, known = self.count(table), self._known(table)
        size = None
        if known is not None and known.kind in "rpm":
            statement = _SIZE if known.kind == "p" else _SIZE_OF_ONE
            size = int(self._ask(statement, [known.oid], subject=table)[0] or 0)
        if time_column is None:
            return TableFacts(rows=rows, bytes_estimated=size)
        check_columns(table, [time_column], tuple(self._columns(table)))
        schema = self.describe(table).select((time_column,))
        schema = self.profile(table, schema, assume_timezone=assume_timezone)
        if schema.columns[0].logical not in INSTANTS:
            return TableFacts(rows=rows, bytes_estimated=size)
        plan = self._plan(Scan(table=table, schema=schema, assume_timezone=assume_timezone))
        frames = (batch.frame for batch in self._stream(plan, plan.extremes()))
        first, last = measure_times(frames, schema, assume_timezone=assume_timezone)
        return TableFacts(rows=rows, first=first, last=last, bytes_estimated=size)

    def scan(self, scan: Scan) -> Iterator[pl.DataFrame]:
        """See `Snapshot.scan`."""
        with closing(self.batches(scan)) as batches:
            for batch in batches:
                yield batch.frame

    def batches(self, scan: Scan) -> Generator[Batch, None, None]:
        """See `Snapshot.batches`."""
        plan = self._plan(scan)
        for name, value in scan.where.items():
            self._check_value(plan, name, value)
        yield from self._stream(plan, plan.body())

    def _stream(self, plan: Plan, body: str) -> Generator[Batch, None, None]:
        statement = with_views(plan.relation, body)
        with self._readers.reader() as session, closing(stream(plan, statement, session)) as found:
            yield from found

    def _check_value(self, plan: Plan, name: str, value: object) -> None:
        """Refuse a value that is none of the column's type, before anything is read.

        Raises:
            UsageError: It is none.
        """
        if value is None:
            return
        try:
            self._ask(f"select {plan.literal(name, value)} is null")
        except UsageError as error:
            msg = f"{plan.scan.table}.{name}: {value!r} is no {plan.columns[name].declared}"
            raise UsageError(msg) from error

    def _plan(self, scan: Scan) -> Plan:
        columns = self._columns(scan.table)
        time = [scan.time_column] if scan.time_column else []
        keys = scan.among.columns if scan.among is not None else ()
        start = [scan.at_least.column] if scan.at_least is not None else []
        asked = (*scan.schema.names, *scan.order_by, *scan.where, *keys, *time, *start)
        check_columns(scan.table, asked, tuple(columns))
        return Plan(
            scan=scan,
            relation=self._relation(scan.table),
            columns=columns,
            table=self._known(scan.table),
        )

    def _count_misfits(self, table: str, schema: TableSchema) -> dict[str, tuple[int, str]]:
        """Count the values that the promised types cannot carry, and say what they are."""
        columns = self._columns(table)
        check_columns(table, schema.names, tuple(columns))
        guarded = [(one, reading(one, columns[one.name].type)) for one in schema.columns]
        guarded = [(one, how) for one, how in guarded if how.misfit]
        if not guarded:
            return {}
        relation = self._relation(table)
        counts = [
            f"count(*) filter (where {how.misfit.format(c=quote(one.name))})"
            for one, how in guarded
        ]
        found = self._ask(with_views(relation, select(relation, counts)), subject=table)
        pairs = zip(guarded, found, strict=True)
        return {one.name: (int(count), how.fact) for (one, how), count in pairs if count}

    def _columns(self, table: str) -> Mapping[str, CatalogColumn]:
        """Return the columns of *table*, which may be read.

        Raises:
            UsageError: There is no such table, or it has no columns.
            SourceError: The table cannot be read.
        """
        if table in self._view_columns:
            return self._view_columns[table]
        check_name(self._name, table, self.tables(), what="table")
        if table in self._moment.closed:
            raise self._moment.closed[table]
        found = self._catalog[table].columns
        if not found:
            msg = f"{table}: has no columns"
            raise UsageError(msg)
        return found

    def _known(self, table: str) -> CatalogTable | None:
        return None if table in self._views else self._catalog.get(table)

    def _relation(self, table: str) -> Relation:
        if table in self._views:
            return view_relation(table, self._views, self._catalog)
        known = self._catalog[table]
        return table_relation(known.schema, known.table)

    def _ask(
        self, statement: str, values: Sequence[object] = (), *, subject: str = ""
    ) -> tuple[Any, ...]:
        """Return the one row that answers *statement*.

        Raises:
            ExportError: The server failed; the snapshot is none the worse for it.
        """
        with self._readers.reader() as session:
            return session.rows(statement, values, subject=subject)[0]
