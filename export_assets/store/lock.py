"""One lock per partition: an `flock` that vanishes with its process, and says who holds it."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from export_assets.errors import DestLocked

_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.1


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a lock, for messages only; the lock itself is the kernel's."""

    pid: int
    host: str
    run: str
    since: datetime

    def __str__(self) -> str:
        return (
            f"process {self.pid} on {self.host} (run {self.run})"
            f" since {self.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        )


@dataclass
class HeldLock:
    """A lock in hand."""

    path: Path

    def retire(self) -> None:
        """Unlink the lock file. Whoever waits for it notices and makes a new one."""
        self.path.unlink(missing_ok=True)


@contextmanager
def partition_lock(
    path: Path, *, timeout: float = 0.0, holder: str, subject: str = ""
) -> Iterator[HeldLock]:
    """Hold the lock at *path*, waiting up to *timeout* seconds for it.

    Args:
        path: The lock file; it and its directories are created where they are missing.
        timeout: Seconds to wait; 0 tries once.
        holder: The run that asks, for the messages others see.
        subject: What the lock protects, for our own message; the path by default.

    Raises:
        DestLocked: Somebody else still holds it; the message says who, and since when.
    """
    fd = _acquire(path, timeout, subject or str(path))
    try:
        _sign(fd, holder)
        yield HeldLock(path)
    finally:
        _unsign(fd)
        os.close(fd)


def read_holder(path: Path) -> Holder | None:
    """Return who signed the lock file at *path*, or None where nobody did."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Holder)
    except (OSError, msgspec.DecodeError):
        return None


def _acquire(path: Path, timeout: float, subject: str) -> int:
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        fd = _open(path)
        if _try_lock(fd):
            if _still_there(path, fd):
                return fd
            # The holder before us retired the file between our open and our lock.
            os.close(fd)
            continue
        os.close(fd)
        if time.monotonic() >= deadline:
            held_by = read_holder(path)
            msg = f"{subject}: locked by {held_by or 'another process'}"
            raise DestLocked(msg)
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o660)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o660)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except BaseException:
        os.close(fd)
        raise
    return True


def _still_there(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(fd))
    except FileNotFoundError:
        return False


def _sign(fd: int, run: str) -> None:
    record = Holder(pid=os.getpid(), host=socket.gethostname(), run=run, since=datetime.now(UTC))
    # A full disk must not keep anybody from removing what fills it.
    with suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, msgspec.json.encode(record) + b"\n", 0)


def _unsign(fd: int) -> None:
    # Empty means free to a person who looks; closing the descriptor is what releases it.
    with suppress(OSError):
        os.ftruncate(fd, 0)
