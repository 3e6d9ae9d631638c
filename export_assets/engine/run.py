"""The main flow: plan → snapshot → read once → write every format → check → publish → report."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from export_assets.engine.capacity import raise_file_limit
from export_assets.engine.catalog.keeping import keep_current
from export_assets.engine.choices import Choices
from export_assets.engine.drift import new_tables, recalled_drift
from export_assets.engine.memory import PassMemory
from export_assets.engine.outlet import open_outlet
from export_assets.engine.privacy import review_plans, review_records
from export_assets.engine.references import dangling_notes
from export_assets.engine.report import ExportRecord, ExportReport, broken_rules
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.scope import other_slicings
from export_assets.engine.sets.choosing import tables_besides
from export_assets.engine.sets.set_run import SetRun, exported_columns
from export_assets.engine.shape_changes import judge_drift
from export_assets.engine.table_export import TableExporter
from export_assets.engine.table_pass import Progress, silent
from export_assets.engine.table_run import Announce, unannounced
from export_assets.engine.tables import (
    check_configured,
    check_relations,
    define_views,
    plan_tables,
    select_tables,
)
from export_assets.engine.upstream import fetch_latest
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import ConfigError, DestConflict, ExportError, IntegrityError

if TYPE_CHECKING:
    from export_assets.engine.catalog.building import Connect


@dataclass(frozen=True, kw_only=True)
class Exporter:
    """Exports one source: holds what every step of one run needs."""

    workspace: Workspace
    source: ConfiguredSource
    request: ExportRequest
    run: Run
    progress: Progress = silent
    announce: Announce = unannounced
    connect: "Connect | None" = None
    """What opens the catalogue that is made afterwards; DuckDB itself by default."""

    def __post_init__(self) -> None:
        """Have the request speak of the moment of the run."""
        object.__setattr__(self, "request", replace(self.request, as_of=self.run.now))

    def export(self) -> ExportReport:
        """Run the whole flow; failures of tables are in the report.

        Raises:
            ConfigError: The source is switched off.
            UsageError: The request names what does not exist; nothing was read.
            SourceError: The source cannot be opened; nothing was written.
        """
        started = time.perf_counter()
        warnings: list[str] = []
        self._notes.clear()
        self._unread.clear()
        self._figures.clear()
        if not self.source.config.enabled:
            msg = f"{self.source.name}: enabled is false, as configured; nothing is exported"
            raise ConfigError(msg)
        self.choices.check_options()
        self.sets.check()
        self._refuse_namesake()
        raise_file_limit()
        if self.request.fetch_latest:
            warnings += fetch_latest(self.source)
        recalled = self._recalled()
        records, notes = self._exported() if recalled is None else recalled
        warnings += notes
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
            notes=tuple(self._notes),
            afterwards=self._catalogued(records),
            unread=dict(self._unread),
            figures=dict(self._figures),
        )

    def _catalogued(self, records: Sequence[ExportRecord]) -> tuple[str, ...]:
        """Bring the catalogue up to date; return what a person should know of it."""
        elsewhere = self.request.output_dir or self.request.export_dir
        if elsewhere is not None or all(one.status == "failed" for one in records):
            return ()
        return keep_current(self.workspace.project.settings, connect=self.connect)

    def _refuse_namesake(self) -> None:
        """Refuse to replace what was published from another database of the same name.

        Raises:
            DestConflict: It would be, and overwriting was not asked for.
        """
        source, request = self.source, self.request
        if not source.ad_hoc or request.output_dir is not None or request.overwrite:
            return
        with suppress(IntegrityError):
            for path, manifest in self.workspace.store.manifests(source.name):
                if manifest.snapshot.origin != source.origin:
                    msg = f"{source.name}: {path} was published from another database; give this "
                    msg += "one a name in a YAML file, or use --output-dir or --overwrite"
                    raise DestConflict(msg)
                break

    def _recalled(self) -> tuple[list[ExportRecord], list[str]] | None:
        """Return records and warnings of a run with nothing to do, the source left unopened."""
        memory, request = self._memory, self.tables_request
        fingerprint = self.source.source.fingerprint()
        sets = self.sets.recalled(fingerprint)
        tables = memory.tables(fingerprint)
        if sets is None or tables is None:
            return None
        warnings = check_configured(tables, self.source.config, self.source.system)
        records: list[ExportRecord] = []
        for name in select_tables(tables, self.source.config, request) if request else []:
            known = memory.recall(
                name, [fmt.name for fmt in self.choices.formats(name)], fingerprint
            )
            if known is None:
                return None
            records += known
        config, system = self.source.config, self.source.system
        warnings += recalled_drift(records, config, system)
        self._notes.extend(review_records(config, records))
        if request is not None:
            self._note_new(tables, [record.table for record in records])
        # What an earlier run could not remove is nobody's, though there is nothing else to do.
        with suppress(ExportError):
            self.workspace.store.sweep(self.source.name)
        return records + sets, warnings

    def _note_new(self, present: Sequence[str], exported: Sequence[str]) -> None:
        """Note tables nobody knows of, where the configuration decides what is exported."""
        if not self.request.tables:
            unknown = set(exported) | set(self.request.exclude)
            self._notes.extend(
                new_tables(present, self.source.config, self.source.system, sorted(unknown))
            )

    def _exported(self) -> tuple[list[ExportRecord], list[str]]:
        """Return records and warnings of a run that opens the source."""
        records: list[ExportRecord] = []
        config, system = self.source.config, self.source.system
        with self._opened.source.snapshot() as snapshot:
            columns_of = exported_columns(snapshot)
            define_views(snapshot, config, system)
            request = self.tables_request
            names = select_tables(snapshot.tables(), config, request) if request else []
            warnings = check_configured(snapshot.tables(), config, system)
            check_relations(snapshot, config, system)
            plans, unreadable = plan_tables(names, snapshot, config, system, self.request)
            warnings += [line for plan in plans for line in plan.drift]
            if request is not None:
                self._note_new(snapshot.tables(), names)
            self._notes.extend(review_plans(config, plans))
            for plan in plans:
                self.choices.check(plan)
            verdict = judge_drift(plans, self.workspace.store, self.choices)
            warnings += verdict.warnings
            warnings += [
                f"{plan.name}: its rows may be of different moments: what keeps it has no snapshots"
                for plan in plans
                if snapshot.consistency_of(plan.name) == "none"
            ]
            # Only now: a request that is wrong leaves no directory behind.
            outlet = open_outlet(
                self.workspace.store,
                config,
                self.request,
                self.run,
                tables=snapshot.tables(),
                chosen=names,
                options=self.choices.options,
            )
            with outlet as opened:
                for plan in verdict.plans:
                    records += self.tables.export(plan, snapshot, opened.open)
                for name, error in (unreadable | verdict.refused).items():
                    records += self.tables.failed(name, error)
                records = opened.finish(records)
            made = self.sets.export(snapshot, columns_of)
            self._notes.extend(dangling_notes(snapshot, config, snapshot.tables()))
            fingerprint = snapshot.info.id
            remarks = snapshot.remarks()
        warnings += remarks.warnings
        self._notes.extend(remarks.notes)
        self._figures.update(remarks.figures)
        self._unread.update(remarks.failures)
        if not remarks.failures:
            # Only now: leaving the snapshot tells whether it was sound.
            self.tables.memory.keep(fingerprint)
            self.sets.keep(made, fingerprint)
        return records + made, warnings

    @property
    def _opened(self) -> ConfiguredSource:
        """The source as it is opened: of files for somebody, nothing is kept in the store."""
        if self.request.output_dir is not None:
            return self.source.privately()
        return self.source.replacing_another() if self.request.overwrite else self.source

    @cached_property
    def _unread(self) -> dict[str, ExportError]:
        """Parts of the source that could not be read."""
        return {}

    @cached_property
    def _figures(self) -> dict[str, Mapping[str, float]]:
        """By table, counts and shares that tell of the rows read what they do not."""
        return {}

    @cached_property
    def _notes(self) -> list[str]:
        """What a person may want to know of the run, and need not act on."""
        return []

    @cached_property
    def tables_request(self) -> ExportRequest | None:
        """What is asked for of tables; None where only sets are."""
        return tables_besides(self.request, self.source.config)

    @cached_property
    def sets(self) -> SetRun:
        """What exports the sets that are asked for."""
        return SetRun(
            workspace=self.workspace,
            source=self.source,
            request=self.request,
            run=self.run,
            progress=self.progress,
        )

    @cached_property
    def choices(self) -> Choices:
        """What request and configuration choose for each table."""
        return Choices(
            source=self.source,
            request=self.request,
            anonymize_key=self.workspace.anonymize_key,
        )

    @cached_property
    def tables(self) -> TableExporter:
        """What exports one table after the other."""
        return TableExporter(
            store=self.workspace.store,
            source=self.source,
            request=self.request,
            run=self.run,
            choices=self.choices,
            memory=self._memory,
            progress=self.progress,
            announce=self.announce,
        )

    @property
    def _memory(self) -> PassMemory:
        return PassMemory(self.workspace.store, self.source, self.request, now=self.run.now)
