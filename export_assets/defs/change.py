"""How much a partition has changed since the generation before, in rows and in bytes."""

from dataclasses import dataclass
from typing import Self

import dagster as dg

from export_assets.store.manifest import Manifest

BYTES = "bytes"
ROW_KEYS = ("dagster/partition_row_count", "dagster/row_count")


@dataclass(frozen=True, kw_only=True)
class Before:
    """The size of the generation before."""

    rows: int
    bytes: int

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Return what *manifest* records."""
        return cls(rows=manifest.rows, bytes=manifest.bytes)

    @classmethod
    def told_by(cls, event: dg.AssetMaterialization | None) -> Self | None:
        """Return what *event* told of a generation, None where it did not."""
        if event is None:
            return None
        told = [event.metadata[key].value for key in ROW_KEYS if key in event.metadata]
        size = event.metadata[BYTES].value if BYTES in event.metadata else None
        if not told or not isinstance(told[0], int) or not isinstance(size, int):
            return None
        return cls(rows=told[0], bytes=size)


def describe_change(before: Before | None, manifest: Manifest) -> dict[str, dg.MetadataValue]:
    """Return the change in rows and bytes, and as a share of what was; empty without a before.

    Growth out of nothing has no share.
    """
    if before is None:
        return {}
    found: dict[str, dg.MetadataValue] = {}
    for name, new, old in (
        ("rows", manifest.rows, before.rows),
        ("bytes", manifest.bytes, before.bytes),
    ):
        found[f"{name}_change"] = dg.MetadataValue.int(new - old)
        if old:
            share = round((new - old) / old, 6)
            found[f"{name}_change_share"] = dg.MetadataValue.float(share)
    return found
