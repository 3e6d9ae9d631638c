"""What a dead run left beside a partition: finished, undone or swept, under the lock."""

import os
from contextlib import suppress

from export_assets.store.filesystem import Filesystem
from export_assets.store.layout import Leftover, parse_leftover


def leftovers(staging_fd: int, partition: str | None = None) -> list[Leftover]:
    """Return what runs left in a staging directory, of *partition* or of all, oldest first."""
    # A pass stages all its partitions before it publishes them, and looks here before each: of
    # thousands of names only those of *partition* are worth more than a glance.
    start = "" if partition is None else f"{partition}."
    found = []
    for name in os.listdir(staging_fd):
        leftover = parse_leftover(name) if name.startswith(start) else None
        if leftover is not None and partition in (None, leftover.partition):
            # Where all are asked for, a run may be removing its own just now.
            with suppress(FileNotFoundError):
                status = os.stat(name, dir_fd=staging_fd, follow_symlinks=False)
                found.append((status.st_mtime_ns, leftover))
    found.sort(key=lambda pair: (pair[0], pair[1].name))
    return [leftover for _, leftover in found]


def recover(
    partition: str, *, dir_fd: int, staging_fd: int, filesystem: Filesystem
) -> list[Leftover]:
    """Put *partition* right after a crash and return what was dealt with.

    The caller holds the partition's lock, so whoever made these directories is dead. A generation
    set aside by two-rename replacement is moved back where the partition is missing.

    Args:
        partition: The partition's directory name.
        dir_fd: The directory that holds it, open.
        staging_fd: The staging directory of its export, open.
        filesystem: The system calls.
    """
    left = leftovers(staging_fd, partition)
    if not left:
        return []
    # What the dead run renamed must be durable before what it replaced goes away.
    filesystem.fsync(dir_fd)
    filesystem.fsync(staging_fd)
    for leftover in reversed([item for item in left if item.kind == "old"]):
        if not is_there(partition, dir_fd=dir_fd):
            filesystem.rename_new(leftover.name, partition, dir_fd=dir_fd, from_fd=staging_fd)
            filesystem.fsync(dir_fd)
            filesystem.fsync(staging_fd)
        else:
            filesystem.remove_tree(leftover.name, dir_fd=staging_fd)
    for leftover in left:
        if leftover.kind == "tmp":
            with suppress(FileNotFoundError):
                filesystem.remove_tree(leftover.name, dir_fd=staging_fd)
    filesystem.fsync(staging_fd)
    return left


def is_there(name: str, *, dir_fd: int) -> bool:
    """Whether the directory *dir_fd* has an entry *name*, be it a link that leads nowhere."""
    try:
        os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
