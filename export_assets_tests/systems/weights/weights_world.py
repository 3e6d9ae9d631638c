"""A project around a real store of states."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl

from export_assets.engine.report import ExportReport
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.engine.workspace import Workspace
from export_assets.store.manifest import Manifest, read_manifest
from export_assets.systems.registry import load_workspace
from export_assets_tests.shown_systems import show_only

DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = "k" * 32
_runs = count(1)

EXAMPLE = json.loads(
    """{"kalman_params":{"transition_covariance":[[0.016,0],[0,0.0001]],
    "observation_covariance":[[3.49]],"initial_state_covariance":[[0.361,0],[0,0.001]],
    "initial_state_mean":[80.0,0]},
    "last_state":{"_type":"ndarray","data":[[80.0,0.0],[80.5,0.02]],"shape":[2,2]},
    "last_covariance":{"_type":"ndarray","data":[[[0.3,0],[0,0.001]],[[0.2,0],[0,0.001]]],
    "shape":[2,2,2]},
    "last_timestamp":{"_type":"datetime","data":"2024-01-15T10:30:00"},"last_source":"scale",
    "last_raw_weight":80.7,"measurement_history":[{"weight":80.7,
    "timestamp":"2024-01-15T10:30:00","quality_score":0.8,"source":"scale"}]}"""
)


@dataclass
class Store:
    """A project whose source `weights` reads `data/weights/states`."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)
    now: datetime = DAY

    def __post_init__(self) -> None:
        self.states.mkdir(parents=True, exist_ok=True)

    @property
    def states(self) -> Path:
        return self.home / "data" / "weights" / "states"

    def put(self, user: str, state: object) -> Path:
        """Write a state; bytes and text as they are."""
        path = self.states / f"{user}.json"
        content = state if isinstance(state, bytes) else str(state).encode()
        path.write_bytes(json.dumps(state).encode() if isinstance(state, dict) else content)
        return path

    def config(self, yaml: str) -> None:
        (self.home / "sources").mkdir(exist_ok=True)
        (self.home / "sources" / "weights.yaml").write_text(yaml, encoding="utf-8")

    def workspace(self) -> Workspace:
        show_only(self.home, "weights")
        return load_workspace(self.home, environ=self.environ)

    def exporter(self, **request: Any) -> Exporter:
        workspace = self.workspace()
        run = Run(id=f"run-{next(_runs)}", now=self.now)
        request_ = ExportRequest(**request)
        source = workspace.source("weights")
        return Exporter(workspace=workspace, source=source, request=request_, run=run)

    def export(self, **request: Any) -> ExportReport:
        return self.exporter(**request).export()

    def path(self, table: str, partition: str = "all", fmt: str = "parquet") -> Path:
        return self.home / "exports" / "weights" / table / fmt / partition

    def manifest(self, table: str, partition: str = "all", fmt: str = "parquet") -> Manifest:
        return read_manifest(self.path(table, partition, fmt) / "_manifest.json")

    def rows(self, table: str, partition: str = "all") -> list[dict[str, Any]]:
        if table == "states" and partition == "all":
            partition = f"day={self.now:%Y-%m-%d}"
        (part,) = self.path(table, partition).glob("part-*")
        return pl.read_parquet(part, hive_partitioning=False).to_dicts()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777
