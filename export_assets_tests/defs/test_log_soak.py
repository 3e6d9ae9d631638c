"""Hundreds of ticks with a clock of ours, and everything that happens to logs, runs and cursors."""

import json
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from export_assets.defs.log_sensor import LogWatch, log_watch
from export_assets.defs.shapes import known_tables
from export_assets.defs.table import TableExport
from export_assets.engine.logs.due import find_due, keep_due
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets_tests.defs.range_project import RangeProject
from export_assets_tests.effort import effort

WEB = """\
source: web
kind: event_log
url: logs
formats: [parquet]
log: {fields: {n: integer}}
tables:
  events: {partition_by: {column: occurred_at, every: day, start: 2026-01-01}}
  quarantine: {}
"""
TICKS = effort(150, soak=1000)
FIRST = datetime(2026, 1, 1, 8, tzinfo=UTC)


class World:
    """Logs that grow and rotate, a sensor that ticks, runs of which some fail."""

    def __init__(self, home: Path, instance: dg.DagsterInstance, *, seed: int) -> None:
        self.project = RangeProject(home, instance, WEB)
        self.rng = random.Random(seed)
        self.instance = instance
        source = self.project.workspace.source("web")
        shapes = known_tables(self.project.workspace, source).tables
        self.watch: LogWatch = log_watch(
            source,
            [
                TableExport(workspace=self.project.workspace, configured=source, shape=one)
                for one in shapes
            ],
        )
        self.job = dg.GraphDefinition(name="any").to_job()
        self.now = datetime.now(UTC)
        self.cursor: str | None = None
        self.written = 0
        self.arrivals = 0
        self.done: dict[str, int] = {"read": 0, "export": 0, "failed": 0}

    def arrive(self) -> None:
        """Append lines of one or two days to a log; now and then begin a new one, or rotate."""
        self.arrivals += 1
        day = self.rng.randrange(12)
        name = f"app-{self.rng.randrange(3)}.jsonl"
        log = self.project.home / "logs" / name
        if log.exists() and self.rng.random() < 0.2:
            log.rename(log.with_name(f"{name}.{self.arrivals}"))
        with log.open("a") as file:
            for _ in range(self.rng.randrange(1, 4)):
                moment = FIRST + timedelta(days=day, seconds=self.written)
                file.write(json.dumps({"ts": moment.isoformat(), "n": self.written}) + "\n")
                self.written += 1

    def tick(self, *, failing: bool) -> bool:
        """Evaluate the sensor and do what it asks for; return whether it asked for anything."""
        result = self.watch.look(self.instance, self.cursor, now=self.now)
        assert isinstance(result, dg.SensorResult)
        for request in result.run_requests or ():
            assert request.run_key not in self._keys()
            fails = failing and self.rng.random() < 0.35
            if not fails or self.rng.random() < 0.3:  # some fail once all is done
                self._run(request)
            self.done["failed"] += fails
            self.instance.create_run_for_job(
                self.job,
                tags={**request.tags, "dagster/run_key": request.run_key or ""},
                status=dg.DagsterRunStatus.FAILURE if fails else dg.DagsterRunStatus.SUCCESS,
            )
        self.cursor = result.cursor
        return bool(result.run_requests)

    def _keys(self) -> set[str | None]:
        return {run.tags.get("dagster/run_key") for run in self.instance.get_runs()}

    def _run(self, request: dg.RunRequest) -> None:
        """Do what the step does, without the rest of Dagster."""
        names = sorted({asset.path[1] for asset in request.asset_selection or ()})
        keys = _partitions(request)
        reads = "segments" in names
        exporter = Exporter(
            workspace=self.project.workspace,
            source=self.project.workspace.source("web"),
            request=ExportRequest()
            if reads
            else ExportRequest(tables=tuple(names), partitions=keys),
            run=Run(id=f"run-{sum(self.done.values())}", now=datetime.now(UTC)),
        )
        self.done["read" if reads else "export"] += 1
        if reads:
            keep_due(self.watch.store, "web", find_due(exporter).due)
        else:
            assert not exporter.export().failed


