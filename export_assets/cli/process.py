"""The process of the command line: how it starts, and how it ends."""

import atexit
import gc
import os
import sys
import threading
from typing import NoReturn

from export_assets.cli.limits import collect_rarely, let_go_of_imported


def run() -> NoReturn:
    """Run the command this process was started for, and end the process with its exit code."""
    # First of all: parsing commands alone would have Python look for garbage two dozen times.
    collect_rarely()
    from export_assets.cli.app import code_of

    try:
        code = code_of(sys.argv[1:])
        if code == 0:
            _end_at_once(code)
    finally:
        let_go_of_imported()
    sys.exit(code)


def _end_at_once(code: int) -> None:
    """End the process with *code* as Python does, but for taking apart what ends with it anyway.

    Python visits and frees each of some hundred thousand objects of the libraries, which takes
    longer than the export of a small table. Threads, what was registered to be called at the end,
    what only a search for cycles would close, and the streams get what they always do. Returns
    where a stream is beyond that, of which Python knows how to tell.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as Python's own end
    atexit._run_exitfuncs()  # noqa: SLF001 - the same
    gc.collect()
    if _is_flushed():
        os._exit(code)


def _is_flushed() -> bool:
    """Tell whether all that was printed has reached where it goes; Python reports it if not."""
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except (OSError, ValueError):
        return False
    return True


if __name__ == "__main__":
    run()
