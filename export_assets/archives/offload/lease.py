"""Whether anybody else has a file open, and knowing it if somebody opens it meanwhile."""

import errno
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_LEASES = hasattr(fcntl, "F_SETLEASE")  # Linux only


@dataclass(frozen=True)
class Lease:
    """What is known about the use of an open file."""

    fd: int
    leased: bool
    """Whether the kernel watches; otherwise `/proc` was looked through, once per question."""

    def is_ours_alone(self) -> bool:
        """Whether nobody else has had the file open since the lease was taken."""
        if self.leased:
            # While another process waits to open the file, this is what we are asked to go down to.
            return fcntl.fcntl(self.fd, fcntl.F_GETLEASE) == fcntl.F_WRLCK
        return not is_open_elsewhere(self.fd)


@contextmanager
def lease(fd: int) -> Iterator[Lease | None]:
    """Hold a write lease on the regular file *fd*; give None where it is in use.

    The kernel refuses the lease while anybody else has the file open, and makes whoever opens it
    wait until it is released. Where it grants none for other reasons (a file of somebody else, a
    network file system), `/proc` tells who has the file open.
    """
    if not _LEASES:
        yield None if is_open_elsewhere(fd) else Lease(fd, leased=False)
        return
    try:
        # The default signal to a holder who is asked to release would end this process.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        in_use = error.errno == errno.EAGAIN or is_open_elsewhere(fd)
        yield None if in_use else Lease(fd, leased=False)
        return
    try:
        yield Lease(fd, leased=True)
    finally:
        with suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def is_open_elsewhere(fd: int) -> bool:
    """Whether a process whose descriptors can be seen has the file of *fd* open, ours included."""
    mine = os.fstat(fd)
    for process in _PROC.glob("[0-9]*"):
        own = process.name == str(os.getpid())
        with suppress(OSError):
            for link in (process / "fd").iterdir():
                with suppress(OSError):
                    if os.path.samestat(link.stat(), mine) and not (own and link.name == str(fd)):
                        return True
    return False
