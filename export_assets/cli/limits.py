"""Limits of the process that an export may reach."""

import gc
import os
import resource
from contextlib import suppress

_ENOUGH = 65_536
_FEW_COLLECTIONS = (100_000, 20, 50)
"""Objects between two looks for cycles: importing libraries makes a million and leaves no cycle."""


def collect_rarely() -> None:
    """Look for garbage less often than Python does by itself, which takes a seventh of a start."""
    gc.set_threshold(2 * _FEW_COLLECTIONS[0], *_FEW_COLLECTIONS[1:])


def keep_imported() -> None:
    """Leave what is there now, libraries mostly, out of all looks for cycles to come.

    Done where the project is loaded, on which every command has its work before it.
    """
    gc.freeze()
    gc.set_threshold(*_FEW_COLLECTIONS)


def let_go_of_imported() -> None:
    """Undo `keep_imported`, for DuckDB reports as a leak what it finds left out at Python's end."""
    gc.unfreeze()


def leave_plugins_out() -> None:
    """Have Pydantic look for plugins nowhere; it reads what every installed package declares."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def give_memory_back() -> None:
    """Let Arrow allocate as the system does; its own pool keeps a fifth of an export's peak.

    Nothing here has imported Arrow yet, which looks once.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def raise_file_limit() -> None:
    """Allow as many open files as the system lets us: many partitions are staged at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
