"""One moment of a SQLite database: discovery, counting, profiling and scanning."""

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from threading import Lock

import polars as pl

from export_assets.errors import ExportError, UsageError
from export_assets.sources.base import Scan, Snapshot, SnapshotInfo, TableFacts
from export_assets.sources.names import check_columns, check_name
from export_assets.sources.sql import (
    Relation,
    count_of,
    create_temp_view,
    query,
    strip_statement,
    table_relation,
    view_relation,
)
from export_assets.sources.sqlite_catalog import (
    CatalogColumn,
    CatalogTable,
    read_catalog,
    view_columns,
)
from export_assets.sources.sqlite_check import BackgroundCheck, quick_check
from export_assets.sources.sqlite_errors import translate
from export_assets.sources.sqlite_plan import TRIPPED, Plan, make_plan
from export_assets.sources.sqlite_profile import count_classes, profile_values
from export_assets.sources.sqlite_rows import is_converted, scan_rows
from export_assets.sources.sqlite_scan import DriverError, scan_arrow
from export_assets.sources.sqlite_types import describe_column, says
from export_assets.sources.sqlite_where import Value
from export_assets.sources.sqlite_widen import by_values, fit
from export_assets.sources.sqlite_window import TimeFilter, can_judge, oddities, window_filter
from export_assets.sources.times import measure_times
from export_assets.tables.batch import Batch
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.schema import Column, TableSchema

_LACKS = re.compile(r"no such (module|function|collation)")


