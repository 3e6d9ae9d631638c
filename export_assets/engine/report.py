"""What a run did: one record per table, format and partition, and the verdict over all."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from export_assets.errors import EXIT_PARTIAL, EXIT_WARNINGS, ExportError, code_of_failures
from export_assets.formats.findings import FINDINGS, NOT_IN_LINES
from export_assets.store.contents import Change, ColumnRecord
from export_assets.store.manifest import Manifest
from export_assets.tables.contract import CheckOutcome

Status = Literal["success", "empty", "unchanged", "skipped", "failed"]


@dataclass(frozen=True, kw_only=True)
class ExportRecord:
    """What became of one partition of one table in one format."""

    source: str
    table: str
    format: str
    partition: str
    status: Status
    rows: int = 0
    bytes: int = 0
    path: Path | None = None
    seconds: float = 0.0
    error: str | None = None
    """Why it failed or was skipped."""
    exit_code: int = 0
    """Of the error, 0 where there is none."""
    retriable: bool = False
    """Whether running again may help."""
    manifest: Manifest | None = None
    checks: Sequence[CheckOutcome] = ()
    warning: str | None = None
    """What a person should know although it succeeded."""

    @property
    def deleted(self) -> int:
        """Keys of the generation before that this run found gone; see `engine.tombstones`."""
        written = self.status in {"success", "empty"} and self.manifest is not None
        return self.manifest.counters.deleted if written and self.manifest is not None else 0

    @property
    def changed(self) -> list[ColumnRecord]:
        """Columns with values that the format could not carry as they are."""
        columns = self.manifest.described if self.manifest is not None else ()
        return [column for column in columns if any(map(_is_told, column.changes))]

    @property
    def changes(self) -> list[tuple[str, Change]]:
        """The name of each of those columns, with what happened to its values."""
        return [
            (column.name, change)
            for column in self.changed
            for change in column.changes
            if _is_told(change)
        ]


def _is_told(change: Change) -> bool:
    return change.fidelity in {"lossy", "widened"} and change.count > 0


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """Everything a run did."""

    source: str
    run_id: str
    started_at: datetime
    seconds: float
    records: Sequence[ExportRecord]
    warnings: Sequence[str] = field(default_factory=tuple)
    notes: Sequence[str] = ()
    """What a person may want to know, and need not act on."""
    afterwards: Sequence[str] = ()
    """What went wrong once all was published: worth a warning, and no part of the verdict."""
    unread: Mapping[str, ExportError] = field(default_factory=dict)
    """Parts of the source that could not be read, by their names; the rest was exported."""
    figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By table, counts that tell of the rows read what they do not."""

    @property
    def rows(self) -> int:
        """Rows over all records, each format counted."""
        return sum(record.rows for record in self.records)

    @property
    def bytes(self) -> int:
        """Bytes over all records."""
        return sum(record.bytes for record in self.records)

    @property
    def counts(self) -> dict[str, int]:
        """Records by status."""
        return dict(Counter(record.status for record in self.records))

    @property
    def failed(self) -> list[ExportRecord]:
        """Records that failed."""
        return [record for record in self.records if record.status == "failed"]

    @property
    def exit_code(self) -> int:
        """Exit code of the run: 0, 3 with warnings, 4 where part failed, else the failure's own."""
        failed = self.failed
        if failed:
            codes = {record.exit_code for record in failed}
            # Of a document that fails, no table is anywhere.
            nothing = all(
                one.status in {"failed", "skipped"} and not one.path for one in self.records
            )
            return code_of_failures(codes, alone=nothing)
        if self.unread:
            return EXIT_PARTIAL
        if self.warnings or any(record.status == "skipped" for record in self.records):
            return EXIT_WARNINGS
        return 0


def broken_rules(records: Sequence[ExportRecord]) -> list[str]:
    """Say which rules of severity `warn` rows break that were published nevertheless."""
    rows: dict[tuple[str, str, str], int] = {}
    for record in records:
        for check in record.checks:
            if check.severity == "warn" and not check.passed and record.status != "failed":
                rows[record.table, check.check, record.partition] = check.failures
    broken: dict[tuple[str, str], list[int]] = {}
    for (table, rule, _), failures in rows.items():
        broken.setdefault((table, rule), []).append(failures)
    return [
        f"{table}: {rows_break(sum(found), rule)}"
        + (f", in {len(found)} partitions" if len(found) > 1 else "")
        for (table, rule), found in broken.items()
    ]


def changed_values(records: Sequence[ExportRecord]) -> list[str]:
    """Say, for each table and format, in which columns values did not leave as they were."""
    found: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    for record in records:
        for name, change in record.changes:
            if change.reason == NOT_IN_LINES:
                continue  # no value changed, they are not in this file by choice
            counts = found.setdefault((record.table, record.format), Counter())
            # What the source holds is counted once, and every partition's manifest tells it.
            told, number = (name, change.reason), change.count
            summed = change.reason in FINDINGS
            counts[told] = counts[told] + number if summed else max(counts[told], number)
    return [
        f"{table}/{fmt}: "
        + ", ".join(
            f"{name} ({reason}: {number} value{'' if number == 1 else 's'})"
            for (name, reason), number in counts.items()
        )
        for (table, fmt), counts in found.items()
    ]


def rows_break(rows: int, rule: str) -> str:
    """Say how many rows break *rule*."""
    return f"1 row breaks {rule!r}" if rows == 1 else f"{rows} rows break {rule!r}"


def failure(source: str, table: str, fmt: str, partition: str, error: ExportError) -> ExportRecord:
    """Return the record of something that failed with *error*."""
    return ExportRecord(
        source=source,
        table=table,
        format=fmt,
        partition=partition,
        status="failed",
        error=str(error),
        exit_code=error.exit_code,
        retriable=error.retriable,
    )
