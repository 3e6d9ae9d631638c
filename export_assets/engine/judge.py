"""The last step of a partition: prove it, compare it with what is published, publish it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from export_assets.config.models import SourceConfig
from export_assets.engine.destination import Kept, Slot
from export_assets.engine.lane import Lane, Written
from export_assets.engine.manifests import build_manifest
from export_assets.engine.report import ExportRecord, Status, failure, rows_break
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.table_pass import PartitionFacts, PassResult
from export_assets.engine.tables import TablePlan
from export_assets.engine.tombstones import TOMBSTONES, Stones
from export_assets.errors import ContractViolation, DestConflict, IntegrityError
from export_assets.sources.base import Snapshot, SnapshotInfo
from export_assets.store.manifest import Manifest
from export_assets.tables.contract import CheckOutcome
from export_assets.tables.digest import Digest
from export_assets.translate import translate


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Publishes the partitions of one table, or says why not."""

    config: SourceConfig
    plan: TablePlan
    result: PassResult
    snapshot: SnapshotInfo
    origin: str
    request: ExportRequest
    run: Run

    def publish(
        self,
        lane: Lane,
        written: Written,
        *,
        watermark: Mapping[str, str] | None = None,
        stones: Stones | None = None,
    ) -> ExportRecord:
        """Decide over one partition of *lane* and carry the decision out.

        *watermark* is what its manifest says of how far the table was read; None for what that
        of the generation before said. *stones* are the keys that left the partition.
        """
        checks: list[CheckOutcome] = []
        subject = f"{self.plan.name}/{lane.format.name}/{written.key}"
        try:
            facts = self.result.facts[written.key]
            checks = facts.contract.outcomes(facts.statistics)
            return self._publish(lane, written, facts, checks, watermark=watermark, stones=stones)
        except Exception as error:  # noqa: BLE001 - one partition's failure leaves the others
            told = translate(error, subject=subject)
            record = failure(
                self.config.source, self.plan.name, lane.format.name, written.key, told
            )
            return replace(record, checks=tuple(checks))

    def leave(
        self, fmt: str, key: str, manifest: Manifest, *, path: Path, facts: PartitionFacts
    ) -> ExportRecord:
        """Return the record of a partition that holds the rows of *manifest*, or of its failure."""
        checks = facts.contract.outcomes(facts.statistics)
        record = self._record(fmt, key, "unchanged", manifest)
        try:
            _refuse_broken(checks, f"{self.plan.name}/{fmt}/{key}")
        except ContractViolation as error:
            record = failure(self.config.source, self.plan.name, fmt, key, error)
            return replace(record, checks=tuple(checks))
        return replace(record, checks=tuple(checks), path=path)

    def _publish(
        self,
        lane: Lane,
        written: Written,
        facts: PartitionFacts,
        checks: list[CheckOutcome],
        *,
        watermark: Mapping[str, str] | None,
        stones: Stones | None,
    ) -> ExportRecord:
        subject = f"{self.plan.name}/{lane.format.name}/{written.key}"
        if isinstance(written.error, Kept):
            return self._skipped(lane, written, written.error, checks)
        if written.error is not None:
            raise written.error
        assert written.slot is not None  # noqa: S101 - without an error there is one
        _refuse_broken(checks, subject)
        _refuse_different(lane, written, facts, subject)
        previous, damage = written.slot.previous, written.slot.damage
        if watermark is None:
            watermark = {} if previous is None else previous.watermark
        manifest = build_manifest(
            config=self.config,
            plan=self.plan,
            schema=self.result.schema,
            lane=lane,
            written=written,
            facts=facts,
            snapshot=self.snapshot,
            origin=self.origin,
            request=self.request,
            run=self.run,
            watermark=watermark,
        )
        manifest = _with_stones(manifest, written.slot, stones)
        same = (
            previous is not None
            and damage is None
            and same_content(previous, manifest, bytes_tell=lane.format.reproducible)
        )
        if same and not self.request.overwrite:
            known = self._record(lane.format.name, written.key, "unchanged", previous)
            return replace(known, checks=tuple(checks), path=written.slot.path)
        self._refuse_newer(previous, subject)
        status, path, published = written.slot.commit(manifest)
        if status == "skipped":
            return self._skipped(lane, written, Kept(path), checks)
        outcome: Status = "empty" if status == "success" and not published.rows else status
        record = self._record(lane.format.name, written.key, outcome, published)
        warning = f"{subject}: {damage}; published again" if damage else None
        if stones is not None and stones.lost:
            warning = f"{subject}: {stones.lost}; keys deleted before are forgotten"
        return replace(record, checks=tuple(checks), path=path, warning=warning)

    def _skipped(
        self, lane: Lane, written: Written, kept: Kept, checks: list[CheckOutcome]
    ) -> ExportRecord:
        record = self._record(lane.format.name, written.key, "skipped", None)
        return replace(record, checks=tuple(checks), path=kept.path, error=str(kept))

    def _refuse_newer(self, previous: Manifest | None, subject: str) -> None:
        """Refuse to put older rows in the place of those another run published meanwhile.

        Raises:
            DestConflict: The published generation comes from a later snapshot.
        """
        if previous is None or self.request.overwrite:
            return
        if previous.snapshot.taken_at > self.snapshot.taken_at:
            moment = previous.snapshot.taken_at.isoformat(timespec="seconds")
            msg = f"{subject}: run {previous.run_id} published rows of a later moment, {moment}"
            raise DestConflict(msg)

    def _record(
        self, fmt: str, key: str, status: Status, manifest: Manifest | None
    ) -> ExportRecord:
        return ExportRecord(
            source=self.config.source,
            table=self.plan.name,
            format=fmt,
            partition=key,
            status=status,
            rows=manifest.rows if manifest else 0,
            bytes=manifest.bytes if manifest else 0,
            manifest=manifest,
        )


