"""A database nobody prepared becomes assets, checks and schedules without a line of Python."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from export_assets.cli.app import main
from export_assets_tests.defs.shop_project import Shop, failures, key, keys_of

MAKE_SHOP = Path(__file__).parents[2] / "examples" / "make_shop.py"
ORDERS, PRODUCTS = ("shop", "orders"), ("shop", "products")
DAY = "2026-01-05"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """The example's database, described by `init` and two lines of a person."""
    subprocess.run([sys.executable, MAKE_SHOP, tmp_path / "shop.db"], check=True)
    assert main(["init", str(tmp_path / "shop.db"), "--home", str(tmp_path), "--quiet"]) == 0
    made = object.__new__(Shop)
    made.home = tmp_path
    made.yaml = (tmp_path / "sources" / "shop.yaml").read_text(encoding="utf-8")
    made.write_yaml(made.yaml.replace("# relations:", "relations:").replace("#   - {", "  - {"))
    add(made, 'schedule: "0 6 * * *"', "freshness: 26")
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as made.instance:
        yield made


def add(shop: Shop, *lines: str) -> None:
    with (shop.home / "sources" / "shop.yaml").open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def results(run: dg.ExecuteInProcessResult, name: str) -> list[tuple[bool, str | None]]:
    """Outcome and description of the check called *name* in every asset."""
    return [
        (one.passed, one.description)
        for one in run.get_asset_check_evaluations()
        if one.check_name == name
    ]


def test_everything_follows_from_the_file(shop: Shop) -> None:
    repository = shop.definitions.get_repository_def()
    graph = shop.definitions.resolve_asset_graph()

    keys = {asset for asset in graph.get_all_asset_keys() if asset.path[0] == "shop"}
    tables = ("customers", "order_items", "orders", "products")
    assert {asset for asset in keys if len(asset.path) == 3} == {
        one for table in tables for one in keys_of(("shop", table))
    }
    assert {asset for asset in keys if len(asset.path) == 2} == {
        key("shop", table) for table in tables
    }
    assert all(graph.get(key("shop", table)).is_observable for table in tables)
    partitions = graph.get(key(*ORDERS, "csv")).partitions_def
    assert isinstance(partitions, dg.TimeWindowPartitionsDefinition)
    assert partitions.start.date() == date(2026, 1, 1)
    assert graph.get(key(*PRODUCTS, "csv")).partitions_def is None
    checks = {
        one.name for one in graph.asset_check_keys if one.asset_key == key(*ORDERS, "parquet")
    }
    assert {"schema", "contract", "completeness", "integrity", "freshness"} <= checks
    assert "customer_id_to_customers" in checks
    schedules = {one.name: one for one in repository.schedule_defs}
    assert schedules["shop_schedule"].cron_schedule == "0 6 * * *"
    assert schedules["shop_schedule"].default_status is dg.DefaultScheduleStatus.RUNNING
    assert "shop_freshness" in schedules
    assert "shop_changes" in {one.name for one in repository.sensor_defs}


def test_one_partition_is_materialized_and_checked(shop: Shop) -> None:
    run = shop.run(keys_of(ORDERS), partition=DAY)

    assert run.success
    assert shop.materialized(key(*ORDERS, "csv")) == {DAY}
    assert shop.manifests()[DAY].rows == 110
    assert all(passed for passed, _ in results(run, "schema"))


def test_a_new_column_is_published_and_shows_at_the_check(shop: Shop) -> None:
    shop.run(keys_of(PRODUCTS))
    again = shop.reopened()
    _ = again.definitions
    shop.sql("alter table products add column weight real")

    run = again.run(keys_of(PRODUCTS))

    assert run.success
    [(passed, says), _] = results(run, "schema")
    assert passed
    assert says == "4 columns as promised; changed since these definitions were loaded: weight"


def test_a_lost_column_fails_the_run_and_the_check_until_it_is_agreed_to(shop: Shop) -> None:
    shop.run(keys_of(PRODUCTS))
    shop.sql("alter table products drop column price")

    refused = shop.reopened().run(keys_of(PRODUCTS))
    before = shop.manifests("products")["all"]
    add(shop, "drift: warn")
    agreed = shop.reopened().run(keys_of(PRODUCTS))

    assert not refused.success
    assert "shop/products: column price is gone" in failures(refused)[0]
    assert {passed for passed, _ in results(refused, "schema")} == {False}
    assert "price" in [column.name for column in before.columns]
    assert agreed.success, failures(agreed)
    after = shop.manifests("products")["all"]
    assert [column.name for column in after.columns] == ["id", "name"]


def test_an_orphan_is_a_warning_of_the_relation(shop: Shop) -> None:
    with closing(sqlite3.connect(shop.home / "shop.db")) as connection, connection:
        connection.execute("update orders set customer_id = 9999 where id = 500")

    shop.run(keys_of(("shop", "customers")))
    run = shop.run(keys_of(ORDERS), partition=DAY)

    assert [passed for passed, _ in results(run, "customer_id_to_customers")] == [False]
    assert run.success
