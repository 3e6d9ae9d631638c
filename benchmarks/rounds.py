"""The measuring itself: every job, every contender, in turn, in fresh processes, verified once."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contenders import Contender
from benchmarks.data import TABLE
from benchmarks.measure import CommandFailed, Usage, bytes_below, run_measured

TIMEOUT_SECONDS = 1800
SUFFIXES = {"parquet": ".parquet", "csv": ".csv", "ndjson": ".ndjson", "json": ".json"}

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

    def median(self, figure: str) -> float:
        """Return the median over the rounds of `wall`, `cpu` or `peak`."""
        return float(median(getattr(usage, figure) for usage in self.usages))

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "job": "+".join(self.job)}


def ratio(ours: Result, peer: Result, figure: str) -> float:
    """Return the median over the rounds of ours to the peer's, each pair measured side by side."""
    pairs = zip(ours.usages, peer.usages, strict=True)
    return float(median(getattr(mine, figure) / getattr(its, figure) for mine, its in pairs))


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
    them; who begins changes from round to round. The first output of each is verified.
    """
    database = database.resolve()
    work = work.resolve()
    _read_once(database)
    results = {
        (job, contender.name): Result(job=job, contender=contender.name)
        for job in jobs
        for contender in contenders
    }
    for turn in range(count):
        shift = turn % len(contenders)
        for job in jobs:
            for contender in (*contenders[shift:], *contenders[:shift]):
                result = results[job, contender.name]
                if not result.failure:
                    _run_one(database, contender, result, work / "output", check or verify)
    shutil.rmtree(work / "output", ignore_errors=True)
    return list(results.values())


def _run_one(
    database: Path, contender: Contender, result: Result, output: Path, check: Check
) -> None:
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    try:
        usage = run_measured(
            contender.command(database, output, result.job),
            directory=output,
            environment=contender.environment,
            timeout=TIMEOUT_SECONDS,
        )
        if not result.usages:
            result.bytes = bytes_below(output, [SUFFIXES[fmt] for fmt in result.job])
            check(database, output, result.job)
    except CommandFailed as error:
        result.failure = str(error)
        print(f"{contender.name}, {'+'.join(result.job)}: {error}", file=sys.stderr)
        return
    result.usages.append(usage)


def verify(database: Path, output: Path, formats: Sequence[str]) -> None:
    """Compare what is below *output* with the table.

    Raises:
        CommandFailed: There is not one file per format, or a figure differs.
    """
    files = []
    for fmt in formats:
        written = [path for path in output.rglob(f"*{SUFFIXES[fmt]}") if is_data(output, path)]
        if len(written) != 1:
            msg = f"{len(written)} files of format {fmt} instead of one"
            raise CommandFailed(msg)
        files.append(str(written[0]))
    checked = subprocess.run(
        [sys.executable, "-m", "benchmarks.verify", str(database), TABLE, *files],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    if checked.returncode != 0:
        msg = f"wrong output: {checked.stdout.strip() or checked.stderr.strip()}"
        raise CommandFailed(msg)


def is_data(output: Path, path: Path) -> bool:
    """Whether *path* is a file for readers: neither a record nor what a tool keeps for itself."""
    return path.is_file() and not any(
        part.startswith((".", "_")) for part in path.relative_to(output).parts
    )


def _read_once(path: Path) -> None:
    """Bring *path* into the page cache, so that the first contender does not pay for all."""
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass
