"""How partitions are spread over runs, and what becomes of those that fail."""

import random
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.automation_tick_evaluation_context import (
    build_run_requests_with_backfill_policies,
)
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from export_assets_tests.defs.shop_project import ORDERS, SHOP, Shop, failures, key, keys_of
from export_assets_tests.effort import SOAK, effort
from export_assets_tests.proof.plugin import Proven

APART = (
    SHOP.replace("    checks:", "    backfill: {partitions_per_run: 3}\n    checks:")
    + "pool: servers\nbackfill: {partitions_per_run: 1}\n"
)
MIXED = SHOP.replace(
    '  "*": {}\n',
    "  customers: {partition_by: {column: joined_at, every: month, start: 2024-01-01}}\n"
    "  visits: {partition_by: {column: at, every: month, start: 2024-01-01}}\n"
    "  items: {}\n",
)
SPAN = ("2024-01-05", "2024-01-08")
DAYS = effort(20, soak=500)
SEED = 20260711


def failed(shop: Shop, asset: dg.AssetKey) -> list[str]:
    """Return the partitions that Dagster's *Failed* chooses."""
    slices = shop.definitions.resolve_asset_graph().get(asset).partitions_def
    known = get_and_update_asset_status_cache_value(shop.instance, asset, slices)
    assert known is not None
    assert slices is not None
    return sorted(known.deserialize_failed_partition_subsets(slices).get_partition_keys())


def test_a_failed_partition_is_shown_and_retried_alone(shop: Shop) -> None:
    shop.sql("update orders set total = -1 where id = 6")
    csv = key(*ORDERS, "csv")

    first = shop.run(keys_of(ORDERS), span=SPAN)
    left = failed(shop, csv)
    published = {name: one.generation for name, one in shop.manifests(fmt="csv").items()}
    shop.sql("update orders set total = 1 where id = 6")
    again = shop.run(keys_of(ORDERS), partition=left[0])

    assert not first.success
    assert "2 of 8 failed" in failures(first)[0]
    assert left == ["2024-01-07"]
    assert len(published) == 3
    assert again.success
    assert failed(shop, csv) == []
    assert len(shop.materialized(csv)) == 4
    after = {name: one.generation for name, one in shop.manifests(fmt="csv").items()}
    assert {name: after[name] for name in published} == published


@pytest.mark.suite("failing-backfill")
@pytest.mark.timeout(3600 if SOAK else 300)
def test_a_tenth_that_failed_is_all_that_is_run_again(shop: Shop, proven: Proven) -> None:
    first_day = datetime.now(UTC).date() - timedelta(days=DAYS + 2)
    days = [f"{first_day + timedelta(days=number)}" for number in range(DAYS)]
    # A tenth, two by two: a run for each day takes a second.
    starts = random.Random(SEED).sample(range(0, DAYS, 2), DAYS // 20)
    guilty = [day for start in sorted(starts) for day in days[start : start + 2]]
    shop.write_yaml(SHOP.replace("[parquet, csv]", "[parquet]").replace("2024-01-01", days[0]))
    shop.sql("delete from orders")
    shop.insert(
        "orders",
        [(n, 1, f"{day}T10:00:00Z", -1.0 if day in guilty else 1.0) for n, day in enumerate(days)],
    )
    shop, parquet = shop.reopened(), key(*ORDERS, "parquet")

    first = [shop.run([parquet], span=one) for one in requested(shop, parquet, days)]
    left, published = failed(shop, parquet), tree(shop)
    shop.sql("update orders set total = 1")
    again = requested(shop, parquet, left)
    for one in again:
        assert shop.run([parquet], span=one).success, f"seed {SEED}"

    executed = [day for one in again for day in days if one[0] <= day <= one[1]]
    after = tree(shop)
    assert not any(one.success for one in first)
    assert left == executed == guilty, f"seed {SEED}"
    assert failed(shop, parquet) == []
    assert published.items() <= after.items()
    assert len(shop.manifests()) == len(shop.materialized(parquet)) == DAYS
    assert len(shop.events(parquet)) == DAYS
    proven(
        DAYS,
        "partitions of a backfill of Dagster",
        f"{len(left)} failed; {len(executed)} were run again, the rest unchanged",
    )


def requested(shop: Shop, asset: dg.AssetKey, days: list[str]) -> list[tuple[str, str]]:
    """Return the stretches that a backfill of *days* runs."""
    requests = build_run_requests_with_backfill_policies(
        {AssetKeyPartitionKey(asset, day) for day in days},
        shop.definitions.resolve_asset_graph(),
        shop.instance,
    )
    ends = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    return sorted((one.tags[ends[0]], one.tags[ends[1]]) for one in requests)


def tree(shop: Shop) -> dict[str, tuple[bytes, int]]:
    """Every published file, with its bytes and its time of change."""
    root = shop.home / "exports" / "shop" / "orders"
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in root.rglob("day=*/*")
        if path.is_file()
    }


