"""A child process with all its descendants, none of which outlives the command."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

_PATIENCE = ((signal.SIGINT, 20.0), (signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))
"""Signals in the order they are sent, and the seconds each is given to work."""
_PAUSE = 0.05
_SET_PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of Linux's <sys/prctl.h>."""


def run_family(arguments: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Run a command until it ends by itself or we are interrupted; then end its descendants.

    The command is the leader of a group of its own, so that a signal reaches every process of it
    and only these: code servers and runs would survive the end of their parent. Where we are
    killed and so cannot end it, Linux asks the leader to.
    """
    leader = subprocess.Popen(  # noqa: S603 - the command is ours
        arguments,
        env=dict(environment),
        start_new_session=True,
        preexec_fn=_ends_with_parent(),  # noqa: PLW1509 - only calls what is loaded already
    )
    try:
        return leader.wait()
    finally:
        _end(leader)


def _ends_with_parent() -> Callable[[], None] | None:
    """Return what makes a new process heed SIGINT, and get SIGTERM when its parent dies.

    None but on Linux.
    """
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        # Ignored, as background commands of shells inherit it, it could not end the group.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            # It died before it was asked for; nobody will tell.
            os.kill(os.getpid(), signal.SIGTERM)

    return ask


def _end(leader: "subprocess.Popen[bytes]") -> None:
    for number, seconds in _PATIENCE:
        with suppress(ProcessLookupError):
            os.killpg(leader.pid, number)
        if _is_gone(leader, seconds):
            return


def _is_gone(leader: "subprocess.Popen[bytes]", seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        # The group exists until its last process was waited for.
        leader.poll()
        try:
            os.killpg(leader.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        time.sleep(_PAUSE)
    return False