class SqliteSnapshot(Snapshot):
    """A private copy, or one read transaction where a copy did not fit."""

    def __init__(
        self,
        name: str,
        info: SnapshotInfo,
        connection: sqlite3.Connection,
        *,
        copy: Path | None = None,
        check: BackgroundCheck | None = None,
    ) -> None:
        self.info = info
        self._name = name
        self._connection = connection
        self._lock = Lock()
        self._copy = copy
        self._check = check
        self._views: dict[str, str] = {}
        self._clean_times: dict[tuple[str, Column], bool] = {}
        try:
            self._catalog = read_catalog(connection)
        except sqlite3.Error as error:
            raise translate(error, name) from error

    def end(self) -> None:
        """Stop reading, from any thread: what runs is interrupted, what comes after fails."""
        while not self._lock.acquire(timeout=0.05):
            self._connection.interrupt()
        try:
            self._connection.close()
        finally:
            self._lock.release()

    def check(self) -> None:
        """Wait for SQLite's own check of every page; see `Snapshot.check`."""
        if self._check is not None:
            self._check.wait()
        else:
            with self._lock:
                quick_check(self._connection, self._name)

    def columns(self, table: str) -> Sequence[str]:
        """See `Snapshot.columns`."""
        known = self._catalog.get(table)
        return tuple(column.name for column in known.columns) if known else ()

    def define(self, views: Mapping[str, str]) -> None:
        """See `Snapshot.define`.

        Raises:
            UsageError: A statement is no SELECT that works on this database.
        """
        before = dict(self._views)
        self._views.update({name: strip_statement(sql) for name, sql in views.items()})
        try:
            for name in views:
                # Only prepared: to run a view may take as long as the export itself.
                statement = f"{query(self._relation(name), ['1'])} limit 0"
                self._fetch(f"{self._name}: view {name}", statement)
        except ExportError:
            self._views = before
            raise

    def add_functions(self, functions: Mapping[str, Callable[[object], int | None]]) -> None:
        """See `Snapshot.add_functions`."""
        with self._lock:
            for name, function in functions.items():
                self._connection.create_function(name, 1, function)

    def tables(self) -> Sequence[str]:
        """See `Snapshot.tables`."""
        return tuple(dict.fromkeys([*self._catalog, *self._views]))

    def describe(self, table: str) -> TableSchema:
        """See `Snapshot.describe`."""
        relation, declared, known = self._relation(table), self._declared(table), self._known(table)
        columns = [
            describe_column(one.name, one.declared, nullable=one.nullable) for one in declared
        ]
        unknown = [column for column in columns if not says(column.declared)]
        if unknown:
            classes = count_classes(self._run, relation, unknown)
            found = {one.name: by_values(one, classes[one.name]) for one in unknown}
            columns = [found.get(one.name, one) for one in columns]
        return TableSchema(
            name=table,
            columns=tuple(columns),
            primary_key=known.primary_key if known else (),
            foreign_keys=known.foreign_keys if known else (),
        )

    def profile(self, table: str, schema: TableSchema, *, assume_timezone: str) -> TableSchema:
        """See `Snapshot.profile`."""
        relation = self._relation(table)
        classes = count_classes(self._run, relation, schema.columns)
        for column in schema.columns:
            schema = schema.with_column(fit(column, classes[column.name]))
        return profile_values(
            lambda candidate: self.scan(Scan(table=table, schema=candidate)),
            schema,
            classes,
            assume_timezone=assume_timezone,
        )

    def count(self, table: str) -> int:
        """See `Snapshot.count`."""
        return int(self._run(query(self._relation(table), ["count(*)"]))[0][0])

    def count_scan(self, scan: Scan) -> int:
        """See `Snapshot.count_scan`."""
        plan = self._plan(scan)
        statement = count_of(plan.relation, plan.body(("1",)))
        return int(self._fetch(self._name, statement, plan.values)[0][0])

    def facts(self, table: str, time_column: str | None, assume_timezone: str) -> TableFacts:
        """See `Snapshot.facts`."""
        rows, estimate = self.count(table), self._bytes(table)
        if time_column is None:
            return TableFacts(rows=rows, bytes_estimated=estimate)
        names = tuple(column.name for column in self._declared(table))
        check_columns(table, [time_column], names)
        schema = self.describe(table).select((time_column,))
        schema = self.profile(table, schema, assume_timezone=assume_timezone)
        first, last = measure_times(
            self.scan(Scan(table=table, schema=schema)), schema, assume_timezone=assume_timezone
        )
        return TableFacts(rows=rows, first=first, last=last, bytes_estimated=estimate)

    def scan(self, scan: Scan) -> Iterator[pl.DataFrame]:
        """See `Snapshot.scan`."""
        return (batch.frame for batch in self.batches(scan))

    def batches(self, scan: Scan) -> Iterator[Batch]:
        """See `Snapshot.batches`."""
        try:
            yield from self._batches(scan)
        except sqlite3.Error as error:
            raise translate(error, self._name) from error

    def _batches(self, scan: Scan) -> Iterator[Batch]:
        plan = self._plan(scan)
        if self._copy is None or self._is_slow(scan.table) or self._needs_rows(plan):
            yield from map(Batch, scan_rows(self._connection, self._lock, plan))
            return
        started = False
        try:
            for batch in scan_arrow(self._copy, plan):
                started = True
                yield batch
        except DriverError as error:
            if started or not _LACKS.search(str(error)):
                raise self._explain(error, plan) from error
            # A view may use what this Python's SQLite has and the driver's own has not.
            yield from map(Batch, scan_rows(self._connection, self._lock, plan))

    def _plan(self, scan: Scan) -> Plan:
        names = tuple(column.name for column in self._declared(scan.table))
        asked = [*scan.schema.names, *scan.order_by, *scan.where]
        asked += scan.among.columns if scan.among is not None else ()
        check_columns(scan.table, asked + ([scan.time_column] if scan.time_column else []), names)
        return make_plan(
            scan,
            self._known(scan.table),
            self._relation(scan.table),
            time_filter=self._time_filter(scan),
            collated=self._is_collated(scan.table),
        )

    def _time_filter(self, scan: Scan) -> TimeFilter | None:
        if scan.time_column is None or not scan.window.bounded:
            return None
        column = next((c for c in scan.schema.columns if c.name == scan.time_column), None)
        if column is None or not can_judge(column) or self._is_collated(scan.table):
            return None
        key = (scan.table, column)
        if key not in self._clean_times:
            odd = query(self._relation(scan.table), ["1"], where=[oddities(column)])
            self._clean_times[key] = not self._run(odd + " limit 1")
        return window_filter(column, scan.window, clean=self._clean_times[key])

    def _needs_rows(self, plan: Plan) -> bool:
        converted = {column.name for column in plan.columns if is_converted(column)}
        conditions = [g.condition for g in plan.guards() if g.column in converted]
        return any(self._holds(plan.relation, condition) for condition in conditions)

    def _explain(self, error: Exception, plan: Plan) -> ExportError:
        """Return what an error of the fast reader means; the driver speaks in words only."""
        table = plan.scan.table
        if TRIPPED in str(error):
            for guard in plan.guards():
                if self._holds(plan.relation, guard.condition):
                    return ValueMismatch(table, guard.column, guard.fact)
        position = str(error).partition("Type mismatch in column ")[2].partition(":")[0]
        if position.isdigit():
            column = plan.columns[int(position)]
            fact = f"holds values that are not {column.logical}"
            return ValueMismatch(table, column.name, fact)
        return translate(error, self._name)

    def _holds(self, relation: Relation, condition: str) -> bool:
        return bool(self._run(query(relation, ["1"], where=[condition]) + " limit 1"))

    def _known(self, table: str) -> CatalogTable | None:
        return None if table in self._views else self._catalog.get(table)

    def _is_slow(self, table: str) -> bool:
        """Whether only this connection has what reading *table* takes."""
        known = self._known(table)
        return known is not None and (known.kind != "table" or known.collated)

    def _is_collated(self, table: str) -> bool:
        """Whether an index of what *table* is made of may be in the application's own order."""
        known = self._known(table)
        if known is not None and known.kind == "table":
            return known.collated
        return any(one.collated for one in self._catalog.values())

    def _relation(self, table: str) -> Relation:
        """Return what to select from for *table*.

        Raises:
            UsageError: There is no such table or view.
        """
        if table in self._views:
            return view_relation(table, self._views, self._catalog)
        check_name(self._name, table, self.tables(), what="table")
        return table_relation(table)

    def _declared(self, table: str) -> tuple[CatalogColumn, ...]:
        relation, known = self._relation(table), self._known(table)
        if known is not None and known.columns:
            return known.columns
        if known is not None and known.kind == "virtual":
            msg = f"{table}: virtual table, its module is not at hand"
            raise UsageError(msg)
        with self._lock:
            try:
                return view_columns(self._connection, create_temp_view(relation))
            except sqlite3.Error as error:
                raise translate(error, f"{self._name}: view {table}") from error

    def _bytes(self, table: str) -> int | None:
        known = self._known(table)
        if known is None or known.kind != "table":
            return None
        statement = "select sum(pgsize) from dbstat where name = ? and aggregate = 1"
        with self._lock:
            try:
                row = self._connection.execute(statement, (table,)).fetchone()
            except sqlite3.Error:
                return None  # not every build of SQLite can tell
        return None if row is None or row[0] is None else int(row[0])

    def _run(self, statement: str) -> list[tuple[int, ...]]:
        return self._fetch(self._name, statement)

    def _fetch(
        self,
        name: str,
        statement: str,
        values: Sequence[Value] = (),
    ) -> list[tuple[int, ...]]:
        try:
            with self._lock, closing(self._connection.cursor()) as cursor:
                return cursor.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise translate(error, name) from error
