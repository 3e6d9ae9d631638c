"""One table through the flow: read once, write every format, check, publish."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from export_assets.engine.capacity import partitions_at_once
from export_assets.engine.changes import Changes, Standing
from export_assets.engine.choices import Choices
from export_assets.engine.cursor import Newest
from export_assets.engine.destination import Opener
from export_assets.engine.following import Guide, RowsLeft
from export_assets.engine.manifests import effective_hash
from export_assets.engine.memory import PassMemory
from export_assets.engine.nulls import count_nulls
from export_assets.engine.report import ExportRecord, failure
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.scope import published_keys, vanished_keys
from export_assets.engine.stamped import Stamped, stamped_of
from export_assets.engine.table_pass import Progress, silent
from export_assets.engine.table_run import Announce, TableRun, unannounced
from export_assets.engine.tables import TIMES, TablePlan
from export_assets.engine.tombstones import KeyWatch, graves_of
from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import ContractViolation, ExportError
from export_assets.formats.base import Format
from export_assets.sources.base import Snapshot
from export_assets.store.layout import ExportKey
from export_assets.store.local import LocalStore
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.partitions import ALL, TimePartitions
from export_assets.tables.schema import TableSchema
from export_assets.translate import translate


@dataclass(frozen=True, kw_only=True)
class TableExporter:
    """Exports tables of one source in one run."""

    store: LocalStore
    source: ConfiguredSource
    request: ExportRequest
    run: Run
    choices: Choices
    memory: PassMemory
    progress: Progress = silent
    announce: Announce = unannounced

    def export(
        self, plan: TablePlan, snapshot: Snapshot, destinations: Opener
    ) -> list[ExportRecord]:
        """Export one table in all its formats; whatever goes wrong is in the records."""
        started = time.perf_counter()
        fingerprint = snapshot.info.id
        known: list[ExportRecord] = []
        formats: list[Format] = []
        for fmt in self.choices.formats(plan.name):
            recalled = self.memory.recall(plan.name, [fmt.name], fingerprint)
            if recalled is None:
                formats.append(fmt)
            known += recalled or []
        if not formats:
            return known
        records: list[ExportRecord] = []
        # Formats that see other rows of the table have a pass of their own.
        for seen, group in self.choices.views(plan, formats):
            records += self._remembered(seen, group, snapshot, destinations)
        names = [fmt.name for fmt in formats]
        records.sort(key=lambda record: (names.index(record.format), record.partition))
        seconds = round(time.perf_counter() - started, 6)
        return known + [replace(record, seconds=seconds) for record in records]

    def _remembered(
        self,
        plan: TablePlan,
        formats: Sequence[Format],
        snapshot: Snapshot,
        destinations: Opener,
    ) -> list[ExportRecord]:
        """Make the passes over one table for formats that see the same rows; note the outcome."""
        table, records = self._exported(plan, formats, snapshot, destinations)
        following = None if table is None else table.following
        stamped = None if table is None else table.stamped
        names = [fmt.name for fmt in formats]
        lately = {} if following is None else {name: following.lately(name) for name in names}
        self.memory.remember(
            snapshot.tables(),
            plan.name,
            records,
            formats=names,
            whole=following is None or following.whole,
            followed={name: one for name, one in lately.items() if one is not None},
            stamps=None if stamped is None else stamped.read,
        )
        return records

    def _exported(
        self,
        plan: TablePlan,
        formats: Sequence[Format],
        snapshot: Snapshot,
        destinations: Opener,
    ) -> tuple[TableRun | None, list[ExportRecord]]:
        """Make the passes over one table; how it was read, where it was, and the records."""
        try:
            if self.request.output_dir is None:
                # What a killed run left beside a partition that has not changed is nobody's.
                for fmt in formats:
                    self.store.sweep(self.source.name, plan.name, fmt.name)
            table = self.table_run(plan, formats, snapshot)
            table, records, waiting = self._first(table, destinations)
        except BaseException as error:  # noqa: BLE001 - Polars panics are no Exception
            return None, self.failed(plan.name, _told(error, plan), formats)
        return table, records + self._waiting(table, destinations, waiting)

    def table_run(self, plan: TablePlan, formats: Sequence[Format], snapshot: Snapshot) -> TableRun:
        """Return what makes the passes over one table, nothing of it being read yet."""
        changes = self.changes(plan, formats)
        return TableRun(
            store=self.store,
            source=self.source,
            request=self.request,
            run=self.run,
            choices=self.choices,
            plan=plan,
            formats=formats,
            snapshot=snapshot,
            changes=changes,
            following=None,
            watch=self._watch(plan, changes),
            vanished=lambda request, seen: self.vanished(plan, formats, seen, request=request),
            progress=self.progress,
            announce=self.announce,
        )

    def _watch(self, plan: TablePlan, changes: Changes) -> KeyWatch | None:
        if not plan.tombstone_key:
            return None
        paths = {
            (fmt, key): self.store.partition_path(
                ExportKey(self.source.name, plan.name, fmt), plan.partitions.directory(key)
            )
            for fmt in changes.formats
            for key in changes.comparable(fmt)
        }
        schema = self.choices.redactor(plan).schema
        graves = graves_of(changes, paths)
        return KeyWatch(plan=plan, schema=schema, changes=changes, graves=graves)

    def follow(self, table: TableRun) -> TableRun:
        """Decide whether a table with a cursor is read whole, or where the cursor says.

        Raises:
            SourceError: The source failed.
        """
        plan, request = table.plan, self.request
        # Rows of which a cursor tells, but a format does not see, would never add up.
        if plan.cursor is None or plan.view.chooses:
            stamped = stamped_of(
                plan,
                table.snapshot,
                request,
                table.changes,
                memory=self.memory,
                origin=self.source.origin,
                published=self._published(table),
            )
            return replace(table, stamped=stamped)
        guide = Guide(
            plan=plan,
            rule=self.source.config.table(plan.name),
            snapshot=table.snapshot,
            redactor=self.choices.redactor(plan),
            origin=self.source.origin,
            zone=self.source.config.assume_timezone,
            now=self.run.now,
        )
        if request.partitions or request.window.bounded:
            following = guide.whole("part of it was asked for", partial=True)
        elif request.full or request.overwrite:
            following = guide.whole("all of it was asked for")
        else:
            known = {fmt.name: self.memory.followed(plan.name, fmt.name) for fmt in table.formats}
            following = guide.decide(table.changes, known)
        return replace(table, following=following)

    def _first(
        self, table: TableRun, destinations: Opener
    ) -> tuple[TableRun, list[ExportRecord], Mapping[str, int]]:
        """Read the table for the first time, as far as it must be read."""
        table = self.follow(table)
        if table.stamped is not None:
            return self._by_stamps(table, table.stamped, destinations)
        following = table.following
        if following is not None and following.keys is not None:
            unread = table.left_alone()
            if not following.keys:
                return table, unread, {}
            try:
                records, waiting = table.of(following.keys).export_once(destinations)
            except (RowsLeft, ValueMismatch):
                table = self.whole(table)
            else:
                return table, records + unread, waiting
        try:
            return table, *table.export_once(destinations)
        except ValueMismatch:
            plan = self.profiled(table.plan, table.snapshot)
            table = self.whole(replace(table, plan=plan))
            return table, *table.export_once(destinations)

    def _by_stamps(
        self, table: TableRun, stamped: Stamped, destinations: Opener
    ) -> tuple[TableRun, list[ExportRecord], Mapping[str, int]]:
        """Read the partitions that are made of something new, neighbours at once."""
        records = table.left_alone()
        waiting: dict[str, int] = {}
        # What may have rows and has none is no partition, unless it was one, or was asked for.
        there = self._published(table) | set(self.request.partitions)
        if not isinstance(table.plan.partitions, TimePartitions):
            there.add(table.plan.partitions.key)
        vanished = table.vanished
        table = replace(
            table, vanished=lambda request, seen: vanished(request, seen) & frozenset(there)
        )
        for keys in stamped.stretches({*stamped.stamps, *self._published(table)}):
            more, left = table.of(keys).export_once(destinations)
            records += more
            waiting |= left
        return table, records, waiting

    def _published(self, table: TableRun) -> set[str]:
        names = [fmt.name for fmt in table.formats]
        return published_keys(self.store, self.source.name, plan=table.plan, formats=names)

    def whole(self, table: TableRun) -> TableRun:
        """Return *table* as it was before anything was read, to be read whole."""
        following = table.following
        if following is not None:
            following = replace(
                following,
                keys=None,
                newest=Newest(following.column),
                why="rows left or moved without its cursor showing it",
            )
        changes = self.changes(table.plan, table.formats)
        watch = self._watch(table.plan, changes)
        return replace(table, following=following, changes=changes, watch=watch)

    def changes(self, plan: TablePlan, formats: Sequence[Format]) -> Changes:
        """Return what decides which partitions of the table are written."""
        request = self.request
        if request.output_dir is not None or request.overwrite:
            return Changes(plan, None)
        config, source = self.source.config, self.source.name
        standing = {}
        for fmt in formats:
            stamp = effective_hash(config, plan.name, fmt.name, request)
            standing[fmt.name] = Standing(self.store, source, plan, fmt.name, config_hash=stamp)
        return Changes(plan, standing)

    def _waiting(
        self, table: TableRun, destinations: Opener, waiting: Mapping[str, int]
    ) -> list[ExportRecord]:
        """Export the partitions that changed or had no room, as many at once as have."""
        records: list[ExportRecord] = []
        table = table.quietly()
        while waiting:
            room = partitions_at_once(len(table.formats))
            some = table.changes.groups(list(waiting), room=room)[0]
            expected = {key: waiting[key] for key in some}
            waiting = {key: rows for key, rows in waiting.items() if key not in expected}
            try:
                more, left = table.of(some).export_once(
                    destinations, expected=expected, last=not waiting
                )
                waiting |= left
            except BaseException as error:  # noqa: BLE001 - Polars panics are no Exception
                told = _told(error, table.plan)
                more = [
                    failure(self.source.name, table.plan.name, fmt.name, key, told)
                    for fmt in table.formats
                    for key in some
                    if not table.changes.is_settled(fmt.name, key)
                ]
                for record in more:
                    table.note(record)
            records += more
        return records

    def profiled(self, plan: TablePlan, snapshot: Snapshot) -> TablePlan:
        """Look at every value and take types that hold for all of them.

        Raises:
            ValueMismatch: The configuration insists on a type that does not hold.
            ContractViolation: The time column holds what is no time, and slices depend on it.
        """
        zone = self.source.config.assume_timezone
        profiled = snapshot.profile(plan.name, plan.schema, assume_timezone=zone)
        profiled = count_nulls(snapshot, profiled, assume_timezone=zone)
        for name in plan.pinned & set(profiled.names):
            promised = plan.schema.column(name)
            found = replace(profiled.column(name), fidelity=promised.fidelity)
            if found.encoding == "iso" and promised.encoding == "native":
                promised = replace(promised, encoding="iso")  # how it is held is no promise
            if found != promised:
                kind = promised.logical
                raise ValueMismatch(plan.name, name, f"values are no exact {kind}, as configured")
        if isinstance(plan.partitions, TimePartitions) or self.request.window.bounded:
            _refuse_timeless(plan, profiled)
        return replace(plan, schema=profiled)

    def vanished(
        self,
        plan: TablePlan,
        formats: Sequence[Format],
        seen: frozenset[str],
        *,
        request: ExportRequest | None = None,
    ) -> frozenset[str]:
        """Return keys to be published without rows; see `scope.vanished_keys`."""
        request = request or self.request
        if request.output_dir is not None:
            wanted = frozenset(request.partitions)
            return wanted - seen if seen or wanted else frozenset({ALL})
        return vanished_keys(
            self.store,
            self.source.name,
            plan=plan,
            formats=[fmt.name for fmt in formats],
            request=request,
            seen=seen,
        )

    def failed(
        self, table: str, error: ExportError, formats: Sequence[Format] | None = None
    ) -> list[ExportRecord]:
        """Return the records of a *table* that failed whole, in all its formats by default."""
        keys = self.request.partitions
        sliced = self.source.config.table(table).partition_by is not None
        whole = not sliced or self.request.output_dir is not None
        key = keys[0] if len(keys) == 1 else ALL if whole and not keys else "*"
        return [
            failure(self.source.name, table, fmt.name, key, error)
            for fmt in (self.choices.formats(table) if formats is None else formats)
        ]


def _refuse_timeless(plan: TablePlan, profiled: TableSchema) -> None:
    """Refuse a time column that its values widened to something that has no place in time."""
    if plan.time_column is None or profiled.column(plan.time_column).logical in TIMES:
        return
    fidelity = profiled.column(plan.time_column).fidelity
    values = f" ({fidelity.count:,} value{'' if fidelity.count == 1 else 's'})"
    fact = f"{fidelity.reason}{values if fidelity.count else ''}"
    kind = plan.schema.column(plan.time_column).logical
    msg = f"{plan.name}.{plan.time_column}: {fact}, and partition_by needs every value a {kind}"
    raise ContractViolation(msg)


def _told(error: BaseException, plan: TablePlan) -> ExportError:
    """Translate what stopped a pass over a table; interrupts and exits go on."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error
    return translate(error, subject=plan.name, side="source")
