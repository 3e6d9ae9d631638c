"""The check `coverage`: which published rows lie in no partition that Dagster has a key for.

Rows without a time, from before `start` or from the future are published by the command line and
by a run without a partition. No partition of Dagster shows them, so this check does. It knows the
manifests only: of rows that nobody has published it cannot speak.
"""

from collections import Counter
from datetime import UTC, datetime

import dagster as dg

from export_assets.defs.findings import Finding
from export_assets.defs.partitions import Place, place_of
from export_assets.defs.table import TableExport
from export_assets.defs.wording import counted
from export_assets.errors import ExportError
from export_assets.tables.partitions import TimePartitions

NAME = "coverage"
DESCRIPTION = (
    "No published row lies outside the partitions Dagster offers: without a time, before the "
    "first partition, or after the last. Speaks of what is published: a run of partitions leaves "
    "such rows out; a run without a partition, or the command line, publishes everything."
)
_LISTED = 20
_SAYS: dict[Place, str] = {
    "undated": "without a time",
    "before": "before the first partition",
    "after": "after the last",
}


def judge_coverage(table: TableExport, fmt: str, *, now: datetime | None = None) -> Finding:
    """Count the rows published in *fmt* that no partition of Dagster holds.

    Args:
        table: A table with partitions.
        fmt: The format looked at.
        now: The moment whose partition is the last one; the present where none is given.
    """
    partitions = table.partitions
    assert isinstance(partitions, TimePartitions)  # noqa: S101  # the check has no spec otherwise
    rows: Counter[Place] = Counter()
    outside: list[str] = []
    try:
        for key in table.published_keys(fmt):
            place = place_of(partitions, key, now=now or datetime.now(UTC))
            manifest = table.manifest(fmt, key) if place != "offered" else None
            if manifest is not None and manifest.rows:
                rows[place] += manifest.rows
                outside.append(key)
    except (ExportError, OSError) as error:
        return Finding(passed=False, says=str(error))
    facts = [f"{rows[place]} {says}" for place, says in _SAYS.items() if rows[place]]
    says = (
        f"{counted(rows.total(), 'row')} published outside Dagster's partitions: {', '.join(facts)}"
        if facts
        else "every published row is in one of Dagster's partitions"
    )
    figures: dict[str, dg.MetadataValue] = {
        "rows_outside": dg.MetadataValue.int(rows.total()),
        "rows_undated": dg.MetadataValue.int(rows["undated"]),
        "rows_before_first": dg.MetadataValue.int(rows["before"]),
        "rows_after_last": dg.MetadataValue.int(rows["after"]),
        "partitions_outside": dg.MetadataValue.int(len(outside)),
    }
    if outside:
        more = f" and {len(outside) - _LISTED} more" if len(outside) > _LISTED else ""
        figures["partitions"] = dg.MetadataValue.text(", ".join(outside[:_LISTED]) + more)
    return Finding(passed=not facts, says=says, figures=figures)