def same_content(old: Manifest, new: Manifest, *, bytes_tell: bool) -> bool:
    """Whether publishing *new* over *old* would change nothing a reader sees.

    Where *bytes_tell* nothing of the rows, parts are the same that have as many.
    """

    def files(manifest: Manifest) -> list[tuple[int, str]]:
        told = manifest.listed if bytes_tell else manifest.listed[len(manifest.files) :]
        return [(file.rows, file.sha256 if file in told else "") for file in manifest.listed]

    return (
        old.format_version == new.format_version
        and old.config_hash == new.config_hash
        and old.digest_algorithm == new.digest_algorithm
        and old.row_digest == new.row_digest
        and old.columns == new.columns
        and old.primary_key == new.primary_key
        and old.order_by == new.order_by
        and files(old) == files(new)
    )


def _with_stones(manifest: Manifest, slot: Slot, stones: Stones | None) -> Manifest:
    """Write the tombstones beside the parts and return *manifest* with them."""
    if stones is None or not stones.count:
        return manifest
    path = slot.beside(TOMBSTONES)
    if path is None:
        return manifest
    path.write_bytes(stones.lines)
    counters = msgspec.structs.replace(manifest.counters, deleted=stones.deleted)
    record = slot.record(path, stones.count)
    return msgspec.structs.replace(manifest, tombstones=record, counters=counters)


def refuse_incomplete(
    plan: TablePlan,
    snapshot: Snapshot,
    request: ExportRequest,
    result: PassResult,
    *,
    expected: Mapping[str, int],
) -> None:
    """Compare the rows taken in with the rows the snapshot counts of what was wanted.

    *expected* are the rows an earlier pass counted of the partitions wanted.

    Raises:
        IntegrityError: They differ.
    """
    for key, rows in expected.items():
        found = result.facts[key].digest.rows if key in result.facts else result.waiting[key]
        if found != rows:
            msg = f"{plan.name}/{key}: {rows} rows were read at first, {found} afterwards"
            raise IntegrityError(msg)
    if request.limit is not None or request.offset:
        return
    everything = not (request.window.bounded or request.partitions or request.filters)
    seen = result.rows_read - result.left_out
    if everything and result.rows != seen:
        msg = f"{plan.name}: {seen} rows were read, {result.rows} have a partition"
        raise IntegrityError(msg)
    counted = snapshot.count(plan.name) if everything else snapshot.count_scan(result.scan)
    if counted != result.rows_read:
        msg = f"{plan.name}: the source counts {counted} rows, {result.rows_read} were read"
        raise IntegrityError(msg)


def broken_rules_of(checks: Sequence[CheckOutcome]) -> str:
    """Say which rules of severity `error` rows break; empty where none is broken."""
    broken = [check for check in checks if check.severity == "error" and not check.passed]
    return ", ".join(rows_break(check.failures, check.check) for check in broken)


def _refuse_broken(checks: Sequence[CheckOutcome], subject: str) -> None:
    facts = broken_rules_of(checks)
    if facts:
        msg = f"{subject}: {facts}; nothing was published"
        raise ContractViolation(msg)


def _of_what_is_held(written: Written, handed: Digest, expected: Digest, subject: str) -> Digest:
    """Return what files must read back as that do not hold all of the rows.

    Raises:
        IntegrityError: What was handed over is not what the snapshot held of those columns.
    """
    lossy = {name for name, one in written.fidelity.items() if one.verdict == "lossy"}
    different = [
        name
        for name, digest in handed.columns.items()
        if name not in lossy and digest != expected.columns[name]
    ]
    if different or handed.rows != expected.rows:
        msg = f"{subject}: what was to be written differs from the snapshot in "
        raise IntegrityError(msg + (", ".join(different) or "its number of rows"))
    return handed


def _refuse_different(lane: Lane, written: Written, facts: PartitionFacts, subject: str) -> None:
    """Compare what the files hold with what the snapshot held.

    Raises:
        IntegrityError: They differ.
    """
    found = written.read_back
    expected = facts.digest.digest(finite=not lane.format.carries_nonfinite)
    if written.handed is not None:
        expected = _of_what_is_held(written, written.handed, expected, subject)
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
