"""The measuring itself: every job, every contender, in turn, in fresh processes, verified once."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contenders import Contender, Role
from benchmarks.data import TABLE
from benchmarks.measure import CommandFailed, Usage, run_measured

TIMEOUT_SECONDS = 1800
SUFFIXES = {
    "parquet": (".parquet",),
    "csv": (".csv",),
    "ndjson": (".ndjson", ".jsonl"),
    "json": (".json",),
}

Check = Callable[[Path, Path, Sequence[str]], None]
"""Raises `CommandFailed` where what is below a directory is not what was to be made of a source."""


@dataclass(kw_only=True)
class Result:
    """What one contender needed for one job, round by round."""

    job: tuple[str, ...]
    contender: str
    usages: list[Usage] = field(default_factory=list)
    bytes: int = 0
    failure: str = ""
    role: Role = "peer"
    version: str = ""
    near: bool = False
    """Whether some of its figures were compared nearly."""
    unverified: bool = False
    """Whether there is nothing to compare its output with."""

    def median(self, figure: str) -> float:
        """Return the median over the rounds of `wall`, `cpu` or `peak`."""
        return float(median(getattr(usage, figure) for usage in self.usages))

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "job": "+".join(self.job)}


def ratio(ours: Result, peer: Result, figure: str) -> float:
    """Return the median over the rounds of ours to the peer's, each pair measured side by side."""
    pairs = zip(ours.usages, peer.usages, strict=True)
    return float(median(getattr(mine, figure) / getattr(its, figure) for mine, its in pairs))


def best_peer(results: Sequence[Result], job: tuple[str, ...]) -> Result | None:
    """Return the peer that was fastest at *job*, of those whose output was right."""
    peers = [one for one in results if one.job == job and one.role == "peer"]
    able = [one for one in peers if one.usages and not one.failure and not one.unverified]
    return min(able, key=lambda one: one.median("wall"), default=None)


def run_rounds(
    database: Path,
    jobs: Sequence[tuple[str, ...]],
    contenders: Sequence[Contender],
    *,
    count: int,
    work: Path,
    check: Check | None = None,
) -> list[Result]:
    """Run every job *count* times with every contender and return the results.

    Contenders take turns within a round, so that whatever else the machine does meets all of
    them; who begins changes from round to round. The first output of each is verified. Who
    cannot do a job has no result for it. Every command is told in `OUTPUT_BYTES` how many bytes
    the first contender came to at the job, of those that came to any.
    """
    database = database.resolve()
    work = work.resolve()
    _read_once(database)
    results = {
        (job, one.name): Result(
            job=job,
            contender=one.name,
            role=one.role,
            version=one.version,
        )
        for job in jobs
        for one in contenders
        if one.can(job)
    }
    for turn in range(count):
        shift = turn % len(contenders)
        for job in jobs:
            for contender in (*contenders[shift:], *contenders[:shift]):
                result = results.get((job, contender.name))
                if result is None or result.failure:
                    continue
                of_job = (one for one in results.values() if one.job == job)
                size = next((one.bytes for one in of_job if one.bytes), 0)
                _run_one(database, contender, result, work / "output", check, size=size)
    shutil.rmtree(work / "output", ignore_errors=True)
    return list(results.values())


def _run_one(
    database: Path,
    contender: Contender,
    result: Result,
    output: Path,
    check: Check | None,
    *,
    size: int,
) -> None:
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    try:
        usage = run_measured(
            contender.command(database, output, result.job),
            directory=output,
            environment={**contender.environment, "OUTPUT_BYTES": str(size)},
            timeout=TIMEOUT_SECONDS,
        )
        if not result.usages and contender.role != "limit":
            result.bytes = bytes_below(output, contender.writes or result.job)
            if check is None:
                result.near = _verify_table(database, contender, output, result.job)
            else:
                check(database, output, result.job)
    except CommandFailed as error:
        result.failure = str(error)
        print(f"{contender.name}, {'+'.join(result.job)}: {error}", file=sys.stderr)
        return
    result.usages.append(usage)


def _verify_table(
    database: Path, contender: Contender, output: Path, formats: Sequence[str]
) -> bool:
    """Verify an output; return whether it is right only if some figures may be nearly so."""
    try:
        verify(database, output, formats)
    except CommandFailed:
        if not contender.near:
            raise
        verify(database, output, formats, near=contender.near)
        return True
    return False


def verify(
    database: Path, output: Path, formats: Sequence[str], *, near: Collection[str] = ()
) -> None:
    """Compare what is below *output* with the table; figures called *near* only nearly.

    Raises:
        CommandFailed: There is no file of a format, or a figure differs.
    """
    command = [sys.executable, "-m", "benchmarks.verify", *(f"--near={name}" for name in near)]
    command += [str(database), TABLE]
    for fmt in formats:
        written = data_files(output, fmt)
        if not written:
            msg = f"no file of format {fmt}"
            raise CommandFailed(msg)
        command += map(str, written)
    root = Path(__file__).parents[1]
    checked = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if checked.returncode != 0:
        msg = f"wrong output: {checked.stdout.strip() or checked.stderr.strip()}"
        raise CommandFailed(msg)


def data_files(output: Path, fmt: str) -> list[Path]:
    """Return the files of one format below *output* that are for readers."""
    found = [path for path in output.rglob("*") if path.name.endswith(SUFFIXES[fmt])]
    return sorted(path for path in found if is_data(output, path))


def bytes_below(output: Path, formats: Sequence[str]) -> int:
    """Return the bytes of all files of *formats* below *output*, but for what tools hide."""
    endings = tuple(ending for fmt in formats for ending in SUFFIXES[fmt])
    found = (path for path in output.rglob("*") if path.name.endswith(endings))
    return sum(path.stat().st_size for path in found if not _is_hidden(output, path, "."))


def is_data(output: Path, path: Path) -> bool:
    """Whether *path* is a file for readers: neither a record nor what a tool keeps for itself."""
    return path.is_file() and not _is_hidden(output, path, ".", "_")


def _is_hidden(output: Path, path: Path, *marks: str) -> bool:
    return any(part.startswith(marks) for part in path.relative_to(output).parts)


def _read_once(path: Path) -> None:
    """Bring *path* into the page cache, so that the first contender does not pay for all."""
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass
