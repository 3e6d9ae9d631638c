"""The step of one table: export it, say what was published and what the checks found."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import dagster as dg

from export_assets.defs import coverage, privacy
from export_assets.defs.catalog import connect, tell_of_catalog
from export_assets.defs.checks import BLOCKING, Subject, check_names, evaluate, severity_of
from export_assets.defs.event_log import Target, latest, observed, run_id_of, target_of
from export_assets.defs.findings import Finding
from export_assets.defs.held import RunSources
from export_assets.defs.metadata import (
    data_version,
    describe_changes,
    describe_columns,
    describe_partition,
    materialization,
)
from export_assets.defs.run_config import ExportChoices
from export_assets.defs.shares import share_of
from export_assets.defs.table import TableExport
from export_assets.engine.privacy import UnclassifiedColumns
from export_assets.engine.report import ExportRecord
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.errors import ContractViolation, ExportError, IntegrityError
from export_assets.store.manifest import Manifest
from export_assets.tables.partitions import ALL
from export_assets.translate import one_line, translate

_LOCK_TIMEOUT = 60.0
_NAMED = 5

MOST_EVALUATIONS = 1_000
"""Evaluations of checks that one step writes, about. Dagster takes ten milliseconds for each: a
year of partitions in three formats would take a minute longer to report than to export."""


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
class Examined:
    """A partition, and what every check found in it."""

    subject: Subject
    findings: Mapping[str, Finding]

    @property
    def summary(self) -> str:
        """One line: how many checks passed, and which did not."""
        failed = [name for name, finding in self.findings.items() if not finding.passed]
        passed = f"{len(self.findings) - len(failed)} passed"
        return f"{passed}, failed: {', '.join(failed)}" if failed else passed


@dataclass(frozen=True, kw_only=True)
class _Step:
    context: dg.AssetExecutionContext
    table: TableExport
    figures: dict[str, int] = field(default_factory=dict)
    """What the run found of the table besides its rows."""

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
        before = {(fmt, key): self._rows(fmt, key) for fmt in formats for key in self.keys}
        try:
            records = self._run(formats, sources=sources, choices=choices)
        except dg.Failure as failure:
            if isinstance(failure.__cause__, UnclassifiedColumns):
                yield from self._private(privacy.finding_of(failure.__cause__.suspects))
            raise
        subjects = [
            Subject(
                table=self.table,
                format=record.format,
                key=record.partition,
                manifest=record.manifest,
                record=record,
                rows_before=before.get((record.format, record.partition)),
            )
            for record in records
        ]
        failed = [record for record in records if record.status == "failed"]
        if failed or self.everything:
            yield from self._reported(self._news(subjects), sources)
            yield from self._covered(formats)
        if failed:
            if any(record.retriable for record in failed):
                sources.release(self.table.source)
            raise self._failure(failed, total=len(records))
        if self.everything:
            return
        found = {fmt: self._examined(fmt, subjects) for fmt in formats}
        for fmt in formats:
            yield self._materialized(found[fmt])
        for fmt in formats:
            yield from self._checked(fmt, found[fmt])
        yield from self._covered(formats)

    def look(self, formats: Sequence[str]) -> Iterator[Any]:
        """Run checks that were selected without their asset."""
        share = share_of(self.context.run.tags)
        for fmt in formats:
            if self._checks(fmt):
                subjects = [
                    Subject(
                        table=self.table, format=fmt, key=key, manifest=self._manifest(fmt, key)
                    )
                    for key in self.keys
                    if share is None or share.holds(self.table.name, fmt, key)
                ]
                yield from self._checked(fmt, self._examined(fmt, subjects))
        yield from self._covered(formats)

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
        try:
            report = Exporter(
                workspace=sources.workspace,
                source=sources.source(self.table.source),
                request=request,
                run=Run(id=self.context.run.run_id, now=datetime.now(UTC)),
                connect=connect,
            ).export()
        except Exception as error:
            told = translate(error, subject=self.table.source, side="source")
            if told.retriable:
                sources.release(self.table.source)
            raise dg.Failure(one_line(told), allow_retries=told.retriable) from error
        for warning in (*report.warnings, *report.afterwards, *report.notes):
            self.context.log.warning(warning)
        tell_of_catalog(self.context, sources.workspace)
        self.figures.update(report.figures.get(self.table.name, {}))
        return report.records

    def _examined(self, fmt: str, subjects: Sequence[Subject]) -> list[Examined]:
        """Run the checks of *fmt* over those of *subjects* that are in it."""
        names = self._checks(fmt)
        return [
            Examined(subject=one, findings={name: evaluate(name, one) for name in names})
            for one in subjects
            if one.format == fmt
        ]

    def _materialized(self, examined: Sequence[Examined]) -> dg.MaterializeResult[Any]:
        """Return the one result of a format; each partition's own figures are attached to it."""
        manifests = {
            one.subject.key: one.subject.manifest
            for one in examined
            if one.subject.manifest is not None
        }
        last = manifests[max(manifests)]
        key = self.table.key(last.format)
        metadata: dict[str, Any] = dict(describe_columns(self.table, last))
        metadata |= describe_changes([one.subject.record for one in examined])
        metadata |= {name: dg.MetadataValue.int(count) for name, count in self.figures.items()}
        total = sum(manifest.rows for manifest in manifests.values())
        for one in examined:
            manifest, record = manifests[one.subject.key], one.subject.record
            seconds = record.seconds if record is not None else 0.0
            # The pass took its time for all partitions; each has its share by rows.
            share = seconds * manifest.rows / total if total else seconds
            status = record.status if record is not None else "published"
            figures = describe_partition(
                self.table, manifest, status=status, seconds=round(share, 6)
            )
            figures["checks"] = dg.MetadataValue.text(one.summary)
            if self.table.partitions_def is None:
                metadata |= figures
            else:
                self.context.add_asset_metadata(
                    figures, asset_key=key, partition_key=one.subject.key
                )
        return dg.MaterializeResult(
            asset_key=key, metadata=metadata, data_version=data_version(manifests)
        )

    def _checked(self, fmt: str, examined: Sequence[Examined]) -> Iterator[Any]:
        """Yield what the checks found, in a long range only what they found wrong."""
        single = len(examined) == 1 and not self.everything
        targets = {} if single else self._targets(fmt, [one.subject.key for one in examined])
        names = self._checks(fmt)
        sparse = len(names) * len(examined) * len(self.table.formats) > MOST_EVALUATIONS
        for one in examined:
            for name, finding in one.findings.items():
                if single:
                    yield finding.result(self.table.key(fmt), name, severity_of(name))
                elif not (sparse and finding.passed):
                    target = targets.get(one.subject.key)
                    yield self._evaluation(name, one.subject, finding, target)

    def _covered(self, formats: Sequence[str]) -> Iterator[dg.AssetCheckEvaluation]:
        """Yield what is published in *formats* outside Dagster's partitions, as events.

        A result belongs to the partitions of the run; this check speaks of the export as a whole.
        """
        for fmt in formats:
            key = self.table.key(fmt)
            if dg.AssetCheckKey(key, coverage.NAME) not in self.context.selected_asset_check_keys:
                continue
            finding = coverage.judge_coverage(self.table, fmt)
            yield dg.AssetCheckEvaluation(
                asset_key=key,
                check_name=coverage.NAME,
                passed=finding.passed,
                severity=severity_of(coverage.NAME),
                description=finding.says,
                metadata=finding.figures,
                blocking=False,
                target_materialization_data=self._targets(fmt, [ALL]).get(ALL),
            )
        if self.table.formats[0] in formats:
            yield from self._private(None)

    def _private(self, finding: Finding | None) -> Iterator[dg.AssetCheckEvaluation]:
        """Yield the check of columns that look personal, of the table as a whole."""
        fmt = self.table.formats[0]
        check = dg.AssetCheckKey(self.table.key(fmt), privacy.NAME)
        if check not in self.context.selected_asset_check_keys:
            return
        finding = finding or privacy.judge_privacy(self.table)
        yield dg.AssetCheckEvaluation(
            asset_key=check.asset_key,
            check_name=check.name,
            passed=finding.passed,
            severity=privacy.severity_of(self.table),
            description=finding.says,
            metadata=finding.figures,
            blocking=privacy.refuses(self.table),
            target_materialization_data=self._targets(fmt, [ALL]).get(ALL),
        )

    def _evaluation(
        self, name: str, subject: Subject, finding: Finding, target: Target | None
    ) -> dg.AssetCheckEvaluation:
        """Return the finding as an event of its partition, which a check's result cannot be."""
        return dg.AssetCheckEvaluation(
            asset_key=self.table.key(subject.format),
            check_name=name,
            passed=finding.passed,
            severity=severity_of(name),
            description=finding.says,
            metadata=finding.figures,
            blocking=name in BLOCKING,
            partition=None if subject.key in {ALL, "*"} else subject.key,
            target_materialization_data=target,
        )

    def _targets(self, fmt: str, keys: Sequence[str]) -> dict[str, Target]:
        """Return by partition the newest materialization, which an evaluation must point at."""
        found = latest(self.context.instance, self.table.key(fmt), keys)
        return {key: target_of(record) for key, record in found.items()}

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

    def _reported(self, subjects: Sequence[Subject], sources: RunSources) -> Iterator[Any]:
        """Yield single events for what is published, and for what the checks found.

        The one result a step may yield per asset speaks of every partition of the run, so it is
        not for a run in which some failed, or whose partitions nobody named.
        """
        version = self._source_version(sources)
        above = observed(
            self.context.instance, self.table.source_key, [one.key for one in subjects]
        )
        for subject in subjects:
            if subject.record is not None and subject.manifest is not None:
                yield materialization(
                    self.table,
                    subject.manifest,
                    status=subject.record.status,
                    source_version=version or subject.manifest.snapshot.id,
                    pointer=above.get(subject.key),
                )
        for fmt in self.table.formats:
            own = [subject for subject in subjects if subject.format == fmt]
            # What failed is shown at the generation before, which still stands.
            targets = self._targets(fmt, [one.key for one in own if one.key != "*"])
            for subject in own:
                # Where nothing was published, only one check has anything to say. A failure of
                # the whole table has no partition to say it of, save that rows are missing.
                failing = {_failing_check(subject)} & set(self._checks(fmt))
                names: Iterable[str] = failing if subject.manifest is None else self._checks(fmt)
                for name in names if subject.key != "*" else failing & {"completeness"}:
                    finding, target = evaluate(name, subject), targets.get(subject.key)
                    yield self._evaluation(name, subject, finding, target)

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

    def _checks(self, fmt: str) -> list[str]:
        selected = self.context.selected_asset_check_keys
        key = self.table.key(fmt)
        return [
            name for name in check_names(self.table, fmt) if dg.AssetCheckKey(key, name) in selected
        ]

    def _manifest(self, fmt: str, key: str) -> Manifest | None:
        try:
            return self.table.manifest(fmt, key)
        except ExportError as error:
            self.context.log.warning(str(error))
            return None

    def _rows(self, fmt: str, key: str) -> int | None:
        manifest = self._manifest(fmt, key)
        return manifest.rows if manifest is not None else None


def _failing_check(subject: Subject) -> str:
    """Return the check that says why nothing was published: of the rows, the rules or the shape."""
    record = subject.record
    if record is not None and record.exit_code == IntegrityError.exit_code:
        return "completeness"
    refused = record is not None and record.exit_code == ContractViolation.exit_code
    return "contract" if not refused or (record and record.checks) else "schema"
