"""One command in a fresh process: how long, how much work, how much memory."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_SAMPLE_SECONDS = 0.05
"""Looking takes 2 ms, which a command that uses all processors has to spare."""


class CommandFailed(Exception):
    """A measured command did not end with 0; its last words are the message."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one run of a command cost."""

    wall: float
    """Seconds."""
    cpu: float
    """User and system seconds, descendants included."""
    peak: int
    """Bytes of resident memory at the highest moment, over all processes of the command."""


def run_measured(
    command: Sequence[str], *, directory: Path, environment: Mapping[str, str], timeout: float
) -> Usage:
    """Run *command* in *directory* and return what it cost.

    What was written before is on the disk when it starts: whoever syncs would wait for all of it.

    Raises:
        CommandFailed: It ended with another code than 0, or took longer than *timeout* seconds.
    """
    log, record = directory / "command.log", directory / "command.usage"
    launcher = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]
    inherited = dict(os.environ)
    # Whoever installs a program has it compiled; else each start would compile it again.
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    os.sync()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*launcher, str(record), *command],
            cwd=directory,
            env={**inherited, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        watch = _Watch(process.pid)
        watch.start()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired as expired:
            msg = f"{' '.join(command)}: took too long, more than {timeout:g} s"
            raise CommandFailed(msg) from expired
        finally:
            watch.stop()
            # Whatever the command started and left behind must not run into the next measurement.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    figures = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    if figures.get("exit") != 0:
        words = log.read_text(encoding="utf-8", errors="replace").strip()[-2000:]
        msg = f"{' '.join(command)}: exit {figures.get('exit', 'unknown')}\n{words}"
        raise CommandFailed(msg)
    # The kernel's mark is exact for the largest process; the samples add up all of them.
    peak = max(figures["peak"], watch.peak)
    return Usage(wall=figures["wall"], cpu=figures["cpu"], peak=peak)


class _Watch(threading.Thread):
    """Samples the memory of all processes of a session but its leader, the launcher."""

    def __init__(self, session: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._session = session
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(_SAMPLE_SECONDS):
            members = session_members(self._session)
            members.pop(self._session, None)
            # One process alone is measured better by the kernel than by samples.
            if len(members) > 1:
                self.peak = max(self.peak, sum(members.values()))

    def stop(self) -> None:
        self._over.set()
        self.join()


def session_members(session: int) -> dict[int, int]:
    """Return resident bytes by process id over all processes of *session*, where /proc tells."""
    members = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # Field 6 is the session; names may hold spaces, so count from behind the bracket.
            fields = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            if int(fields[3]) == session:
                members[int(entry.name)] = int(fields[21]) * _PAGE
        except (OSError, IndexError, ValueError):  # it ended while being looked at
            continue
    return members
