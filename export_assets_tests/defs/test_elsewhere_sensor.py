"""What is published without Dagster is reported to it once."""

import dagster as dg
import pytest

from export_assets.defs import elsewhere
from export_assets.defs.elsewhere import read_cursor
from export_assets.engine.request import ExportRequest
from export_assets_tests.defs.shop_project import CUSTOMERS, ORDERS, Shop, key, keys_of

PARQUET = key(*ORDERS, "parquet")


def tick(shop: Shop, cursor: str | None = None) -> dg.SensorResult:
    """Evaluate the sensor and write its events, as the daemon does."""
    sensor = shop.definitions.resolve_sensor_def("published_elsewhere")
    context = dg.build_sensor_context(
        instance=shop.instance, cursor=cursor, definitions=shop.definitions
    )
    result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    for event in result.asset_events:
        shop.instance.report_runless_asset_event(event)
    return result


def test_partitions_of_the_command_line_show_up_with_their_figures(shop: Shop) -> None:
    shop.command_line(ExportRequest(), run_id="by-hand")

    tick(shop)

    assert len(shop.materialized(PARQUET)) == 30
    event = shop.events(PARQUET)[0]
    assert event.metadata["run_id"].value == "by-hand"
    assert event.metadata["dagster/partition_row_count"].value == 3
    [whole] = shop.events(key(*CUSTOMERS, "csv"))
    assert whole.partition is None
    assert whole.metadata["dagster/row_count"].value == 5


def test_they_are_reported_once(shop: Shop) -> None:
    shop.command_line(ExportRequest())
    first = tick(shop)

    second = tick(shop, first.cursor)

    assert not second.asset_events


def test_a_lost_or_damaged_cursor_reports_nothing_twice(shop: Shop) -> None:
    shop.command_line(ExportRequest())
    tick(shop)

    for cursor in (None, "{", "[1]", '{"a": 1}', '{"a": ["x", "y"]}'):
        assert not tick(shop, cursor).asset_events


def test_what_dagster_published_itself_is_not_reported(shop: Shop) -> None:
    shop.run(keys_of(ORDERS), span=("2024-01-01", "2024-01-30"))

    assert not tick(shop).asset_events


def test_a_later_generation_is_reported_alone(shop: Shop) -> None:
    shop.run(keys_of(ORDERS), span=("2024-01-01", "2024-01-30"))
    cursor = tick(shop).cursor
    shop.sql("update orders set total = 1000 where id = 6")
    shop.command_line(ExportRequest(tables=("orders",)), run_id="by-hand")

    result = tick(shop, cursor)

    assert {(one.asset_key, one.partition) for one in result.asset_events} == {
        (asset, "2024-01-07") for asset in keys_of(ORDERS)
    }


def test_a_partition_whose_run_is_under_way_is_left_to_it(shop: Shop) -> None:
    run = shop.instance.create_run_for_job(
        shop.definitions.resolve_job_def("export_shop"), status=dg.DagsterRunStatus.STARTED
    )
    shop.command_line(ExportRequest(tables=("customers",)), run_id=run.run_id)

    waiting = tick(shop)
    shop.instance.report_run_failed(run)
    done = tick(shop, waiting.cursor)

    assert not waiting.asset_events
    assert len(done.asset_events) == 2


def test_a_tick_does_a_bounded_amount_and_the_next_goes_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "_BATCH", 7)
    monkeypatch.setattr(elsewhere, "MOST_EVENTS", 10)
    monkeypatch.setattr(elsewhere.Budget.__init__, "__kwdefaults__", {"events": 10, "looks": 2_000})
    shop.command_line(ExportRequest())

    cursor, sizes = None, []
    for _ in range(10):
        result = tick(shop, cursor)
        cursor = result.cursor
        sizes.append(len(result.asset_events))

    assert max(sizes) <= 16
    assert sum(sizes) == 62
    assert sizes[-1] == 0


def test_rows_without_a_time_are_no_partition_of_dagster(shop: Shop) -> None:
    shop.sql(
        "drop table orders", "create table orders (id integer, ordered_at timestamp, total real)"
    )
    shop.insert("orders", [(1, None, 1.0), (2, "2024-01-02T00:00:00Z", 2.0)])
    shop.command_line(ExportRequest(tables=("orders",)))

    result = tick(shop)

    partitions = {one.partition for one in result.asset_events if one.asset_key == PARQUET}
    assert partitions == {"2024-01-02"}


def test_the_cursor_is_small_and_readable(shop: Shop) -> None:
    shop.command_line(ExportRequest())

    cursor = tick(shop).cursor

    assert set(read_cursor(cursor)) == {
        "shop/orders/parquet",
        "shop/orders/csv",
        "shop/customers/parquet",
        "shop/customers/csv",
    }
