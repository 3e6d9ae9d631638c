"""One table into files: of SQLite, at two sizes, and of PostgreSQL, beside the peers."""

import argparse
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from benchmarks import contenders, limits, peer_tools
from benchmarks.contenders import Contender
from benchmarks.data import database
from benchmarks.environments import Unavailable
from benchmarks.postgres import serve_table
from benchmarks.report import MEGABYTE, Bar, Outcome, bars, table
from benchmarks.rounds import Result, run_rounds

OURS = "export-assets"
ONLY_OF_POSTGRES = ("rivet",)
JOBS = (("parquet",), ("csv",), ("ndjson",), ("parquet", "csv", "ndjson"))
CONTENDERS: dict[str, Callable[[Path], Contender]] = {
    OURS: lambda _: contenders.published(),
    "export-assets --output-dir": lambda _: contenders.to_directory(),
    "duckdb": peer_tools.duckdb,
    "sqlite3 + pyarrow": lambda _: peer_tools.stdlib(),
    "polars + connectorx": peer_tools.polars,
    "sqlite3 program": peer_tools.sqlite_program,
    "sqlite-utils": peer_tools.sqlite_utils,
    "dlt": peer_tools.dlt,
}
LARGE = (OURS, "duckdb", "sqlite3 + pyarrow", "polars + connectorx", "sqlite3 program")
"""Who takes part at ten million rows: the others would take the day."""


def measure_sqlite(options: argparse.Namespace) -> Outcome:
    """Time and memory of each job, beside the peers."""
    left_out: dict[str, str] = {}
    taking_part = available(factories(options.work, options.only or CONTENDERS), left_out)
    results = _rounds(options, options.rows, taking_part, count=options.rounds)
    return Outcome(results=results, bars=bars(results, rows=options.rows), left_out=left_out)


def measure_large(options: argparse.Namespace) -> Outcome:
    """Peak memory of a table many times larger beside that of the smaller one, and its time."""
    left_out: dict[str, str] = {}
    taking_part = available(factories(options.work, options.only or LARGE), left_out)
    ours = [one for one in taking_part if one.role == "ours"]
    small = _rounds(options, options.rows, ours, count=1, with_limits=False)
    count = min(options.rounds, 2)
    large = _rounds(options, options.rows * options.factor, taking_part, count=count)
    verdicts = [
        Bar(
            name=f"{one.contender}, {' + '.join(one.job)}, memory at {options.factor} x rows",
            measured=other.median("peak") / one.median("peak"),
            limit=1.2,
            promise="flat-memory" if one.contender == OURS else "",
        )
        for one in small
        for other in large
        if (one.job, one.contender) == (other.job, other.contender) and one.usages and other.usages
    ]
    rows = options.rows * options.factor
    return Outcome(results=large, bars=verdicts, left_out=left_out, rows=rows)


def measure_postgres(options: argparse.Namespace) -> Outcome:
    """Time and memory of a table of PostgreSQL to Parquet, beside the peers."""
    left_out: dict[str, str] = {}
    source = database(options.work, options.rows)
    try:
        with serve_table(source) as url:
            factories: dict[str, Callable[[], Contender]] = {
                OURS: lambda: contenders.exported(OURS, lambda _: url),
                "duckdb": lambda: peer_tools.duckdb_of_postgres(options.work, lambda _: url),
                "polars + connectorx": lambda: peer_tools.polars(options.work, lambda _: url),
                "dlt": lambda: peer_tools.dlt(options.work, lambda _: url),
                "rivet": lambda: peer_tools.rivet(options.work, url),
            }
            chosen = {
                name: make
                for name, make in factories.items()
                if not options.only or name in options.only
            }
            taking_part = available(chosen, left_out)
            taking_part += [limits.fetch_table(url), limits.write_bytes()]
            results = run_rounds(
                source, JOBS[:1], taking_part, count=options.rounds, work=options.work
            )
    except Unavailable as reason:
        print(f"left out: {reason}")
        return Outcome(left_out={"PostgreSQL": str(reason)})
    print(table(results))
    return Outcome(results=results, left_out=left_out)


def factories(work: Path, names: Iterable[str]) -> dict[str, Callable[[], Contender]]:
    """Return what makes the contenders called *names*."""

    def bound(make: Callable[[Path], Contender]) -> Callable[[], Contender]:
        return lambda: make(work)

    return {name: bound(make) for name, make in CONTENDERS.items() if name in set(names)}


def available(
    makers: Mapping[str, Callable[[], Contender]], left_out: dict[str, str]
) -> list[Contender]:
    """Return the contenders that can take part; say why of each that cannot, in *left_out* too."""
    taking_part = []
    for name, make in makers.items():
        try:
            taking_part.append(make())
        except Unavailable as reason:
            print(f"left out: {reason}")
            left_out[name] = str(reason)
    if not taking_part:
        msg = "no contender can take part"
        raise SystemExit(msg)
    return taking_part


def _rounds(
    options: argparse.Namespace,
    rows: int,
    taking_part: list[Contender],
    *,
    count: int,
    with_limits: bool = True,
) -> list[Result]:
    source = database(options.work, rows)
    print(f"{source.name}: {source.stat().st_size / MEGABYTE:.0f} MB, {count} rounds")
    everyone = list(taking_part)
    if with_limits:
        everyone += [limits.read_file(), limits.scan_table(), limits.write_bytes()]
    results = run_rounds(source, JOBS, everyone, count=count, work=options.work)
    print(table(results))
    return results
