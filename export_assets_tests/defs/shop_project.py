"""A small project with an SQLite shop, and Dagster over it, for the tests of definitions."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import dagster as dg

from export_assets.defs.build import build_definitions
from export_assets.engine.report import ExportReport
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.engine.workspace import Workspace
from export_assets.store.manifest import Manifest
from export_assets.systems.registry import load_workspace
from export_assets_tests.shown_systems import show_only

SHOP = """\
source: shop
url: sqlite:///shop.db
owners: [team:data]
formats: [parquet, csv]
tables:
  orders:
    description: One row per order.
    partition_by: {column: ordered_at, every: day, start: 2024-01-01}
    checks: [{column: total, ge: 0}]
  "*": {}
relations: [{from: orders.customer_id, to: customers.id}]
"""

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

ORDERS = ("shop", "orders")
CUSTOMERS = ("shop", "customers")


def key(*parts: str) -> dg.AssetKey:
    return dg.AssetKey(list(parts))


def keys_of(table: Sequence[str], formats: Iterable[str] = ("parquet", "csv")) -> list[dg.AssetKey]:
    return [key(*table, fmt) for fmt in formats]


@dataclass
class Shop:
    """The project, one instance of Dagster, and what happens to them."""

    home: Path
    instance: dg.DagsterInstance
    yaml: str = SHOP

    def __post_init__(self) -> None:
        (self.home / "sources").mkdir(parents=True, exist_ok=True)
        show_only(self.home)
        self.write_yaml(self.yaml)
        self.sql(
            "create table customers (id integer primary key, name text)",
            "create table orders (id integer primary key, customer_id integer, "
            "ordered_at timestamp not null, total real)",
        )
        self.insert("customers", [(number, f"customer {number}") for number in range(5)])
        self.insert(
            "orders",
            [
                (number, number % 5, f"2024-01-{1 + number % 30:02d}T10:00:00Z", float(number))
                for number in range(90)
            ],
        )

    @cached_property
    def workspace(self) -> Workspace:
        return load_workspace(self.home, environ={})

    @cached_property
    def definitions(self) -> dg.Definitions:
        return build_definitions(self.workspace, retry_seconds=0.0)

    def show_all_systems(self) -> None:
        """Show the built-in systems, too, from the next look at the project on."""
        (self.home / "export_assets.yaml").unlink()

    def reopened(self) -> "Shop":
        """Return the same project as a code location that was loaded again."""
        return Shop.over(self.home, self.instance)

    @classmethod
    def over(cls, home: Path, instance: dg.DagsterInstance) -> "Shop":
        """Return the project that is there already."""
        again = object.__new__(cls)
        again.home, again.instance, again.yaml = home, instance, SHOP
        return again

    def write_yaml(self, text: str) -> None:
        (self.home / "sources" / "shop.yaml").write_text(text, encoding="utf-8")

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.home / "shop.db")) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def insert(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        marks = ", ".join("?" * len(rows[0]))
        with closing(sqlite3.connect(self.home / "shop.db")) as connection, connection:
            connection.executemany(f"insert into {table} values ({marks})", rows)

    def run(
        self,
        keys: Sequence[dg.AssetKey],
        *,
        partition: str | None = None,
        span: tuple[str, str] | None = None,
        overwrite: bool = False,
    ) -> dg.ExecuteInProcessResult:
        """Materialize *keys* with all their checks, as a click in the web UI does."""
        tags = {}
        if span is not None:
            tags["dagster/asset_partition_range_start"] = span[0]
            tags["dagster/asset_partition_range_end"] = span[1]
        config: dict[str, object] = dict(QUIET)
        if overwrite:
            config["ops"] = {"export__shop__orders": {"config": {"overwrite": True}}}
        job = self.definitions.resolve_implicit_job_def_def_for_assets(keys)
        assert job is not None
        return job.execute_in_process(
            instance=self.instance,
            partition_key=partition,
            tags=tags,
            run_config=config,
            raise_on_error=False,
            asset_selection=list(keys),
        )

    def run_checks(
        self, selection: dg.AssetSelection, *, partition: str | None = None
    ) -> dg.ExecuteInProcessResult:
        """Run checks without their assets, as the button Execute does."""
        job = dg.define_asset_job("only_checks", selection=selection)
        repository = dg.Definitions(
            assets=self.definitions.assets,
            asset_checks=self.definitions.asset_checks,
            resources=self.definitions.resources,
            jobs=[job],
        )
        return repository.resolve_job_def("only_checks").execute_in_process(
            instance=self.instance,
            tags={"dagster/partition": partition} if partition else {},
            run_config=QUIET,
            raise_on_error=False,
        )

    def command_line(self, request: ExportRequest, *, run_id: str = "cli") -> ExportReport:
        """Export without Dagster."""
        return Exporter(
            workspace=self.workspace,
            source=self.workspace.source("shop"),
            request=request,
            run=Run(id=run_id, now=datetime.now(UTC)),
        ).export()

    def manifests(self, table: str = "orders", fmt: str = "parquet") -> dict[str, Manifest]:
        return {
            manifest.partition: manifest
            for _, manifest in self.workspace.store.manifests("shop", table, fmt)
        }

    def materialized(self, asset: dg.AssetKey) -> set[str]:
        return self.instance.get_materialized_partitions(asset)

    def events(self, asset: dg.AssetKey) -> list[dg.AssetMaterialization]:
        records = self.instance.fetch_materializations(asset, limit=1_000).records
        return [one.asset_materialization for one in records if one.asset_materialization]


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """Return the message of every failed step."""
    messages = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            failure = data.user_failure_data
            messages.append(str(failure.description if failure else data.error))
    return messages
