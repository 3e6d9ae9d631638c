"""Checks of how many rows there are: against the generation before, and the partitions before."""

from math import sqrt
from statistics import median

import dagster as dg

from export_assets.config.showing import VolumeConfig
from export_assets.defs.findings import Finding
from export_assets.defs.subject import Subject
from export_assets.defs.wording import counted
from export_assets.store.manifest import Manifest

_TOLERATED_CHANGE = 0.5
_CHANCE = 3.0
"""Standard deviations of a count that happen by chance: of a median of 4 rows, 6 more or fewer."""


def judge_row_count(subject: Subject, manifest: Manifest) -> Finding:
    """Compare the rows of a partition with those it had before."""
    rows, before = manifest.rows, subject.before
    held = counted(rows, "row")
    figures: dict[str, dg.MetadataValue] = {"rows": dg.MetadataValue.int(rows)}
    if before is None:
        return Finding(passed=True, says=f"{held}, nothing to compare with", figures=figures)
    old = before.rows
    change = (rows - old) / old if old else float(rows > 0)
    figures["rows_before"] = dg.MetadataValue.int(old)
    figures["change"] = dg.MetadataValue.float(round(change, 6))
    says = f"{held}, {old} before ({change:+.0%})"
    return Finding(passed=abs(change) <= _TOLERATED_CHANGE, says=says, figures=figures)


def judge_volume(subject: Subject, manifest: Manifest) -> Finding:
    """Compare the rows of a partition with those of the partitions before it.

    Unusual is what is more, or less, than the median as often as configured, and by more than
    chance makes of small numbers. A partition whose time was not over is left alone.
    """
    config = subject.table.configured.config.volume_of(subject.table.name) or VolumeConfig()
    rows, held = manifest.rows, counted(manifest.rows, "row")
    figures: dict[str, dg.MetadataValue] = {"rows": dg.MetadataValue.int(rows)}
    if not subject.history.is_finished(manifest, unchanged_at=subject.unchanged_at):
        return Finding(passed=True, says=f"{held}, and its time was not over", figures=figures)
    past = subject.history.before(manifest.partition, config.partitions, finished=True)
    if 2 * len(past) < config.partitions:
        # What follows a source reads the last rows of a day before it is over.
        past = subject.history.before(manifest.partition, config.partitions)
    known = counted(len(past), "partition")
    if 2 * len(past) < config.partitions:
        says = f"{held}, {known} before it: too few to compare with"
        return Finding(passed=True, says=says, figures=figures)
    usual = median(one.rows for one in past)
    figures["median"] = dg.MetadataValue.float(float(usual))
    figures["partitions"] = dg.MetadataValue.int(len(past))
    if usual:
        figures["ratio"] = dg.MetadataValue.float(round(rows / usual, 6))
    far = rows * config.tolerance < usual or rows > usual * config.tolerance
    unusual = far and abs(rows - usual) > _CHANCE * sqrt(max(usual, 1))
    says = f"{held}, the median of {known} before it is {usual:g}"
    return Finding(passed=not unusual, says=says, figures=figures)
