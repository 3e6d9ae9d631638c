"""Limits of the process that an export may reach."""

import resource
from contextlib import suppress

_ENOUGH = 65_536


def raise_file_limit() -> None:
    """Allow as many open files as the system lets us: many partitions are staged at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
