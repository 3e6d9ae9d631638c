"""A project with a labelling database, and what its sets hold."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from export_assets.engine.report import ExportReport
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.engine.workspace import Workspace
from export_assets.store.local import read_if_there
from export_assets.store.manifest import Manifest
from export_assets.systems.registry import load_workspace
from export_assets_tests.quick_program import quick_program
from export_assets_tests.shown_systems import show_only
from export_assets_tests.systems.labeling import oracle
from export_assets_tests.systems.theprogram.theprogram_world import parse_csv

MOMENT = datetime(2026, 2, 8, 10, 30, tzinfo=UTC)
NOT_OURS = ("DB_EXPORT_", "EXPORT_ASSETS_", "LABELING_")


def environment(**variables: str) -> dict[str, str]:
    own = {name: text for name, text in os.environ.items() if not name.startswith(NOT_OURS)}
    return own | variables


@dataclass(frozen=True)
class Project:
    home: Path

    @property
    def database(self) -> Path:
        return self.home / "data" / "labeling.db"

    @property
    def set(self) -> Path:
        return self.home / "exports" / "labeling" / "database_export" / "set" / "all"

    @property
    def copy(self) -> Path:
        return self.home / "database_exports"

    def workspace(self, **variables: str) -> Workspace:
        show_only(self.home, "labeling")
        return load_workspace(self.home, environ=environment(**variables))

    def configure(self, text: str) -> None:
        (self.home / "sources").mkdir(exist_ok=True)
        (self.home / "sources" / "labeling.yaml").write_text(f"source: labeling\n{text}")

    def exporter(
        self, number: int = 1, *, variables: dict[str, str] | None = None, **request: Any
    ) -> Exporter:
        workspace = self.workspace(**(variables or {}))
        return Exporter(
            workspace=workspace,
            source=workspace.source("labeling"),
            request=ExportRequest(**request),
            run=Run(id=f"run-{number}", now=MOMENT),
        )

    def export(
        self, number: int = 1, *, variables: dict[str, str] | None = None, **request: Any
    ) -> ExportReport:
        report = self.exporter(number, variables=variables, **request).export()
        assert not report.failed, [one.error for one in report.failed]
        return report

    def command(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(quick_program()), *arguments, "--home", str(self.home)],
            capture_output=True,
            text=True,
            env=environment(**variables),
            cwd=self.home,
            timeout=120,
        )


def manifest(directory: Path) -> Manifest:
    found = read_if_there(directory)
    assert found is not None
    return found


def document(directory: Path, name: str = "database_export.json") -> Any:
    return json.loads((directory / name).read_text(encoding="utf-8"))


def copied(database: Path, directory: Path) -> Path:
    """Return a copy with its log: who reads a database in WAL mode may leave files beside it."""
    for suffix in ("", "-wal"):
        found = Path(f"{database}{suffix}")
        if found.exists():
            shutil.copyfile(found, directory / f"{database.name}{suffix}")
    return directory / database.name


def assert_legacy(directory: Path, database: Path, *, media_root: Path | None = None) -> None:
    """The set in *directory* is, to the letter, what the oracle says of *database*."""
    path = directory / "database_export.json"
    stamp = document(directory)["export_timestamp"]
    text = oracle.legacy_json(database, export_timestamp=stamp, media_root=media_root)
    assert path.read_text(encoding="utf-8") == f"{text}\n"
    for entity in oracle.CSV_FILES:
        written = (directory / f"{entity}.csv").read_bytes().decode()
        # NULL and the empty text are the same to the oracle; here one is `""`.
        expected = oracle.legacy_csv_rows(database, entity, media_root=media_root)
        for line, wanted in zip(_fields(written), expected, strict=True):
            assert tuple(map(_number, line)) == tuple(map(_number, wanted)), entity


def _fields(text: str) -> list[tuple[str, ...]]:
    return [tuple(field or "" for field in record) for record in parse_csv(text)]


def _number(field: str) -> str:
    """Spell a small or large number as Python does: 1e-7 and 1e-07 are the same field."""
    return repr(float(field)) if re.fullmatch(r"-?[0-9.]+e[+-]?[0-9]+", field) else field
