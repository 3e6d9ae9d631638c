"""One moment of a directory of event logs: the tables that are made of its segments."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from export_assets.engine.logs.kind import LogKind, LogTable
from export_assets.engine.logs.view import SegmentView
from export_assets.errors import UsageError
from export_assets.sources.base import (
    Remarks,
    Scan,
    Snapshot,
    SnapshotInfo,
    TableFacts,
    refused_figures,
)
from export_assets.sources.filters import among, equal
from export_assets.sources.names import check_columns, check_name
from export_assets.tables.partitions import Partitions, TimePartitions, Window
from export_assets.tables.schema import TableSchema


class LogSnapshot(Snapshot):
    """The tables of a source of event logs, none of which changes while it is read."""

    keeps_time_order = True

    def __init__(
        self, name: str, info: SnapshotInfo, view: SegmentView, kind: LogKind, remarks: Remarks
    ) -> None:
        self.info = info
        self.view = view
        self._name = name
        self._tables = {table.name: table for table in kind.tables()}
        self._schemas: dict[str, TableSchema] = {}
        self._remarks = remarks

    def check(self) -> None:
        """Do nothing more: whoever reads a segment's file finds it damaged."""

    def columns(self, table: str) -> Sequence[str]:
        """See `Snapshot.columns`."""
        return self._schema(table).names if table in self._tables else ()

    def define(self, views: Mapping[str, str]) -> None:
        """Refuse statements: there is no database that could run them.

        Raises:
            UsageError: In any case.
        """
        msg = f"{self._name}: view {next(iter(views))}: event logs know no SQL"
        raise UsageError(msg)

    def tables(self) -> Sequence[str]:
        """See `Snapshot.tables`."""
        return tuple(self._tables)

    def describe(self, table: str) -> TableSchema:
        """See `Snapshot.describe`."""
        return self._schema(table)

    def profile(self, table: str, schema: TableSchema, *, assume_timezone: str) -> TableSchema:
        """Return *schema*: types follow from all values already."""
        del table, assume_timezone
        return schema

    def count(self, table: str) -> int:
        """See `Snapshot.count`."""
        return self._table(table).count(self.view, Window())

    def count_scan(self, scan: Scan) -> int:
        """See `Snapshot.count_scan`."""
        if not scan.where and scan.among is None and scan.limit is None and not scan.offset:
            return self._table(scan.table).count(self.view, scan.window)
        return sum(frame.height for frame in self.scan(scan))

    def facts(self, table: str, time_column: str | None, assume_timezone: str) -> TableFacts:
        """See `Snapshot.facts`."""
        del assume_timezone
        found = self._table(table)
        key = [time_column] if time_column is not None else self._schema(table).names[:1]
        check_columns(table, key, self._schema(table).names)
        rows, first, last = 0, None, None
        for frame in found.frames(self.view, Window(), key):
            rows += frame.height
            if time_column is not None and frame.height:
                low, high = frame[time_column].min(), frame[time_column].max()
                if isinstance(low, datetime) and isinstance(high, datetime):
                    first = low if first is None else min(first, low)
                    last = high if last is None else max(last, high)
        return TableFacts(rows=rows, first=first, last=last)

    def scan(self, scan: Scan) -> Iterator[pl.DataFrame]:
        """See `Snapshot.scan`."""
        table, schema = self._table(scan.table), self._schema(scan.table)
        keyed = scan.among.columns if scan.among is not None else ()
        order = _order(scan, table, schema)
        needed = dict.fromkeys((*scan.schema.names, *order, *scan.where, *keyed))
        check_columns(scan.table, needed, schema.names)
        kept = [equal(schema.column(name), value) for name, value in scan.where.items()]
        if scan.among is not None:
            kept.append(among(scan.among))
        frames = table.frames(self.view, scan.window, list(needed))
        left, passed = scan.limit, scan.offset
        for whole in _ordered(frames, order, by_time=table.time_column):
            rows = whole.filter(*kept) if kept else whole
            if passed:
                skipped = min(passed, rows.height)
                rows, passed = rows.slice(skipped), passed - skipped
            if left is not None:
                rows = rows.head(left)
                left -= rows.height
            for part in rows.iter_slices(scan.batch_rows):
                yield part.select(scan.schema.names)
            if left == 0:
                return

    def stamps(self, table: str, partitions: Partitions) -> Mapping[str, str] | None:
        """See `Snapshot.stamps`."""
        if not isinstance(partitions, TimePartitions):
            return {partitions.key: self._table(table).stamp(self.view)}
        if self._table(table).time_column != partitions.column:
            return None
        found: dict[str, int] = {}
        for day, stamp in self._table(table).stamps(self.view).items():
            for moment in _moments(day.year, day.month, day.day, partitions.every):
                key = partitions.key_of(moment)
                found[key] = (found.get(key, 0) + stamp) % 2**64
        return {key: f"{stamp:016x}" for key, stamp in found.items()}

    def remarks(self) -> Remarks:
        """See `Snapshot.remarks`."""
        told = [note for table in self._tables.values() for note in table.notes()]
        # Of all logs: a line that is no record belongs to no day.
        lines = refused_figures(self.view.refused, self.view.rows + self.view.refused)
        figures = {name: {**lines, **table.figures()} for name, table in self._tables.items()}
        return replace(self._remarks, notes=(*self._remarks.notes, *told), figures=figures)

    def _table(self, name: str) -> LogTable:
        check_name(self._name, name, self.tables(), what="table")
        return self._tables[name]

    def _schema(self, name: str) -> TableSchema:
        if name not in self._schemas:
            self._schemas[name] = self._table(name).schema(self.view)
        return self._schemas[name]


def _moments(year: int, month: int, day: int, every: str) -> Iterator[datetime]:
    for hour in range(24) if every == "hour" else (0,):
        yield datetime(year, month, day, hour, tzinfo=UTC)


def _order(scan: Scan, table: LogTable, schema: TableSchema) -> list[str]:
    """Return the columns to order by: as asked for, ties settled by the key."""
    names = list(scan.order_by)
    if scan.time_column is not None and scan.time_column not in names:
        names.insert(0, scan.time_column)
    if not names and table.time_column is not None:
        names = [table.time_column]
    return list(dict.fromkeys((*names, *schema.primary_key)))


def _ordered(
    frames: Iterator[pl.DataFrame], order: Sequence[str], *, by_time: str | None
) -> Iterator[pl.DataFrame]:
    if by_time is None or list(order[:1]) != [by_time]:
        # Asked for by somebody who writes a file for himself: everything is held.
        whole = list(frames)
        frames = iter([pl.concat(whole)] if whole else [])
    for frame in frames:
        yield frame.sort(order, nulls_last=False) if order else frame
