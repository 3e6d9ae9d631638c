"""What a dead run left beside a partition: finished, undone or swept, under the lock."""

import os
from contextlib import suppress

from export_assets.store.filesystem import Filesystem
from export_assets.store.layout import Leftover, parse_leftover


def leftovers(dir_fd: int, partition: str | None = None) -> list[Leftover]:
    """Return what runs left in a directory, of *partition* or of all, oldest first."""
    with os.scandir(dir_fd) as entries:
        found = [
            (entry.stat(follow_symlinks=False).st_mtime_ns, leftover)
            for entry in entries
            if entry.name.startswith(".") and (leftover := parse_leftover(entry.name)) is not None
        ]
    found.sort(key=lambda pair: (pair[0], pair[1].name))
    return [leftover for _, leftover in found if partition in (None, leftover.partition)]


def recover(dir_fd: int, partition: str, *, filesystem: Filesystem) -> list[str]:
    """Put *partition* right after a crash and return the names that were dealt with.

    The caller holds the partition's lock, so whoever made these directories is dead. A generation
    set aside by two-rename replacement is moved back where the partition is missing.
    """
    left = leftovers(dir_fd, partition)
    if not left:
        return []
    # What the dead run renamed must be durable before what it replaced goes away.
    filesystem.fsync(dir_fd)
    for leftover in reversed([item for item in left if item.kind == "old"]):
        if not _is_there(dir_fd, partition):
            filesystem.rename_new(leftover.name, partition, dir_fd=dir_fd)
            filesystem.fsync(dir_fd)
        else:
            filesystem.remove_tree(leftover.name, dir_fd=dir_fd)
    for leftover in left:
        if leftover.kind == "tmp":
            with suppress(FileNotFoundError):
                filesystem.remove_tree(leftover.name, dir_fd=dir_fd)
    filesystem.fsync(dir_fd)
    return [leftover.name for leftover in left]


def _is_there(dir_fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
