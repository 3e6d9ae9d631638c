"""One moment of a server's database: discovery, counting, profiling and scanning."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import polars as pl
import sqlalchemy as sa

from export_assets.errors import ExportError, SourceChanged, UsageError
from export_assets.sources.base import Scan, Snapshot, SnapshotInfo, TableFacts
from export_assets.sources.names import check_columns, check_name
from export_assets.sources.sql import strip_statement
from export_assets.sources.sqlalchemy_catalog import Catalog, CatalogColumn, CatalogTable
from export_assets.sources.sqlalchemy_query import Query
from export_assets.sources.sqlalchemy_reading import Nature, Pace, frame
from export_assets.sources.sqlalchemy_session import Session
from export_assets.sources.sqlalchemy_statement import (
    Relation,
    column,
    count_of,
    count_rows,
    select,
    table_relation,
    view_relation,
)
from export_assets.sources.times import INSTANTS, measure_times
from export_assets.tables.conform import Conformer
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.schema import TableSchema

_BATCH_BYTES = 32 * 1024 * 1024


class ServerSnapshot(Snapshot):
    """A transaction that sees one moment, as far as the server can do that."""

    nulls_first = False
    """Whether the server must be told to put NULL first."""

    def __init__(self, name: str, info: SnapshotInfo, session: Session, catalog: Catalog) -> None:
        self.info = info
        self._name = name
        self._session = session
        self._catalog = catalog
        self._views: dict[str, str] = {}
        self._view_columns: dict[str, dict[str, CatalogColumn]] = {}
        self._odd: dict[tuple[str, str], bool] = {}
        self.read: set[str] = set()
        """Names of the tables whose rows were asked for."""

    @abstractmethod
    def nature(self, column: CatalogColumn) -> Nature:
        """Return what the declared type of *column* means."""

    @abstractmethod
    def load(self, known: CatalogTable) -> None:
        """See that *known* has its columns and keys."""

    @abstractmethod
    def columns_of(self, relation: Relation) -> dict[str, CatalogColumn]:
        """Return the columns of a configured view, by asking for none of its rows."""

    def check(self) -> None:
        """Do nothing more: the server checks what it reads."""

    def columns(self, table: str) -> Sequence[str]:
        """See `Snapshot.columns`."""
        known = self._catalog.get(table)
        if known is None:
            return ()
        with suppress(UsageError):  # of a view of what is gone
            self.load(known)
        return tuple(known.columns)

    def define(self, views: Mapping[str, str]) -> None:
        """See `Snapshot.define`.

        Raises:
            UsageError: A statement is no SELECT that works on this database.
        """
        before = dict(self._views)
        self._views.update({name: strip_statement(sql) for name, sql in views.items()})
        self._view_columns.clear()
        for name in views:
            try:
                self._declared(name)
            except ExportError as error:
                self._views = before
                fact = str(error).removeprefix(f"{self._name}: ")
                # A table that is not there looks as if it was there before.
                kind = UsageError if isinstance(error, SourceChanged) else type(error)
                msg = f"{self._name}: view {name}: {fact}"
                raise kind(msg) from error

    def tables(self) -> Sequence[str]:
        """See `Snapshot.tables`."""
        return tuple(dict.fromkeys([*self._catalog, *self._views]))

    def describe(self, table: str) -> TableSchema:
        """See `Snapshot.describe`."""
        known = self._known(table)
        columns = tuple(
            self.nature(one).describe(
                name, declared=one.declared, nullable=one.nullable, comment=one.comment
            )
            for name, one in self._declared(table).items()
        )
        return TableSchema(
            name=table,
            columns=columns,
            primary_key=known.primary_key if known else (),
            foreign_keys=tuple(known.foreign_keys) if known else (),
            description=known.comment if known else "",
        )

    def profile(self, table: str, schema: TableSchema, *, assume_timezone: str) -> TableSchema:
        """See `Snapshot.profile`."""
        declared = self._declared(table)
        check_columns(table, schema.names, tuple(declared))
        unsure = list(schema.names)
        while unsure:
            part = schema.select(tuple(unsure))
            conformer, lost = Conformer(part, assume_timezone=assume_timezone), Counter[str]()
            for raw, misfits in self._read(Scan(table=table, schema=part)):
                lost.update(misfits)
                lost.update(conformer.count_misfits(raw))
            for name, count in lost.items():
                nature = self.nature(declared[name])
                schema = schema.with_column(nature.widen(schema.column(name), count))
            # What was widened may still hold something that the wider type cannot carry.
            unsure = [
                name for name in lost if self.nature(declared[name]).may_misfit(schema.column(name))
            ]
        return schema

    def count(self, table: str) -> int:
        """See `Snapshot.count`."""
        return int(self._session.rows(count_rows(self._relation(table)))[0][0])

    def count_scan(self, scan: Scan) -> int:
        """See `Snapshot.count_scan`."""
        return int(self._session.rows(count_of(self._query(scan).statement))[0][0])

    def facts(self, table: str, time_column: str | None, assume_timezone: str) -> TableFacts:
        """See `Snapshot.facts`."""
        known = self._known(table)
        size = known.bytes_estimated if known is not None else None
        rows = self.count(table)
        if time_column is None:
            return TableFacts(rows=rows, bytes_estimated=size)
        check_columns(table, [time_column], tuple(self._declared(table)))
        schema = self.describe(table).select((time_column,))
        schema = self.profile(table, schema, assume_timezone=assume_timezone)
        first = last = None
        if schema.columns[0].logical in INSTANTS:
            frames = (raw for raw, _ in self._edges(table, schema))
            first, last = measure_times(frames, schema, assume_timezone=assume_timezone)
        return TableFacts(rows=rows, first=first, last=last, bytes_estimated=size)

    def scan(self, scan: Scan) -> Iterator[pl.DataFrame]:
        """See `Snapshot.scan`."""
        frames: list[pl.DataFrame] = []
        rows = size = 0
        for raw, misfits in self._read(scan):
            for name in misfits:
                nature = self.nature(self._declared(scan.table)[name])
                fact = nature.fact or f"holds values that are no {nature.logical}"
                raise ValueMismatch(scan.table, name, fact)
            frames.append(raw)
            rows, size = rows + raw.height, size + int(raw.estimated_size())
            if rows >= scan.batch_rows or size >= _BATCH_BYTES:
                yield pl.concat(frames)
                frames, rows, size = [], 0, 0
        if frames:
            yield pl.concat(frames)

    def _read(self, scan: Scan) -> Iterator[tuple[pl.DataFrame, dict[str, int]]]:
        query = self._query(scan)
        pace = Pace(most=scan.batch_rows)
        for rows in self._session.stream(query.statement, pace):
            raw, misfits = frame(rows, scan.schema.names, query.readings)
            pace.seen(raw.height, int(raw.estimated_size()))
            yield raw, misfits

    def _edges(
        self, table: str, schema: TableSchema
    ) -> Iterator[tuple[pl.DataFrame, dict[str, int]]]:
        """Read the smallest and the largest value of the one column of *schema*."""
        one = schema.columns[0]
        reading = self.nature(self._declared(table)[one.name]).reads(one)
        for function in (sa.func.min, sa.func.max):
            expression = reading.expression(function(column(one.name)))
            rows = self._session.rows(select(self._relation(table), [expression]))
            yield frame(rows, schema.names, [reading])

    def _query(self, scan: Scan) -> Query:
        declared = self._declared(scan.table)
        natures = {name: self.nature(one) for name, one in declared.items()}
        named = [*scan.schema.names, *scan.order_by, *scan.where]
        named += [*([scan.time_column] if scan.time_column else [])]
        named += scan.among.columns if scan.among is not None else ()
        check_columns(scan.table, named, tuple(declared))
        self.read.add(scan.table)
        known = self._known(scan.table)
        time = scan.time_column
        odd = scan.window.bounded and time is not None and self._holds_odd(scan.table, time)
        return Query(
            scan=scan,
            relation=self._relation(scan.table),
            natures=natures,
            key=known.primary_key if known else (),
            nulls_first=self.nulls_first,
            odd_times=odd,
        )

    def _holds_odd(self, table: str, name: str) -> bool:
        """Whether a time column holds what is no moment; without, an index can serve windows."""
        nature = self.nature(self._declared(table)[name])
        if nature.odd is None:
            return False
        if (table, name) not in self._odd:
            found = nature.odd(column(name))
            statement = select(self._relation(table), [sa.literal_column("1")], where=[found])
            self._odd[table, name] = bool(self._session.rows(statement.limit(1)))
        return self._odd[table, name]

    def _declared(self, table: str) -> dict[str, CatalogColumn]:
        relation = self._relation(table)
        known = self._known(table)
        if known is not None:
            self.load(known)
            return known.columns
        if table not in self._view_columns:
            self._view_columns[table] = self.columns_of(relation)
        return self._view_columns[table]

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