def test_only_the_guilty_check_of_a_failed_partition_is_shown_as_failed(shop: Shop) -> None:
    shop.run(keys_of(ORDERS), partition="2024-01-06")
    shop.sql("update orders set total = -1 where id in (5, 6)")
    names = ("contract", "schema", "completeness", "integrity", "row_count")

    result = shop.run(keys_of(ORDERS), span=SPAN)
    alone = shop.run(keys_of(ORDERS), partition="2024-01-07")

    shown = shop.instance.event_log_storage.get_asset_check_partition_info(
        [dg.AssetCheckKey(key(*ORDERS, "csv"), name) for name in names],
        partition_keys=["2024-01-06", "2024-01-07"],
    )
    guilty = {one.check_key.name for one in shown if one.latest_execution_status.value == "FAILED"}
    fine = {one.check_key.name for one in shown if one.latest_execution_status.value == "SUCCEEDED"}
    said = {
        (one.partition, one.check_name): one.description
        for one in result.get_asset_check_evaluations()
    }
    assert guilty == {"contract"}
    assert fine == {"schema", "completeness", "integrity", "row_count"}
    assert said["2024-01-06", "integrity"] == "of what is still published: files are as recorded"
    assert said["2024-01-07", "integrity"] == "nothing is published of this partition yet"
    assert not alone.success


def test_a_backfill_is_one_run_or_as_many_as_configured(shop: Shop) -> None:
    wanted = {
        AssetKeyPartitionKey(asset, f"2024-01-{day:02d}")
        for asset in keys_of(ORDERS)
        for day in range(1, 8)
    }

    def spans(definitions: dg.Definitions) -> list[tuple[str, str]]:
        requests = build_run_requests_with_backfill_policies(
            wanted, definitions.resolve_asset_graph(), shop.instance
        )
        ends = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
        return sorted((one.tags[ends[0]][-2:], one.tags[ends[1]][-2:]) for one in requests)

    whole = shop.definitions
    shop.write_yaml(APART)
    apart = shop.reopened().definitions
    shop.write_yaml(APART.replace("pool: servers", "pool: none"))
    anyone = shop.reopened().definitions

    assert spans(whole) == [("01", "07")]
    assert spans(apart) == [("01", "03"), ("04", "06"), ("07", "07")]
    pools = [
        one.resolve_asset_graph().get(key(*ORDERS, "csv")).pools for one in (whole, apart, anyone)
    ]
    assert pools == [{"source_shop"}, {"servers"}, set()]


def test_a_schedule_spreads_partitions_as_a_backfill_does(shop: Shop) -> None:
    shop.write_yaml(APART + "every_hours: 120\n")
    again = shop.reopened()
    schedule = again.definitions.resolve_schedule_def("shop_schedule")
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2024, 2, 12, tzinfo=UTC),
        repository_def=again.definitions.get_repository_def(),
    )

    requests = schedule.evaluate_tick(context).run_requests or []

    orders = [one for one in requests if one.asset_selection == keys_of(ORDERS)]
    starts = [one.tags.get("dagster/asset_partition_range_start") for one in orders]
    assert starts == ["2024-02-07", "2024-02-10"]
    assert len({one.run_key for one in requests}) == len(requests)


def test_tables_of_other_slices_have_a_job_and_a_schedule_of_their_own(shop: Shop) -> None:
    shop.sql(
        "alter table customers add column joined_at timestamp default '2024-01-05T00:00:00Z'",
        "create table visits (id integer, at timestamp)",
        "create table items (id integer)",
    )
    shop.write_yaml(MIXED + 'schedule: "0 3 1 * *"\n')
    again = shop.reopened()
    definitions = again.definitions

    dg.Definitions.validate_loadable(definitions)
    jobs = {
        one.name: {asset.path[1] for asset in one.asset_layer.executable_asset_keys}
        for one in definitions.resolve_all_job_defs()
        if one.name.startswith("export_shop")
    }
    schedule = definitions.resolve_schedule_def("shop_customers_schedule")
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2024, 2, 1, 3, tzinfo=UTC),
        repository_def=definitions.get_repository_def(),
    )
    [request] = schedule.evaluate_tick(context).run_requests or []

    assert jobs == {
        "export_shop": {"orders", "items"},
        "export_shop_customers": {"customers", "visits"},
    }
    assert request.partition_key == "2024-01"
    assert {one.path[1] for one in request.asset_selection or ()} == {"customers", "visits"}
    result = definitions.resolve_job_def("export_shop_customers").execute_in_process(
        instance=shop.instance, raise_on_error=False
    )
    assert result.success
    assert set(again.manifests("customers")) == {"2024-01"}
