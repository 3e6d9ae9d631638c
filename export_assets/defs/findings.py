"""What a check found."""

from dataclasses import dataclass, field

import dagster as dg


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
