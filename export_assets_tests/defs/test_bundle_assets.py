"""Bundles in Dagster: materialized by id, checked, and reported when published without it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from export_assets.engine.bundle import Bundler, BundleReport
from export_assets.engine.bundle_request import BundleRequest
from export_assets.engine.request import Run
from export_assets_tests.defs.shop_project import QUIET, SHOP, Shop, failures, key

BUNDLES = key("shop", "bundles", "customers")
PARTITIONS = "shop_customers_bundles"
YAML = SHOP + "bundles: {customers: {formats: [csv]}}\n"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with dg.instance_for_test() as instance:
        yield Shop(tmp_path, instance, yaml=YAML)


def materialize(shop: Shop, one: str, *, overwrite: bool = False) -> dg.ExecuteInProcessResult:
    shop.instance.add_dynamic_partitions(PARTITIONS, [one])
    job = shop.definitions.resolve_implicit_job_def_def_for_assets([BUNDLES])
    assert job is not None
    config: dict[str, object] = dict(QUIET)
    if overwrite:
        config["ops"] = {"bundle__shop__customers": {"config": {"overwrite": True}}}
    return job.execute_in_process(
        instance=shop.instance,
        partition_key=one,
        run_config=config,
        raise_on_error=False,
        asset_selection=[BUNDLES],
    )


def by_hand(shop: Shop, *ids: str, run_id: str = "by-hand") -> BundleReport:
    return Bundler(
        workspace=shop.workspace,
        source=shop.workspace.source("shop"),
        request=BundleRequest(table="customers", ids=ids, formats=("csv",)),
        run=Run(id=run_id, now=datetime.now(UTC)),
    ).export()


def tick(shop: Shop, cursor: str | None = None) -> dg.SensorResult:
    sensor = shop.definitions.resolve_sensor_def("published_elsewhere")
    context = dg.build_sensor_context(
        instance=shop.instance, cursor=cursor, definitions=shop.definitions
    )
    result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    for request in result.dynamic_partitions_requests or ():
        assert isinstance(request, dg.AddDynamicPartitionsRequest)
        shop.instance.add_dynamic_partitions(
            request.partitions_def_name, list(request.partition_keys)
        )
    for event in result.asset_events:
        assert isinstance(event, dg.AssetMaterialization)
        shop.instance.report_runless_asset_event(event)
    return result


def bundles_of(result: dg.SensorResult) -> list[str | None]:
    return [event.partition for event in result.asset_events if event.asset_key == BUNDLES]


def test_a_partition_is_the_row_of_that_id_with_all_that_hangs_on_it(shop: Shop) -> None:
    result = materialize(shop, "3")

    assert result.success, failures(result)
    [event] = shop.events(BUNDLES)
    assert event.partition == "3"
    assert event.metadata["tables"].value == {"customers": 1, "orders": 18}
    assert event.metadata["dagster/partition_row_count"].value == 19
    path = Path(str(event.metadata["path"].value))
    assert sorted(one.name for one in path.iterdir()) == [
        "_manifest.json",
        "bundle.json",
        "customers.csv",
        "orders.csv",
    ]
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("bundle", True)


def test_an_id_that_no_row_has_fails_with_one_clear_line(shop: Shop) -> None:
    result = materialize(shop, "99")

    assert not result.success
    assert failures(result) == ["customers: no row has id in: 99"]
    assert not shop.events(BUNDLES)


def test_the_check_finds_a_flipped_byte(shop: Shop) -> None:
    materialize(shop, "3")
    [event] = shop.events(BUNDLES)
    tree = Path(str(event.metadata["path"].value)) / "bundle.json"
    tree.write_bytes(tree.read_bytes().replace(b"customer 3", b"customer 4"))

    result = shop.run_checks(dg.AssetSelection.checks_for_assets(BUNDLES), partition="3")

    assert not result.success
    [check] = result.get_asset_check_evaluations()
    assert not check.passed
    assert "bundle.json" in (check.description or "")


def test_bundles_made_by_hand_become_partitions_and_are_reported_once(shop: Shop) -> None:
    by_hand(shop, "1")
    by_hand(shop, "2")
    by_hand(shop, "1", "2")

    first = tick(shop)
    second = tick(shop, first.cursor)
    lost = tick(shop)

    assert sorted(map(str, bundles_of(first))) == ["1", "2"]
    assert sorted(shop.instance.get_dynamic_partitions(PARTITIONS)) == ["1", "2"]
    assert not bundles_of(second)
    assert not bundles_of(lost)


def test_a_later_generation_is_reported_alone(shop: Shop) -> None:
    by_hand(shop, "1")
    by_hand(shop, "2")
    cursor = tick(shop).cursor
    shop.sql("update orders set total = 1000 where customer_id = 2")
    by_hand(shop, "1", run_id="again")
    by_hand(shop, "2", run_id="again")

    assert bundles_of(tick(shop, cursor)) == ["2"]


def test_what_dagster_published_itself_is_not_reported(shop: Shop) -> None:
    materialize(shop, "4")

    assert not bundles_of(tick(shop))


def test_only_configured_roots_are_assets(shop: Shop) -> None:
    keys = {one.to_user_string() for one in shop.definitions.resolve_all_asset_keys()}

    assert {one for one in keys if one.startswith("shop/bundles/")} == {"shop/bundles/customers"}
    assert shop.definitions.get_assets_def(BUNDLES).partitions_def == (
        dg.DynamicPartitionsDefinition(name=PARTITIONS)
    )


def test_a_published_bundle_does_not_hide_the_columns_of_its_table(shop: Shop) -> None:
    by_hand(shop, "1")

    spec = shop.reopened().definitions.get_assets_def(key("shop", "customers", "csv"))

    schema = spec.specs_by_key[key("shop", "customers", "csv")].metadata["dagster/column_schema"]
    assert [column.name for column in schema.columns] == ["id", "name"]
