"""What a pass over logs has to say to people."""

from collections.abc import Mapping, Sequence

from export_assets.engine.ingest.outcome import IngestReport
from export_assets.engine.logs.view import SegmentView
from export_assets.engine.wording import counted
from export_assets.sources.base import Remarks

_NAMED = 3


def remarks_of(report: IngestReport, view: SegmentView) -> Remarks:
    """Return warnings about lines and files that are not exported, and notes of all else."""
    return Remarks(
        warnings=(
            *_refused(view),
            *_truncated(report),
            *_unknown(report),
            *_outdated(report),
        ),
        notes=(*_aside(report), *_read(report)),
        failures=dict(report.failed),
    )


def _refused(view: SegmentView) -> list[str]:
    if not view.refused:
        return []
    lines = view.rows + view.refused
    share = view.refused / lines
    return [f"quarantine: {view.refused:,} of {lines:,} lines are refused ({share:.2%})"]


def _truncated(report: IngestReport) -> list[str]:
    return [
        f"{one.file}: was truncated or replaced after {one.read_bytes:,} bytes were read"
        + (f"; {one.unread_bytes:,} bytes unread at least" if one.unread_bytes else "")
        for one in report.truncations
    ]


def _unknown(report: IngestReport) -> list[str]:
    if not report.unknown:
        return []
    return [f"not read, no line of them is known: {_named(report.unknown)}"]


def _aside(report: IngestReport) -> list[str]:
    found = []
    if report.duplicates:
        found.append(f"copies of other logs: {_named(_pairs(report.duplicates))}")
    if report.ignored:
        found.append(f"not read: {_named(_pairs(report.ignored))}")
    if report.gone:
        found.append(f"removed while logs were read: {_named(report.gone)}")
    return found


def _read(report: IngestReport) -> list[str]:
    found = []
    if report.lines:
        files = {record.file for record in report.published}
        found.append(f"read {counted(report.lines, 'line')} of {counted(len(files), 'log')}")
    if report.pending_bytes:
        found.append(f"{report.pending_bytes:,} bytes at the ends of logs are no whole line yet")
    return found


def _outdated(report: IngestReport) -> list[str]:
    if not report.outdated_lines:
        return []
    lines = counted(report.outdated_lines, "line")
    return [f"{lines} of logs that are gone stay as they were read by other rules"]


def _pairs(reasons: Mapping[str, str]) -> list[str]:
    return [f"{name} ({reason})" for name, reason in sorted(reasons.items())]


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED:,} more"
