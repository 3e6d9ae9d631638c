"""The sensor that watches a source: it asks for what may have changed, and loses nothing."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from export_assets.defs.changes import keys_to_export, read_cursor, write_cursor
from export_assets.defs.shapes import known_tables
from export_assets.defs.table import TableExport
from export_assets.engine.request import ExportRequest
from export_assets_tests.defs.shop_project import CUSTOMERS, ORDERS, SHOP, Shop, key, keys_of

TODAY = f"{datetime.now(UTC):%Y-%m-%d}"


def tick(shop: Shop, cursor: str | None = None) -> Any:
    sensor = shop.definitions.resolve_sensor_def("shop_changes")
    context = dg.build_sensor_context(
        instance=shop.instance, cursor=cursor, definitions=shop.definitions
    )
    return sensor(context)


def span(request: dg.RunRequest) -> tuple[str | None, str | None]:
    tags = request.tags
    return (
        tags.get("dagster/asset_partition_range_start"),
        tags.get("dagster/asset_partition_range_end"),
    )


def orders(shop: Shop) -> TableExport:
    source = shop.workspace.source("shop")
    [shape] = [one for one in known_tables(shop.workspace, source).tables if one.name == "orders"]
    return TableExport(workspace=shop.workspace, configured=source, shape=shape)


def test_a_first_look_observes_every_table_and_asks_for_everything_once(shop: Shop) -> None:
    result = tick(shop)

    version = shop.workspace.source("shop").source.fingerprint()
    assert {event.asset_key for event in result.asset_events} == {key(*ORDERS), key(*CUSTOMERS)}
    assert {event.tags["dagster/data_version"] for event in result.asset_events} == {version}
    [request] = result.run_requests
    assert set(request.asset_selection) == {*keys_of(CUSTOMERS), *keys_of(ORDERS)}
    assert (request.partition_key, span(request)) == (None, (None, None))
    assert read_cursor(result.cursor) == version


def test_an_unchanged_source_is_skipped(shop: Shop) -> None:
    seen = tick(shop).cursor

    result = tick(shop, seen)

    assert isinstance(result, dg.SkipReason)


def test_a_changed_source_is_asked_for_from_the_last_partition_published(shop: Shop) -> None:
    seen = tick(shop).cursor
    shop.command_line(ExportRequest(tables=("orders",), partitions=(TODAY,)))
    shop.insert("orders", [(1_000, 1, f"{TODAY}T00:00:00Z", 1.0)])

    result = tick(shop, seen)

    [request] = [one for one in result.run_requests if one.asset_selection == keys_of(ORDERS)]
    assert request.partition_key == TODAY


@pytest.mark.parametrize("cursor", ["", "{", "[]", "null", '{"fingerprint": 3}', "\x00"])
def test_a_damaged_cursor_is_a_full_look(shop: Shop, cursor: str) -> None:
    result = tick(shop, cursor)

    assert result.run_requests


def test_a_lost_cursor_asks_for_runs_that_change_nothing(shop: Shop) -> None:
    everything = [*keys_of(CUSTOMERS), *keys_of(ORDERS)]
    shop.run(everything)
    before = shop.manifests()

    [request] = tick(shop, None).run_requests
    shop.run(request.asset_selection)

    assert set(request.asset_selection) == set(everything)
    assert shop.manifests() == before


def test_what_lies_between_the_last_partition_and_today_is_one_run(shop: Shop) -> None:
    shop.command_line(ExportRequest(tables=("orders",)))

    keys = keys_to_export(orders(shop), datetime(2024, 3, 1, 12, tzinfo=UTC))

    assert (keys[0], keys[-1], len(keys)) == ("2024-01-30", "2024-03-01", 32)


def test_what_is_far_behind_is_read_as_a_whole(shop: Shop) -> None:
    shop.command_line(ExportRequest(tables=("orders",)))

    keys = keys_to_export(orders(shop), datetime(2024, 7, 1, 12, tzinfo=UTC))

    assert keys == ["all"]


def test_a_change_while_an_export_is_under_way_is_kept_for_later(shop: Shop) -> None:
    seen = tick(shop).cursor
    shop.insert("orders", [(1_000, 1, "2024-01-02T00:00:00Z", 1.0)])
    shop.instance.create_run_for_job(
        shop.definitions.resolve_job_def("export_shop"),
        tags={"export_assets/changes": "shop"},
        status=dg.DagsterRunStatus.STARTED,
    )

    result = tick(shop, seen)

    assert isinstance(result, dg.SkipReason)
    assert "not done" in str(result.skip_message)


def test_a_source_that_is_not_there_is_no_exception(shop: Shop) -> None:
    assert shop.definitions
    (shop.home / "shop.db").unlink()

    result = tick(shop)

    assert isinstance(result, dg.SkipReason)


def test_rows_of_the_future_do_not_hide_the_present(shop: Shop) -> None:
    shop.insert("orders", [(1_000, 1, "2999-01-01T00:00:00Z", 1.0)])
    shop.command_line(ExportRequest(tables=("orders",)))

    keys = keys_to_export(orders(shop), datetime(2024, 2, 1, 12, tzinfo=UTC))

    assert keys == ["2024-02-01"]


def test_a_format_added_later_is_asked_for_as_a_whole(shop: Shop) -> None:
    shop.command_line(ExportRequest(tables=("orders",)))
    shop.write_yaml(SHOP.replace("[parquet, csv]", "[parquet, csv, ndjson]"))

    keys = keys_to_export(orders(shop.reopened()), datetime(2024, 2, 1, 12, tzinfo=UTC))

    assert keys == ["all"]


def test_the_sensor_waits_to_be_switched_on(shop: Shop) -> None:
    sensor = shop.definitions.resolve_sensor_def("shop_changes")

    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED


def test_cursors_come_back_as_they_were_written() -> None:
    assert read_cursor(write_cursor("sqlite:1")) == "sqlite:1"
