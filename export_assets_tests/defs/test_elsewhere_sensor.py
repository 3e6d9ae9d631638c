"""What is published without Dagster is reported to it once."""

from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from export_assets.defs import elsewhere
from export_assets.defs.elsewhere import Seen, read_cursor
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


def exports(result: dg.SensorResult) -> list[dg.AssetMaterialization]:
    """Return the events of exports, without those of what they are made of."""
    return [one for one in result.asset_events if isinstance(one, dg.AssetMaterialization)]


def test_partitions_of_the_command_line_show_up_with_their_figures(shop: Shop) -> None:
    shop.command_line(ExportRequest(), run_id="by-hand")

    tick(shop)

    assert len(shop.materialized(PARQUET)) == 30
    event = shop.events(PARQUET)[0]
    assert event.metadata["run_id"].value == "by-hand"
    assert event.metadata["dagster/partition_row_count"].value == 3
    assert event.metadata["rows"].value == 3
    [whole] = shop.events(key(*CUSTOMERS, "csv"))
    assert whole.partition is None
    assert whole.metadata["dagster/row_count"].value == 5


def test_they_are_reported_once(shop: Shop) -> None:
    shop.command_line(ExportRequest())
    first = tick(shop)

    second = tick(shop, first.cursor)

    assert not second.asset_events


def test_nothing_reported_is_stale_for_want_of_what_it_is_made_of(shop: Shop) -> None:
    shop.command_line(ExportRequest())

    first = tick(shop)
    status = CachingStaleStatusResolver(
        shop.instance,
        shop.definitions.resolve_asset_graph(),
        LoadingContextForTest(shop.instance),
    )

    assert {one.asset_key for one in first.asset_events} >= {key(*ORDERS), key(*CUSTOMERS)}
    assert status.get_status(key(*CUSTOMERS, "csv")) is StaleStatus.FRESH
    assert status.get_status(PARQUET, "2024-01-07") is StaleStatus.FRESH


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
    assert len(exports(done)) == 2


def test_a_tick_does_a_bounded_amount_and_the_next_goes_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "_BATCH", 7)
    defaults = {**(elsewhere.Budget.__init__.__kwdefaults__ or {}), "events": 10}
    monkeypatch.setattr(elsewhere.Budget.__init__, "__kwdefaults__", defaults)
    shop.command_line(ExportRequest())

    cursor, sizes = None, []
    for _ in range(10):
        result = tick(shop, cursor)
        cursor = result.cursor
        sizes.append(len(exports(result)))

    assert max(sizes) <= 16
    assert sum(sizes) == 62
    assert sizes[-1] == 0


def test_a_tick_whose_time_is_over_keeps_what_it_has_and_the_next_goes_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.command_line(ExportRequest())
    clock = count(step=3)
    monkeypatch.setattr(elsewhere, "monotonic", lambda: float(next(clock)))
    reported: list[tuple[dg.AssetKey, str | None]] = []
    cursor, ticks = None, 0

    while len(reported) < 64 and ticks < 64:
        result = tick(shop, cursor)
        reported += [(event.asset_key, event.partition) for event in result.asset_events]
        cursor, ticks = result.cursor, ticks + 1

    assert (
        len(set(reported)) == len(reported) == 64
    )  # 62 exports, and two tables that they are made of
    assert ticks > 5
    assert not tick(shop, cursor).asset_events


def test_rows_outside_the_partitions_of_dagster_are_left_out_and_counted(shop: Shop) -> None:
    shop.sql(
        "drop table orders",
        "create table orders (id integer, customer_id integer, ordered_at timestamp, total real)",
    )
    shop.insert(
        "orders",
        [
            (1, 1, None, 1.0),
            (2, 1, "2024-01-02T00:00:00Z", 2.0),
            (3, 1, "2023-12-31T23:00:00Z", 3.0),
            (4, 1, "2999-01-01T00:00:00Z", 4.0),
        ],
    )
    shop.command_line(ExportRequest(tables=("orders",)))

    result = tick(shop)

    partitions = {one.partition for one in result.asset_events if one.asset_key == PARQUET}
    assert partitions == {"2024-01-02"}
    assert result.skip_reason is not None
    assert result.skip_reason.skip_message == (
        "2 partitions reported; 6 left out as outside Dagster's partitions: "
        "see the check `coverage`"
    )


def test_a_tick_that_leaves_nothing_out_says_nothing(shop: Shop) -> None:
    shop.command_line(ExportRequest())

    assert tick(shop).skip_reason is None


def test_a_partition_of_the_future_is_reported_when_its_time_has_come(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = datetime.now(UTC) + timedelta(days=2)
    shop.insert("orders", [(1_000, 1, f"{day:%F}T10:00:00Z", 1.0)])
    shop.command_line(ExportRequest(tables=("orders",)))
    early = tick(shop)
    again = tick(shop, early.cursor)

    monkeypatch.setattr(elsewhere, "datetime", _Later)
    due = tick(shop, again.cursor)

    assert not again.asset_events
    assert {(one.asset_key, one.partition) for one in due.asset_events} == {
        (asset, f"{day:%F}") for asset in keys_of(ORDERS)
    }


class _Later(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "_Later":
        return super().now(tz) + timedelta(days=3)


def test_a_cursor_of_an_earlier_release_is_understood() -> None:
    assert read_cursor('{"a": [5, "k"]}') == {"a": Seen(stamp=5, after="k")}


def test_the_cursor_is_small_and_readable(shop: Shop) -> None:
    shop.command_line(ExportRequest())

    cursor = tick(shop).cursor

    assert set(read_cursor(cursor)) == {
        "shop/orders/parquet",
        "shop/orders/csv",
        "shop/customers/parquet",
        "shop/customers/csv",
    }
