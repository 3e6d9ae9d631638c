"""A project with the logs of a range, and Dagster over it, for the tests of event logs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from export_assets.defs.build import build_definitions
from export_assets.defs.log_sensor import LogWatch, log_watch
from export_assets.defs.shapes import known_tables
from export_assets.defs.table import TableExport
from export_assets.engine.workspace import Workspace
from export_assets.store.manifest import Manifest
from export_assets.systems.registry import load_workspace
from export_assets_tests.defs.shop_project import QUIET, failures, key
from export_assets_tests.shown_systems import show_only

RANGE = """\
source: leadville
url: logs
assume_timezone: UTC
formats: [parquet]
tables:
  events: {partition_by: {column: occurred_at, every: day, start: 2025-09-01}}
  runs: {partition_by: {column: start_time, every: day, start: 2025-09-01}}
"""

STRING = (
    ("Timer", "Timer Start Button pressed", 0.0),
    ("Timer", "Timer Start Beep", 2.0),
    ("Timer", "Shot detected", 4.5),
    ("Sensor", "Sensor Impact detected", 4.6),
    ("Timer", "Timer stop button pressed", 8.0),
)


def string(moment: str) -> list[dict[str, object]]:
    """The lines that one string leaves, its first at *moment*: one run of one shot."""
    start = datetime.fromisoformat(moment)
    return [
        {
            "datetime": f"{start + timedelta(seconds=after):%-m/%-d/%y %-I:%M:%S.00%p}".lower(),
            "type": "String",
            "device": device,
            "device_id": "AA:01" if device == "Timer" else "BB:02",
            "device_position": "Bay 1",
            "details": details,
            "timestamp_iso": (start + timedelta(seconds=after)).isoformat(timespec="microseconds"),
            "seq": number,
        }
        for number, (device, details, after) in enumerate(STRING)
    ]


@dataclass
class RangeProject:
    """The project, one instance of Dagster, and what happens to them."""

    home: Path
    instance: dg.DagsterInstance
    yaml: str = RANGE

    def __post_init__(self) -> None:
        (self.home / "sources").mkdir(parents=True, exist_ok=True)
        (self.home / "logs").mkdir(exist_ok=True)
        show_only(self.home, "leadville")
        (self.home / "sources" / "leadville.yaml").write_text(self.yaml, encoding="utf-8")

    @cached_property
    def workspace(self) -> Workspace:
        return load_workspace(self.home, environ={})

    @cached_property
    def definitions(self) -> dg.Definitions:
        return build_definitions(self.workspace, retry_seconds=0.0)

    @cached_property
    def watch(self) -> LogWatch:
        """What decides for the sensor, whose clock is ours."""
        source = self.workspace.source("leadville")
        shapes = known_tables(self.workspace, source).tables
        return log_watch(
            source,
            [TableExport(workspace=self.workspace, configured=source, shape=one) for one in shapes],
        )

    def reconfigured(self, yaml: str) -> "RangeProject":
        """Return the same project under another configuration."""
        return RangeProject(self.home, self.instance, yaml)

    def log(self, name: str, lines: Sequence[Mapping[str, object] | bytes]) -> Path:
        """Append *lines* to a log."""
        path = self.home / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            for line in lines:
                file.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
        return path

    def tick(self, cursor: str | None = None, *, later: timedelta = timedelta(0)) -> Any:
        """Evaluate the sensor as it would be so much later."""
        return self.watch.look(self.instance, cursor, now=datetime.now(UTC) + later)

    def run(
        self, request: dg.RunRequest | Sequence[dg.AssetKey], *, partition: str | None = None
    ) -> dg.ExecuteInProcessResult:
        """Run what a sensor asked for, or *request* as a click in the web UI does."""
        tags: Mapping[str, str] = {}
        if isinstance(request, dg.RunRequest):
            keys, partition = list(request.asset_selection or ()), request.partition_key
            tags = {**request.tags, "dagster/run_key": request.run_key or ""}
        else:
            keys = list(request)
        job = self.definitions.resolve_implicit_job_def_def_for_assets(keys)
        assert job is not None
        return job.execute_in_process(
            instance=self.instance,
            partition_key=partition,
            tags=dict(tags),
            run_config=QUIET,
            raise_on_error=False,
            asset_selection=keys,
        )

    def settle(
        self, cursor: str | None = None, *, most: int = 8, later: timedelta = timedelta(0)
    ) -> tuple[str, list[list[str]]]:
        """Tick and run until nothing is asked for; return the cursor and what every run did."""
        done: list[list[str]] = []
        for _ in range(most):
            result = self.tick(cursor, later=later)
            cursor = result.cursor
            if not result.run_requests:
                return cursor or "", done
            self.add_matches(result)
            for request in result.run_requests:
                outcome = self.run(request)
                assert outcome.success, failures(outcome)
                done.append(asked(request))
        msg = f"still asked for after {most} ticks: {done}"
        raise AssertionError(msg)

    def add_matches(self, result: dg.SensorResult) -> None:
        """Add the partitions a tick asked for, as the daemon does before it starts runs."""
        for request in result.dynamic_partitions_requests or ():
            self.instance.add_dynamic_partitions(
                request.partitions_def_name, list(request.partition_keys)
            )

    def manifests(self, table: str) -> dict[str, Manifest]:
        found = self.workspace.store.manifests("leadville", table, "parquet")
        return {manifest.partition: manifest for _, manifest in found}

    def rows(self, table: str) -> pl.DataFrame:
        parent = self.home / "exports" / "leadville" / table / "parquet"
        parts = sorted(parent.glob("*/part-*"))
        frames = [pl.read_parquet(part, hive_partitioning=False) for part in parts]
        return pl.concat(frames) if frames else pl.DataFrame()


def asked(request: dg.RunRequest) -> list[str]:
    """Say what a request is for: assets, and after them partitions."""
    names = [
        asset.to_user_string().removeprefix("leadville/") for asset in request.asset_selection or ()
    ]
    tags = request.tags
    first = tags.get("dagster/asset_partition_range_start", request.partition_key)
    last = tags.get("dagster/asset_partition_range_end", first)
    span = [] if first is None else [first] if first == last else [f"{first}...{last}"]
    return [*sorted(names), *span]


SEGMENTS, QUARANTINE = key("leadville", "segments"), key("leadville", "quarantine")
EVENTS, RUNS = key("leadville", "events", "parquet"), key("leadville", "runs", "parquet")
MATCHES, OFFLOADED = key("leadville", "match_archives"), key("leadville", "offload_archives")
