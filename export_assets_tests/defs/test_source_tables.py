"""The tables where they lie: observed, or filled by the upstream steps of a system."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from export_assets.defs.above_elsewhere import find_above
from export_assets.defs.build import build_definitions
from export_assets.defs.shapes import known_tables
from export_assets.defs.table import TableExport
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.systems.registry import load_workspace
from export_assets.systems.tandem.sample import make_sample
from export_assets_tests.defs.shop_project import (
    CUSTOMERS,
    ORDERS,
    QUIET,
    Shop,
    failures,
    key,
    keys_of,
)

PIPELINE = [key("tandem", name) for name in ("events", "cgm_readings", "basal_deliveries")]
READINGS = key("tandem", "cgm_readings", "parquet")


def version(instance: dg.DagsterInstance, asset: dg.AssetKey) -> str | None:
    event = instance.get_latest_data_version_record(asset)
    return dg_version(event)


def dg_version(record: dg.EventLogRecord | None) -> str | None:
    if record is None:
        return None
    event = record.asset_observation or record.asset_materialization
    return (event.tags or {}).get("dagster/data_version") if event else None


def observe(shop: Shop) -> bool:
    tables = [key(*ORDERS), key(*CUSTOMERS)]
    job = shop.definitions.resolve_implicit_job_def_def_for_assets(tables)
    assert job is not None
    return job.execute_in_process(
        instance=shop.instance, run_config=QUIET, asset_selection=tables, raise_on_error=False
    ).success


def test_an_observation_changes_the_version_only_when_the_source_changed(shop: Shop) -> None:
    observe(shop)
    first = version(shop.instance, key(*ORDERS))
    observe(shop)
    same = version(shop.instance, key(*ORDERS))
    shop.sql("update orders set total = 7 where id = 1")
    observe(shop)

    assert first is not None
    assert same == first
    assert version(shop.instance, key(*ORDERS)) != first


def test_an_export_remembers_the_version_it_was_made_from(shop: Shop) -> None:
    observe(shop)

    shop.run(keys_of(CUSTOMERS))

    [event] = shop.events(key(*CUSTOMERS, "csv"))
    upstream = (event.tags or {})["dagster/input_data_version/shop/customers"]
    assert upstream == version(shop.instance, key(*CUSTOMERS))
    assert upstream == event.metadata["snapshot_id"].value


def test_a_source_that_is_not_there_fails_its_observation_in_one_line(shop: Shop) -> None:
    assert shop.definitions
    (shop.home / "shop.db").unlink()

    assert not observe(shop)


class Pump:
    """A project with the built-in pump, whose derived tables are empty."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.path = home / "data" / "tandem" / "tandem.duckdb"
        make_sample(self.path, days=1)
        with closing(duckdb.connect(self.path)) as con:
            for table in ("basal_deliveries", "cgm_readings", "events"):
                con.execute(f"delete from {table}")
        self.instance = instance
        self.workspace = load_workspace(home, environ={})
        self.definitions = build_definitions(self.workspace, retry_seconds=0.0)

    def run(
        self, keys: list[dg.AssetKey], *, partition: str | None = None
    ) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_implicit_job_def_def_for_assets(keys)
        assert job is not None
        return job.execute_in_process(
            instance=self.instance,
            run_config=QUIET,
            asset_selection=keys,
            partition_key=partition,
            raise_on_error=False,
        )


@pytest.fixture(scope="module")
def pump(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pump]:
    home = tmp_path_factory.mktemp("pump")
    with dg.DagsterInstance.ephemeral(tempdir=str(home)) as instance:
        yield Pump(home, instance)


def test_steps_and_exports_of_a_day_run_in_order_in_one_run(pump: Pump) -> None:
    result = pump.run([*PIPELINE, READINGS], partition="2026-07-02")

    assert failures(result) == []
    order = [event.step_key for event in result.all_events if event.is_step_success]
    steps = ["tandem__events", "tandem__cgm_readings", "export__tandem__cgm_readings"]
    assert [step for step in order if step in steps] == steps
    [event] = [
        one.materialization
        for one in result.get_asset_materialization_events()
        if one.asset_key == PIPELINE[0]
    ]
    inserted = event.metadata["inserted"].value
    assert isinstance(inserted, int)
    assert inserted > 100
    manifest = next(pump.workspace.store.manifests("tandem", "cgm_readings", "parquet"))[1]
    assert manifest.rows > 0


def test_what_steps_filled_without_dagster_is_reported_with_the_exports_once(
    pump: Pump,
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        source = pump.workspace.source("tandem")
        Exporter(
            workspace=pump.workspace,
            source=source,
            request=ExportRequest(tables=("cgm_readings",), formats=("parquet",), overwrite=True),
            run=Run(id="by-hand", now=datetime.now(UTC)),
        ).export()
        shapes = known_tables(pump.workspace, source).tables
        tables = [
            TableExport(workspace=pump.workspace, configured=source, shape=one) for one in shapes
        ]

        events = find_above(instance, tables)
        for event in events:
            instance.report_runless_asset_event(event)

        # Of deliveries nothing is published.
        assert [event.asset_key for event in events] == PIPELINE[:2]
        assert version(instance, PIPELINE[1]) == source.source.fingerprint()
        assert not find_above(instance, tables)


def test_a_step_with_nothing_to_do_leaves_version_and_source_alone(pump: Pump) -> None:
    pump.run(PIPELINE)
    before = [version(pump.instance, asset) for asset in PIPELINE]
    fingerprint = pump.workspace.source("tandem").source.fingerprint()

    result = pump.run(PIPELINE)

    assert result.success
    assert [version(pump.instance, asset) for asset in PIPELINE] == before
    assert pump.workspace.source("tandem").source.fingerprint() == fingerprint


def test_the_graph_runs_from_raw_events_to_every_export(pump: Pump) -> None:
    graph = pump.definitions.resolve_asset_graph()

    parents = {asset: graph.get(asset).parent_keys for asset in (*PIPELINE, READINGS)}
    assert parents == {
        key("tandem", "events"): {key("tandem", "raw_events")},
        key("tandem", "cgm_readings"): {key("tandem", "events")},
        key("tandem", "basal_deliveries"): {key("tandem", "events")},
        READINGS: {key("tandem", "cgm_readings")},
    }
    assert graph.get(key("tandem", "raw_events")).is_observable


def test_a_step_that_cannot_write_fails_in_one_line_and_stops_what_follows(pump: Pump) -> None:
    with closing(duckdb.connect(pump.path)):
        result = pump.run([*PIPELINE, READINGS], partition="2026-07-02")

    assert not result.success
    assert len(failures(result)) == 1
    assert "open elsewhere in this process" in failures(result)[0]
    assert len([event for event in result.all_events if event.is_step_up_for_retry]) == 2
    assert not result.get_asset_materialization_events()
