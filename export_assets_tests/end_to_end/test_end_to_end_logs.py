"""A log appears, and Dagster's own daemon does the rest: events, runs, archive.

A real instance with SQLite, the code location in a server of its own, the daemon's own iteration,
and a process for each run. Ours is only the clock by which the daemon tells that it is time.
"""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.sensor import execute_sensor_iteration

from export_assets.archives.catalogue import list_archives, verify_archive

SOURCE = """\
source: leadville
url: logs
assume_timezone: UTC
formats: [parquet]
log: {match_idle: 12}
"""
# Runs start at once; each is a process of its own. Only the queue in front of them is left out.
INSTANCE = """\
telemetry: {enabled: false}
run_coordinator:
  module: dagster._core.run_coordinator.default_run_coordinator
  class: DefaultRunCoordinator
"""
DAY = "2025-09-14"
LINES = (
    ("Timer", "Timer Start Button pressed", "10:00:00"),
    ("Timer", "Shot detected", "10:00:04"),
    ("Sensor", "Sensor Impact detected", "10:00:05"),
    ("Timer", "Timer stop button pressed", "10:00:08"),
)
PATIENCE = 150.0


class Daemon:
    """The daemon of one project, made to tick."""

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self.home = home
        self.instance = stack.enter_context(dg.DagsterInstance.from_config(str(home / "dagster")))
        target = ModuleTarget(
            module_name="export_assets.definitions",
            attribute=None,
            working_directory=str(home),
            location_name="export_assets",
        )
        self.context = stack.enter_context(
            create_test_daemon_workspace_context(target, self.instance)
        )
        self.now = datetime.now(UTC)
        location = self.context.create_request_context().get_code_location("export_assets")
        self.sensor = location.get_repository("__repository__").get_sensor("leadville_logs")
        self.instance.start_sensor(self.sensor)

    def tick(self) -> None:
        """Let the daemon look once, a minute later than before, and wait for the runs it starts."""
        self.now += timedelta(minutes=1)
        with freeze_time(self.now):
            errors = list(
                execute_sensor_iteration(self.context, logging.getLogger("daemon"), None, None)
            )
        assert not [one for one in errors if one is not None]
        deadline = time.monotonic() + PATIENCE
        while any(not run.is_finished for run in self.instance.get_runs()):
            assert time.monotonic() < deadline, "a run does not end"
            time.sleep(0.2)

    @property
    def runs(self) -> list[tuple[str, list[str], str | None]]:
        """Status, assets and partition of every run, the first one first."""
        return [
            (
                run.status.value,
                sorted("/".join(asset.path[1:]) for asset in run.asset_selection or ()),
                run.tags.get("dagster/partition"),
            )
            for run in reversed(self.instance.get_runs())
        ]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("sources/leadville.yaml", SOURCE), ("dagster/dagster.yaml", INSTANCE)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "logs").mkdir()
    monkeypatch.setenv("EXPORT_ASSETS_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return tmp_path


@pytest.fixture
def daemon(home: Path) -> Iterator[Daemon]:
    with ExitStack() as stack:
        yield Daemon(home, stack)


def write_log(home: Path) -> Path:
    path = home / "logs" / "match_M1" / "range_main_20250914.ndjson"
    path.parent.mkdir()
    rows = [
        {
            "datetime": "9/14/25 10:00:00.00am",
            "type": "String",
            "device": device,
            "device_id": "AA:01",
            "device_position": "Bay 1",
            "details": details,
            "timestamp_iso": f"{DAY}T{clock}.000000",
            "seq": number,
        }
        for number, (device, details, clock) in enumerate(LINES)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_a_new_log_becomes_events_then_runs_then_an_archive_by_itself(
    home: Path, daemon: Daemon
) -> None:
    daemon.tick()
    nothing_yet = list(daemon.runs)
    log = write_log(home)

    deadline = time.monotonic() + PATIENCE
    while not daemon.instance.get_materialized_partitions(
        dg.AssetKey(["leadville", "match_archives"])
    ):
        assert time.monotonic() < deadline, daemon.runs
        daemon.tick()
    done = list(daemon.runs)
    daemon.tick()
    daemon.tick()

    assert nothing_yet == []
    assert done == [
        ("SUCCESS", ["quarantine", "segments"], None),
        ("SUCCESS", ["events/parquet", "runs/parquet"], DAY),
        (
            "SUCCESS",
            ["match_statistics/parquet", "quarantine/parquet", "session_statistics/parquet"],
            None,
        ),
        ("SUCCESS", ["match_archives"], "M1"),
    ]
    assert daemon.runs == done  # nothing more is asked for
    exports = home / "exports" / "leadville"
    events = pl.read_parquet(exports / "events" / "parquet" / f"day={DAY}" / "part-00000.parquet")
    runs = pl.read_parquet(exports / "runs" / "parquet" / f"day={DAY}" / "part-00000.parquet")
    assert events.height == len(LINES)
    assert runs.select("shots_detected", "impacts_detected").rows() == [(1, 1)]
    [archive] = list_archives(home / "exports" / "archives")
    assert archive.match_id == "M1"
    assert archive.counts is not None
    assert archive.counts["runs"] == 1
    assert verify_archive(archive.path).members == archive.members
    assert daemon.instance.get_dynamic_partitions("leadville_matches") == ["M1"]
    assert log.is_file()
