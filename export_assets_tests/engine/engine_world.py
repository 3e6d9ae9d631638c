"""A small project around real database files, and fakes at the engine's own seams."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl

from export_assets.config.project import load_project
from export_assets.engine.report import ExportRecord, ExportReport
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.engine.table_pass import silent
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.formats.base import Dialect, Format, FormatOptions, FormatWriter
from export_assets.formats.registry import FORMATS
from export_assets.sources.base import Scan, Snapshot, SnapshotInfo, Source, TableFacts
from export_assets.store.manifest import Manifest, read_manifest
from export_assets.tables.batch import Batch
from export_assets.tables.schema import TableSchema

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL_FORMATS = ("parquet", "csv", "ndjson", "json")
REPRODUCIBLE = tuple(name for name, fmt in FORMATS.items() if fmt.reproducible)

SHOP = """
source: shop
url: shop.db
tables:
  orders: {partition_by: {column: at, every: day}}
  customers: {}
"""

CREATE_SHOP = """
create table orders (id integer primary key, at timestamp, total real, note text);
create table customers (id integer primary key, name text not null, email text);
insert into orders values
  (1, '2026-02-08T10:00:00', 1.5, 'a'), (2, '2026-02-08T11:00:00', 2.5, null),
  (3, '2026-02-09T10:00:00', 3.5, ''), (4, '2026-02-10T00:00:00', 4.5, 'd, "e"');
insert into customers values (1, 'Ann', 'ann@example.org'), (2, 'Bob', null);
"""

_runs = count(1)


@dataclass
class World:
    """A project in a directory; every call runs as a new process would, with nothing cached."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)
    now: datetime = NOW

    @property
    def db(self) -> Path:
        return self.home / "shop.db"

    @property
    def exports(self) -> Path:
        return self.home / "exports"

    def sql(self, script: str, path: Path | None = None) -> None:
        with closing(sqlite3.connect(path or self.db)) as connection, connection:
            connection.executescript(script)

    def config(self, yaml: str) -> None:
        (self.home / "sources").mkdir(exist_ok=True)
        (self.home / "sources" / "shop.yaml").write_text(yaml, encoding="utf-8")

    def workspace(self) -> Workspace:
        project = load_project(self.home, environ=self.environ)
        return Workspace(project=project, systems={})

    def exporter(
        self,
        *,
        source: Source | None = None,
        url: str | None = None,
        configured: Callable[[ConfiguredSource], ConfiguredSource] | None = None,
        progress: Callable[[str, int], None] | None = None,
        **request: Any,
    ) -> Exporter:
        workspace = self.workspace()
        chosen = workspace.source("shop", url=url)
        chosen = configured(chosen) if configured else chosen
        if source is not None:
            chosen.__dict__["source"] = source
        return Exporter(
            workspace=workspace,
            source=chosen,
            request=ExportRequest(**request),
            run=Run(id=f"run-{next(_runs)}", now=self.now),
            progress=progress or silent,
        )

    def export(self, **options: Any) -> ExportReport:
        return self.exporter(**options).export()

    def partition(self, table: str, fmt: str, directory: str) -> Path:
        return self.exports / "shop" / table / fmt / directory

    def manifest(self, table: str, fmt: str, directory: str) -> Manifest:
        return read_manifest(self.partition(table, fmt, directory) / "_manifest.json")

    def ids(self, table: str = "orders", fmt: str = "parquet") -> dict[str, list[int]]:
        """Ids of every published partition, in the order the files hold them."""
        found = {}
        for path in sorted((self.exports / "shop" / table / fmt).iterdir()):
            parts = sorted(path.glob("part-*"))
            frames = [read_part(part, fmt) for part in parts]
            found[path.name] = [value for frame in frames for value in frame["id"].to_list()]
        return found


def read_part(part: Path, fmt: str) -> pl.DataFrame:
    if fmt == "parquet":
        return pl.read_parquet(part)
    if fmt == "csv":
        return pl.read_csv(part)
    return pl.read_ndjson(part) if fmt == "ndjson" else pl.read_json(part)


def shop(home: Path, yaml: str = SHOP, script: str = CREATE_SHOP) -> World:
    world = World(home)
    world.config(yaml)
    world.sql(script)
    return world


def statuses(report: ExportReport) -> dict[str, str]:
    return {
        f"{record.table}/{record.format}/{record.partition}": record.status
        for record in report.records
    }


def record_of(report: ExportReport, name: str) -> ExportRecord:
    """Return the one record called `table/format/partition`."""
    (found,) = (
        record
        for record in report.records
        if f"{record.table}/{record.format}/{record.partition}" == name
    )
    return found


