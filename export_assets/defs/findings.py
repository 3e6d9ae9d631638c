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
