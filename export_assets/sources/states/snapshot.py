"""The tables that were made of a directory's state files, none of which changes any more."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import polars as pl

from export_assets.errors import UsageError
from export_assets.sources.base import Remarks, Scan, Snapshot, SnapshotInfo, TableFacts
from export_assets.sources.filters import among, equal
from export_assets.sources.names import check_columns, check_name
from export_assets.sources.states.spool import Spools
from export_assets.tables.schema import TableSchema


class StateSnapshot(Snapshot):
    """What one read of all state files gave."""

    def __init__(
        self,
        name: str,
        info: SnapshotInfo,
        schemas: Sequence[TableSchema],
        spools: Spools,
        remarks: Remarks,
    ) -> None:
        self.info = info
        self._name = name
        self._schemas = {schema.name: schema for schema in schemas}
        self._spools = spools
        self._remarks = remarks

    def check(self) -> None:
        """Do nothing more: whoever reads a damaged spool is told."""

    def columns(self, table: str) -> Sequence[str]:
        """See `Snapshot.columns`."""
        return self._schemas[table].names if table in self._schemas else ()

    def define(self, views: Mapping[str, str]) -> None:
        """Refuse statements: there is no database that could run them.

        Raises:
            UsageError: In any case.
        """
        msg = f"{self._name}: view {next(iter(views))}: state files know no SQL"
        raise UsageError(msg)

    def tables(self) -> Sequence[str]:
        """See `Snapshot.tables`."""
        return tuple(self._schemas)

    def describe(self, table: str) -> TableSchema:
        """See `Snapshot.describe`."""
        check_name(self._name, table, self.tables(), what="table")
        return self._schemas[table]

    def profile(self, table: str, schema: TableSchema, *, assume_timezone: str) -> TableSchema:
        """Return *schema*: what does not fit was quarantined."""
        del table, assume_timezone
        return schema

    def count(self, table: str) -> int:
        """See `Snapshot.count`."""
        self.describe(table)
        return self._spools.count(table)

    def count_scan(self, scan: Scan) -> int:
        """See `Snapshot.count_scan`."""
        if not scan.where and scan.among is None and scan.limit is None and not scan.offset:
            return self.count(scan.table)
        return sum(frame.height for frame in self.scan(scan))

    def facts(self, table: str, time_column: str | None, assume_timezone: str) -> TableFacts:
        """See `Snapshot.facts`."""
        del assume_timezone
        rows = self.count(table)
        if time_column is None or not rows:
            return TableFacts(rows=rows)
        check_columns(table, [time_column], self._schemas[table].names)
        moments = self._spools.column(table, time_column).cast(pl.Datetime("us"))
        return TableFacts(rows=rows, first=_aware(moments.min()), last=_aware(moments.max()))

    def scan(self, scan: Scan) -> Iterator[pl.DataFrame]:
        """See `Snapshot.scan`."""
        schema = self.describe(scan.table)
        keyed = scan.among.columns if scan.among is not None else ()
        order = _order(scan, schema)
        needed = list(dict.fromkeys((*scan.schema.names, *order, *scan.where, *keyed)))
        check_columns(scan.table, needed, schema.names)
        kept = [equal(schema.column(name), value) for name, value in scan.where.items()]
        if scan.among is not None:
            kept.append(among(scan.among))
        left, passed = scan.limit, scan.offset
        for whole in self._ordered(scan.table, needed, order):
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

    def remarks(self) -> Remarks:
        """See `Snapshot.remarks`."""
        return self._remarks

    def _ordered(
        self, table: str, columns: Sequence[str], order: Sequence[str]
    ) -> Iterator[pl.DataFrame]:
        frames = self._spools.frames(table, columns)
        key = self._schemas[table].primary_key
        if not order or (key and tuple(order[: len(key)]) == key[: len(order)]):
            yield from frames
            return
        # Asked for in another order than that of the files: everything is held.
        yield pl.concat(list(frames)).sort(order, nulls_last=False, maintain_order=True)


def _order(scan: Scan, schema: TableSchema) -> list[str]:
    """Return the columns to order by: as asked for, ties settled by the key."""
    names = list(scan.order_by)
    if scan.time_column is not None and scan.time_column not in names:
        names.insert(0, scan.time_column)
    return list(dict.fromkeys((*names, *schema.primary_key))) if names else []


def _aware(moment: object) -> datetime | None:
    return moment.replace(tzinfo=UTC) if isinstance(moment, datetime) else None
