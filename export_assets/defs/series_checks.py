"""The checks `gaps` and `monotone`, of rows as a series in time."""

from datetime import UTC, datetime

import dagster as dg

from export_assets.defs.findings import MOST_LISTED, Finding, table_of
from export_assets.defs.published import read_columns
from export_assets.defs.subject import Subject
from export_assets.defs.wording import counted
from export_assets.store.manifest import Manifest
from export_assets.tables.partitions import UNDATED, TimePartitions, Window
from export_assets.tables.series import check_cadence, check_monotone


def judge_gaps(subject: Subject, manifest: Manifest) -> Finding:
    """Look for silences in the configured beat."""
    cadence = subject.table.configured.config.table(subject.table.name).cadence
    if cadence is None:
        return Finding(passed=True, says="no beat is configured")
    rows = read_columns(subject.table, manifest, (cadence.column,))
    result = check_cadence(
        rows,
        cadence.column,
        minutes=cadence.minutes,
        max_gap_minutes=cadence.allowed_gap,
        window=_past(subject),
        max_listed=MOST_LISTED,
    )
    says = f"{counted(result.gap_count, 'gap')}, {result.share:.1%} of the expected rows"
    figures: dict[str, dg.MetadataValue] = {
        "gaps": dg.MetadataValue.int(result.gap_count),
        "present": dg.MetadataValue.int(result.present),
        "missing": dg.MetadataValue.int(result.missing),
        "share": dg.MetadataValue.float(result.share),
    }
    if result.gaps:
        figures["longest"] = table_of(
            {"start": "UTC", "end": "UTC", "minutes": ""},
            ((f"{gap.start:%F %T}", f"{gap.end:%F %T}", gap.minutes) for gap in result.gaps),
        )
    return Finding(passed=not result.gap_count, says=says, figures=figures)


def _past(subject: Subject) -> Window | None:
    """Return the partition's window as far as it is over: the future is no gap."""
    partitions = subject.table.partitions
    if not isinstance(partitions, TimePartitions) or subject.key == UNDATED:
        return None
    window, now = partitions.window(subject.key), datetime.now(UTC)
    if window.end is None or window.end <= now:
        return window
    return (
        None if window.start is None or window.start >= now else Window(start=window.start, end=now)
    )


def judge_monotone(subject: Subject, manifest: Manifest) -> Finding:
    """Look for values that are less than the one before."""
    columns = subject.table.configured.config.table(subject.table.name).monotone
    rows = read_columns(subject.table, manifest, columns)
    found = {column: check_monotone(rows, column, max_listed=MOST_LISTED) for column in columns}
    figures: dict[str, dg.MetadataValue] = {
        f"{column}_decreases": dg.MetadataValue.int(result.decreases)
        for column, result in found.items()
    }
    broken = [
        f"{name} decreases {counted(one.decreases, 'time')}"
        for name, one in found.items()
        if not one.holds
    ]
    if broken:
        figures["failing_rows"] = table_of(
            {"column": "", "row": "Of the partition, from 1."},
            ((name, fall.row + 1) for name, one in found.items() for fall in one.breaks),
        )
    says = ", ".join(broken) or f"{', '.join(columns)} never decrease"
    return Finding(passed=not broken, says=says, figures=figures)
