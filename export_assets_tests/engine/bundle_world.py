"""Databases for the tests of bundles, and a walk of references in plain Python to compare with."""

import sqlite3
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from export_assets.config.project import load_project
from export_assets.engine.bundle import Bundler
from export_assets.engine.bundle_request import BundleRequest
from export_assets.engine.request import Run
from export_assets.engine.workspace import Workspace

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

_runs = count(1)

Value = str | int | float | None


@dataclass
class Bundles:
    """A project around one database; every bundler starts as a new process would."""

    home: Path
    yaml: str = "source: shop\nurl: shop.db\n"
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def db(self) -> Path:
        return self.home / "shop.db"

    @property
    def exports(self) -> Path:
        return self.home / "exports"

    def sql(self, script: str) -> None:
        with closing(sqlite3.connect(self.db)) as connection, connection:
            connection.executescript(script)

    def workspace(self) -> Workspace:
        sources = self.home / "sources"
        sources.mkdir(exist_ok=True)
        (sources / "shop.yaml").write_text(self.yaml, encoding="utf-8")
        return Workspace(project=load_project(self.home, environ=self.environ), systems={})

    def bundler(self, table: str, *ids: str, **options: Any) -> Bundler:
        workspace = self.workspace()
        return Bundler(
            workspace=workspace,
            source=workspace.source("shop"),
            request=BundleRequest(table=table, ids=ids, **options),
            run=Run(id=f"run-{next(_runs)}", now=NOW),
        )


def rows_of(data: Any, root: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a collected bundle by table, without those that have none."""
    found = {name: list(rows) for name, rows in data.related.items()}
    found[root] = [*data.roots, *found.get(root, [])]
    return {name: rows for name, rows in found.items() if rows}


@dataclass(frozen=True)
class Key:
    """A foreign key of an example."""

    child: str
    columns: tuple[str, ...]
    parent: str
    referred: tuple[str, ...]


@dataclass(frozen=True)
class Example:
    """Tables with their rows, each row with its number in the column `n`, and foreign keys."""

    rows: Mapping[str, Sequence[Mapping[str, Value]]]
    keys: Sequence[Key]
    types: Mapping[str, str]

    def expected(
        self,
        root: str,
        column: str,
        ids: Iterable[Value],
        *,
        follow: str = "children",
        depth: int | None = None,
        exclude: Iterable[str] = (),
    ) -> dict[str, set[int]]:
        """Return the rows of the bundle by table, found row by row."""
        left_out = set(exclude)
        start = "up" if follow == "parents" else "down"
        wanted = set(ids)
        seen: set[tuple[str, int, str]] = set()
        waiting = deque(
            (root, number, start, 0)
            for number, row in enumerate(self.rows[root])
            if row[column] in wanted
        )
        while waiting:
            table, number, mode, level = waiting.popleft()
            if (table, number, mode) in seen:
                continue
            seen.add((table, number, mode))
            if depth is not None and level >= depth:
                continue
            row = self.rows[table][number]
            for key in self.keys:
                if key.child in left_out or key.parent in left_out:
                    continue
                if mode == "down" and key.parent == table:
                    found = _matching(self.rows[key.child], key.columns, row, key.referred)
                    waiting += [(key.child, one, "down", level + 1) for one in found]
                if (mode == "up" or follow == "both") and key.child == table:
                    found = _matching(self.rows[key.parent], key.referred, row, key.columns)
                    waiting += [(key.parent, one, "up", level + 1) for one in found]
        result: dict[str, set[int]] = {}
        for table, number, _ in seen:
            result.setdefault(table, set()).add(number)
        return result

    def to_sqlite(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            for table in self.rows:
                connection.execute(self._create(table, foreign=True))
            for table, rows in self.rows.items():
                for row in rows:
                    marks = ", ".join("?" * len(row))
                    connection.execute(f"insert into {_q(table)} values ({marks})", [*row.values()])

    def to_duckdb(self, path: Path) -> None:
        """Make the tables without foreign keys, which DuckDB would enforce."""
        with closing(duckdb.connect(str(path))) as connection:
            for table, rows in self.rows.items():
                connection.execute(self._create(table, foreign=False))
                for row in rows:
                    marks = ", ".join("?" * len(row))
                    connection.execute(f"insert into {_q(table)} values ({marks})", [*row.values()])

    def _create(self, table: str, *, foreign: bool) -> str:
        columns = [f"{_q(name)} {self.types[name]}" for name in self.rows[table][0]]
        if foreign:
            columns += [
                f"foreign key ({_list(key.columns)}) references {_q(key.parent)} "
                f"({_list(key.referred)})"
                for key in self.keys
                if key.child == table
            ]
        return f"create table {_q(table)} ({', '.join(columns)})"


def _matching(
    rows: Sequence[Mapping[str, Value]],
    columns: Sequence[str],
    row: Mapping[str, Value],
    own: Sequence[str],
) -> list[int]:
    values = [row[name] for name in own]
    if None in values:
        return []
    return [n for n, one in enumerate(rows) if [one[name] for name in columns] == values]


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(_q, names))
