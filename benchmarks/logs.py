"""Event logs: reading them into segments, and all the way to published events, beside peers."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import duckdb

from benchmarks.contenders import HERE, Contender, own_version, program
from benchmarks.limits import read_file, write_bytes
from benchmarks.log_data import Facts, log_directory, read_facts
from benchmarks.measure import CommandFailed
from benchmarks.report import MEGABYTE, Bar, Outcome, table
from benchmarks.rounds import Result, ratio, run_rounds

SEGMENTS, EVENTS, DUCKDB, ORIGINAL = "ingestion", "export-assets", "duckdb", "json + csv"
JOB = ("parquet",)
FIGURES = {
    "events": "count(*)",
    "seq": "sum(seq)::bigint",
    "details": "sum(length(details))::bigint",
}
ROOT = HERE.parent

# Lines that were refused make the command end with 3.
_WITH_WARNINGS = '"$@"; code=$?; [ $code -eq 3 ] || exit $code'


def _ingestion() -> Contender:
    """Reading of the logs into segments: half of what `exported` does."""
    ingest = _script(SEGMENTS, "-m", "benchmarks.ingest_logs")
    return replace(ingest, role="ours", version=own_version())


def _exported() -> Contender:
    """The whole way: segments, events by day, quarantine, manifests, all verified."""
    export = [program(), "export", "leadville", "events", "--format", "parquet", "--quiet"]

    def command(logs: Path, output: Path, formats: Sequence[str]) -> list[str]:  # noqa: ARG001
        where = [f"LEADVILLE_LOGS={logs}", "LEADVILLE_START=2024-01-01"]
        return ["env", *where, "sh", "-c", _WITH_WARNINGS, "sh", *export]

    return Contender(name=EVENTS, command=command, role="ours", version=own_version())


def _script(name: str, *start: str) -> Contender:
    return Contender(
        name=name,
        command=lambda logs, output, _: [sys.executable, *start, str(logs), str(output)],
        environment={"PYTHONPATH": str(ROOT)},
    )


def _duckdb() -> Contender:
    """Its own project's version, which is newer than the one with a SQLite scanner."""
    found = _script(DUCKDB, str(HERE / "peers" / "duckdb_json.py"))
    return replace(found, version=f"duckdb {version('duckdb')}")


def _original() -> Contender:
    """What stands for the original exporter; it leaves out what it cannot read."""
    found = _script(ORIGINAL, str(HERE / "peers" / "stdlib_json.py"))
    return replace(found, version=f"Python {python_version()}", writes=("csv",))


CONTENDERS: dict[str, Callable[[], Contender]] = {
    EVENTS: _exported,
    SEGMENTS: _ingestion,
    DUCKDB: _duckdb,
    ORIGINAL: _original,
}
LIMITS = (read_file, write_bytes)
NOTES = {
    SEGMENTS: "half of the way: lines judged, kept in segments, every byte accounted for",
    DUCKDB: "leaves out lines that are no JSON and says nothing of them; keeps a line with a key"
    " twice; no days, no accounts",
    ORIGINAL: "line by line into one CSV, as the exporter that this one takes the place of",
}


def measure(options: argparse.Namespace) -> Outcome:
    """Time of each contender for one log of `rows` lines."""
    names = [name for name in CONTENDERS if not options.only or name in options.only]
    results = _rounds(options, options.rows, names, count=options.rounds)
    print(table(results))
    by_name = {result.contender: result for result in results if not result.failure}
    limits = (
        (SEGMENTS, DUCKDB, 1.2, ""),
        (EVENTS, DUCKDB, 2.5, "logs"),
        (EVENTS, ORIGINAL, 0.1, "logs-original"),
    )
    verdicts = [
        Bar(
            name=f"{ours}, time to that of {peer}",
            measured=ratio(by_name[ours], by_name[peer], "wall"),
            limit=limit,
            promise=promise,
        )
        for ours, peer, limit, promise in limits
        if ours in by_name and peer in by_name
    ]
    return Outcome(results=results, bars=verdicts)


def measure_growth(options: argparse.Namespace) -> Outcome:
    """Peak memory for a log many times larger, beside that for the smaller one."""
    names = options.only or [SEGMENTS, EVENTS]
    small = _ours(_rounds(options, options.rows, names, count=1))
    large = _ours(_rounds(options, options.rows * options.factor, names, count=1))
    print(table([*small, *large]))
    verdicts = [
        Bar(
            name=f"{one.contender}, memory at {options.factor} x lines",
            measured=other.median("peak") / one.median("peak"),
            limit=1.2,
        )
        for one, other in zip(small, large, strict=True)
        if one.usages and other.usages
    ]
    return Outcome(results=large, bars=verdicts, rows=options.rows * options.factor)


def _ours(results: list[Result]) -> list[Result]:
    return [one for one in results if one.role != "limit"]


def _rounds(
    options: argparse.Namespace, lines: int, names: Sequence[str], *, count: int
) -> list[Result]:
    directory = log_directory(options.work, lines)
    facts = read_facts(directory)
    print(f"{directory.name}: {facts.bytes / MEGABYTE:.0f} MB, {count} rounds")
    taking_part = [CONTENDERS[name]() for name in names] + [limit() for limit in LIMITS]
    [log] = (directory / "logs").iterdir()

    def of_directory(contender: Contender) -> Contender:
        return replace(
            contender,
            command=lambda path, output, formats: contender.command(
                path if contender.role == "limit" else path.parent, output, formats
            ),
        )

    def check(_: Path, output: Path, formats: Sequence[str]) -> None:  # noqa: ARG001
        verify(facts, output)

    contenders = [of_directory(one) for one in taking_part]
    return run_rounds(log, [JOB], contenders, count=count, work=options.work, check=check)


def verify(facts: Facts, output: Path) -> None:
    """Compare the events below *output* with what is known of the log.

    Raises:
        CommandFailed: There are no events, or a figure differs.
    """
    reader = _reader(output)
    refused = _refused(output)
    # The peers keep a line with a key twice, without a word.
    names = ("seq",) if refused is None else FIGURES
    have = {} if refused is None else {"bad": refused}
    figures = ", ".join(FIGURES[name] for name in names)
    with duckdb.connect() as connection:
        rows = connection.execute(f"select {figures} from {reader}").fetchall()
    have |= dict(zip(names, rows[0], strict=True))
    want = {name: getattr(facts, name) for name in have}
    wrong = [f"{name} is {have[name]} instead of {want[name]}" for name in have]
    if have != want:
        msg = f"wrong output: {'; '.join(wrong)}"
        raise CommandFailed(msg)


def _reader(output: Path) -> str:
    """Return how to read the events: those published, else those of segments, else a peer's."""
    for pattern, reader in (
        ("**/leadville/events/**/*.parquet", "read_parquet"),
        ("**/_segments/**/*.parquet", "read_parquet"),
        ("*.parquet", "read_parquet"),
        ("*.csv", "read_csv"),
    ):
        found = [str(path) for path in sorted(output.glob(pattern))]
        if found:
            return f"{reader}({found})"
    msg = "no events"
    raise CommandFailed(msg)


def _refused(output: Path) -> int | None:
    """Return how many lines the manifest of the segment counts as refused; None without one."""
    manifests = list(output.glob("**/_segments/**/_manifest.json"))
    if not manifests:
        return None
    counted = [json.loads(path.read_bytes())["counters"]["quarantined"] for path in manifests]
    return sum(sum(reasons.values()) for reasons in counted)
