"""The command line as a person runs it: a process of its own in a directory of its own."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from export_assets_tests.quick_program import quick_program


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A process that ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its stdout, which must be one JSON document and nothing else."""
        return json.loads(self.out)


@dataclass(frozen=True, kw_only=True)
class World:
    """A project's home, and commands run in it."""

    home: Path

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "export_assets.cli.process", *map(str, arguments)]

    def environment(self, changes: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.upper().startswith("EXPORT_ASSETS")}
        return kept | {"EXPORT_ASSETS_HOME": str(self.home)} | dict(changes or {})

    def run(
        self,
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        **more: Any,
    ) -> Ended:
        cwd = more.pop("cwd", self.home)
        quick = [str(quick_program()), *map(str, arguments)]
        done = subprocess.run(
            # What is set up before the program starts has to be so when it starts.
            self.command(*arguments) if more else quick,
            cwd=cwd,
            env=self.environment(env),
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            **more,
        )
        return Ended(code=done.returncode, out=done.stdout, err=done.stderr)

    def database(self, name: str = "shop.db", *, rows: int = 300) -> Path:
        """Make a small shop nobody prepared for export."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with sqlite3.connect(path) as connection:
            connection.executescript(
                """
                create table customers (id integer primary key, name text not null, note);
                create table orders (
                    id integer primary key,
                    customer_id integer references customers (id),
                    ordered_at timestamp,
                    total numeric
                );
                create table empty (id integer, payload blob);
                create view big_orders as select id, total from orders where total > 50;
                """
            )
            connection.executemany(
                "insert into customers values (?, ?, ?)",
                [(i, f'Ann {i}, "the" \'n\nth', None if i % 3 else "") for i in range(rows // 3)],
            )
            connection.executemany(
                "insert into orders values (?, ?, ?, ?)",
                [
                    (i, i % (rows // 3), f"2026-02-{i % 3 + 1:02d} {i % 24:02d}:30:00", i % 100)
                    for i in range(rows)
                ],
            )
        connection.close()
        return path

    def configure(self, text: str) -> None:
        """Write the YAML of the source `shop`."""
        sources = self.home / "sources"
        sources.mkdir(exist_ok=True)
        (sources / "shop.yaml").write_text(text, encoding="utf-8")


DAILY = """\
source: shop
url: sqlite:///shop.db
formats: [parquet, csv]
tables:
  orders: {partition_by: {column: ordered_at, every: day}}
  "*": {}
"""


def tree(root: Path) -> dict[str, tuple[str, int]]:
    """Content and modification time of every file below *root*, by relative path."""
    return {
        str(path.relative_to(root)): (
            sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def data(root: Path) -> dict[str, str]:
    """Content of every data file below *root*, by relative path; manifests hold run times."""
    return {
        name: digest
        for name, (digest, _) in tree(root).items()
        if not Path(name).name.startswith(("_", "."))
        and "/." not in f"/{name}"
        # It names the place it is in, and is made of what it is compared with here.
        and Path(name).name != "catalog.duckdb"
    }


def leftovers(root: Path) -> list[str]:
    """Staging names anywhere below *root*."""
    if not root.exists():
        return []
    return [str(path) for path in root.rglob(".*") if path.name.endswith((".tmp", ".old"))]
