"""python -m benchmarks bench | JOB | growth-curves | guard

Measure, compare, say which bars are met; `bench` is every job, one after the other. What is
measured at full size is kept in benchmarks/measured.json, of which docs/performance.md is made;
what is measured with fewer rows is for trying, and kept beside the results. Growth curves and the
guard of continuous integration have options of their own.

Exits 1 when a bar is not met or the project itself failed, 0 otherwise.
"""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import aggregation, backfill, logs, start, tables, ticks
from benchmarks.commands import COMMANDS
from benchmarks.contenders import HERE
from benchmarks.environments import Unavailable
from benchmarks.measure import CommandFailed
from benchmarks.measured import KEPT, entry_of, read_entries, write_entry
from benchmarks.page import PAGE, page
from benchmarks.report import Outcome, store

FULL_ROWS, FACTOR = 1_000_000, 10
JOBS: dict[str, Callable[[argparse.Namespace], Outcome]] = {
    "sqlite": tables.measure_sqlite,
    "large": tables.measure_large,
    "postgres": tables.measure_postgres,
    "logs": logs.measure,
    "log-growth": logs.measure_growth,
    "aggregation": aggregation.measure,
    "backfill": backfill.measure,
    "ticks": ticks.measure,
    "start": start.measure,
}


def main(arguments: list[str]) -> int:
    """Run the jobs asked for and return the exit code."""
    if arguments and arguments[0] in COMMANDS:
        return COMMANDS[arguments[0]](arguments[1:])
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("job", choices=(*JOBS, "bench"))
    parser.add_argument("--rows", type=int, default=FULL_ROWS, help="rows, lines or events")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--factor", type=int, default=FACTOR, help="large, log-growth: times the rows"
    )
    names = dict.fromkeys((*tables.CONTENDERS, *tables.ONLY_OF_POSTGRES, *logs.CONTENDERS))
    parser.add_argument(
        "--only", action="append", choices=list(names), help="of tables and logs, repeatable"
    )
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    options = parser.parse_args(arguments)
    chosen = list(JOBS) if options.job == "bench" else [options.job]
    return max(run(name, options) for name in chosen)


def run(name: str, options: argparse.Namespace) -> int:
    """Measure one job, print what came of it, keep it; return its exit code."""
    print(f"\n== {name}", flush=True)
    try:
        outcome = JOBS[name](options)
    except (CommandFailed, Unavailable) as error:
        # The jobs after it are measured all the same; what is kept of this one stays as it was.
        print(f"{name}: {error}")
        return 1
    for part in outcome.parts:
        print(f"{part.name:55} {part.median:9.4f} s")
    for bar in outcome.bars:
        print(bar)
    today = datetime.now(UTC).date()
    entry = entry_of(outcome, rows=options.rows, on=today)
    write_entry(kept(options), name, entry)
    if kept(options) == KEPT:
        PAGE.write_text(page(read_entries(KEPT)), encoding="utf-8")
    rounds = {
        **entry,
        "job": name,
        "results": [one.as_json() for one in outcome.results],
        "seconds": {part.name: part.seconds for part in outcome.parts},
    }
    store(options.results / f"{name}-{options.rows}.json", rounds)
    return 0 if outcome.is_good else 1


def kept(options: argparse.Namespace) -> Path:
    """Return where the entry belongs: only what is whole goes to the page."""
    if options.rows == FULL_ROWS and options.factor == FACTOR and not options.only:
        return KEPT
    results: Path = options.results
    return results / "measured.json"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
