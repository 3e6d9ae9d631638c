"""A cheap look at a directory of logs: names, sizes and times of change, and no file opened.

A look may stop after some time and go on later, where it stopped; the stamp is a sum over all
files, so that it is the same in however many pieces it was made.
"""

import hashlib
import os
import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from export_assets.engine.logs.log_names import LogNames

_STEP: Final = 256
_MODULUS: Final = 2**128


@dataclass(frozen=True, kw_only=True)
class Glimpse:
    """How far a look came."""

    after: str = ""
    """The name of the last file that was looked at."""
    total: int = 0
    """The sum so far."""


def look_at_all(
    files: LogNames,
    *,
    now: datetime,
    seal_after: timedelta,
    before: Glimpse | None = None,
    seconds: float | None = None,
) -> str | Glimpse:
    """Return the stamp of *files*; how far the look came where that takes longer than *seconds*.

    Args:
        files: What is there.
        now: A last line without its end counts once nothing was written for long, so the stamp
            changes then.
        seal_after: For how long.
        before: Where to go on.
        seconds: When to stop; never where None.
    """
    started = time.monotonic()
    seen = before or Glimpse()
    total, sealed_ns = seen.total, int((now - seal_after).timestamp() * 1e9)
    names = files.names[bisect_right(files.names, seen.after) :]
    for start in range(0, len(names), _STEP):
        if start and seconds is not None and time.monotonic() - started > seconds:
            return Glimpse(after=names[start - 1], total=total)
        for name in names[start : start + _STEP]:
            total = (total + sum(_facts(files.root, name, sealed_ns))) % _MODULUS
    return f"{total:032x}"


def _facts(root: Path, name: str, sealed_ns: int) -> Iterator[int]:
    path = f"{root}/{name}"
    # Beside a database is the log of what was written to it last.
    for one in (path, f"{path}-wal"):
        try:
            status = os.stat(one)  # noqa: PTH116 - a Path for each of many files costs more
        except OSError:
            continue
        sealed = status.st_ctime_ns <= sealed_ns
        facts = f"{one is path}\0{name}\0{status.st_size} {status.st_ino} "
        facts += f"{status.st_mtime_ns} {status.st_ctime_ns} {sealed}"
        digest = hashlib.blake2b(facts.encode("utf-8", "surrogateescape"), digest_size=16)
        yield int.from_bytes(digest.digest(), "little")
