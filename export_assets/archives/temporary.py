"""Names of archives that are being written, and removing those of dead runs."""

import re
from pathlib import Path

from export_assets.store.durable import directory
from export_assets.store.filesystem import Filesystem
from export_assets.store.layout import run_name


def temporary_name(kind: str, run_id: str) -> str:
    """Return the name under which a run writes an archive of *kind*."""
    return f".{run_name(run_id)}.{kind}.tmp"


def sweep(archives: Path, *, kind: str, filesystem: Filesystem) -> None:
    """Remove what dead runs left of archives of *kind*.

    The caller holds the lock of *kind*, which says that they are dead.
    """
    ours = re.compile(rf"\.[A-Za-z0-9_-]+\.{re.escape(kind)}\.tmp")
    with directory(archives) as dir_fd:
        for path in archives.glob(".*.tmp"):
            if ours.fullmatch(path.name):
                filesystem.unlink(path.name, dir_fd=dir_fd)
