"""The main flow: plan → snapshot → read once → write every format → check → publish → report."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import cast

from export_assets.config.rules import ColumnCheck, FormatName
from export_assets.engine.capacity import partitions_at_once, raise_file_limit
from export_assets.engine.destination import Destination, DirectoryDestination, StoreDestination
from export_assets.engine.judge import Judge, refuse_incomplete
from export_assets.engine.lane import Lane
from export_assets.engine.memory import PassMemory
from export_assets.engine.report import ExportRecord, ExportReport, broken_rules, failure
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.scope import other_slicings, vanished_keys
from export_assets.engine.table_pass import PassResult, Progress, read_table, silent
from export_assets.engine.tables import TablePlan, define_views, plan_table, select_tables
from export_assets.engine.upstream import fetch_latest
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import ExportError
from export_assets.formats.base import Format, FormatOptions
from export_assets.formats.registry import resolve_formats
from export_assets.sources.base import Snapshot
from export_assets.store.adhoc import DirectoryTarget
from export_assets.tables.contract import Contract
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.partitions import ALL, TimePartitions, Window
from export_assets.tables.redaction import Redactor
from export_assets.translate import translate

_UNORDERED_WRITERS = 16
_PUBLISHERS = 8

Opener = Callable[[ExitStack], Destination]

Announce = Callable[[str, Callable[[], int]], None]
"""Called with a table's name before it is read, and with what counts its rows if asked."""


def unannounced(table: str, count: Callable[[], int]) -> None:
    """Announce nothing, and so count nothing."""
    del table, count


