"""Where a catalogue is made, and what a refresh that was killed leaves there."""

import shutil
from pathlib import Path

from export_assets.store.layout import STAGING


def staging_of(root: Path) -> Path:
    """Return the directory a catalogue below *root* is made in, on the same file system."""
    return root / STAGING / "_catalog.tmp"


def is_swept(root: Path) -> bool:
    """Whether no refresh is under way, and none that was killed has left anything."""
    return not staging_of(root).exists()


def sweep(root: Path) -> None:
    """Remove what a refresh left behind; the caller holds the lock."""
    shutil.rmtree(staging_of(root), ignore_errors=True)
