"""A sensor's tick when nothing changed: over ten thousand logs, over a database of thirty tables.

Everything is exported first. Then the sensor is asked as Dagster's daemon asks it, with the cursor
it returned, and what it asks for is run, until it asks for nothing; such ticks are measured.
"""

import argparse
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.contenders import program
from benchmarks.measure import CommandFailed, run_measured
from benchmarks.projects import ONLY, one_source
from benchmarks.report import Bar, Outcome, Part

if TYPE_CHECKING:
    import dagster as dg

LOGS, TABLES = 10_000, 30
DAYS = 100
FEWEST_TICKS = 5
SETTLING_TICKS = 10
EXPORT_SECONDS = 1800
_FIRST = datetime(2026, 1, 1, 8, tzinfo=UTC)

OF_LOGS = """\
source: web
kind: event_log
url: logs
formats: [parquet]
tables:
  events: {partition_by: {column: occurred_at, every: day, start: 2026-01-01}}
"""
OF_TABLES = """\
source: shop
url: sqlite:///shop.db
formats: [parquet]
tables: {"*": {}}
"""


def measure(options: argparse.Namespace) -> Outcome:
    """Time the ticks; return them with the verdicts on their bars.

    Fewer rows than a million are for trying: as many fewer logs are made.
    """
    logs = max(10, min(LOGS, LOGS * options.rows // 1_000_000))
    count = max(options.rounds, FEWEST_TICKS)
    parts = []
    with project(options.work, "web", OF_LOGS) as home:
        make_logs(home / "logs", logs)
        parts.append(Part(name=f"tick over {logs:,} logs", seconds=ticks(home, "web_logs", count)))
    with project(options.work, "shop", OF_TABLES) as home:
        make_tables(home / "shop.db", TABLES)
        name = f"tick over {TABLES} tables"
        parts.append(Part(name=name, seconds=ticks(home, "shop_changes", count)))
    over_logs, over_tables = parts
    bars = [
        Bar(
            name=over_logs.name,
            measured=over_logs.median,
            limit=1.0,
            unit=" s",
            promise="tick-logs",
        ),
        Bar(
            name=over_tables.name,
            measured=over_tables.median * 1000,
            limit=50,
            unit=" ms",
            promise="tick-tables",
        ),
    ]
    return Outcome(parts=parts, bars=bars)


@contextmanager
def project(work: Path, name: str, yaml: str) -> Iterator[Path]:
    """Make a project with one source while the block runs."""
    home = one_source(work.resolve() / f"ticks-{name}", name, yaml, settings=ONLY)
    try:
        yield home
    finally:
        shutil.rmtree(home)


def make_logs(directory: Path, count: int) -> None:
    """Write *count* logs of one line each, spread over the days."""
    directory.mkdir()
    for number in range(count):
        at = _FIRST + timedelta(days=number % DAYS, seconds=number)
        line = {"ts": at.isoformat(), "type": "click", "n": number}
        path = directory / f"app-{number:05d}.jsonl"
        path.write_text(json.dumps(line) + "\n", encoding="utf-8")


def make_tables(path: Path, count: int) -> None:
    """Make *count* tables of a hundred rows."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for number in range(count):
            table = f"table_{number:02d}"
            connection.execute(f"create table {table} (id integer primary key, name text)")
            rows = [(key, f"row {key}") for key in range(100)]
            connection.executemany(f"insert into {table} values (?, ?)", rows)


def ticks(home: Path, sensor: str, count: int) -> list[float]:
    """Export all of the project, then return the seconds of *count* ticks of which nothing came.

    Raises:
        CommandFailed: The export failed, or the sensor went on asking for runs.
    """
    import dagster as dg

    from export_assets.defs.build import build_definitions
    from export_assets.systems.registry import load_workspace

    command = [program(), "export", sensor.partition("_")[0], "--quiet"]
    run_measured(command, directory=home, environment=os.environ, timeout=EXPORT_SECONDS)
    definitions = build_definitions(load_workspace(home, environ={}))
    asked = definitions.resolve_sensor_def(sensor)
    seconds: list[float] = []
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        cursor: str | None = None
        for _ in range(SETTLING_TICKS + count):
            context = dg.build_sensor_context(
                instance=instance, cursor=cursor, definitions=definitions
            )
            begun = time.perf_counter()
            told: Any = asked(context)
            took = time.perf_counter() - begun
            cursor = getattr(told, "cursor", None) or context.cursor
            requests = getattr(told, "run_requests", None) or ()
            for request in requests:
                _run(definitions, instance, request)
            if not requests and not getattr(told, "asset_events", None):
                seconds.append(took)
            if len(seconds) == count:
                return seconds
    msg = f"{sensor}: goes on asking for runs, and nothing changed"
    raise CommandFailed(msg)


def _run(
    definitions: "dg.Definitions", instance: "dg.DagsterInstance", request: "dg.RunRequest"
) -> None:
    keys = list(request.asset_selection or ())
    job = definitions.resolve_implicit_job_def_def_for_assets(keys)
    if job is None:
        msg = f"no job for {keys}"
        raise CommandFailed(msg)
    done = job.execute_in_process(
        instance=instance,
        partition_key=request.partition_key,
        tags={**request.tags, "dagster/run_key": request.run_key or ""},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        asset_selection=keys,
        raise_on_error=False,
    )
    if not done.success:
        msg = f"{request.run_key}: the run failed"
        raise CommandFailed(msg)
