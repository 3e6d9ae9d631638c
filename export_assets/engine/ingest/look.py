"""One look at one file: opened once, measured once, and known by its content."""

import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from export_assets.engine.ingest.listing import Listed
from export_assets.engine.ingest.names import escaped
from export_assets.engine.ingest.policy import Policy
from export_assets.engine.ingest.prefix import Survey, survey
from export_assets.engine.ingest.segments import Known
from export_assets.store.manifest import SegmentRecord

_LEASE_SECONDS = 10.0
_PAUSE_SECONDS = 0.01
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, kw_only=True)
class Look:
    """A file as it was at one moment, still open."""

    name: str
    """Below the log directory, escaped."""
    descriptor: int
    size: int
    """On disk."""
    status: os.stat_result
    """When it was looked at."""
    survey: Survey
    base: SegmentRecord | None
    """How far its content was read."""
    sealed: bool
    """Nothing is expected to be appended."""
    until: int | None = None
    """Where to stop although there is more; at the end of what is there where None."""

    @property
    def start(self) -> int:
        """Where reading goes on, in bytes of the content."""
        return self.base.end if self.base else 0

    @property
    def end(self) -> int:
        """Up to where there is something to read."""
        if self.until is not None:
            return self.until
        end = self.survey.length if self.sealed else self.survey.line_end
        return max(self.start, end)

    @property
    def is_new(self) -> bool:
        """Whether there is something to read."""
        return self.end > self.start


@contextmanager
def open_log(listed: Listed) -> Iterator[int | None]:
    """Hold the file open and give its descriptor; None where it is no regular file any more.

    Raises:
        FileNotFoundError: It is gone.
    """
    descriptor = _open(listed)
    try:
        yield descriptor if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    finally:
        os.close(descriptor)


def _open(listed: Listed) -> int:
    """Open a log; wait for an offload that holds it, which lets go as soon as we ask."""
    give_up = time.monotonic() + _LEASE_SECONDS
    while True:
        try:
            return os.open(listed.path, _FLAGS)
        except BlockingIOError:
            if time.monotonic() >= give_up:
                raise
        time.sleep(_PAUSE_SECONDS)


def look_at(
    listed: Listed,
    descriptor: int,
    known: Known,
    policy: Policy,
    *,
    now: datetime,
    also: Iterable[int] = (),
) -> Look:
    """Look at an open file, up to the size it has now.

    Raises:
        SourceChanged: It was cut while it was looked at.
    """
    status = os.fstat(descriptor)
    name = escaped(listed.name)
    found = survey(
        descriptor, status.st_size, (*known.ends, *also), name=name, whole=policy.whole_bytes
    )
    # Times of modification can be set to anything, and writers' clocks jump. This one is the
    # kernel's, and every write moves it.
    idle = now - datetime.fromtimestamp(status.st_ctime, UTC)
    complete = found.gzip and found.damage is None
    return Look(
        name=name,
        descriptor=descriptor,
        size=status.st_size,
        status=status,
        survey=found,
        base=known.match(found.prints),
        sealed=complete or idle >= policy.seal_after,
    )