@dataclass(frozen=True, kw_only=True)
class Exporter:
    """Exports one source: holds what every step of one run needs."""

    workspace: Workspace
    source: ConfiguredSource
    request: ExportRequest
    run: Run
    progress: Progress = silent
    announce: Announce = unannounced

    def export(self) -> ExportReport:
        """Run the whole flow; failures of tables are in the report.

        Raises:
            UsageError: The request names what does not exist; nothing was read.
            SourceError: The source cannot be opened; nothing was written.
        """
        started = time.perf_counter()
        warnings: list[str] = []
        self.check_options()
        raise_file_limit()
        if self.request.fetch_latest:
            warnings += fetch_latest(self.source)
        records = self._recalled()
        if records is None:
            records = self._exported()
        warnings += [record.warning for record in records if record.warning]
        warnings += broken_rules(records)
        if self.request.output_dir is None:
            warnings += other_slicings(self.workspace.store, self.source, records)
        return ExportReport(
            source=self.source.name,
            run_id=self.run.id,
            started_at=self.run.now,
            seconds=round(time.perf_counter() - started, 6),
            records=records,
            warnings=warnings,
        )

    def _recalled(self) -> list[ExportRecord] | None:
        """Return the records of a run that has nothing to do, without opening the source."""
        memory = self._memory
        fingerprint = self.source.source.fingerprint()
        tables = memory.tables(fingerprint)
        if tables is None:
            return None
        records: list[ExportRecord] = []
        for name in select_tables(tables, self.source.config, self.request):
            known = memory.recall(name, [fmt.name for fmt in self.formats(name)], fingerprint)
            if known is None:
                return None
            records += known
        return records

    def _exported(self) -> list[ExportRecord]:
        records: list[ExportRecord] = []
        config, system = self.source.config, self.source.system
        with self.source.source.snapshot() as snapshot:
            define_views(snapshot, config, system)
            names = select_tables(snapshot.tables(), config, self.request)
            plans = [plan_table(name, snapshot, config, system, self.request) for name in names]
            for plan in plans:
                self._contract(plan)
            # Only now: a request that is wrong leaves no directory behind.
            with self._destinations(snapshot.tables()) as destinations:
                for plan in plans:
                    records += self._export_table(plan, snapshot, destinations)
        return records

    def _export_table(
        self, plan: TablePlan, snapshot: Snapshot, destinations: Opener
    ) -> list[ExportRecord]:
        """Export one table in all its formats; whatever goes wrong is in the records."""
        started = time.perf_counter()
        fingerprint = snapshot.info.id
        known: list[ExportRecord] = []
        formats: list[Format] = []
        for fmt in self.formats(plan.name):
            recalled = self._memory.recall(plan.name, [fmt.name], fingerprint)
            if recalled is None:
                formats.append(fmt)
            known += recalled or []
        if not formats:
            return known
        try:
            try:
                records, waiting = self.export_once(plan, formats, snapshot, destinations)
            except ValueMismatch:
                plan = self.profiled(plan, snapshot)
                records, waiting = self.export_once(plan, formats, snapshot, destinations)
        except BaseException as error:  # noqa: BLE001 - Polars panics are no Exception
            translated = _told(error, plan)
            records, waiting = self._all_failed(plan, formats, translated), {}
        records += self._waiting(plan, formats, snapshot, destinations, waiting)
        names = [fmt.name for fmt in formats]
        self._memory.remember(snapshot.tables(), plan.name, records, fingerprint, formats=names)
        seconds = round(time.perf_counter() - started, 6)
        return known + [replace(record, seconds=seconds) for record in records]

    def _waiting(
        self,
        plan: TablePlan,
        formats: Sequence[Format],
        snapshot: Snapshot,
        destinations: Opener,
        waiting: Mapping[str, int],
    ) -> list[ExportRecord]:
        """Export the partitions that had no room in the first pass, as many at once as have."""
        records: list[ExportRecord] = []
        keys = sorted(waiting)
        while keys:
            room = partitions_at_once(len(formats))
            some, keys = tuple(keys[:room]), keys[room:]
            request = replace(self.request, partitions=some, window=Window())
            rest = replace(self, request=request, progress=silent, announce=unannounced)
            expected = {key: waiting[key] for key in some}
            try:
                more, left = rest.export_once(
                    plan, formats, snapshot, destinations, expected=expected
                )
                keys += left
            except BaseException as error:  # noqa: BLE001 - Polars panics are no Exception
                told = _told(error, plan)
                more = [
                    failure(self.source.name, plan.name, fmt.name, key, told)
                    for fmt in formats
                    for key in some
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
        expected: Mapping[str, int] | None = None,
    ) -> tuple[list[ExportRecord], Mapping[str, int]]:
        """Read the table once into every format, prove what was written, publish it.

        Returns:
            The records, and the rows by key of the partitions that had no room.
        """
        redactor, contract = self.redactor(plan), self._contract(plan)
        with ExitStack() as slots:
            destination = destinations(slots)
            lanes = self._lanes(plan, formats, redactor, destination)
            try:
                for lane in lanes:
                    lane.start()
                self.announce(plan.name, lambda: snapshot.count(plan.name))
                result = read_table(
                    plan,
                    snapshot,
                    self.request,
                    assume_timezone=self.source.config.assume_timezone,
                    redactor=redactor,
                    contract=contract,
                    vanished=lambda seen: self.vanished(plan, formats, seen),
                    lanes=lanes,
                    progress=self.progress,
                    room=partitions_at_once(len(lanes)) if destination.holds_files else None,
                )
                for lane in lanes:
                    lane.finish()
            finally:
                for lane in lanes:
                    lane.cancel()
                for lane in lanes:
                    lane.stop()
            snapshot.check()
            refuse_incomplete(plan, snapshot, self.request, result, expected=expected or {})
            return self._published(plan, snapshot, result, lanes), result.waiting

    def _published(
        self, plan: TablePlan, snapshot: Snapshot, result: PassResult, lanes: Sequence[Lane]
    ) -> list[ExportRecord]:
        judge = Judge(
            config=self.source.config,
            plan=plan,
            result=result,
            snapshot=snapshot.info,
            request=self.request,
            run=self.run,
        )
        pairs = [(lane, lane.written[key]) for lane in lanes for key in sorted(lane.written)]
        # Publishing is mostly waiting for the disk, which serves several at once better.
        with ThreadPoolExecutor(min(_PUBLISHERS, len(pairs) or 1)) as publishers:
            return list(publishers.map(lambda pair: judge.publish(*pair), pairs))

    def profiled(self, plan: TablePlan, snapshot: Snapshot) -> TablePlan:
        """Look at every value and take types that hold for all of them.

        Raises:
            ValueMismatch: The configuration insists on a type that does not hold.
        """
        zone = self.source.config.assume_timezone
        profiled = snapshot.profile(plan.name, plan.schema, assume_timezone=zone)
        for name in plan.pinned & set(profiled.names):
            if profiled.column(name) != plan.schema.column(name):
                kind = plan.schema.column(name).logical
                raise ValueMismatch(plan.name, name, f"values are no exact {kind}, as configured")
        return replace(plan, schema=profiled)

    def _lanes(
        self,
        plan: TablePlan,
        formats: Sequence[Format],
        redactor: Redactor,
        destination: Destination,
    ) -> list[Lane]:
        return [
            Lane(
                plan,
                redactor.schema,
                fmt,
                self._options(plan.name, fmt),
                destination,
                open_writers=_UNORDERED_WRITERS,
                max_rows_per_file=self.source.config.table(plan.name).max_rows_per_file,
            )
            for fmt in formats
        ]

    def redactor(self, plan: TablePlan) -> Redactor:
        """Return what hides the columns of *plan* that must be hidden."""
        config = self.source.config
        return Redactor(
            plan.schema.select(plan.exported),
            redacts=lambda column: config.redacts(plan.name, column),
            anonymizes=config.table(plan.name).anonymize,
            key=self.workspace.anonymize_key,
        )

    def _contract(self, plan: TablePlan) -> Contract:
        """Bind the table's rules to the columns that leave.

        Raises:
            UsageError: A rule names a column that does not exist, or a bound that is none.
        """
        return Contract(self.redactor(plan).schema, self._checks(plan))

    def vanished(
        self, plan: TablePlan, formats: Sequence[Format], seen: frozenset[str]
    ) -> frozenset[str]:
        """Return keys to be published without rows; see `scope.vanished_keys`."""
        if self.request.output_dir is not None:
            wanted = frozenset(self.request.partitions)
            return wanted - seen if seen or wanted else frozenset({ALL})
        return vanished_keys(
            self.workspace.store,
            self.source.name,
            plan=plan,
            formats=[fmt.name for fmt in formats],
            request=self.request,
            seen=seen,
        )

    def _all_failed(
        self, plan: TablePlan, formats: Sequence[Format], error: ExportError
    ) -> list[ExportRecord]:
        key = self.request.partitions[0] if self.request.partitions else ALL
        partitioned = isinstance(plan.partitions, TimePartitions)
        many = len(self.request.partitions) > 1 or (partitioned and not self.request.partitions)
        return [
            failure(self.source.name, plan.name, fmt.name, "*" if many else key, error)
            for fmt in formats
        ]

    @contextmanager
    def _destinations(self, tables: Sequence[str]) -> Iterator[Opener]:
        """Open where the files go: the store per table, an output directory for the whole run."""
        request = self.request
        if request.output_dir is None:
            store, name = self.workspace.store, self.source.name
            yield lambda slots: StoreDestination(
                store, name, self.run.id, slots, request.lock_timeout
            )
            return
        target = DirectoryTarget(
            request.output_dir, self.run.now, run_id=self.run.id, overwrite=request.overwrite
        )
        with target:
            directory = DirectoryDestination(target, tables)
            yield lambda slots: directory  # noqa: ARG005 - one for all tables

    def formats(self, table: str) -> tuple[Format, ...]:
        """Return the formats of *table*: those of the request, or those configured."""
        return resolve_formats(self.request.formats or self.source.config.formats_of(table))

    def _options(self, table: str, fmt: Format) -> FormatOptions:
        """Return the options of *table* in *fmt*: those of the request over those configured."""
        name = fmt.name
        chosen = self.source.config.format_options_of(table, cast("FormatName", name))
        if name in self.request.options:
            chosen = self.request.options[name].over(chosen)
        return FormatOptions(**chosen.given())

    def check_options(self) -> None:
        """Refuse formats and options before anything is read.

        Raises:
            UsageError: A format does not exist, or cannot honour an option.
        """
        for table in ("*", *self.source.config.tables):
            for fmt in self.formats(table):
                fmt.check_options(self._options(table, fmt))

    def _checks(self, plan: TablePlan) -> Sequence[ColumnCheck]:
        """Return the checks of columns that are exported; a request may leave some out."""
        checks = self.source.config.table(plan.name).checks
        if not self.request.columns:
            return checks
        return [check for check in checks if check.column in plan.exported]

    @property
    def _memory(self) -> PassMemory:
        return PassMemory(self.workspace.store, self.source, self.request)


def _told(error: BaseException, plan: TablePlan) -> ExportError:
    """Translate what stopped a pass over a table; interrupts and exits go on."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error
    return translate(error, subject=plan.name, side="source")
