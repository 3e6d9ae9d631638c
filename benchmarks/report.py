"""Results for people, as a table with the bars, and for machines, as JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.rounds import Result, best_peer, ratio

MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A promise in figures."""

    name: str
    measured: float
    limit: float
    unit: str = ""
    promise: str = ""
    """Which line of the table of promises it judges; see `benchmarks.promises`."""

    @property
    def met(self) -> bool:
        """Whether the promise holds."""
        return self.measured <= self.limit

    def __str__(self) -> str:
        verdict = "met" if self.met else "NOT MET"
        return (
            f"{self.name}: {self.measured:.2f}{self.unit} (bar {self.limit:g}{self.unit}) {verdict}"
        )


@dataclass(kw_only=True)
class Part:
    """What one part of a job took, round by round."""

    name: str
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Over the rounds."""
        return float(median(self.seconds))


@dataclass(kw_only=True)
class Outcome:
    """What came of one job."""

    results: Sequence[Result] = ()
    parts: Sequence[Part] = ()
    bars: Sequence[Bar] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    """Why each contender that could not take part did not."""
    rows: int | None = None
    """How many there were, where it is not as many as were asked for."""

    @property
    def rounds(self) -> int:
        """How many rounds there were."""
        of_results = (len(one.usages) for one in self.results)
        return max((*of_results, *(len(part.seconds) for part in self.parts)), default=0)

    @property
    def is_good(self) -> bool:
        """Whether ours came to the right output and every bar is met."""
        failed = any(one.failure for one in self.results if one.role == "ours")
        return not failed and all(bar.met for bar in self.bars)


def bars(results: Sequence[Result], *, rows: int) -> list[Bar]:
    """Return the bars of DESIGN's table that these results can judge.

    Ratios hold at any size worth measuring; the memory bar is for a million rows or fewer.
    """
    by_key = {(result.job, result.contender): result for result in results if result.usages}
    three = ("parquet", "csv", "ndjson")
    found = []
    for job, limit, promise in ((("parquet",), 1.3, "parquet"), (three, 0.7, "three-formats")):
        ours, peer = by_key.get((job, "export-assets")), by_key.get((job, "duckdb"))
        label = " + ".join(job)
        if ours and peer and len(ours.usages) == len(peer.usages):
            measured = ratio(ours, peer, "wall")
            name = f"{label}, time to DuckDB's"
            found.append(Bar(name=name, measured=measured, limit=limit, promise=promise))
        if ours and rows <= MEGABYTE and job != three:
            peak = ours.median("peak") / MEGABYTE
            name = f"{label}, peak memory"
            found.append(
                Bar(name=name, measured=peak, limit=250, unit=" MB", promise="parquet-memory")
            )
    return found


def to_best(result: Result, results: Sequence[Result]) -> float | None:
    """Return the time of *result* to the fastest peer's, None where there is none to compare."""
    best = best_peer(results, result.job)
    if best is None or best is result or result.failure or not result.usages:
        return None
    return ratio(result, best, "wall")


def table(results: Sequence[Result]) -> str:
    """Return the medians as aligned text, one line per job and contender, the limits last."""
    lines = [["job", "contender", "wall s", "cpu s", "peak MB", "output MB", "/ best", "output"]]
    ordered = sorted(results, key=lambda one: one.role == "limit")
    for result in ordered:
        line = ["+".join(result.job), result.contender]
        if result.failure or not result.usages:
            lines.append([*line, "", "", "", "", "", "failed"])
            continue
        to_peer = to_best(result, results)
        limit = result.role == "limit"
        line += [f"{result.median('wall'):.2f}", f"{result.median('cpu'):.2f}"]
        line.append(f"{result.median('peak') / MEGABYTE:.0f}")
        line.append("" if limit else f"{result.bytes / MEGABYTE:.1f}")
        line.append("" if to_peer is None or limit else f"{to_peer:.2f}")
        lines.append([*line, "limit" if limit else verdict(result)])
    return aligned(lines)


def verdict(result: Result) -> str:
    """Return what the check of the output came to."""
    if result.unverified:
        return "not verified"
    return "nearly equal" if result.near else "equal"


def store(path: Path, record: dict[str, Any]) -> None:
    """Write everything that was measured in one run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Return *lines* of cells as columns: the first two and the last to the left."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    out = []
    for line in lines:
        cells = [
            cell.ljust(width) if column < 2 or column == len(line) - 1 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        out.append("  ".join(cells).rstrip())
    return "\n".join(out)
