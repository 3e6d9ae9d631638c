"""Checks in Dagster: with every materialization, per partition, and alone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from export_assets.defs.freshness import judge_freshness
from export_assets.defs.shapes import TableShape
from export_assets.defs.table import TableExport
from export_assets.engine.request import ExportRequest
from export_assets_tests.defs.shop_project import (
    CUSTOMERS,
    ORDERS,
    SHOP,
    Shop,
    failures,
    key,
    keys_of,
)

PARQUET = key(*ORDERS, "parquet")
MONTH = ("2024-01-01", "2024-01-30")
ALONE = dg.AssetSelection.checks


def outcomes(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {one.check_name: one.passed for one in result.get_asset_check_evaluations()}


def find(
    result: dg.ExecuteInProcessResult, name: str, fmt: str = "parquet"
) -> dg.AssetCheckEvaluation:
    [found] = [
        one
        for one in result.get_asset_check_evaluations()
        if one.check_name == name and one.asset_key.path[-1] == fmt
    ]
    return found


def listed(evaluation: dg.AssetCheckEvaluation, name: str) -> list[dict[str, object]]:
    table = evaluation.metadata[name]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


@pytest.fixture
def beats(tmp_path: Path) -> Iterator[Shop]:
    yaml = SHOP.replace(
        "    checks:",
        "    cadence: {column: ordered_at, minutes: 60}\n    monotone: [total]\n    checks:",
    )
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield Shop(tmp_path / "project", instance=instance, yaml=yaml)


def test_all_checks_of_sound_data_pass(shop: Shop) -> None:
    shop.run(keys_of(CUSTOMERS))

    result = shop.run(keys_of(ORDERS), partition="2024-01-05")

    assert outcomes(result) == dict.fromkeys(
        (
            "schema",
            "contract",
            "completeness",
            "integrity",
            "row_count",
            "volume",
            "coverage",
            "privacy",
            "customer_id_to_customers",
        ),
        True,
    )


def test_every_partition_of_a_range_has_evaluations_that_are_current(shop: Shop) -> None:
    result = shop.run(keys_of(ORDERS), span=MONTH)

    evaluations = [
        one for one in result.get_asset_check_evaluations() if one.check_name == "contract"
    ]
    assert len(evaluations) == 60
    records = shop.instance.fetch_materializations(PARQUET, limit=100).records
    newest = {record.partition_key: record.storage_id for record in records}
    for one in evaluations:
        if one.asset_key == PARQUET:
            assert one.target_materialization_data is not None
            assert one.target_materialization_data.storage_id == newest[one.partition]


def test_a_bad_partition_of_a_range_shows_its_rule_and_counts_and_no_value(shop: Shop) -> None:
    shop.sql("update orders set total = -7654321 where id = 6")

    result = shop.run(keys_of(ORDERS), span=MONTH)

    broken = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert {(one.check_name, one.partition) for one in broken} == {("contract", "2024-01-07")}
    assert broken[0].blocking
    assert broken[0].description == "1 row breaks 'total >= 0'"
    assert listed(broken[0], "failing_rows") == [
        {"rule": "total >= 0", "column": "total", "row": 1, "key": "id 6"}
    ]
    assert "7654321" not in str(result.all_events)


def test_alone_rows_are_compared_with_what_the_run_compared_them_with(shop: Shop) -> None:
    span = ("2024-01-05", "2024-01-06")
    shop.run([PARQUET], span=span)
    shop.sql("delete from orders where id in (4, 34)")
    shop.run([PARQUET], span=span)
    selection = dg.AssetSelection.checks(dg.AssetCheckKey(PARQUET, "row_count"))

    fewer, same = (find(shop.run_checks(selection, partition=day), "row_count") for day in span)

    assert (fewer.passed, fewer.description) == (False, "1 row, 3 before (-67%)")
    assert (same.passed, same.description) == (True, "3 rows, 3 before (+0%)")
    shop.command_line(ExportRequest(tables=("orders",), overwrite=True))
    unknown = find(shop.run_checks(selection, partition=span[0]), "row_count")
    assert unknown.description == "1 row, nothing to compare with"


def test_a_reference_to_a_personal_column_is_told_by_its_row(shop: Shop) -> None:
    shop.write_yaml(SHOP.replace("customer_id, to: customers.id", "buyer, to: customers.email"))
    shop.sql(
        "alter table customers add column email text",
        "alter table orders add column buyer text",
        "update orders set buyer = 'ann@example.org'",
    )
    shop.run(keys_of(CUSTOMERS))

    result = shop.run(keys_of(ORDERS), partition="2024-01-05")

    assert listed(find(result, "buyer_to_customers"), "dangling") == [
        {"row": number} for number in (1, 2, 3)
    ]
    assert "ann@example.org" not in str(result.all_events)


def test_references_may_be_bytes_that_are_no_text(shop: Shop) -> None:
    shop.write_yaml(SHOP.replace("customer_id, to: customers.id", "buyer, to: customers.code"))
    shop.sql(
        "alter table customers add column code blob",
        "alter table orders add column buyer blob",
        "update customers set code = x'ff01'",
        "update orders set buyer = x'ff01'",
        "update orders set buyer = x'fe' where id = 34",
    )
    shop.run(keys_of(CUSTOMERS))

    result = shop.run(keys_of(ORDERS), partition="2024-01-05")

    found = find(result, "buyer_to_customers")
    assert result.success
    assert found.description == "1 of 3 rows refers to no customers.code"
    assert listed(found, "dangling") == [{"key": "fe", "rows": 1}]


def test_a_rule_that_warns_publishes_and_passes_with_a_count(shop: Shop) -> None:
    shop.write_yaml(SHOP.replace("ge: 0}", "ge: 0, severity: warn}"))
    shop.sql("update orders set total = -1 where id = 6")

    result = shop.run(keys_of(ORDERS), partition="2024-01-07")

    assert result.success
    assert find(result, "contract").passed
    assert find(result, "contract").metadata["failures"].value == 1


def test_what_depends_on_a_failed_export_does_not_run(shop: Shop) -> None:
    shop.sql("update orders set total = -1 where id = 6")
    ran: list[str] = []

    @dg.asset(
        deps=[PARQUET], partitions_def=dg.DailyPartitionsDefinition("2024-01-01", end_offset=1)
    )
    def report() -> None:
        ran.append("report")

    shop.definitions = dg.Definitions.merge(shop.definitions, dg.Definitions(assets=[report]))
    result = shop.run([*keys_of(ORDERS), report.key], partition="2024-01-07")

    assert not result.success
    assert not ran


def test_one_changed_file_of_a_range_stops_what_depends_on_it(shop: Shop) -> None:
    span = ("2024-01-05", "2024-01-07")
    shop.run(keys_of(ORDERS, ["csv"]), span=span)
    [part] = shop.home.glob("exports/shop/orders/csv/day=2024-01-06/part-*")
    part.write_bytes(part.read_bytes().replace(b"5.0", b"6.0"))
    ran: list[str] = []

    @dg.asset(
        deps=[key(*ORDERS, "csv")],
        partitions_def=dg.DailyPartitionsDefinition("2024-01-01", end_offset=1),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def report() -> None:
        ran.append("report")

    shop.definitions = dg.Definitions.merge(shop.definitions, dg.Definitions(assets=[report]))
    result = shop.run([*keys_of(ORDERS, ["csv"]), report.key], span=span)

    broken = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert {(one.check_name, one.partition) for one in broken} == {("integrity", "2024-01-06")}
    assert not result.success
    assert not ran


def test_a_relation_that_finds_no_parent_warns_with_a_count(shop: Shop) -> None:
    shop.sql("update orders set customer_id = 99 where id in (4, 34)")

    result = shop.run([*keys_of(ORDERS), *keys_of(CUSTOMERS)], partition="2024-01-05")

    found = find(result, "customer_id_to_customers")
    assert result.success
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert found.metadata["orphans"].value == 2
    assert listed(found, "dangling") == [{"key": "99", "rows": 2}]


def test_a_relation_waits_for_its_parent_and_compares_once_it_is_published(shop: Shop) -> None:
    shop.sql("update orders set customer_id = 99 where id in (4, 34)")

    early = shop.run(keys_of(ORDERS), partition="2024-01-05")
    shop.run(keys_of(CUSTOMERS))
    late = shop.run(keys_of(ORDERS), partition="2024-01-05")

    found = find(early, "customer_id_to_customers")
    assert found.passed
    assert found.description == "not compared: customers is not published yet"
    assert not find(late, "customer_id_to_customers").passed


def test_losing_most_rows_warns(shop: Shop) -> None:
    shop.run(keys_of(ORDERS), partition="2024-01-05")
    shop.sql("delete from orders where id in (4, 34)")

    result = shop.run(keys_of(ORDERS), partition="2024-01-05")

    found = find(result, "row_count")
    assert result.success
    assert not found.passed
    assert found.description == "1 row, 3 before (-67%)"


def test_silences_and_falls_of_a_series_warn(beats: Shop) -> None:
    beats.sql("update orders set total = 1 where id = 34")

    result = beats.run(keys_of(ORDERS), partition="2024-01-05")

    assert result.success
    assert not find(result, "gaps").passed
    assert find(result, "gaps").metadata["present"].value == 1
    assert not find(result, "monotone").passed
    assert find(result, "monotone").metadata["total_decreases"].value == 1
    assert listed(find(result, "monotone"), "failing_rows") == [{"column": "total", "row": 2}]


def test_a_check_alone_finds_a_changed_file(shop: Shop) -> None:
    shop.run(keys_of(ORDERS), partition="2024-01-05")
    [part] = shop.home.glob("exports/shop/orders/csv/day=2024-01-05/part-*")
    part.write_bytes(part.read_bytes().replace(b"4.0", b"5.0"))
    checks = ALONE(
        *(dg.AssetCheckKey(key(*ORDERS, "csv"), name) for name in ("integrity", "completeness"))
    )

    result = shop.run_checks(checks, partition="2024-01-05")

    assert outcomes(result) == {"integrity": False, "completeness": False}
    [column] = listed(find(result, "completeness", "csv"), "different_columns")
    assert column["column"] == "total"
    assert listed(find(result, "integrity", "csv"), "different_files") == [
        {"file": part.name, "what": "sha256"}
    ]
    assert not shop.events(PARQUET)[1:]


def test_every_check_alone_passes_over_sound_files_and_exports_nothing(beats: Shop) -> None:
    beats.run(keys_of(CUSTOMERS))
    beats.run(keys_of(ORDERS), partition="2024-01-05")
    before = len(beats.events(PARQUET))

    result = beats.run_checks(
        dg.AssetSelection.checks_for_assets(*keys_of(ORDERS)), partition="2024-01-05"
    )

    found = outcomes(result)
    assert found.pop("gaps") is False
    assert len(found) == 10
    assert all(found.values())
    assert len(beats.events(PARQUET)) == before


def test_a_check_of_what_is_not_published_says_so(shop: Shop) -> None:
    result = shop.run_checks(ALONE(dg.AssetCheckKey(PARQUET, "schema")), partition="2024-01-05")

    assert find(result, "schema").description == "nothing is published"
    assert not find(result, "schema").passed


def test_files_of_another_configuration_fail_the_schema_check(shop: Shop) -> None:
    shop.run(keys_of(ORDERS), partition="2024-01-05")
    shop.write_yaml(
        SHOP.replace("    checks:", "    exclude_columns: [total]\n    checks:").replace(
            "[{column: total, ge: 0}]", "[{column: id, ge: 0}]"
        )
    )
    changed = shop.reopened()

    result = changed.run_checks(ALONE(dg.AssetCheckKey(PARQUET, "schema")), partition="2024-01-05")

    assert find(result, "schema").description == (
        "published under another configuration; export it again"
    )


def test_a_failed_blocking_check_names_the_partition(shop: Shop) -> None:
    shop.sql("update orders set total = -1 where id = 6")

    result = shop.run(keys_of(ORDERS), partition="2024-01-07")

    assert "2024-01-07" in failures(result)[0]


def test_a_table_is_fresh_until_its_hours_are_over(shop: Shop) -> None:
    shop.write_yaml(SHOP + "freshness: 2\n")
    shop.command_line(ExportRequest(tables=("customers",)))
    table = TableExport(
        workspace=shop.workspace,
        configured=shop.workspace.source("shop"),
        shape=TableShape(name="customers"),
    )
    now = datetime.now(UTC)

    fresh = judge_freshness(shop.instance, table, "csv", now=now + timedelta(hours=1.9))
    stale = judge_freshness(shop.instance, table, "csv", now=now + timedelta(hours=2.1))

    assert fresh.passed
    assert not stale.passed
    assert stale.says == "2.1 hours old, 2 are allowed"


def test_one_of_a_thing_is_not_told_as_several(shop: Shop) -> None:
    shop.sql("delete from orders where id <> 4")
    shop.write_yaml(SHOP + "freshness: 1\n")
    shop.run(keys_of(CUSTOMERS))

    result = shop.run(keys_of(ORDERS), partition="2024-01-05")

    assert find(result, "completeness").description == "1 row in, all written"
    assert find(result, "row_count").description == "1 row, nothing to compare with"
    assert str(find(result, "freshness").description).endswith("hours old, 1 is allowed")
    assert find(result, "customer_id_to_customers").description == (
        "0 of 1 row refers to no customers.id"
    )


def test_partitions_are_as_old_as_their_windows(shop: Shop) -> None:
    shop.write_yaml(SHOP + "freshness: 2\n")
    shop.run(keys_of(ORDERS), span=MONTH)

    result = shop.run_checks(ALONE(dg.AssetCheckKey(PARQUET, "freshness")))

    assert not find(result, "freshness").passed
