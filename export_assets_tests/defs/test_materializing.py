"""Materializing exports through Dagster publishes what the command line would publish."""

import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from export_assets.defs import relations, reporting
from export_assets.engine.request import ExportRequest
from export_assets_tests.defs.shop_project import (
    CUSTOMERS,
    ORDERS,
    QUIET,
    SHOP,
    Shop,
    failures,
    key,
    keys_of,
)

PARQUET = key(*ORDERS, "parquet")
CSV = key(*ORDERS, "csv")
MONTH = ("2024-01-01", "2024-01-30")


def files_below(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("part-*"))
        if not any(part.startswith(".") for part in path.relative_to(root).parts)
    }


def test_one_partition_is_byte_for_byte_that_of_the_command_line(
    shop: Shop, tmp_path: Path
) -> None:
    other = Shop(tmp_path / "other", instance=shop.instance)
    other.command_line(ExportRequest(tables=("orders",), partitions=("2024-01-05",)))

    result = shop.run(keys_of(ORDERS), partition="2024-01-05")

    assert result.success
    files = files_below(shop.home / "exports")
    assert len(files) == 2
    assert files == files_below(other.home / "exports")


def test_a_range_is_one_read_and_as_many_events_as_partitions(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    monkeypatch.setattr("export_assets.engine.table_run.read_table", _counting(reads))

    result = shop.run(keys_of(ORDERS), span=MONTH)

    assert result.success
    assert reads == ["orders"]
    assert len(shop.manifests()) == len(shop.manifests(fmt="csv")) == 30
    assert len(shop.materialized(PARQUET)) == len(shop.materialized(CSV)) == 30
    assert len(shop.events(PARQUET)) == 30


def _counting(reads: list[str]) -> object:
    from export_assets.engine.table_pass import read_table

    def counted(*args: object, **kwargs: object) -> object:
        reads.append(args[0].name)  # type: ignore[attr-defined]  # the plan
        return read_table(*args, **kwargs)  # type: ignore[arg-type]  # passed on as it came

    return counted


def test_every_partition_of_a_range_has_its_own_figures(shop: Shop) -> None:
    shop.run(keys_of(ORDERS), span=MONTH)

    manifests = shop.manifests()
    for event in shop.events(PARQUET):
        assert event.partition is not None
        manifest, metadata = manifests[event.partition], event.metadata
        assert metadata["dagster/partition_row_count"].value == manifest.rows == 3
        assert metadata["sha256"].value == manifest.files[0].sha256
        assert metadata["run_id"].value == manifest.run_id
        assert metadata["generation"].value == 1
        assert str(metadata["path"].value).endswith(f"orders/parquet/day={event.partition}")


def test_a_materialization_shows_schema_and_lineage_and_no_value(shop: Shop) -> None:
    shop.run(keys_of(CUSTOMERS))

    [event] = shop.events(key(*CUSTOMERS, "parquet"))
    schema = event.metadata["dagster/column_schema"].value
    lineage = event.metadata["dagster/column_lineage"].value
    assert isinstance(schema, dg.TableSchema)
    assert [(column.name, column.type) for column in schema.columns] == [
        ("id", "integer"),
        ("name", "text"),
    ]
    assert schema.columns[0].constraints.unique
    assert isinstance(lineage, dg.TableColumnLineage)
    assert lineage.deps_by_column["name"][0].asset_key == key(*CUSTOMERS)
    assert event.metadata["dagster/row_count"].value == 5
    assert "customer 3" not in str(event)


def test_materializing_again_writes_nothing_and_keeps_the_data_version(shop: Shop) -> None:
    shop.run(keys_of(ORDERS), span=MONTH)
    before = {path: path.stat().st_mtime_ns for path in shop.home.rglob("exports/shop/*/*/*/*")}

    result = shop.run(keys_of(ORDERS), span=MONTH)

    assert result.success
    after = {path: path.stat().st_mtime_ns for path in shop.home.rglob("exports/shop/*/*/*/*")}
    assert after == before
    new, old = shop.events(PARQUET)[:30], shop.events(PARQUET)[30:]
    assert {event.metadata["status"].value for event in new} == {"unchanged"}
    assert _versions(new) == _versions(old)


def _versions(events: list[dg.AssetMaterialization]) -> set[str]:
    return {(event.tags or {})["dagster/data_version"] for event in events}


def test_overwrite_in_the_run_configuration_publishes_again(shop: Shop) -> None:
    shop.run(keys_of(ORDERS), partition="2024-01-05")

    shop.run(keys_of(ORDERS), partition="2024-01-05", overwrite=True)

    assert shop.manifests()["2024-01-05"].generation == 2


def test_only_the_format_selected_is_written(shop: Shop) -> None:
    result = shop.run([CSV], partition="2024-01-05")

    assert result.success
    assert set(shop.manifests(fmt="csv")) == {"2024-01-05"}
    assert not shop.manifests(fmt="parquet")


def test_one_bad_partition_fails_the_run_and_leaves_the_others_materialized(shop: Shop) -> None:
    shop.sql("update orders set total = -1 where id = 6")

    result = shop.run(keys_of(ORDERS), span=MONTH)

    assert not result.success
    [message] = failures(result)
    assert "2 of 60 failed" in message
    assert "shop/orders/parquet/2024-01-07" in message or "orders/parquet/2024-01-07" in message
    assert "\n" not in message
    assert shop.materialized(PARQUET) == shop.materialized(CSV)
    assert len(shop.materialized(PARQUET)) == 29
    assert "2024-01-07" not in shop.materialized(PARQUET)
    assert "2024-01-07" not in shop.manifests()


def test_partitions_reported_by_a_failed_run_are_not_stale(shop: Shop) -> None:
    shop.run([key(*ORDERS)])
    shop.sql("update orders set total = -1 where id = 6")

    shop.run(keys_of(ORDERS), span=MONTH)

    tags = shop.events(PARQUET)[0].tags or {}
    assert tags["dagster/input_data_version/shop/orders"]
    assert tags["dagster/code_version"]


def test_a_row_that_breaks_the_contract_publishes_nothing_and_is_not_tried_again(
    shop: Shop,
) -> None:
    shop.sql("update orders set total = -1 where id = 6")

    result = shop.run(keys_of(ORDERS), partition="2024-01-07")

    assert not result.success
    assert not shop.manifests()
    assert not shop.materialized(PARQUET)
    assert "1 row breaks 'total >= 0'" in failures(result)[0]
    assert not [event for event in result.all_events if event.is_step_up_for_retry]


def test_an_error_that_may_pass_is_tried_again(shop: Shop) -> None:
    shop.write_yaml(SHOP + "busy_timeout: 0\n")
    assert shop.definitions

    with closing(sqlite3.connect(shop.home / "shop.db")) as writer:
        writer.execute("begin exclusive")
        result = shop.run(keys_of(CUSTOMERS))

    assert not result.success
    retries = [event for event in result.all_events if event.is_step_up_for_retry]
    assert len(retries) == 2


def test_an_error_that_stays_is_one_line_and_not_tried_again(shop: Shop) -> None:
    assert shop.definitions
    (shop.home / "shop.db").unlink()

    result = shop.run(keys_of(CUSTOMERS))

    [message] = failures(result)
    assert message.startswith("shop: ")
    assert "\n" not in message
    assert not [event for event in result.all_events if event.is_step_up_for_retry]


def test_all_tables_of_a_run_come_from_one_snapshot(shop: Shop) -> None:
    shop.run([*keys_of(ORDERS), *keys_of(CUSTOMERS)], partition="2024-01-05")

    moments = {manifest.snapshot.taken_at for _, manifest in shop.workspace.store.manifests("shop")}
    assert len(moments) == 1


def test_an_interrupted_run_leaves_nothing_half_written(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_args: object, **_kwargs: object) -> None:
        raise dg.DagsterExecutionInterruptedError

    monkeypatch.setattr("export_assets.engine.table_run.Judge.publish", interrupt)

    result = shop.run(keys_of(ORDERS), span=MONTH)

    assert not result.success
    exports = shop.home / "exports"
    assert not [path for path in exports.rglob("*.tmp") if ".state" not in path.parts]
    assert not shop.manifests()


def test_a_run_without_a_partition_exports_everything_and_reports_what_is_new(shop: Shop) -> None:
    first = shop.run(keys_of(ORDERS))
    shop.sql("update orders set total = 1000 where id = 6")

    second = shop.run(keys_of(ORDERS))

    assert first.success
    assert len(shop.manifests()) == len(shop.materialized(PARQUET)) == 30
    assert second.success
    events = second.get_asset_materialization_events()
    assert {(one.asset_key, one.partition) for one in events} == {
        (asset, "2024-01-07") for asset in keys_of(ORDERS)
    }
    checked = {one.partition for one in second.get_asset_check_evaluations() if one.passed}
    assert "2024-01-07" in checked


def test_a_job_may_mix_tables_with_and_without_partitions(shop: Shop) -> None:
    job = shop.definitions.resolve_job_def("export_shop")

    result = job.execute_in_process(instance=shop.instance, run_config=QUIET)

    assert result.success
    assert len(shop.manifests()) == 30
    assert set(shop.manifests("customers")) == {"all"}


def test_a_long_range_reports_only_what_checks_find_wrong(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "MOST_EVALUATIONS", 100)
    shop.run(keys_of(ORDERS), partition="2024-01-07")
    shop.sql("delete from orders where id in (6, 36)")

    result = shop.run(keys_of(ORDERS), span=MONTH)

    evaluations = result.get_asset_check_evaluations()
    own = [one for one in evaluations if one.partition and "_to_" not in one.check_name]
    assert {(one.check_name, one.partition) for one in own} == {("row_count", "2024-01-07")}
    summaries = {
        event.partition: event.metadata["checks"].value for event in shop.events(PARQUET)[:30]
    }
    assert summaries["2024-01-07"] == "5 passed, failed: row_count"
    assert summaries["2024-01-08"] == "6 passed"


def test_only_what_a_run_writes_counts_towards_a_long_range(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "MOST_EVALUATIONS", 200)

    result = shop.run([PARQUET], span=MONTH)

    evaluations = result.get_asset_check_evaluations()
    schema = [one.partition for one in evaluations if one.check_name == "schema"]
    assert len(schema) == 30


def test_a_run_tells_how_many_partitions_it_changed(shop: Shop) -> None:
    shop.run(keys_of(ORDERS), span=MONTH)
    shop.sql("update orders set total = 1000 where id = 6")

    result = shop.run(keys_of(ORDERS), span=MONTH)

    found = next(
        event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key == PARQUET
    )
    figures = {name: found[name].value for name in ("partitions_changed", "partitions_unchanged")}
    assert figures == {"partitions_changed": 1, "partitions_unchanged": 29}


def test_in_a_long_range_what_was_wrong_and_is_mended_passes_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "MOST_EVALUATIONS", 10)
    monkeypatch.setattr(relations, "MOST_PARTITIONS", 10)
    shop.sql("create table gone as select * from customers", "delete from customers")
    shop.run(keys_of(CUSTOMERS))
    shop.run(keys_of(ORDERS), span=MONTH)
    [part] = shop.home.glob("exports/shop/orders/csv/day=2024-01-07/part-*")
    sound = part.read_bytes()
    checks = dg.AssetSelection.checks(
        dg.AssetCheckKey(key(*ORDERS, "csv"), "integrity"),
        dg.AssetCheckKey(PARQUET, "customer_id_to_customers"),
    )
    part.write_bytes(sound[:-1])
    wrong = shop.run_checks(checks).get_asset_check_evaluations()
    part.write_bytes(sound)
    shop.sql("insert into customers select * from gone", "drop table gone")
    shop.run(keys_of(CUSTOMERS))

    mended = shop.run_checks(checks).get_asset_check_evaluations()

    assert {one.partition for one in wrong if one.check_name == "integrity"} == {"2024-01-07"}
    assert [(one.partition, one.passed) for one in mended if one.check_name == "integrity"] == [
        ("2024-01-07", True)
    ]
    related = [one for one in mended if one.check_name == "customer_id_to_customers"]
    assert {one.passed for one in related} == {True}
    assert len(related) == 30
    assert not shop.run_checks(checks).get_asset_check_evaluations()