def tree(root: Path, *, published: bool = False) -> dict[str, tuple[int, str]]:
    """Time of change and hash of everything below *root*; *published* leaves hidden names out."""
    found = {}
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if published and any(part.startswith(".") for part in parts):
            continue
        data = b"" if path.is_dir() else path.read_bytes()
        found["/".join(parts)] = (path.stat().st_mtime_ns, hashlib.sha256(data).hexdigest())
    return found


def contents(root: Path) -> dict[str, str]:
    """Hash of every data file below *root*, without manifests and the catalogue of all."""
    return {
        name: digest
        for name, (_, digest) in tree(root, published=True).items()
        if (root / name).is_file() and not name.endswith(("_manifest.json", "catalog.duckdb"))
    }


def leftovers(root: Path) -> list[Path]:
    """Staging directories and temporary files that a run should have removed."""
    return [path for path in root.rglob("*") if path.name.endswith((".tmp", ".old"))]


class FakeSnapshot(Snapshot):
    """Passes everything on to *inner*; what tests bend, they override."""

    def __init__(self, inner: Snapshot) -> None:
        self.inner = inner
        self.info: SnapshotInfo = inner.info

    def check(self) -> None:
        self.inner.check()

    def columns(self, table: str) -> Sequence[str]:
        return self.inner.columns(table)

    def define(self, views: Mapping[str, str]) -> None:
        self.inner.define(views)

    @contextmanager
    def defining(self, views: Mapping[str, str]) -> Iterator[None]:
        with self.inner.defining(views):
            yield

    def tables(self) -> Sequence[str]:
        return self.inner.tables()

    def describe(self, table: str) -> TableSchema:
        return self.inner.describe(table)

    def profile(self, table: str, schema: TableSchema, *, assume_timezone: str) -> TableSchema:
        return self.inner.profile(table, schema, assume_timezone=assume_timezone)

    def count(self, table: str) -> int:
        return self.inner.count(table)

    def count_scan(self, scan: Scan) -> int:
        return self.inner.count_scan(scan)

    def facts(self, table: str, time_column: str | None, assume_timezone: str) -> TableFacts:
        return self.inner.facts(table, time_column, assume_timezone)

    def scan(self, scan: Scan) -> Iterator[pl.DataFrame]:
        return self.inner.scan(scan)


class FakeSource(Source):
    """The real source with every snapshot wrapped by *wrap*; counts how often it was opened."""

    def __init__(self, inner: Source, wrap: Callable[[Snapshot], Snapshot] = FakeSnapshot) -> None:
        self.name = inner.name
        self.inner = inner
        self.wrap = wrap
        self.opened = 0

    def fingerprint(self) -> str:
        return self.inner.fingerprint()

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        self.opened += 1
        with self.inner.snapshot() as snapshot:
            yield self.wrap(snapshot)


def scanning(
    change: Callable[[Scan, Iterator[pl.DataFrame]], Iterator[pl.DataFrame]],
) -> Callable[[Snapshot], Snapshot]:
    """Make a wrapper whose scans go through *change*."""

    class Scanning(FakeSnapshot):
        def scan(self, scan: Scan) -> Iterator[pl.DataFrame]:
            return change(scan, self.inner.scan(scan))

    return Scanning


class FakeFormat(Format):
    """The real format of that name; what tests bend, they override."""

    def __init__(self, name: str) -> None:
        self.inner = FORMATS[name]
        self.name = name
        self.kind = self.inner.kind
        self.compressions = self.inner.compressions
        self.carries_nonfinite = self.inner.carries_nonfinite
        self.most_rows = self.inner.most_rows
        self.reproducible = self.inner.reproducible

    def suffix(self, options: FormatOptions) -> str:
        return self.inner.suffix(options)

    def open(
        self, path: Path, schema: TableSchema, options: FormatOptions, metadata: Mapping[str, str]
    ) -> FormatWriter:
        return self.inner.open(path, schema, options, metadata)

    def read(
        self, path: Path, schema: TableSchema, options: FormatOptions, *, strict: bool = True
    ) -> Iterator[Batch]:
        return self.inner.read(path, schema, options, strict=strict)

    def canonical(self, options: FormatOptions) -> FormatOptions:
        return self.inner.canonical(options)

    def dialect(self, options: FormatOptions) -> Dialect:
        return self.inner.dialect(options)

    def check_options(self, options: FormatOptions) -> None:
        self.inner.check_options(options)


def days(first: str, number: int) -> list[str]:
    start = datetime.fromisoformat(first)
    return [f"{start + timedelta(days=day):%Y-%m-%d}" for day in range(number)]
