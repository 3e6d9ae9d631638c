"""Log files and assets of a project: how long reading, loading and an idle tick take."""

import json
import shutil
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.contenders import HERE, program
from benchmarks.growth.points import Axis, Cost
from benchmarks.growth.tables import expect_parquet
from benchmarks.measure import Usage, run_measured
from benchmarks.projects import ONLY, one_source

TIMEOUT_SECONDS = 3600
LINES = 5
"""Of each log."""
DAYS = 30
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_PER_DIRECTORY = 1_000

LOGS = """\
source: web
kind: event_log
url: {logs}
assume_timezone: UTC
formats: [parquet]
automation: {{logs: true}}
tables:
  events: {{partition_by: {{column: occurred_at, every: day, start: 2026-01-01}}}}
"""
MANY = """\
source: many
url: sqlite:///{database}
formats: [parquet]
automation: {{changes: true}}
"""
_INGEST, _TICK, _LOAD = "ingest", "tick", "load"


def measure_logs(work: Path, count: int) -> Mapping[str, Cost]:
    """Ingest and export *count* small logs; tick once all is done."""
    logs = log_files(work, count)
    home = one_source(work / "output", "web", LOGS.format(logs=logs.resolve()), settings=ONLY)
    ingested = _run(home, program(), "export", "web", "--quiet")
    expect_parquet(home, files=min(count, DAYS), rows=count * LINES)
    return {_INGEST: Cost.of(ingested), _TICK: _idle_tick(home, "web_logs")}


def measure_assets(work: Path, count: int) -> Mapping[str, Cost]:
    """Load the definitions of a database of *count* tables; tick once all are exported."""
    database = many_tables(work, count)
    home = one_source(
        work / "output", "many", MANY.format(database=database.resolve()), settings=ONLY
    )
    loaded = _run(home, *_script("benchmarks.growth.load"), str(home), str(count))
    _run(home, program(), "export", "many", "--quiet")
    return {_LOAD: Cost.of(loaded), _TICK: _idle_tick(home, "many_changes")}


def log_files(work: Path, count: int) -> Path:
    """Return a directory with *count* logs of some lines, made where it is missing."""
    path = work / f"log-files-{count}"
    if not path.exists():
        unfinished = path.with_suffix(".tmp")
        shutil.rmtree(unfinished, ignore_errors=True)
        for number in range(count):
            if number % _PER_DIRECTORY == 0:
                folder = unfinished / f"{number // _PER_DIRECTORY:03d}"
                folder.mkdir(parents=True)
            begin = _FIRST + timedelta(days=number % DAYS, seconds=number // DAYS)
            lines = [
                f'{{"ts":"{(begin + timedelta(hours=hour)).isoformat()}","type":"click",'
                f'"user":{number % 97},"page":"/{hour}"}}\n'
                for hour in range(LINES)
            ]
            (folder / f"app-{number:06d}.jsonl").write_text("".join(lines), encoding="utf-8")
        unfinished.rename(path)
    return path


def many_tables(work: Path, count: int) -> Path:
    """Return a SQLite file of so many small tables, made where it is missing."""
    path = work / f"many-{count}.db"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".tmp")
        unfinished.unlink(missing_ok=True)
        with closing(sqlite3.connect(unfinished)) as connection, connection:
            for number in range(count):
                name = f"t{number:04d}"
                connection.execute(f"create table {name} (id integer primary key, label text)")
                connection.execute(f"insert into {name} values (1, 'one'), (2, 'two')")
        unfinished.rename(path)
    return path


def _idle_tick(home: Path, sensor: str) -> Cost:
    record = home / "tick.json"
    for step in ("settle", "idle"):
        told = [step, str(home), sensor, str(record)]
        usage = _run(home, *_script("benchmarks.growth.tick"), *told)
    seconds = json.loads(record.read_text(encoding="utf-8"))["seconds"]
    return Cost(seconds=float(seconds), peak=usage.peak)


def _script(module: str) -> Sequence[str]:
    return sys.executable, "-m", module


def _run(home: Path, *command: str) -> Usage:
    root = {"PYTHONPATH": str(HERE.parent)}
    return run_measured(command, directory=home, environment=root, timeout=TIMEOUT_SECONDS)


LOG_FILES = Axis(
    name="logs",
    counted="log files",
    sizes=(10, 100, 1_000, 10_000, 100_000),
    curves={
        _INGEST: f"Logs of {LINES} lines to Parquet by day, by files",
        _TICK: "An idle tick of the sensor of logs, by files",
    },
    measure=measure_logs,
)
ASSETS = Axis(
    name="assets",
    counted="exported tables",
    sizes=(10, 100, 500, 1_000, 2_000),
    curves={
        _LOAD: "Loading the definitions, by tables",
        _TICK: "An idle tick of the sensor of changes, by tables",
    },
    measure=measure_assets,
)
