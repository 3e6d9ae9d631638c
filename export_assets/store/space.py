"""Room on the disk, asked for before anything is written."""

import os

from export_assets.errors import NoSpace

_MARGIN_BYTES = 64 * 1024 * 1024
_MARGIN_FACTOR = 1.2


def check_space(dir_fd: int, *, subject: str, estimated_bytes: int) -> None:
    """Refuse to start what the disk of *dir_fd* has no room for.

    Args:
        dir_fd: An open directory on that disk.
        subject: What will be written.
        estimated_bytes: How much; 0 where nobody knows, which is never refused.

    Raises:
        NoSpace: Less is free than the estimate with a fifth and 64 MiB to spare.
    """
    if estimated_bytes <= 0:
        return
    disk = os.fstatvfs(dir_fd)
    free = disk.f_bavail * disk.f_frsize
    needed = int(estimated_bytes * _MARGIN_FACTOR) + _MARGIN_BYTES
    if free < needed:
        msg = f"{subject}: needs {needed:,} bytes, the disk has {free:,} free"
        raise NoSpace(msg)
