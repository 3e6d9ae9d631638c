"""How long a database is read in place: its writers' log cannot be emptied all the while."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

LOG_GROWTH = 1 << 30
"""Bytes that the write-ahead log may grow by before reading in place is ended."""

_LOOK_SECONDS = 0.25


class ReadLimit:
    """Ends the reading of a database by calling *end* from a thread of its own.

    That is after *seconds*, or when *log* has grown by *growth* bytes. As a context manager it
    watches as long as the block runs.
    """

    def __init__(
        self, end: Callable[[], None], log: Path, *, seconds: float, growth: int = LOG_GROWTH
    ) -> None:
        self._end = end
        self._log = log
        self._deadline = time.monotonic() + seconds
        self._largest = _size(log) + growth
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"limit {log.name}", daemon=True)

    def __enter__(self) -> None:
        """Start watching."""
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        """Stop watching."""
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while (left := self._deadline - time.monotonic()) > 0 and _size(self._log) <= self._largest:
            if self._done.wait(min(left, _LOOK_SECONDS)):
                return
        self._end()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
