"""Results for people, as a table with the bars, and for machines, as JSON."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.rounds import Result, ratio

MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A promise in figures."""

    name: str
    measured: float
    limit: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the promise holds."""
        return self.measured <= self.limit

    def __str__(self) -> str:
        verdict = "met" if self.met else "NOT MET"
        return (
            f"{self.name}: {self.measured:.2f}{self.unit} (bar {self.limit:g}{self.unit}) {verdict}"
        )


def bars(results: Sequence[Result], *, rows: int) -> list[Bar]:
    """Return the bars of DESIGN's table that these results can judge.

    Ratios hold at any size worth measuring; the memory bar is for a million rows or fewer.
    """
    by_key = {(result.job, result.contender): result for result in results if result.usages}
    three = ("parquet", "csv", "ndjson")
    found = []
    for job, limit in ((("parquet",), 1.3), (three, 0.7)):
        ours, peer = by_key.get((job, "export-assets")), by_key.get((job, "duckdb"))
        label = " + ".join(job)
        if ours and peer and len(ours.usages) == len(peer.usages):
            measured = ratio(ours, peer, "wall")
            found.append(Bar(name=f"{label}, time to DuckDB's", measured=measured, limit=limit))
        if ours and rows <= MEGABYTE and job != three:
            peak = ours.median("peak") / MEGABYTE
            found.append(Bar(name=f"{label}, peak memory", measured=peak, limit=250, unit=" MB"))
    return found


def table(results: Sequence[Result], peers: Sequence[str]) -> str:
    """Return the medians as aligned text, one line per job and contender."""
    lines = [["job", "contender", "wall s", "cpu s", "peak MB", "output MB"]]
    lines[0] += [f"/ {peer}" for peer in peers]
    by_key = {(result.job, result.contender): result for result in results}
    for result in results:
        line = ["+".join(result.job), result.contender]
        if result.failure:
            lines.append([*line, "failed", "", "", "", *("" for _ in peers)])
            continue
        line += [f"{result.median('wall'):.2f}", f"{result.median('cpu'):.2f}"]
        line += [f"{result.median('peak') / MEGABYTE:.0f}", f"{result.bytes / MEGABYTE:.1f}"]
        for name in peers:
            peer = by_key.get((result.job, name))
            comparable = peer is not None and peer is not result and not peer.failure
            line.append(f"{ratio(result, peer, 'wall'):.2f}" if comparable and peer else "")
        lines.append(line)
    return _aligned(lines)


def store(path: Path, *, job: str, details: Mapping[str, Any]) -> None:
    """Write the results with what they were measured on."""
    record = {
        "job": job,
        "machine": {
            "system": platform.system(),
            "architecture": platform.machine(),
            "processors": os.cpu_count(),
            "python": platform.python_version(),
        },
        "versions": {
            name: version(name) for name in ("export-assets", "polars", "pyarrow", "duckdb")
        },
        **details,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    out = []
    for line in lines:
        # Names to the left, figures to the right.
        cells = [
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        out.append("  ".join(cells).rstrip())
    return "\n".join(out)
