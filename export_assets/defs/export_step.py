"""The step of one table: export it, say what was published and what the checks found."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import dagster as dg

from export_assets.defs import privacy
from export_assets.defs.catalog import connect, tell_of_catalog
from export_assets.defs.change import Before
from export_assets.defs.event_log import latest, run_id_of, unchanged_at
from export_assets.defs.failing import failing
from export_assets.defs.held import RunSources
from export_assets.defs.reporting import Reporter
from export_assets.defs.run_config import ExportChoices
from export_assets.defs.shares import share_of
from export_assets.defs.subject import Subject
from export_assets.defs.table import TableExport
from export_assets.engine.privacy import UnclassifiedColumns
from export_assets.engine.report import ExportRecord
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.errors import ExportError
from export_assets.store.manifest import Manifest

_LOCK_TIMEOUT = 60.0
_NAMED = 5


def run_table(
    context: dg.AssetExecutionContext,
    table: TableExport,
    *,
    sources: RunSources,
    choices: ExportChoices,
) -> Iterator[Any]:
    """Export the formats selected of *table* and yield what Dagster shall know of it.

    A run without a partition exports every partition of the table in one read and reports what
    has changed. With no format selected only the checks selected are run, over what is published.

    Raises:
        dg.Failure: Something failed; the partitions that did not are published and reported.
    """
    step = _Step(context=context, table=table)
    formats = [fmt for fmt in table.formats if table.key(fmt) in context.selected_asset_keys]
    if formats:
        yield from step.export(formats, sources=sources, choices=choices)
    yield from step.look([fmt for fmt in table.formats if fmt not in formats])


@dataclass(frozen=True, kw_only=True)
class _Step:
    context: dg.AssetExecutionContext
    table: TableExport

    @cached_property
    def reporter(self) -> Reporter:
        """What tells Dagster of the run."""
        return Reporter(context=self.context, table=self.table, everything=self.everything)

    @cached_property
    def everything(self) -> bool:
        """Whether the run names no partition of a table that has some."""
        named = self.context.has_partition_key or self.context.has_partition_key_range
        return self.table.partitions_def is not None and not named

    @cached_property
    def keys(self) -> Sequence[str]:
        """The partitions the run is about."""
        return self.table.keys_of_run(self.context)

    def export(
        self, formats: Sequence[str], *, sources: RunSources, choices: ExportChoices
    ) -> Iterator[Any]:
        """Export *formats* in one read, and yield what became of every partition."""
        before = {(fmt, key): self._manifest(fmt, key) for fmt in formats for key in self.keys}
        now = datetime.now(UTC)
        try:
            records = self._run(formats, sources=sources, choices=choices)
        except dg.Failure as failure:
            if isinstance(failure.__cause__, UnclassifiedColumns):
                finding = privacy.finding_of(failure.__cause__.suspects)
                yield from self.reporter.private(finding)
            raise
        subjects = self._subjects(records, before, now=now)
        failed = [record for record in records if record.status == "failed"]
        if failed or self.everything:
            version = self._source_version(sources)
            yield from self.reporter.reported(self._news(subjects), source_version=version)
            yield from self.reporter.covered(formats)
        if failed:
            if any(record.retriable for record in failed):
                sources.release(self.table.source)
            raise self._failure(failed, total=len(records))
        if self.everything:
            return
        found = {fmt: self.reporter.examined(fmt, subjects) for fmt in formats}
        for fmt in formats:
            yield self.reporter.materialized(fmt, found[fmt])
        for fmt in formats:
            yield from self.reporter.checked(fmt, found[fmt])
        yield from self.reporter.covered(formats)

    def look(self, formats: Sequence[str]) -> Iterator[Any]:
        """Run checks that were selected without their asset."""
        share = share_of(self.context.run.tags)
        for fmt in formats:
            if self.reporter.checks(fmt):
                keys = [
                    key
                    for key in self.keys
                    if share is None or share.holds(self.table.name, fmt, key)
                ]
                known = latest(self.context.instance, self.table.key(fmt), keys)
                subjects = [self._published(fmt, key, known.get(key)) for key in keys]
                yield from self.reporter.checked(fmt, self.reporter.examined(fmt, subjects))
        yield from self.reporter.covered(formats)

    def _published(self, fmt: str, key: str, known: dg.EventLogRecord | None) -> Subject:
        """Return what is published, with what the run found that told Dagster of just that."""
        manifest = self._manifest(fmt, key)
        told = known is not None and manifest is not None and run_id_of(known) == manifest.run_id
        return Subject(
            table=self.table,
            format=fmt,
            key=key,
            manifest=manifest,
            history=self.reporter.history(fmt),
            before=Before.compared_by(known.asset_materialization) if known and told else None,
            unchanged_at=unchanged_at(known) if known and told else None,
        )

    def _run(
        self, formats: Sequence[str], *, sources: RunSources, choices: ExportChoices
    ) -> Sequence[ExportRecord]:
        named = self.table.partitions_def is not None and not self.everything
        request = ExportRequest(
            tables=(self.table.name,),
            formats=tuple(formats),
            partitions=tuple(self.keys) if named else (),
            window=choices.window,
            overwrite=choices.overwrite,
            full=choices.full,
            lock_timeout=_LOCK_TIMEOUT,
        )
        name = self.table.source
        with failing(name, before_retry=lambda: sources.release(name)):
            report = Exporter(
                workspace=sources.workspace,
                source=sources.source(name),
                request=request,
                run=Run(id=self.context.run.run_id, now=datetime.now(UTC)),
                connect=connect,
            ).export()
        for warning in (*report.warnings, *report.afterwards, *report.notes):
            self.context.log.warning(warning)
        tell_of_catalog(self.context, sources.workspace)
        self.reporter.figures.update(report.figures.get(self.table.name, {}))
        return report.records

    def _subjects(
        self,
        records: Sequence[ExportRecord],
        before: Mapping[tuple[str, str], Manifest | None],
        *,
        now: datetime,
    ) -> list[Subject]:
        # The pass took its time for all partitions; each has its share by rows.
        rows = _rows_read(records)
        return [
            Subject(
                table=self.table,
                format=record.format,
                key=record.partition,
                manifest=record.manifest,
                history=self.reporter.history(record.format),
                record=record,
                before=None if old is None else Before.of(old),
                unchanged_at=now if record.status == "unchanged" else None,
                seconds=round(record.seconds * record.rows / (rows[record.format] or 1), 6),
            )
            for record in records
            for old in [before.get((record.format, record.partition))]
        ]

    def _news(self, subjects: Sequence[Subject]) -> list[Subject]:
        """Leave out what a run over everything found unchanged, and what Dagster has no key for."""
        if not self.everything or self.table.partitions_def is None:
            return list(subjects)
        offered = set(self.table.partitions_def.get_partition_keys())
        keys = [subject.key for subject in subjects if subject.key in offered]
        known = {
            (fmt, key): run_id_of(record)
            for fmt in {subject.format for subject in subjects}
            for key, record in latest(self.context.instance, self.table.key(fmt), keys).items()
        }
        return [
            subject
            for subject in subjects
            if subject.manifest is None
            or (
                subject.key in offered
                and known.get((subject.format, subject.key)) != subject.manifest.run_id
            )
        ]

    def _source_version(self, sources: RunSources) -> str | None:
        try:
            return sources.source(self.table.source).source.fingerprint()
        except ExportError:
            return None

    def _failure(self, failed: Sequence[ExportRecord], *, total: int) -> dg.Failure:
        named = "; ".join(f"{one.error}" for one in failed[:_NAMED])
        more = f"; and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        text = (
            f"{self.table.source}/{self.table.name}: {len(failed)} of {total} failed: {named}{more}"
        )
        return dg.Failure(text, allow_retries=all(record.retriable for record in failed))

    def _manifest(self, fmt: str, key: str) -> Manifest | None:
        try:
            return self.table.manifest(fmt, key)
        except ExportError as error:
            self.context.log.warning(str(error))
            return None


def _rows_read(records: Sequence[ExportRecord]) -> Counter[str]:
    """Count by format the rows of what a pass wrote or compared."""
    rows: Counter[str] = Counter()
    for record in records:
        rows[record.format] += record.rows if record.seconds else 0
    return rows
