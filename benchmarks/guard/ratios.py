"""Ratios of processor time, measured now and recorded once.

Seconds differ from machine to machine and with what else runs there; a ratio to work that is the
same everywhere differs little. In each round both are measured, one right after the
other; the median counts.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contenders import program
from benchmarks.guard.pairs import PAIRS
from benchmarks.measure import CommandFailed, run_measured
from benchmarks.measured import describe_machine, write_json

RECORDED = Path(__file__).with_name("ratios.json")
BAND = 1.75
"""How many times the recorded ratio is allowed: well below the work done twice."""
START = "start of list"
NAMES = (*PAIRS, START)
TIMEOUT_SECONDS = 120
# A second's worth of nothing but the interpreter, its dictionaries, strings and integers.
_LOOP = "d = {}\nfor n in range(400_000):\n    d[str(n % 5_000)] = d.get(str(n % 4_999), 0) + n"


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """What one job takes, as a multiple of its peer's processor time."""

    name: str
    measured: float
    recorded: float
    seconds: float
    """Of the job's own, in the middle round: for the reader alone."""
    band: float = BAND

    @property
    def met(self) -> bool:
        """Whether the job is no slower than allowed."""
        return self.measured <= self.recorded * self.band

    def __str__(self) -> str:
        verdict = "met" if self.met else "NOT MET: it became slower"
        return (
            f"{self.name}: {self.measured:.2f} x its peer, recorded {self.recorded:.2f}, allowed "
            f"{self.recorded * self.band:.2f} ({self.seconds:.2f} s) {verdict}"
        )


Rounds = Sequence[tuple[float, float]]
"""Processor seconds of the job and of its peer, round by round."""


def measure(work: Path, names: Sequence[str], *, rounds: int) -> dict[str, Rounds]:
    """Measure what is guarded, by name.

    Raises:
        CommandFailed: A job failed.
        Unavailable: The command line is not installed beside this Python.
    """
    work.mkdir(parents=True, exist_ok=True)
    work = work.resolve()
    found: dict[str, Rounds] = {}
    together = [name for name in names if name in PAIRS]
    if together:
        told_in = work / "guard.json"
        told = [str(work), str(told_in), str(rounds), *together]
        command = [sys.executable, "-m", "benchmarks.guard.child", *told]
        root = str(Path(__file__).parents[2])
        run_measured(
            command, directory=work, environment={"PYTHONPATH": root}, timeout=TIMEOUT_SECONDS
        )
        found |= load(told_in)
    if START in names:
        ours, peer = [program(), "list"], [sys.executable, "-I", "-S", "-c", _LOOP]
        _child_seconds(ours, work)  # compiles what is not yet
        found[START] = [
            (_child_seconds(ours, work), _child_seconds(peer, work)) for _ in range(rounds)
        ]
    return found


def verdicts(work: Path, names: Sequence[str], *, rounds: int) -> list[Ratio]:
    """Measure and judge; what seems slower is measured once more, and its lower ratio counts.

    Raises:
        CommandFailed: A job failed.
        Unavailable: The command line is not installed beside this Python.
    """
    recorded = read()
    found = {one.name: one for one in judge(measure(work, names, rounds=rounds), recorded)}
    slower = [name for name, one in found.items() if not one.met]
    if slower:
        for one in judge(measure(work, slower, rounds=rounds), recorded):
            found[one.name] = min(found[one.name], one, key=lambda ratio: ratio.measured)
    return [found[name] for name in names]


def load(record: Path) -> dict[str, Rounds]:
    """Return what `benchmarks.guard.child` measured."""
    rounds: dict[str, Rounds] = json.loads(record.read_text(encoding="utf-8"))
    return rounds


def judge(measured: Mapping[str, Rounds], recorded: Mapping[str, float]) -> list[Ratio]:
    """Return the ratios beside what is recorded."""
    return [
        Ratio(
            name=name,
            measured=middle(rounds),
            recorded=recorded[name],
            seconds=float(median(ours for ours, _ in rounds)),
        )
        for name, rounds in measured.items()
    ]


def middle(rounds: Rounds) -> float:
    """Return the median ratio of ours to the peer's."""
    return float(median(ours / peer for ours, peer in rounds))


def read(path: Path = RECORDED) -> dict[str, float]:
    """Return the recorded ratios by name."""
    ratios: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))["ratios"]
    return ratios


def record(measured: Mapping[str, Rounds], path: Path = RECORDED) -> None:
    """Write the ratios of what was measured; those of other jobs stay."""
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    now = {name: round(middle(rounds), 3) for name, rounds in measured.items()}
    write_json(path, {"ratios": {**known.get("ratios", {}), **now}, "machine": describe_machine()})


def _child_seconds(command: Sequence[str], directory: Path) -> float:
    """Return user and system seconds of *command* in a process of its own.

    Raises:
        CommandFailed: It did not end with 0.
    """
    with subprocess.Popen(
        command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        msg = f"{' '.join(command)}: exit {process.returncode}"
        raise CommandFailed(msg)
    return usage.ru_utime + usage.ru_stime
