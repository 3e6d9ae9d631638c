"""How many partitions one pass may hold open: each takes a few of the process's open files."""

import resource
from contextlib import suppress
from pathlib import Path

_FILES_PER_SLOT = 3
"""The lock, the directory of the partition and the staging directory."""
_RESERVE = 64
"""For the source, the writers and readers of the lanes, and libraries."""
_MOST_SLOTS = 8_192
_USUAL_LIMIT = 1_024


def raise_file_limit() -> None:
    """Let this process open as many files as it is allowed to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A limit that cannot be raised is worked with; see `partitions_at_once`.
    with suppress(OSError, ValueError):
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def partitions_at_once(formats: int) -> int:
    """Return how many partitions may be written in *formats* formats at the same time."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _MOST_SLOTS * _FILES_PER_SLOT if soft == resource.RLIM_INFINITY else soft
    slots = min((limit - _files_open() - _RESERVE) // _FILES_PER_SLOT, _MOST_SLOTS)
    return max(slots // max(formats, 1), 1)


def _files_open() -> int:
    for listing in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return sum(1 for _ in Path(listing).iterdir())
    return _USUAL_LIMIT // 4
