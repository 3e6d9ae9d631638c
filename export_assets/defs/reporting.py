"""How the step of a table tells Dagster what it published and what its checks found.

A step yields one result per asset, which speaks of every partition of the run. Where some failed,
or nobody named the partitions, each is told by an event of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from typing import Any

import dagster as dg

from export_assets.defs import coverage, privacy
from export_assets.defs.checks import BLOCKING, check_names, evaluate, severity_of
from export_assets.defs.event_log import Target, failed_partitions, latest, observed, target_of
from export_assets.defs.findings import Finding
from export_assets.defs.history import History
from export_assets.defs.metadata import (
    Metadata,
    data_version,
    describe_changes,
    describe_columns,
    describe_partition,
    materialization,
)
from export_assets.defs.showing import Showing
from export_assets.defs.subject import Examined, Subject
from export_assets.defs.table import TableExport
from export_assets.errors import ContractViolation, ExportError, IntegrityError
from export_assets.tables.partitions import ALL

MOST_EVALUATIONS = 2_000
"""Evaluations of checks that one step writes, about: those of ninety days in three formats. Dagster
takes some milliseconds for each, so a year would take longer to report than to export."""


@dataclass(frozen=True, kw_only=True)
class Reporter:
    """Tells of one table in one run."""

    context: dg.AssetExecutionContext
    table: TableExport
    everything: bool
    """Whether the run names no partition of a table that has some."""
    figures: dict[str, float] = field(default_factory=dict)
    """What the run found of the table besides its rows."""
    _histories: dict[str, History] = field(default_factory=dict)
    _wrong: dict[dg.AssetCheckKey, frozenset[str]] = field(default_factory=dict)

    def history(self, fmt: str) -> History:
        """Return what is published in *fmt*, each manifest of which is read at most once."""
        return self._histories.setdefault(fmt, History(self.table, fmt))

    @cached_property
    def _showing(self) -> Showing:
        return Showing(table=self.table, warn=self.context.log.warning)

    def checks(self, fmt: str) -> list[str]:
        """Return the checks of each partition in *fmt* that the run is to make."""
        selected = self.context.selected_asset_check_keys
        key = self.table.key(fmt)
        return [
            name for name in check_names(self.table, fmt) if dg.AssetCheckKey(key, name) in selected
        ]

    def examined(self, fmt: str, subjects: Sequence[Subject]) -> list[Examined]:
        """Run the checks of *fmt* over those of *subjects* that are in it."""
        own = [subject for subject in subjects if subject.format == fmt]
        self.history(fmt).add(one.manifest for one in own if one.manifest is not None)
        names = self.checks(fmt)
        return [
            Examined(subject=one, findings={name: evaluate(name, one) for name in names})
            for one in own
        ]

    def materialized(self, fmt: str, examined: Sequence[Examined]) -> dg.MaterializeResult[Any]:
        """Return the one result of a format; each partition's own figures are attached to it."""
        manifests = {
            one.subject.key: one.subject.manifest
            for one in examined
            if one.subject.manifest is not None
        }
        key, last = self.table.key(fmt), manifests[max(manifests)]
        metadata: Metadata = dict(describe_columns(self.table, last))
        metadata |= describe_changes([one.subject.record for one in examined])
        metadata |= self._found
        for one in examined:
            record = one.subject.record
            figures = describe_partition(
                self.table,
                manifests[one.subject.key],
                status=record.status if record is not None else "published",
                seconds=one.subject.seconds,
                before=one.subject.before,
            )
            figures["checks"] = dg.MetadataValue.text(one.summary)
            figures |= self._shown(one.subject)
            if self.table.partitions_def is None:
                metadata |= figures
            else:
                self.context.add_asset_metadata(
                    figures, asset_key=key, partition_key=one.subject.key
                )
        return dg.MaterializeResult(
            asset_key=key, metadata=metadata, data_version=data_version(manifests)
        )

    def checked(self, fmt: str, examined: Sequence[Examined]) -> Iterator[Any]:
        """Yield what the checks found, in a long range only what they found wrong, or mended."""
        if len(examined) == 1 and not self.everything:
            for name, finding in examined[0].findings.items():
                yield finding.result(self.table.key(fmt), name, severity_of(name))
            return
        sparse = self._is_sparse(len(examined))
        told = [
            (name, one.subject, finding)
            for one in examined
            for name, finding in one.findings.items()
            if not (sparse and finding.passed) or self._was_wrong(name, one.subject)
        ]
        targets = self._targets(fmt, list(dict.fromkeys(subject.key for _, subject, _ in told)))
        for name, subject, finding in told:
            yield self._evaluation(name, subject, finding, targets.get(subject.key))

    def reported(self, subjects: Sequence[Subject], *, source_version: str | None) -> Iterator[Any]:
        """Yield single events for what is published, and for what the checks found."""
        above = observed(
            self.context.instance, self.table.source_key, [one.key for one in subjects]
        )
        for fmt in self.table.formats:
            own = [one for one in subjects if one.format == fmt and one.manifest is not None]
            self.history(fmt).add(one.manifest for one in own if one.manifest is not None)
            for subject in own:
                if subject.record is not None and subject.manifest is not None:
                    yield materialization(
                        self.table,
                        subject.manifest,
                        status=subject.record.status,
                        source_version=source_version or subject.manifest.snapshot.id,
                        seconds=subject.seconds,
                        before=subject.before,
                        more=self._shown(subject) | self._found,
                        pointer=above.get(subject.key),
                    )
        told = count()
        for fmt in self.table.formats:
            own = [subject for subject in subjects if subject.format == fmt]
            # What failed is shown at the generation before, which still stands.
            targets = self._targets(fmt, [one.key for one in own if one.key != "*"])
            sparse = self._is_sparse(len(own))
            for subject in own:
                for name, finding in self._found_in(subject, told=told):
                    left_out = sparse and finding.passed and subject.manifest is not None
                    if not left_out or self._was_wrong(name, subject):
                        yield self._evaluation(name, subject, finding, targets.get(subject.key))

    def covered(self, formats: Sequence[str]) -> Iterator[dg.AssetCheckEvaluation]:
        """Yield what is published in *formats* outside Dagster's partitions, as events.

        A result belongs to the partitions of the run; this check speaks of the export as a whole.
        """
        for fmt in formats:
            key = self.table.key(fmt)
            if dg.AssetCheckKey(key, coverage.NAME) in self.context.selected_asset_check_keys:
                yield coverage.judge_coverage(self.table, fmt).evaluation(
                    key,
                    coverage.NAME,
                    severity_of(coverage.NAME),
                    target=self._targets(fmt, [ALL]).get(ALL),
                )
        if self.table.formats[0] in formats:
            yield from self.private(None)

    def private(self, finding: Finding | None) -> Iterator[dg.AssetCheckEvaluation]:
        """Yield the check of columns that look personal, of the table as a whole."""
        fmt = self.table.formats[0]
        key = self.table.key(fmt)
        if dg.AssetCheckKey(key, privacy.NAME) in self.context.selected_asset_check_keys:
            yield (finding or privacy.judge_privacy(self.table)).evaluation(
                key,
                privacy.NAME,
                privacy.severity_of(self.table),
                blocking=privacy.refuses(self.table),
                target=self._targets(fmt, [ALL]).get(ALL),
            )

    @property
    def _found(self) -> Metadata:
        return {
            name: dg.MetadataValue.int(figure)
            if isinstance(figure, int)
            else dg.MetadataValue.float(figure)
            for name, figure in self.figures.items()
        }

    def _shown(self, subject: Subject) -> Metadata:
        """Return chart and sample, read from the format that is quickest to read."""
        manifest = subject.manifest
        if manifest is None:
            return {}
        return self._showing.describe(manifest, self.history(subject.format))

    def _was_wrong(self, name: str, subject: Subject) -> bool:
        """Whether the check *name* found something wrong in the partition when it ran last."""
        check = dg.AssetCheckKey(self.table.key(subject.format), name)
        if check not in self._wrong:
            self._wrong[check] = failed_partitions(self.context.instance, check)
        return subject.key in self._wrong[check]

    def _is_sparse(self, partitions: int) -> bool:
        each = sum(len(self.checks(fmt)) for fmt in self.table.formats)
        return each * partitions > MOST_EVALUATIONS

    def _found_in(self, subject: Subject, *, told: Iterator[int]) -> Iterator[tuple[str, Finding]]:
        """Yield what the checks say of *subject*.

        Where nothing was published one tells why. Dagster takes the others for failed as long as
        they say nothing, so they tell of what stands, as far as *told* does not count too many. A
        failure of the whole table has no partition to say it of, save that rows are missing.
        """
        names = self.checks(subject.format)
        if subject.manifest is not None:
            yield from ((name, evaluate(name, subject)) for name in names)
            return
        failing = _failing_check(subject)
        if failing in names and (subject.key != "*" or failing == "completeness"):
            yield failing, evaluate(failing, subject)
        if subject.key == "*":
            return
        standing = self._standing(subject)
        for name in names:
            if name != failing and next(told) < MOST_EVALUATIONS:
                yield name, _of_standing(name, standing)

    def _standing(self, subject: Subject) -> Subject | Finding:
        """Return the generation that a failure left as it was, or what is found instead of one."""
        try:
            manifest = self.table.manifest(subject.format, subject.key)
        except ExportError as error:
            return Finding(passed=False, says=str(error))
        if manifest is None:
            return Finding(passed=True, says="nothing is published of this partition yet")
        return replace(subject, manifest=manifest, record=None, before=None, seconds=None)

    def _evaluation(
        self, name: str, subject: Subject, finding: Finding, target: Target | None
    ) -> dg.AssetCheckEvaluation:
        """Return the finding as an event of its partition, which a check's result cannot be."""
        return finding.evaluation(
            self.table.key(subject.format),
            name,
            severity_of(name),
            blocking=name in BLOCKING,
            partition=None if subject.key in {ALL, "*"} else subject.key,
            target=target,
        )

    def _targets(self, fmt: str, keys: Sequence[str]) -> dict[str, Target]:
        """Return by partition the newest materialization, which an evaluation must point at."""
        found = latest(self.context.instance, self.table.key(fmt), keys)
        return {key: target_of(record) for key, record in found.items()}


def _failing_check(subject: Subject) -> str:
    """Return the check that says why nothing was published: of the rows, the rules or the shape."""
    record = subject.record
    if record is not None and record.exit_code == IntegrityError.exit_code:
        return "completeness"
    refused = record is not None and record.exit_code == ContractViolation.exit_code
    return "contract" if not refused or (record and record.checks) else "schema"


def _of_standing(name: str, standing: Subject | Finding) -> Finding:
    """Return what the check *name* says of the generation before, and that it is of that one."""
    if isinstance(standing, Finding):
        return standing
    finding = evaluate(name, standing)
    return replace(finding, says=f"of what is still published: {finding.says}")
