"""Which logs nothing happened to since they were looked at, so that they need no second look.

Kept in `<exports>/.state/<source>.logs.json`. Only an optimisation: losing it costs one look at
each
log. What is believed is the kernel's own time of change, which no program can set.
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from export_assets.engine.ingest.look import Look
from export_assets.store.durable import write_durably
from export_assets.store.layout import safe_name

STATE: Final = ".state"
_SETTLED_NS: Final = 2_000_000_000
"""Times of change advance in steps; a file changed just now may change again within the step."""


class Glance(msgspec.Struct, frozen=True, array_like=True):
    """A log as it was, and what was known of its content then."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    identity: str
    end: int
    """Up to where it had been read."""
    pending: int
    """Bytes after that."""


class _Kept(msgspec.Struct):
    version: str
    logs: dict[str, Glance]


class Glances:
    """The logs of one source, by their escaped names."""

    def __init__(self, root: Path, source: str, *, version: str) -> None:
        self._path = root / STATE / f"{safe_name(source)}.logs.json"
        self._version = version
        self._before: dict[str, Glance] = {}
        self._now: dict[str, Glance] = {}
        self._started = time.time_ns()
        with suppress(OSError, ValueError):  # msgspec's own errors are ValueErrors
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
            if kept.version == version:
                self._before = kept.logs

    def of(self, name: str, status: os.stat_result) -> Glance | None:
        """Return what is known of a log that is as it was; None where anything happened to it."""
        found = self._before.get(name)
        seen = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        if found is None or seen != (found.size, found.mtime_ns, found.ctime_ns, found.inode):
            return None
        self._now[name] = found
        return found

    def note(self, look: Look, identity: str, *, pending: int) -> None:
        """Keep what was seen of a log that was read as far as it goes."""
        status = look.status
        if self._started - status.st_ctime_ns < _SETTLED_NS:
            return
        self._now[look.name] = Glance(
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_ino,
            identity,
            look.end,
            pending,
        )

    def keep(self) -> None:
        """Remember all that was noted, and nothing else."""
        if self._now == self._before:
            return
        # What cannot be remembered costs the next pass a look, and this one nothing.
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(self._path, msgspec.json.encode(_Kept(self._version, self._now)) + b"\n")
