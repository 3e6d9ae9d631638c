"""How much a partition has changed since the generation before, in rows and in bytes."""

from dataclasses import dataclass
from typing import Self

import dagster as dg

from export_assets.store.manifest import Manifest

BYTES = "bytes"
ROWS_CHANGE, BYTES_CHANGE = "rows_change", "bytes_change"
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
        rows = next((key for key in ROW_KEYS if key in event.metadata), "")
        found = _number(event, rows), _number(event, BYTES)
        return None if None in found else cls(rows=found[0] or 0, bytes=found[1] or 0)

    @classmethod
    def compared_by(cls, event: dg.AssetMaterialization | None) -> Self | None:
        """Return what the generation of *event* was compared with, None where with nothing."""
        held = cls.told_by(event)
        if event is None or held is None:
            return None
        rows, size = _number(event, ROWS_CHANGE), _number(event, BYTES_CHANGE)
        if rows is None or size is None:
            return None
        return cls(rows=held.rows - rows, bytes=held.bytes - size)


def _number(event: dg.AssetMaterialization, name: str) -> int | None:
    value = event.metadata[name].value if name in event.metadata else None
    return value if isinstance(value, int) else None


def describe_change(before: Before | None, manifest: Manifest) -> dict[str, dg.MetadataValue]:
    """Return the change in rows and bytes, and as a share of what was; empty without a before.

    Growth out of nothing has no share.
    """
    if before is None:
        return {}
    found: dict[str, dg.MetadataValue] = {}
    for name, new, old in (
        (ROWS_CHANGE, manifest.rows, before.rows),
        (BYTES_CHANGE, manifest.bytes, before.bytes),
    ):
        found[name] = dg.MetadataValue.int(new - old)
        if old:
            share = round((new - old) / old, 6)
            found[f"{name}_share"] = dg.MetadataValue.float(share)
    return found
