"""The step of one table: export it, say what was published and what the checks found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from export_assets.defs.checks import BLOCKING, Finding, Subject, check_names, evaluate, severity_of
from export_assets.defs.event_log import Target, latest, target_of
from export_assets.defs.held import RunSources
from export_assets.defs.metadata import (
    data_version,
    describe_columns,
    describe_partition,
    materialization,
)
from export_assets.defs.table import TableExport
from export_assets.engine.report import ExportRecord
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.errors import ExportError
from export_assets.store.manifest import Manifest
from export_assets.tables.partitions import ALL
from export_assets.translate import one_line, translate

_LOCK_TIMEOUT = 60.0
_NAMED = 5


class ExportConfig(dg.Config):
    """What a person may choose when launching an export."""

    overwrite: bool = False
    """Publish partitions again even where nothing changed."""


def run_table(
    context: dg.AssetExecutionContext,
    table: TableExport,
    *,
    sources: RunSources,
    overwrite: bool,
) -> Iterator[Any]:
    """Export the formats selected of *table* and yield what Dagster shall know of it.

    With no format selected only the checks selected are run, over what is published.

    Raises:
        dg.Failure: Something failed; the partitions that did not are published and reported.
    """
    step = _Step(context=context, table=table, keys=_keys(context, table))
    formats = [fmt for fmt in table.formats if table.key(fmt) in context.selected_asset_keys]
    if formats:
        yield from step.export(formats, sources=sources, overwrite=overwrite)
    looked_at = [fmt for fmt in table.formats if fmt not in formats]
    yield from step.look(looked_at)


def _keys(context: dg.AssetExecutionContext, table: TableExport) -> list[str]:
    if table.partitions_def is None:
        return [ALL]
    return list(context.partition_keys)


@dataclass(frozen=True, kw_only=True)
class _Step:
    context: dg.AssetExecutionContext
    table: TableExport
    keys: Sequence[str]

    def export(
        self, formats: Sequence[str], *, sources: RunSources, overwrite: bool
    ) -> Iterator[Any]:
        before = {(fmt, key): self._rows(fmt, key) for fmt in formats for key in self.keys}
        records = self._run(formats, sources=sources, overwrite=overwrite)
        failed = [record for record in records if record.status == "failed"]
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
        if failed:
            version = sources.source(self.table.source).source.fingerprint()
            if any(record.retriable for record in failed):
                sources.release(self.table.source)
            self._report_parts(subjects, version)
            raise self._failure(failed, total=len(records))
        for fmt in formats:
            yield self._materialized([record for record in records if record.format == fmt])
        for fmt in formats:
            yield from self._checked(fmt, [one for one in subjects if one.format == fmt])

    def look(self, formats: Sequence[str]) -> Iterator[Any]:
        """Run checks that were selected without their asset."""
        for fmt in formats:
            if self._checks(fmt):
                subjects = [
                    Subject(
                        table=self.table, format=fmt, key=key, manifest=self._manifest(fmt, key)
                    )
                    for key in self.keys
                ]
                yield from self._checked(fmt, subjects)

    def _run(
        self, formats: Sequence[str], *, sources: RunSources, overwrite: bool
    ) -> Sequence[ExportRecord]:
        partitions = tuple(self.keys) if self.table.partitions_def is not None else ()
        request = ExportRequest(
            tables=(self.table.name,),
            formats=tuple(formats),
            partitions=partitions,
            overwrite=overwrite,
            lock_timeout=_LOCK_TIMEOUT,
        )
        try:
            report = Exporter(
                workspace=sources.workspace,
                source=sources.source(self.table.source),
                request=request,
                run=Run(id=self.context.run.run_id, now=datetime.now(UTC)),
            ).export()
        except Exception as error:
            told = translate(error, subject=self.table.source, side="source")
            if told.retriable:
                sources.release(self.table.source)
            raise dg.Failure(one_line(told), allow_retries=told.retriable) from error
        for warning in report.warnings:
            self.context.log.warning(warning)
        return report.records

    def _materialized(self, records: Sequence[ExportRecord]) -> dg.MaterializeResult[Any]:
        """Return the one result of a format; each partition's own figures are attached to it."""
        manifests = {one.partition: one.manifest for one in records if one.manifest is not None}
        fmt = records[0].format
        key = self.table.key(fmt)
        last = manifests[max(manifests)]
        metadata: dict[str, Any] = dict(describe_columns(self.table, last))
        total = sum(manifest.rows for manifest in manifests.values())
        for record in records:
            manifest = manifests[record.partition]
            # The pass took its time for all partitions; each has its share by rows.
            share = record.seconds * manifest.rows / total if total else record.seconds
            figures = describe_partition(
                self.table, manifest, status=record.status, seconds=round(share, 6)
            )
            if self.table.partitions_def is None:
                metadata |= figures
            else:
                self.context.add_asset_metadata(
                    figures, asset_key=key, partition_key=record.partition
                )
        return dg.MaterializeResult(
            asset_key=key, metadata=metadata, data_version=data_version(manifests)
        )

    def _checked(self, fmt: str, subjects: Sequence[Subject]) -> Iterator[Any]:
        single = len(subjects) == 1
        targets = {} if single else self._targets(fmt)
        for name in self._checks(fmt):
            for subject in subjects:
                finding = evaluate(name, subject)
                if single:
                    yield dg.AssetCheckResult(
                        asset_key=self.table.key(fmt),
                        check_name=name,
                        passed=finding.passed,
                        severity=severity_of(name),
                        description=finding.says,
                        metadata=finding.figures,
                    )
                else:
                    yield self._evaluation(name, subject, finding, targets.get(subject.key))

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
            partition=subject.key if self.table.partitions_def is not None else None,
            target_materialization_data=target,
        )

    def _targets(self, fmt: str) -> dict[str, Target]:
        """Return by partition the newest materialization, which an evaluation must point at."""
        found = latest(self.context.instance, self.table.key(fmt), self.keys)
        return {key: target_of(record) for key, record in found.items()}

    def _report_parts(self, subjects: Sequence[Subject], source_version: str) -> None:
        """Write what is published, and what the checks found, although the step will fail."""
        for subject in subjects:
            record, manifest = subject.record, subject.manifest
            if record is not None and manifest is not None and record.status != "failed":
                self.context.log_event(
                    materialization(
                        self.table,
                        manifest,
                        status=record.status,
                        source_version=source_version,
                    )
                )
        known = set(self.keys)
        for subject in subjects:
            targets = self._targets(subject.format) if subject.manifest is not None else {}
            for name in self._checks(subject.format) if subject.key in known else ():
                if subject.manifest is None and name != "contract":
                    continue
                finding = evaluate(name, subject)
                self.context.log_event(
                    self._evaluation(name, subject, finding, targets.get(subject.key))
                )

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
