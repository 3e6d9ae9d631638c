"""The last step of a partition: prove it, compare it with what is published, publish it."""

from dataclasses import dataclass

from export_assets.config.models import SourceConfig
from export_assets.engine.lane import Lane, Written
from export_assets.engine.manifests import build_manifest
from export_assets.engine.report import ExportRecord, Status, failure
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.table_pass import PartitionFacts, PassResult
from export_assets.engine.tables import TablePlan
from export_assets.errors import ContractViolation, ExportError, IntegrityError
from export_assets.sources.base import SnapshotInfo
from export_assets.store.manifest import Manifest
from export_assets.tables.contract import CheckOutcome


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Publishes the partitions of one table, or says why not."""

    config: SourceConfig
    plan: TablePlan
    result: PassResult
    snapshot: SnapshotInfo
    request: ExportRequest
    run: Run

    def publish(self, lane: Lane, written: Written) -> ExportRecord:
        """Decide over one partition of *lane* and carry the decision out."""
        facts = self.result.facts[written.key]
        checks = facts.contract.outcomes(facts.statistics)
        try:
            if written.error is not None:
                raise written.error
            return self._publish(lane, written, facts, checks)
        except ExportError as error:
            record = failure(
                self.config.source, self.plan.name, lane.format.name, written.key, error
            )
            return _with_checks(record, checks)

    def _publish(
        self, lane: Lane, written: Written, facts: PartitionFacts, checks: list[CheckOutcome]
    ) -> ExportRecord:
        subject = f"{self.plan.name}/{lane.format.name}/{written.key}"
        if written.slot is None:
            return self._record(lane, written, "skipped", None)
        _refuse_broken(checks, subject)
        _refuse_different(lane, written, facts, subject)
        manifest = build_manifest(
            config=self.config,
            plan=self.plan,
            schema=self.result.schema,
            lane=lane,
            written=written,
            facts=facts,
            coerced=self.result.coerced,
            snapshot=self.snapshot,
            request=self.request,
            run=self.run,
        )
        previous = written.slot.previous
        if previous is not None and not self.request.overwrite and same_content(previous, manifest):
            known = self._record(lane, written, "unchanged", previous)
            return _with_checks(known, checks, path=written.slot.path)
        status, path, published = written.slot.commit(manifest)
        outcome: Status = "empty" if status == "success" and not published.rows else status
        record = self._record(lane, written, outcome, published)
        return _with_checks(record, checks, path=path)

    def _record(
        self, lane: Lane, written: Written, status: Status, manifest: Manifest | None
    ) -> ExportRecord:
        return ExportRecord(
            source=self.config.source,
            table=self.plan.name,
            format=lane.format.name,
            partition=written.key,
            status=status,
            rows=manifest.rows if manifest else 0,
            bytes=manifest.bytes if manifest else 0,
            manifest=manifest,
        )


def same_content(old: Manifest, new: Manifest) -> bool:
    """Whether publishing *new* over *old* would change nothing a reader sees."""
    return (
        old.format_version == new.format_version
        and old.config_hash == new.config_hash
        and old.digest_algorithm == new.digest_algorithm
        and old.row_digest == new.row_digest
        and old.columns == new.columns
        and [file.sha256 for file in old.files] == [file.sha256 for file in new.files]
    )


def _refuse_broken(checks: list[CheckOutcome], subject: str) -> None:
    broken = [check for check in checks if check.severity == "error" and not check.passed]
    if broken:
        facts = ", ".join(f"{check.failures} rows break {check.check!r}" for check in broken)
        msg = f"{subject}: {facts}; nothing was published"
        raise ContractViolation(msg)


def _refuse_different(lane: Lane, written: Written, facts: PartitionFacts, subject: str) -> None:
    """Compare what the files hold with what the snapshot held.

    Raises:
        IntegrityError: They differ.
    """
    found = written.read_back
    expected = facts.digest.digest(finite=not lane.format.carries_nonfinite)
    if found is None or found.rows != expected.rows:
        msg = f"{subject}: the snapshot has {expected.rows} rows, the files hold "
        msg += f"{found.rows if found else 'none'}"
        raise IntegrityError(msg)
    different = expected.differing(found)
    if different:
        msg = f"{subject}: the files differ from the snapshot in {', '.join(different)}"
        raise IntegrityError(msg)
    if found.row_digest != expected.row_digest:
        msg = f"{subject}: the files hold the snapshot's values in other rows"
        raise IntegrityError(msg)


def _with_checks(
    record: ExportRecord, checks: list[CheckOutcome], **changes: object
) -> ExportRecord:
    from dataclasses import replace

    return replace(record, checks=tuple(checks), **changes)  # type: ignore[arg-type]  # by name
