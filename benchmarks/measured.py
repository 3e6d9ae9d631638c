"""What was measured last, job by job, as the page needs it: benchmarks/measured.json.

One entry per job: on which day and machine, with how many rows and rounds, the medians of every
contender, the parts of a job, the verdicts on bars, and who was left out and why.
"""

import json
import os
import platform
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.report import Outcome, to_best, verdict
from benchmarks.rounds import Result

Entry = dict[str, Any]
KEPT = Path(__file__).with_name("measured.json")
LIBRARIES = ("export-assets", "dagster", "polars", "pyarrow", "duckdb")


def read_entries(path: Path) -> dict[str, Entry]:
    """Return the entries by job; none where nothing was measured."""
    if not path.exists():
        return {}
    entries: dict[str, Entry] = json.loads(path.read_bytes())
    return entries


def write_entry(path: Path, job: str, entry: Mapping[str, Any]) -> None:
    """Put *entry* in the place of what *path* holds of *job*; the others stay."""
    write_json(path, {**read_entries(path), job: dict(entry)})


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write *content* to *path* in one step: nobody sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    text = json.dumps(dict(sorted(content.items())), indent=1, ensure_ascii=False)
    unfinished.write_text(text + "\n", encoding="utf-8")
    unfinished.replace(path)


def describe_machine() -> str:
    """Return what figures of this machine hold for."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {libraries}"
    )


def entry_of(outcome: Outcome, *, rows: int, on: date) -> Entry:
    """Return the entry of what one job came to."""
    return {
        "on": on.isoformat(),
        "machine": describe_machine(),
        "rows": outcome.rows or rows,
        "rounds": outcome.rounds,
        "tools": [_tool(result, outcome.results) for result in outcome.results],
        "parts": [
            {"name": part.name, "seconds": _short(part.median), "rounds": len(part.seconds)}
            for part in outcome.parts
        ],
        "bars": [
            {
                "promise": bar.promise,
                "name": bar.name,
                "measured": _short(bar.measured),
                "limit": bar.limit,
                "unit": bar.unit.strip(),
                "met": bar.met,
            }
            for bar in outcome.bars
        ],
        "left_out": outcome.left_out,
    }


def _tool(result: Result, results: Sequence[Result]) -> Entry:
    told: Entry = {
        "job": "+".join(result.job),
        "tool": result.contender,
        "role": result.role,
        "version": result.version,
    }
    if result.failure or not result.usages:
        return {**told, "failure": result.failure.partition("\n")[0][:200] or "not run"}
    ratio = to_best(result, results)
    told |= {"wall": _short(result.median("wall")), "cpu": _short(result.median("cpu"))}
    told |= {"peak": int(result.median("peak")), "bytes": result.bytes}
    told["to_best"] = None if ratio is None else _short(ratio)
    told["output"] = "" if result.role == "limit" else verdict(result)
    return told


def _short(figure: float) -> float:
    """Return *figure* with four digits: more were not measured."""
    return float(f"{figure:.4g}")
