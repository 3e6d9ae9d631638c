"""Rows that no partition of Dagster shows are told of."""

from datetime import UTC, datetime

import dagster as dg

from export_assets.defs.coverage import judge_coverage
from export_assets.defs.shapes import TableShape
from export_assets.defs.table import TableExport
from export_assets.engine.request import ExportRequest
from export_assets_tests.defs.shop_project import CUSTOMERS, ORDERS, Shop, key, keys_of

PARQUET = key(*ORDERS, "parquet")
COVERAGE = dg.AssetCheckKey(PARQUET, "coverage")


def add_rows_outside(shop: Shop) -> None:
    shop.sql(
        "drop table orders",
        "create table orders (id integer, customer_id integer, ordered_at timestamp, total real)",
    )
    shop.insert(
        "orders",
        [
            (1, 1, None, 1.0),
            (2, 1, None, 1.0),
            (3, 1, "2023-12-31T23:59:59Z", 1.0),
            (4, 1, "2024-01-01T00:00:00Z", 1.0),
        ],
    )


def found_in(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    [found] = [
        one for one in result.get_asset_check_evaluations() if one.asset_check_key == COVERAGE
    ]
    return found


def test_a_run_without_a_partition_publishes_every_row_and_tells_which_have_no_key(
    shop: Shop,
) -> None:
    add_rows_outside(shop)

    result = shop.run(keys_of(ORDERS))

    found = found_in(result)
    assert result.success
    assert sum(manifest.rows for manifest in shop.manifests().values()) == 4
    assert shop.materialized(PARQUET) == {"2024-01-01"}
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert found.partition is None
    assert found.description == (
        "3 rows published outside Dagster's partitions: "
        "2 without a time, 1 before the first partition"
    )
    assert {name: figure.value for name, figure in found.metadata.items()} == {
        "rows_outside": 3,
        "rows_undated": 2,
        "rows_before_first": 1,
        "rows_after_last": 0,
        "partitions_outside": 2,
        "partitions": "2023-12-31, __HIVE_DEFAULT_PARTITION__",
    }


def test_it_speaks_of_the_newest_materialization(shop: Shop) -> None:
    add_rows_outside(shop)

    result = shop.run(keys_of(ORDERS))

    [newest] = shop.instance.fetch_materializations(PARQUET, limit=1).records
    target = found_in(result).target_materialization_data
    assert target is not None
    assert target.storage_id == newest.storage_id


def test_a_run_of_one_partition_and_of_a_range_tells_what_others_have_published(
    shop: Shop,
) -> None:
    add_rows_outside(shop)
    before = shop.run(keys_of(ORDERS), partition="2024-01-01")
    shop.command_line(ExportRequest(tables=("orders",)))

    one = shop.run(keys_of(ORDERS), partition="2024-01-01")
    several = shop.run(keys_of(ORDERS), span=("2024-01-01", "2024-01-03"))

    assert found_in(before).passed
    assert not found_in(one).passed
    assert not found_in(several).passed


def test_it_runs_alone(shop: Shop) -> None:
    add_rows_outside(shop)
    shop.command_line(ExportRequest(tables=("orders",)))

    result = shop.run_checks(dg.AssetSelection.checks(COVERAGE))

    assert found_in(result).metadata["rows_outside"].value == 3


def test_a_table_without_partitions_has_no_such_check(shop: Shop) -> None:
    keys = shop.definitions.resolve_asset_graph().asset_check_keys

    assert COVERAGE in keys
    assert dg.AssetCheckKey(key(*CUSTOMERS, "parquet"), "coverage") not in keys


def test_rows_of_the_future_are_outside_until_their_day(shop: Shop) -> None:
    shop.command_line(ExportRequest(tables=("orders",)))
    table = TableExport(
        workspace=shop.workspace,
        configured=shop.workspace.source("shop"),
        shape=TableShape(name="orders"),
    )

    early = judge_coverage(table, "csv", now=datetime(2024, 1, 28, 12, tzinfo=UTC))
    late = judge_coverage(table, "csv", now=datetime(2024, 1, 30, tzinfo=UTC))

    assert early.says == "6 rows published outside Dagster's partitions: 6 after the last"
    assert late.passed
    assert late.says == "every published row is in one of Dagster's partitions"


def test_a_damaged_manifest_is_told_of(shop: Shop) -> None:
    add_rows_outside(shop)
    shop.command_line(ExportRequest(tables=("orders",)))
    [manifest] = shop.home.glob("exports/shop/orders/parquet/day=2023-12-31/_manifest.json")
    manifest.write_text("{", encoding="utf-8")

    result = shop.run_checks(dg.AssetSelection.checks(COVERAGE))

    assert not found_in(result).passed
    assert "not a valid manifest" in str(found_in(result).description)
