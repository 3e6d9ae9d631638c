"""One table through the flow: read once, write every format, check, publish."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace

from export_assets.engine.capacity import partitions_at_once
from export_assets.engine.changes import NEW, Changes, Standing
from export_assets.engine.choices import Choices
from export_assets.engine.destination import Destination, Opener
from export_assets.engine.judge import Judge, refuse_incomplete
from export_assets.engine.lane import Lane, stop_all
from export_assets.engine.manifests import effective_hash
from export_assets.engine.memory import PassMemory
from export_assets.engine.report import ExportRecord, failure
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.scope import vanished_keys
from export_assets.engine.table_pass import PassResult, Progress, read_table, silent
from export_assets.engine.tables import TIMES, TablePlan
from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import ContractViolation, ExportError
from export_assets.formats.base import Format
from export_assets.sources.base import Snapshot
from export_assets.store.layout import ExportKey
from export_assets.store.local import LocalStore
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.partitions import ALL, TimePartitions, Window
from export_assets.tables.schema import TableSchema
from export_assets.translate import translate

_UNORDERED_WRITERS = 16
_PUBLISHERS = 8

Announce = Callable[[str, Callable[[], int]], None]
"""Called with a table's name before it is read, and with what counts its rows if asked."""


def unannounced(table: str, count: Callable[[], int]) -> None:
    """Announce nothing, and so count nothing."""
    del table, count


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
        changes = self.changes(plan, formats)
        try:
            try:
                records, waiting = self.export_once(
                    plan, formats, snapshot, destinations, changes=changes
                )
            except ValueMismatch:
                plan = self.profiled(plan, snapshot)
                changes = self.changes(plan, formats)
                records, waiting = self.export_once(
                    plan, formats, snapshot, destinations, changes=changes
                )
        except BaseException as error:  # noqa: BLE001 - Polars panics are no Exception
            translated = _told(error, plan)
            records, waiting = self.failed(plan.name, translated, formats), {}
        records += self._waiting(
            plan, formats, snapshot, destinations, changes=changes, waiting=waiting
        )
        names = [fmt.name for fmt in formats]
        records.sort(key=lambda record: (names.index(record.format), record.partition))
        self.memory.remember(snapshot.tables(), plan.name, records, formats=names)
        seconds = round(time.perf_counter() - started, 6)
        return known + [replace(record, seconds=seconds) for record in records]

    def changes(self, plan: TablePlan, formats: Sequence[Format]) -> Changes:
        """Return what decides which partitions of the table are written."""
        request = self.request
        if request.output_dir is not None or request.overwrite:
            return Changes(plan, None)
        config, source = self.source.config, self.source.name
        standing = {}
        for fmt in formats:
            stamp = effective_hash(config, plan.name, fmt.name, request)
            # What a killed run left beside a partition that has not changed since is nobody's.
            self.store.sweep(source, plan.name, fmt.name)
            standing[fmt.name] = Standing(self.store, source, plan, fmt.name, config_hash=stamp)
        return Changes(plan, standing)

    def _waiting(
        self,
        plan: TablePlan,
        formats: Sequence[Format],
        snapshot: Snapshot,
        destinations: Opener,
        *,
        changes: Changes,
        waiting: Mapping[str, int],
    ) -> list[ExportRecord]:
        """Export the partitions that changed or had no room, as many at once as have."""
        records: list[ExportRecord] = []
        while waiting:
            room = partitions_at_once(len(formats))
            some = changes.groups(list(waiting), room=room)[0]
            request = replace(self.request, partitions=some, window=Window())
            if not isinstance(plan.partitions, TimePartitions):
                request = self.request
            rest = replace(self, request=request, progress=silent, announce=unannounced)
            expected = {key: waiting[key] for key in some}
            waiting = {key: rows for key, rows in waiting.items() if key not in expected}
            try:
                more, left = rest.export_once(
                    plan, formats, snapshot, destinations, changes=changes, expected=expected
                )
                waiting |= left
            except BaseException as error:  # noqa: BLE001 - Polars panics are no Exception
                told = _told(error, plan)
                more = [
                    failure(self.source.name, plan.name, fmt.name, key, told)
                    for fmt in formats
                    for key in some
                    if not changes.is_settled(fmt.name, key)
                ]
            records += more
        return records

    def export_once(
        self,
        plan: TablePlan,
        formats: Sequence[Format],
        snapshot: Snapshot,
        destinations: Opener,
        *,
        changes: Changes,
        expected: Mapping[str, int] | None = None,
    ) -> tuple[list[ExportRecord], Mapping[str, int]]:
        """Read the table once; write what is to be written, prove and publish it.

        Returns:
            The records, and the rows by key of the partitions that must be read once more: they
            had no room, or turned out to differ from what is published.
        """
        with ExitStack() as slots:
            destination = destinations(slots)
            lanes = self._lanes(plan, formats, destination)
            try:
                for lane in lanes:
                    lane.start()
                self.announce(plan.name, lambda: snapshot.count(plan.name))
                room = partitions_at_once(len(lanes)) if destination.holds_files else None
                result = self.read(plan, formats, snapshot, changes, lanes=lanes, room=room)
                for lane in lanes:
                    lane.finish()
            finally:
                stop_all(lanes)
            if any(lane.written for lane in lanes):
                snapshot.check()
            refuse_incomplete(plan, snapshot, self.request, result, expected=expected or {})
            judge = self._judge(plan, snapshot, result)
            records = self._published(judge, lanes, changes)
            left, changed = self._compared(judge, formats, changes)
            return records + left, {**result.waiting, **changed}

    def read(
        self,
        plan: TablePlan,
        formats: Sequence[Format],
        snapshot: Snapshot,
        changes: Changes,
        *,
        lanes: Sequence[Lane] = (),
        room: int | None = None,
    ) -> PassResult:
        """Read the rows of the request, count them all and hand the lanes what they write."""
        return read_table(
            plan,
            snapshot,
            self.request,
            assume_timezone=self.source.config.assume_timezone,
            redactor=self.choices.redactor(plan),
            contract=self.choices.contract(plan),
            vanished=lambda seen: self.vanished(plan, formats, seen),
            lanes=lanes,
            progress=self.progress,
            room=room,
            writes=changes.writes,
        )

    def _judge(self, plan: TablePlan, snapshot: Snapshot, result: PassResult) -> Judge:
        return Judge(
            config=self.source.config,
            plan=plan,
            result=result,
            snapshot=replace(snapshot.info, consistency=snapshot.consistency_of(plan.name)),
            origin=self.source.origin,
            request=self.request,
            run=self.run,
        )

    def _published(
        self, judge: Judge, lanes: Sequence[Lane], changes: Changes
    ) -> list[ExportRecord]:
        pairs = [(lane, lane.written[key]) for lane in lanes for key in sorted(lane.written)]
        # Publishing is mostly waiting for the disk, which serves several at once better.
        with ThreadPoolExecutor(min(_PUBLISHERS, len(pairs) or 1)) as publishers:
            records = list(publishers.map(lambda pair: judge.publish(*pair), pairs))
        for record in records:
            changes.settle(record.format, record.partition)
        return records

    def _compared(
        self, judge: Judge, formats: Sequence[Format], changes: Changes
    ) -> tuple[list[ExportRecord], dict[str, int]]:
        """Return records of what is as published, and the rows by key of what is not."""
        records: list[ExportRecord] = []
        changed: dict[str, int] = {}
        for key, facts in judge.result.facts.items():
            changes.rows[key] = facts.digest.rows
            for fmt in (fmt.name for fmt in formats if not changes.is_settled(fmt.name, key)):
                reason = changes.compare(fmt, key, facts, judge.result.schema)
                manifest = changes.manifest(fmt, key)
                if reason is not None or manifest is None:
                    changes.force(fmt, key, reason or NEW)
                    changed[key] = facts.digest.rows
                    continue
                directory = judge.plan.partitions.directory(key)
                export = ExportKey(self.source.name, judge.plan.name, fmt)
                path = self.store.partition_path(export, directory)
                records.append(judge.leave(fmt, key, manifest, path=path, facts=facts))
                changes.settle(fmt, key)
        return records, changed

    def profiled(self, plan: TablePlan, snapshot: Snapshot) -> TablePlan:
        """Look at every value and take types that hold for all of them.

        Raises:
            ValueMismatch: The configuration insists on a type that does not hold.
            ContractViolation: The time column holds what is no time, and slices depend on it.
        """
        zone = self.source.config.assume_timezone
        profiled = snapshot.profile(plan.name, plan.schema, assume_timezone=zone)
        for name in plan.pinned & set(profiled.names):
            if profiled.column(name) != plan.schema.column(name):
                kind = plan.schema.column(name).logical
                raise ValueMismatch(plan.name, name, f"values are no exact {kind}, as configured")
        if isinstance(plan.partitions, TimePartitions) or self.request.window.bounded:
            _refuse_timeless(plan, profiled)
        return replace(plan, schema=profiled)

    def _lanes(
        self,
        plan: TablePlan,
        formats: Sequence[Format],
        destination: Destination,
    ) -> list[Lane]:
        schema = self.choices.redactor(plan).schema
        return [
            Lane(
                plan,
                schema,
                fmt,
                self.choices.options(plan.name, fmt),
                destination,
                open_writers=_UNORDERED_WRITERS,
                max_rows_per_file=self.source.config.table(plan.name).max_rows_per_file,
            )
            for fmt in formats
        ]

    def vanished(
        self, plan: TablePlan, formats: Sequence[Format], seen: frozenset[str]
    ) -> frozenset[str]:
        """Return keys to be published without rows; see `scope.vanished_keys`."""
        if self.request.output_dir is not None:
            wanted = frozenset(self.request.partitions)
            return wanted - seen if seen or wanted else frozenset({ALL})
        return vanished_keys(
            self.store,
            self.source.name,
            plan=plan,
            formats=[fmt.name for fmt in formats],
            request=self.request,
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
