"""A project around a database of the application, and what plain sqlite3 and json say of it."""

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from export_assets.engine.computed import with_computed
from export_assets.engine.report import ExportReport
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.systems.registry import load_workspace
from export_assets_tests.shown_systems import show_only

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FORMATS = ("parquet", "csv", "ndjson", "json")
TABLES = (
    "clients", "birth_data", "charts", "chart_interpretations", "interpretations",
    "aspect_patterns", "transit_events", "session_notes", "app_config", "user_preferences",
)  # fmt: skip
LATER_TABLES = tuple(name for name in TABLES if name not in {"clients", "session_notes"})

Record = dict[str, Any]

_runs = count(1)


@dataclass(frozen=True)
class Project:
    """A home with the application's database in it."""

    home: Path
    url: str = "sqlite:///data/theprogram.db"

    @property
    def db(self) -> Path:
        return self.home / "data" / "theprogram.db"

    @property
    def exports(self) -> Path:
        return self.home / "exports"

    def configure(self, yaml: str) -> None:
        (self.home / "sources").mkdir(exist_ok=True)
        text = f"source: theprogram\n{yaml}"
        (self.home / "sources" / "theprogram.yaml").write_text(text, encoding="utf-8")

    def sql(self, script: str) -> None:
        """Change the database; leaving it, SQLite takes the log into the main file."""
        with closing(sqlite3.connect(self.db)) as connection:
            connection.executescript(script)

    def workspace(self) -> Workspace:
        show_only(self.home, "theprogram")
        return load_workspace(self.home, environ={})

    def source(self, *, computed: bool = False) -> ConfiguredSource:
        source = self.workspace().source("theprogram")
        return with_computed(source) if computed else source

    def exporter(self, *, computed: bool = False, **request: Any) -> Exporter:
        return Exporter(
            workspace=self.workspace(),
            source=self.source(computed=computed),
            request=ExportRequest(**request),
            run=Run(id=f"run-{next(_runs)}", now=NOW),
        )

    def export(self, *, computed: bool = False, **request: Any) -> ExportReport:
        return self.exporter(computed=computed, **request).export()

    def part(self, table: str, fmt: str) -> Path:
        (path,) = (self.exports / "theprogram" / table / fmt / "all").glob("part-*")
        return path

    def published(self) -> set[str]:
        return {path.name for path in (self.exports / "theprogram").iterdir()}

    def rows(self, table: str) -> list[Record]:
        """What plain sqlite3 reads, by primary key, from a copy of the database and its log."""
        with tempfile.TemporaryDirectory() as directory:
            for suffix in ("", "-wal"):
                found = Path(f"{self.db}{suffix}")
                if found.exists():
                    shutil.copyfile(found, Path(directory) / f"copy.db{suffix}")
            with closing(sqlite3.connect(Path(directory) / "copy.db")) as connection:
                connection.row_factory = sqlite3.Row
                return [
                    dict(row) for row in connection.execute(f"select * from {table} order by id")
                ]


def state(directory: Path) -> dict[str, str]:
    """Hash of every file in *directory*, by name."""
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


_MEANING: dict[str, Callable[[Any], object]] = {
    "created_at": _moment,
    "updated_at": _moment,
    "last_viewed": _moment,
    "birth_date": date.fromisoformat,
    "event_date": date.fromisoformat,
    "note_date": date.fromisoformat,
    "birth_time": time.fromisoformat,
    "time_unknown": bool,
    "is_applying": bool,
    "is_user_custom": bool,
}
_JSON = {"calculation_params", "chart_data", "planets_involved", "aspect_orbs", "displayed_points"}


def meant(row: Record) -> Record:
    """What the stored values of *row* mean; the hash of the password is a boolean."""
    found: Record = {}
    for name, value in row.items():
        if name == "password_hash":
            found["has_password"] = bool(value)
        else:
            meaning = _MEANING.get(name)
            found[name] = value if meaning is None or value is None else meaning(value)
    return found


def in_json(row: Record) -> Record:
    """*row* of `meant` as a JSON document carries it."""
    return {name: _in_json(name, value) for name, value in row.items()}


def _in_json(name: str, value: Any) -> object:
    if name in _JSON and isinstance(value, str):
        try:
            nested = json.loads(value)
        except ValueError:
            return value
        return nested if isinstance(nested, dict | list) else value
    if isinstance(value, datetime | time):
        return value.isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else value


def in_csv(row: Record) -> dict[str, str | None]:
    """*row* of `meant` as the fields of a CSV record; None where the field is empty, unquoted."""
    found: dict[str, str | None] = {}
    for name, value in row.items():
        if isinstance(value, bool):
            found[name] = str(value).lower()
        elif isinstance(value, datetime | time):
            found[name] = value.isoformat(timespec="microseconds")
        else:
            found[name] = None if value is None else str(value)
    return found


def read_records(path: Path, fmt: str) -> list[Record]:
    """Read a file with nothing of this project."""
    if fmt == "parquet":
        return list(pq.read_table(path).to_pylist())
    text = path.read_bytes().decode("utf-8")
    if fmt == "csv":
        header, *records = parse_csv(text)
        return [dict(zip(header, record, strict=True)) for record in records]  # type: ignore[arg-type]  # a header has no empty name
    if fmt == "json":
        return list(json.loads(text))
    return [json.loads(line) for line in text.splitlines()]


def parse_csv(text: str, delimiter: str = ",") -> list[list[str | None]]:
    """Parse RFC 4180; what the standard library cannot: an empty field is None, `""` is empty."""
    records: list[list[str | None]] = [[]]
    at = 0
    while at < len(text):
        if text[at] == '"':
            end, field = at + 1, ""
            while True:
                close = text.index('"', end)
                field += text[end:close]
                if text[close + 1 : close + 2] != '"':
                    break
                field, end = field + '"', close + 2
            records[-1].append(field)
            at = close + 1
        else:
            ends = [found for one in (delimiter, "\n") if (found := text.find(one, at)) >= 0]
            records[-1].append(text[at : min(ends)] or None)
            at = min(ends)
        if text[at] == "\n":
            records.append([])
        elif text[at + 1] == "\n":
            records[-1].append(None)
            at += 1
            records.append([])
        at += 1
    return records[:-1]


def expected(rows: list[Record], fmt: str) -> list[Record]:
    """What a file of *fmt* must hold for *rows* of `Project.rows`."""
    if fmt == "parquet":
        return [meant(row) for row in rows]
    return [in_csv(meant(row)) if fmt == "csv" else in_json(meant(row)) for row in rows]
