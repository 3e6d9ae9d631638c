"""What a check found, and how it is told to Dagster."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from export_assets.defs.event_log import Target

MOST_LISTED = 20
"""Rows, columns, files and rules that one finding names; all of them are counted."""

Cell = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found, in one partition or of an export as a whole."""

    passed: bool
    says: str
    """One line; never a value of the data."""
    figures: dict[str, dg.MetadataValue] = field(default_factory=dict)

    def result(
        self, key: dg.AssetKey, check: str, severity: dg.AssetCheckSeverity
    ) -> dg.AssetCheckResult:
        """Return it as what *check* of the asset *key* says."""
        return dg.AssetCheckResult(
            asset_key=key,
            check_name=check,
            passed=self.passed,
            severity=severity,
            description=self.says,
            metadata=self.figures,
        )

    def evaluation(
        self,
        key: dg.AssetKey,
        check: str,
        severity: dg.AssetCheckSeverity,
        *,
        blocking: bool = False,
        partition: str | None = None,
        target: Target | None = None,
    ) -> dg.AssetCheckEvaluation:
        """Return it as an event, which may be of any partition, and may come from a failed step.

        Args:
            key: The asset.
            check: The check of it.
            severity: How grave a failure is.
            blocking: Whether an error keeps what depends on the asset from running.
            partition: The partition it speaks of; None for the asset as a whole.
            target: The materialization it speaks of, without which it does not count as current.
        """
        return dg.AssetCheckEvaluation(
            asset_key=key,
            check_name=check,
            passed=self.passed,
            severity=severity,
            description=self.says,
            metadata=self.figures,
            blocking=blocking,
            partition=partition,
            target_materialization_data=target,
        )


def table_of(columns: Mapping[str, str], rows: Iterable[Sequence[Cell]]) -> dg.TableMetadataValue:
    """Return at most `MOST_LISTED` of *rows* as a table.

    Args:
        columns: Their names, and what they hold.
        rows: As many values as there are columns, each.
    """
    records = [
        dg.TableRecord(dict(zip(columns, row, strict=True)))
        for row, _ in zip(rows, range(MOST_LISTED), strict=False)
    ]
    kinds = {name: _kind(record.data[name] for record in records) for name in columns}
    shown = [
        dg.TableColumn(name, type=kinds[name], description=description or None)
        for name, description in columns.items()
    ]
    return dg.MetadataValue.table(records=records, schema=dg.TableSchema(columns=shown))


def _kind(values: Iterable[Cell]) -> str:
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, int) for value in known):
        return "int"
    return "float" if known and all(isinstance(value, int | float) for value in known) else "string"
