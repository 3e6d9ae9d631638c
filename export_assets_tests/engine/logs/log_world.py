"""A project around a directory of event logs; every call runs as a new process would."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl

from export_assets.config.project import load_project
from export_assets.engine.report import ExportReport
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.store.manifest import Manifest, SegmentRecord, read_manifest
from export_assets.systems.registry import SYSTEMS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

WEB = """
source: web
kind: event_log
url: logs
formats: [parquet]
tables:
  events: {partition_by: {column: occurred_at}}
  quarantine: {}
"""

RANGE = """
source: leadville
url: logs
assume_timezone: UTC
formats: [parquet]
"""

_runs = count(1)


@dataclass
class LogWorld:
    """A project with one source of event logs."""

    home: Path
    yaml: str = WEB
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        self.configure(self.yaml)

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def name(self) -> str:
        return self.yaml.split("source: ")[1].split("\n")[0]

    @property
    def published(self) -> Path:
        return self.home / "exports" / self.name

    def configure(self, yaml: str) -> None:
        self.yaml = yaml
        (self.home / "sources").mkdir(exist_ok=True)
        (self.home / "sources" / "logs.yaml").write_text(yaml, encoding="utf-8")

    def log(self, name: str, *records: Mapping[str, Any] | bytes | str) -> Path:
        """Append lines to a log: objects, or bytes as they are."""
        path = self.logs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.writelines(map(line_of, records))
        return path

    def workspace(self) -> Workspace:
        builtin = {name: system.yaml for name, system in SYSTEMS.items()}
        project = load_project(self.home, environ=self.environ, builtin=builtin)
        return Workspace(project=project, systems=SYSTEMS)

    def source(self) -> ConfiguredSource:
        return self.workspace().source(self.name)

    def exporter(self, *, url: str | None = None, **request: Any) -> Exporter:
        workspace = self.workspace()
        return Exporter(
            workspace=workspace,
            source=workspace.source(self.name, url=url),
            request=ExportRequest(**request),
            run=Run(id=f"run-{next(_runs)}", now=NOW),
        )

    def export(self, **options: Any) -> ExportReport:
        return self.exporter(**options).export()

    def days(self, table: str = "events", fmt: str = "parquet") -> list[str]:
        parent = self.published / table / fmt
        return sorted(path.name for path in parent.iterdir()) if parent.is_dir() else []

    def rows(self, table: str = "events", day: str = "*") -> pl.DataFrame:
        """The rows published in Parquet, partition by partition."""
        parts = sorted((self.published / table / "parquet").glob(f"{day}/part-*"))
        frames = [pl.read_parquet(part, hive_partitioning=False) for part in parts]
        return pl.concat(frames, how="diagonal") if frames else pl.DataFrame()

    def manifest(self, day: str, table: str = "events", fmt: str = "parquet") -> Manifest:
        return read_manifest(self.published / table / fmt / day / "_manifest.json")

    @property
    def segments(self) -> Sequence[SegmentRecord]:
        """What is recorded of every segment, in order of path."""
        found = []
        for path in sorted((self.published / "_segments" / "parquet").glob("*/_manifest.json")):
            record = read_manifest(path).segment
            assert isinstance(record, SegmentRecord)
            found.append(record)
        return found


def line_of(record: Mapping[str, Any] | bytes | str) -> bytes:
    if isinstance(record, bytes):
        return record
    text = record if isinstance(record, str) else json.dumps(record)
    return text.encode() + b"\n"


def statuses(report: ExportReport) -> dict[tuple[str, str], str]:
    """What became of each table and partition."""
    return {(one.table, one.partition): one.status for one in report.records}
