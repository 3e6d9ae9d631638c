"""python -m benchmarks sqlite|growth|start|logs|log-growth|backfill|all

Measure, compare, say which bars are met.

Exits 1 when a bar is not met or a contender failed, 0 otherwise.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import backfill, contenders, logs
from benchmarks.commands import COMMANDS
from benchmarks.contenders import Contender, Unavailable
from benchmarks.data import database
from benchmarks.measure import run_measured
from benchmarks.report import MEGABYTE, Bar, bars, store, table
from benchmarks.rounds import Result, run_rounds

HERE = Path(__file__).parent
JOBS = (("parquet",), ("csv",), ("ndjson",), ("parquet", "csv", "ndjson"))
GROWTH_JOBS = (*JOBS[:3], ("json",), ("parquet", "csv", "ndjson", "json"))
CONTENDERS: dict[str, Callable[[Path], Contender]] = {
    "export-assets": lambda _: contenders.published(),
    "export-assets --output-dir": lambda _: contenders.to_directory(),
    "duckdb": contenders.duckdb,
    "sqlite3 + pyarrow": lambda _: contenders.stdlib(),
}
PEERS = ("duckdb", "sqlite3 + pyarrow")


def main(arguments: list[str]) -> int:
    """Run the job asked for and return the exit code."""
    if arguments and arguments[0] in COMMANDS:
        return COMMANDS[arguments[0]](arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("job", choices=(*JOBS_BY_NAME, "all"))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--factor", type=int, default=10, help="growth: how much larger")
    parser.add_argument(
        "--only", action="append", choices=[*CONTENDERS, *logs.CONTENDERS], help="repeatable"
    )
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    options = parser.parse_args(arguments)
    chosen = list(JOBS_BY_NAME) if options.job == "all" else [options.job]
    return max(JOBS_BY_NAME[name](options) for name in chosen)


def sqlite(options: argparse.Namespace) -> int:
    """Time and memory of each job, beside the peers."""
    taking_part = available(options.only or list(CONTENDERS), options.work)
    source = database(options.work, options.rows)
    print(f"{source.name}: {source.stat().st_size / MEGABYTE:.0f} MB, {options.rounds} rounds")
    results = run_rounds(source, JOBS, taking_part, count=options.rounds, work=options.work)
    print(table(results, [peer for peer in PEERS if peer in {one.name for one in taking_part}]))
    return conclude("sqlite", options, results, bars(results, rows=options.rows))


def growth(options: argparse.Namespace) -> int:
    """Peak memory of a table many times larger, beside that of the smaller one."""
    names = options.only or ["export-assets"]
    taking_part = available(names, options.work)
    results, verdicts = [], []
    sizes = (options.rows, options.rows * options.factor)
    for rows in sizes:
        source = database(options.work, rows)
        print(f"{source.name}: {source.stat().st_size / MEGABYTE:.0f} MB")
        measured = run_rounds(source, GROWTH_JOBS, taking_part, count=1, work=options.work)
        print(table(measured, []))
        results.append(measured)
    for small, large in zip(*results, strict=True):
        if small.usages and large.usages:
            name = f"{small.contender}, {' + '.join(small.job)}, memory at {options.factor} x rows"
            grown = large.median("peak") / small.median("peak")
            verdicts.append(Bar(name=name, measured=grown, limit=1.2))
    return conclude("growth", options, [*results[0], *results[1]], verdicts)


def start(options: argparse.Namespace) -> int:
    """Seconds from `export-assets list` to the prompt again, over an empty store."""
    try:
        command = [contenders.program(), "list"]
    except Unavailable as reason:
        print(f"left out: {reason}")
        return 1
    result = Result(job=("list",), contender="export-assets")
    for _ in range(max(options.rounds, 3)):
        with TemporaryDirectory() as directory:
            usage = run_measured(command, directory=Path(directory), environment={}, timeout=60)
        result.usages.append(usage)
    print(table([result], []))
    bar = Bar(name="export-assets list", measured=result.median("wall"), limit=0.6, unit=" s")
    return conclude("start", options, [result], [bar])


def log_rounds(options: argparse.Namespace) -> int:
    """Time and memory of reading and exporting an event log, beside the peers."""
    results, verdicts = logs.measure(options)
    return conclude("logs", options, results, verdicts)


def log_growth(options: argparse.Namespace) -> int:
    """Peak memory of a log many times larger, beside that of the smaller one."""
    results, verdicts = logs.measure_growth(options)
    return conclude("log-growth", options, results, verdicts)


def through_dagster(options: argparse.Namespace) -> int:
    """Seconds from a click in Dagster to the finished run, beside the command line."""
    parts, verdicts = backfill.measure(options)
    for part in parts:
        print(f"{part.name:55} {part.median:7.1f} s")
    for verdict in verdicts:
        print(verdict)
    details = {
        "rows": options.rows,
        "rounds": options.rounds,
        "results": [part.as_json() for part in parts],
        "bars": [{"text": str(verdict), "met": verdict.met} for verdict in verdicts],
    }
    store(options.results / f"backfill-{options.rows}.json", job="backfill", details=details)
    return 0 if all(verdict.met for verdict in verdicts) else 1


def available(names: list[str], work: Path) -> list[Contender]:
    """Return the contenders that can take part; say why of each that cannot."""
    taking_part = []
    for name in names:
        try:
            taking_part.append(CONTENDERS[name](work))
        except Unavailable as reason:
            print(f"left out: {reason}")
    if not taking_part:
        msg = "no contender can take part"
        raise SystemExit(msg)
    return taking_part


def conclude(
    job: str, options: argparse.Namespace, results: list[Result], verdicts: list[Bar]
) -> int:
    """Print the verdicts, store everything, return the exit code."""
    for verdict in verdicts:
        print(verdict)
    path = options.results / f"{job}-{options.rows}.json"
    details = {
        "rows": options.rows,
        "rounds": options.rounds,
        "results": [result.as_json() for result in results],
        "bars": [{"text": str(verdict), "met": verdict.met} for verdict in verdicts],
    }
    store(path, job=job, details=details)
    failed = any(result.failure for result in results)
    return 1 if failed or not all(verdict.met for verdict in verdicts) else 0


JOBS_BY_NAME: dict[str, Callable[[argparse.Namespace], int]] = {
    "sqlite": sqlite,
    "growth": growth,
    "start": start,
    "logs": log_rounds,
    "log-growth": log_growth,
    "backfill": through_dagster,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
