"""The columns that events have as they are published already."""

from pathlib import Path

from export_assets.engine.logs.general.event_table import GeneralEvents
from export_assets.engine.shape_changes import newest_manifests
from export_assets.store.local import LocalStore


def published_columns(exports: Path | None, source: str) -> list[str]:
    """Return the columns of the events of *source* below *exports*, those of the newest first."""
    if exports is None or not exports.is_dir():
        return []
    found = list(newest_manifests(LocalStore(exports), source, GeneralEvents.name))
    found.sort(key=lambda manifest: manifest.created_at, reverse=True)
    return [column.name for manifest in found for column in manifest.columns]
