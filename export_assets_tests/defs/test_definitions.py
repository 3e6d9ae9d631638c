"""What Dagster loads: every asset by name, quickly, and without touching a source."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from export_assets.defs.build import build_definitions
from export_assets.defs.shapes import known_tables
from export_assets.engine.request import ExportRequest
from export_assets.systems.registry import SYSTEMS, load_workspace
from export_assets_tests.defs.shop_project import CUSTOMERS, ORDERS, QUIET, SHOP, Shop, key

ROOT = Path(__file__).parents[2]
LOAD = 2.0


def asset_names(definitions: dg.Definitions) -> list[str]:
    graph = definitions.resolve_asset_graph()
    return sorted(asset.to_user_string() for asset in graph.get_all_asset_keys())


def test_every_asset_has_the_name_it_always_had(shop: Shop) -> None:
    shop.show_all_systems()
    names = [name for name in asset_names(shop.definitions) if name.startswith(("shop", "tandem"))]

    assert names == [
        "shop/customers",
        "shop/customers/csv",
        "shop/customers/parquet",
        "shop/orders",
        "shop/orders/csv",
        "shop/orders/parquet",
        "tandem/basal_deliveries",
        "tandem/basal_deliveries/csv",
        "tandem/basal_deliveries/json",
        "tandem/basal_deliveries/ndjson",
        "tandem/basal_deliveries/parquet",
        "tandem/cgm_readings",
        "tandem/cgm_readings/csv",
        "tandem/cgm_readings/json",
        "tandem/cgm_readings/ndjson",
        "tandem/cgm_readings/parquet",
        "tandem/events",
        "tandem/events/csv",
        "tandem/events/json",
        "tandem/events/ndjson",
        "tandem/events/parquet",
        "tandem/raw_events",
        "tandem/raw_events/csv",
        "tandem/raw_events/json",
        "tandem/raw_events/ndjson",
        "tandem/raw_events/parquet",
    ]


def test_everything_that_was_promised_loads(shop: Shop) -> None:
    shop.show_all_systems()
    shop.write_yaml(SHOP + "freshness: 24\n")
    definitions = shop.definitions

    dg.Definitions.validate_loadable(definitions)

    names = {job.name for job in definitions.resolve_all_job_defs()}
    sensors = {sensor.name for sensor in definitions.sensors or ()}
    schedules = {schedule.name for schedule in definitions.schedules or ()}
    assert {"export_shop", "export_tandem", "check_freshness_shop"} <= names
    assert {"shop_changes", "tandem_changes", "published_elsewhere"} <= sensors
    assert {"shop_schedule", "tandem_schedule", "shop_freshness"} <= schedules


def test_every_built_in_system_has_assets(shop: Shop) -> None:
    shop.show_all_systems()
    groups = {name.partition("/")[0] for name in asset_names(shop.definitions)}

    assert groups == {"shop", "catalog", *SYSTEMS}


def test_assets_say_what_they_are(shop: Shop) -> None:
    node = shop.definitions.resolve_asset_graph().get(key(*ORDERS, "parquet"))

    assert node.group_name == "shop"
    assert node.kinds == {"parquet", "sqlite"}
    assert node.owners == ["team:data"]
    assert node.description is not None
    assert "One row per order." in node.description
    assert "`" not in node.description.splitlines()[0]
    columns = node.metadata["dagster/column_schema"]
    assert "total" in {column.name for column in columns.columns}
    assert "float" not in node.description
    assert node.tags["export_assets/every"] == "day"
    assert node.backfill_policy == dg.BackfillPolicy.single_run()
    assert node.pools == {"source_shop"}


def test_a_source_whose_tables_are_configured_is_not_opened(shop: Shop) -> None:
    shop.write_yaml(SHOP.replace('  "*": {}\n', "  customers: {}\n"))
    (shop.home / "shop.db").unlink()

    known = known_tables(shop.workspace, shop.workspace.source("shop"))

    assert [table.name for table in known.tables] == ["orders", "customers"]
    assert not known.warnings
    assert not (shop.home / "exports").exists()


def test_a_source_with_open_ends_is_opened_once(shop: Shop) -> None:
    known_tables(shop.workspace, shop.workspace.source("shop"))
    (shop.home / "shop.db").unlink()

    known = known_tables(shop.workspace, shop.workspace.source("shop"))

    assert [table.name for table in known.tables] == ["customers", "orders"]
    assert [column.name for column in known.tables[0].columns] == ["id", "name"]
    assert not known.warnings


def test_a_source_that_cannot_be_opened_leaves_its_configured_tables_and_a_warning(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    (shop.home / "shop.db").write_bytes(b"no database at all, and long enough to look like one" * 9)

    names = asset_names(shop.definitions)

    assert "shop/orders/parquet" in names
    assert "shop/customers" not in names
    assert "shop: tables are not known completely" in caplog.text


def test_a_new_table_appears_after_a_pass_has_seen_it(shop: Shop) -> None:
    source = shop.workspace.source("shop")
    known_tables(shop.workspace, source)
    shop.sql("create table refunds (id integer)")
    before = [table.name for table in known_tables(shop.workspace, source).tables]
    shop.command_line(ExportRequest(tables=("customers",)))

    after = [table.name for table in known_tables(shop.workspace, source).tables]

    assert "refunds" not in before
    assert "refunds" in after


def test_columns_come_from_what_is_published(shop: Shop) -> None:
    shop.write_yaml(SHOP.replace('  "*": {}\n', "  customers: {}\n"))
    shop.command_line(ExportRequest(tables=("customers",)))

    tables = known_tables(shop.workspace, shop.workspace.source("shop")).tables

    [customers] = [table for table in tables if table.name == "customers"]
    assert [column.name for column in customers.columns] == ["id", "name"]


def test_a_table_without_a_first_day_starts_at_its_first_row(shop: Shop) -> None:
    shop.write_yaml(SHOP.replace(", start: 2024-01-01", ""))

    node = shop.definitions.resolve_asset_graph().get(key(*ORDERS, "parquet"))

    assert node.partitions_def is not None
    assert node.partitions_def.get_first_partition_key() == "2024-01-01"


def test_tables_may_have_any_name(shop: Shop) -> None:
    shop.sql(
        'create table "Bestellung Nr./1 (alt)" (id integer)', 'create table "日本" (id integer)'
    )

    definitions = shop.definitions
    names = [name for name in asset_names(definitions) if name.startswith("shop")]
    odd = [name for name in names if name.endswith("/csv") and ORDERS[1] not in name]
    result = shop.run([dg.AssetKey(name.split("/")) for name in odd])

    dg.Definitions.validate_loadable(definitions)
    assert len(odd) == 3
    assert result.success


def test_names_that_dagster_takes_for_one_stay_apart(shop: Shop) -> None:
    shop.sql('create table "a-b" (id integer)', 'create table "a_b" (id integer)')
    shop.write_yaml(SHOP + "freshness: 24\n")

    definitions = shop.definitions
    graph = definitions.resolve_asset_graph()
    names = ("a-b", "a_b")
    result = shop.run([key("shop", name, "csv") for name in names])
    job = definitions.resolve_job_def("check_freshness_shop")
    looked = job.execute_in_process(instance=shop.instance, run_config=QUIET)

    dg.Definitions.validate_loadable(definitions)
    assert {key("shop", name) for name in names} <= graph.get_all_asset_keys()
    assert result.success
    seen = {one.asset_key.path[1] for one in looked.get_asset_check_evaluations()}
    assert {*names, "orders", "customers"} == seen


def test_a_run_cannot_be_pointed_at_other_directories(shop: Shop) -> None:
    job = shop.definitions.resolve_job_def("export_shop")

    for resource in ("sources",):
        config = {"resources": {resource: {"config": {"home": "/"}}}}
        with pytest.raises(dg.DagsterInvalidConfigError):
            job.execute_in_process(run_config=config, instance=shop.instance)
    ops = {"ops": {"export__shop__customers": {"config": {"output_dir": "/"}}}}
    with pytest.raises(dg.DagsterInvalidConfigError):
        job.execute_in_process(run_config=ops, instance=shop.instance)


def test_the_code_location_of_a_project_loads(shop: Shop) -> None:
    shutil.copy(ROOT / "workspace.yaml", shop.home)
    instance = shop.home / "instance"
    instance.mkdir()
    shutil.copy(ROOT / "dagster.yaml", instance)
    environ = os.environ | {
        "DAGSTER_HOME": str(instance),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
    }

    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"],
        cwd=shop.home,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "All code locations passed validation" in done.stdout + done.stderr


def test_definitions_are_imported_and_built_quickly(shop: Shop) -> None:
    code = (
        "import time, sys; start = time.process_time();"
        "import dagster, dagster_duckdb, polars, pyarrow; between = time.process_time();"
        "from export_assets.definitions import defs; defs();"
        "print((time.process_time() - between) / (between - start))"
    )

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=shop.home,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    # Beside what every project with Dagster and Polars imports.
    assert float(done.stdout) < LOAD


def test_loading_is_silent_about_the_unfinished_features_we_use_and_about_nothing_else(
    shop: Shop,
) -> None:
    shop.write_yaml(SHOP + "freshness: 24\n")
    code = (
        "import dagster as dg;"
        "from export_assets.definitions import defs;"
        "dg.Definitions.validate_loadable(defs());"
        "dg.AssetCheckSpec('own', asset='own', "
        "partitions_def=dg.DailyPartitionsDefinition('2024-01-01'))"
    )

    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code],
        cwd=shop.home,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    told = [
        line for line in done.stderr.splitlines() if "BetaWarning" in line or "PreviewW" in line
    ]
    assert len(told) == 1
    assert told[0].startswith("<string>")


def test_two_projects_do_not_share_anything(tmp_path: Path) -> None:
    other = tmp_path / "empty"
    (other / "sources").mkdir(parents=True)

    names = asset_names(build_definitions(load_workspace(other, environ={})))

    assert not [name for name in names if name.startswith("shop")]
    assert key(*CUSTOMERS).to_user_string() not in names