def _partitions(request: dg.RunRequest) -> tuple[str, ...]:
    first = request.tags.get("dagster/asset_partition_range_start", request.partition_key)
    if first is None:
        return ()
    last = request.tags.get("dagster/asset_partition_range_end", first)
    days = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).days
    start = datetime.fromisoformat(first)
    return tuple(f"{start + timedelta(days=number):%F}" for number in range(days + 1))


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as made:
        yield made


def test_every_line_is_exported_once_whatever_happens_in_hundreds_of_ticks(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    world = World(tmp_path / "project", instance, seed=11)
    world.arrive()

    for _ in range(TICKS):
        world.now += timedelta(seconds=world.rng.choice((20, 30, 60, 300)))
        if world.rng.random() < 0.12:
            world.arrive()
        if world.rng.random() < 0.03:
            world.cursor = world.rng.choice(
                (None, "", "{}", "[[", world.cursor and world.cursor[:9])
            )
        if world.rng.random() < 0.02:
            world.now -= timedelta(hours=world.rng.choice((1, 30)))
        if world.rng.random() < 0.02:
            _forget_some_runs(world)
        world.tick(failing=True)
    while world.tick(failing=False):
        world.now += timedelta(hours=2)

    rows = _rows(world)
    assert rows == list(range(world.written))
    # Per arrival one read, and exports of its day and of the quarantine, at most; what failed
    # was asked for once more, and what was forgotten may have been.
    assert world.done["failed"] > TICKS // 30
    assert world.done["read"] <= world.arrivals + 15
    assert world.done["export"] <= 3 * world.arrivals + 30
    assert not world.tick(failing=False)


def test_ticks_after_runs_and_cursors_were_lost_write_nothing(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    world = World(tmp_path / "project", instance, seed=3)
    for _ in range(5):
        world.arrive()
    while world.tick(failing=False):
        world.now += timedelta(minutes=2)
    before = _content(tmp_path / "project")

    for _ in range(effort(300, soak=1_000)):
        world.cursor = None
        for run in instance.get_runs():
            instance.delete_run(run.run_id)
        world.now += timedelta(seconds=60)
        world.tick(failing=False)

    assert _content(tmp_path / "project") == before


def test_a_tick_over_ten_thousand_unchanged_logs_opens_none_and_loads_no_segment(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    world = World(tmp_path / "project", instance, seed=1)
    world.arrive()
    for number in range(10_000):
        (tmp_path / "project" / "logs" / f"more-{number:05d}.jsonl").touch()
    while world.tick(failing=False):
        world.now += timedelta(minutes=2)

    started = time.perf_counter()
    with _opened_files() as opened:
        asked_for_something = world.tick(failing=False)
    seconds = time.perf_counter() - started

    print(f"a tick over 10,001 unchanged logs: {seconds:.3f} s")  # noqa: T201 - a figure to read
    assert not asked_for_something
    assert [Path(path).name for path in opened] == ["web.due.json"]


def _rows(world: World) -> list[int]:
    return sorted(
        number
        for part in _events(world).glob("*/part-*")
        for number in pl.read_parquet(part, hive_partitioning=False)["n"].to_list()
    )


def _events(world: World) -> Path:
    return world.project.home / "exports" / "web" / "events" / "parquet"


def _content(home: Path) -> dict[str, tuple[int, int]]:
    """Every file below *home* with its size and time of modification."""
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in home.rglob("*")
        if path.is_file()
    }


def _forget_some_runs(world: World) -> None:
    for run in world.instance.get_runs():
        if world.rng.random() < 0.5:
            world.instance.delete_run(run.run_id)


_watching: list[list[str]] = []


def _note_open(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _watching and isinstance(arguments[0], str | bytes):
        _watching[-1].append(os.fsdecode(arguments[0]))


sys.addaudithook(_note_open)


@contextmanager
def _opened_files() -> Iterator[list[str]]:
    """Give the paths of all files that Python opens meanwhile, Dagster's own left out."""
    opened: list[str] = []
    _watching.append(opened)
    try:
        yield opened
    finally:
        _watching.remove(opened)
