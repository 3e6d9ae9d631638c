"""A run's report for people and programs: a table, a summary line, a JSON document."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export_assets.cli.figures import count, counted, duration, size, span
from export_assets.cli.output import BUG, Output
from export_assets.engine.report import ExportRecord, ExportReport, changed_values
from export_assets.errors import EXIT_PARTIAL, EXIT_WARNINGS, InternalError

COLUMNS = ("table", "format", "partition", "status", "rows", "bytes", "seconds", "path")
_STATUSES = ("failed", "skipped", "success", "empty", "unchanged")


@dataclass(frozen=True, kw_only=True)
class Line:
    """All partitions of one table in one format."""

    table: str
    format: str
    records: Sequence[ExportRecord]

    @property
    def partition(self) -> str:
        """The partition, or the first, the last and how many."""
        return span([record.partition for record in self.records])

    @property
    def status(self) -> str:
        """The status all share, or how many have which."""
        counts = Counter(record.status for record in self.records)
        if len(counts) == 1:
            return next(iter(counts))
        return ", ".join(f"{counts[one]} {one}" for one in _STATUSES if one in counts)  # type: ignore[index]  # literals

    @property
    def path(self) -> Path | None:
        """The file or directory; of several partitions the directory that holds them."""
        paths = [record.path for record in self.records if record.path is not None]
        if len(self.records) == 1 or not paths:
            return paths[0] if paths else None
        return paths[0].parent


def lines_of(report: ExportReport) -> list[Line]:
    """Return the records of *report* by table and format, in their order."""
    groups: dict[tuple[str, str], list[ExportRecord]] = {}
    for record in report.records:
        groups.setdefault((record.table, record.format), []).append(record)
    return [
        Line(table=table, format=fmt, records=records) for (table, fmt), records in groups.items()
    ]


def print_reports(output: Output, reports: Sequence[ExportReport]) -> None:
    """Print one table and one summary of all; warnings and failures go to stderr."""
    for report in reports:
        for warning in (*report.warnings, *report.afterwards):
            output.note(f"warning: {warning}")
    several = len(reports) > 1
    rows = (
        (
            *((report.source,) if several else ()),
            line.table,
            line.format,
            line.partition,
            line.status,
            count(sum(record.rows for record in line.records)),
            size(sum(record.bytes for record in line.records)),
            duration(max(record.seconds for record in line.records)),
            str(line.path or ""),
        )
        for report in reports
        for line in lines_of(report)
    )
    columns = ("source", *COLUMNS) if several else COLUMNS
    output.table(columns, rows, right=("rows", "bytes", "seconds"))
    for report in reports:
        for note in (*report.notes, *changed_values(report.records)):
            output.line(f"note: {note}")
    output.line(summary(reports))
    for report in reports:
        for record in report.records:
            if record.status == "skipped" and record.error:
                output.note(f"warning: {record.error}")
        for record in unique_failures(report):
            is_bug = record.exit_code == InternalError.exit_code and not record.retriable
            hint = BUG if is_bug else ""
            output.problem(f"{record.error}{hint}")
        for name, error in report.unread.items():
            output.problem(f"{report.source}: not read: {name}: {error}")


def unique_failures(report: ExportReport) -> list[ExportRecord]:
    """Return the failures of *report*, those with the same words once."""
    return list({record.error: record for record in reversed(report.failed)}.values())[::-1]


def summary(reports: Sequence[ExportReport]) -> str:
    """Return the line under the table."""
    counts: Counter[str] = Counter()
    for report in reports:
        counts.update(report.counts)
    states = ", ".join(f"{counts[one]} {one}" for one in reversed(_STATUSES) if one in counts)
    rows, written = sum(one.rows for one in reports), sum(one.bytes for one in reports)
    seconds = sum(one.seconds for one in reports)
    figures = f"{counted(rows, 'row')}, {size(written)} in {duration(seconds)}"
    return f"{figures}: {states}" if states else figures


def verdict(reports: Sequence[ExportReport]) -> int:
    """Return the exit code of several runs: the common one, 4 where only part failed."""
    codes = {report.exit_code for report in reports}
    if len(codes) == 1:
        return codes.pop()
    partly = any(report.failed or report.unread for report in reports)
    return EXIT_PARTIAL if partly else EXIT_WARNINGS


def document_of(report: ExportReport) -> dict[str, Any]:
    """Return the whole report as JSON can hold it."""
    return {
        "source": report.source,
        "run_id": report.run_id,
        "started_at": report.started_at.isoformat(),
        "exit_code": report.exit_code,
        "rows": report.rows,
        "bytes": report.bytes,
        "seconds": report.seconds,
        "counts": report.counts,
        "warnings": [*report.warnings, *report.afterwards],
        "notes": list(report.notes),
        "unread": {name: str(error) for name, error in report.unread.items()},
        "records": [_record(record) for record in report.records],
    }


def _record(record: ExportRecord) -> dict[str, Any]:
    return {
        "table": record.table,
        "format": record.format,
        "partition": record.partition,
        "status": record.status,
        "rows": record.rows,
        "bytes": record.bytes,
        "deleted": record.deleted,
        "path": str(record.path) if record.path is not None else None,
        "seconds": record.seconds,
        "error": record.error,
        "exit_code": record.exit_code,
        "retriable": record.retriable,
        "fidelity": [
            {
                "column": name,
                "fidelity": change.fidelity,
                "reason": change.reason,
                "count": change.count,
            }
            for name, change in record.changes
        ],
        "checks": [
            {
                "check": check.check,
                "severity": check.severity,
                "passed": check.passed,
                "failures": check.failures,
            }
            for check in record.checks
        ],
    }
