"""Schedules ask for the period that is over."""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pytest

from export_assets.defs.runs import requests_for
from export_assets.defs.schedules import period
from export_assets.defs.shapes import TableShape
from export_assets.defs.table import TableExport
from export_assets_tests.defs.shop_project import CUSTOMERS, ORDERS, SHOP, Shop, keys_of


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def tick(shop: Shop, moment: datetime) -> list[Any]:
    schedule = shop.definitions.resolve_schedule_def("shop_schedule")
    context = dg.build_schedule_context(
        instance=shop.instance,
        scheduled_execution_time=moment,
        repository_def=shop.definitions.get_repository_def(),
    )
    return list(schedule.evaluate_tick(context).run_requests or [])


def test_the_daily_schedule_exports_yesterday_and_every_whole_table(shop: Shop) -> None:
    requests = tick(shop, at("2024-03-01T01:30"))

    found = {tuple(one.asset_selection): one.partition_key for one in requests}
    assert found == {tuple(keys_of(CUSTOMERS)): None, tuple(keys_of(ORDERS)): "2024-02-29"}


def test_what_it_asks_for_can_be_run(shop: Shop) -> None:
    for request in tick(shop, at("2024-01-08T01:30")):
        result = shop.run(request.asset_selection, partition=request.partition_key)
        assert result.success

    assert set(shop.manifests()) == {"2024-01-07"}
    assert set(shop.manifests("customers")) == {"all"}


def test_it_is_off_until_the_configuration_asks_for_it(shop: Shop) -> None:
    off = shop.definitions.resolve_schedule_def("shop_schedule")
    shop.write_yaml(SHOP + 'schedule: "0 6 * * 1"\n')
    on = shop.reopened().definitions.resolve_schedule_def("shop_schedule")

    assert (off.cron_schedule, off.default_status) == (
        "30 1 * * *",
        dg.DefaultScheduleStatus.STOPPED,
    )
    assert (on.cron_schedule, on.default_status) == (
        "0 6 * * 1",
        dg.DefaultScheduleStatus.RUNNING,
    )


@pytest.mark.parametrize(
    ("cron", "tick", "start", "end"),
    [
        ("30 1 * * *", "2024-03-01T01:30", "2024-02-29T00:00", "2024-03-01T00:00"),
        ("0 6 * * 1", "2024-03-11T06:00", "2024-03-04T00:00", "2024-03-11T00:00"),
        ("0 * * * *", "2024-03-31T02:00", "2024-03-31T01:00", "2024-03-31T02:00"),
        ("0 */6 * * *", "2024-03-31T12:00", "2024-03-31T06:00", "2024-03-31T12:00"),
        ("0 0 1 * *", "2024-03-01T00:00", "2024-02-01T00:00", "2024-03-01T00:00"),
    ],
)
def test_a_period_reaches_back_to_the_tick_before(
    cron: str, tick: str, start: str, end: str
) -> None:
    assert period(cron, at(tick)) == (at(start), at(end))


@pytest.mark.parametrize(
    ("hours", "cron", "due", "idle"),
    [
        (24, "0 0 * * *", "2024-03-01T00:00", None),
        (6, "0 */6 * * *", "2024-03-01T06:00", None),
        (48, "0 0 * * *", "2024-03-02T00:00", "2024-03-01T00:00"),
        (5, "0 * * * *", "2024-03-01T03:00", "2024-03-01T04:00"),
    ],
)
def test_hours_from_one_export_to_the_next_are_counted_beyond_midnight(
    shop: Shop, hours: int, cron: str, due: str, idle: str | None
) -> None:
    shop.write_yaml(SHOP + f"every_hours: {hours}\n")
    again = shop.reopened()

    schedule = again.definitions.resolve_schedule_def("shop_schedule")

    assert schedule.cron_schedule == cron
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert tick(again, at(due))
    assert idle is None or not tick(again, at(idle))


def test_an_export_every_two_days_is_of_two_days(shop: Shop) -> None:
    shop.write_yaml(SHOP + "every_hours: 48\n")

    requests = tick(shop.reopened(), at("2024-03-02T00:00"))

    [orders] = [one for one in requests if one.asset_selection == keys_of(ORDERS)]
    assert orders.tags["dagster/asset_partition_range_start"] == "2024-02-29"
    assert orders.tags["dagster/asset_partition_range_end"] == "2024-03-01"


def test_only_the_formats_that_are_scheduled_are_exported(shop: Shop) -> None:
    shop.write_yaml(SHOP + "every_hours: 24\nscheduled_formats: [csv]\n")

    requests = tick(shop.reopened(), at("2024-03-01T00:00"))

    assert [one.asset_selection for one in requests] == [
        keys_of(CUSTOMERS, ["csv"]),
        keys_of(ORDERS, ["csv"]),
    ]


def test_what_is_not_enabled_is_never_exported_by_itself(shop: Shop) -> None:
    shop.write_yaml(SHOP + "every_hours: 24\nenabled: false\n")
    again = shop.reopened()

    schedule = again.definitions.resolve_schedule_def("shop_schedule")
    sensor = again.definitions.resolve_sensor_def("shop_changes")
    seen = sensor(dg.build_sensor_context(instance=shop.instance, definitions=again.definitions))

    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert isinstance(seen, dg.SkipReason)


def test_macros_of_cron_are_understood(shop: Shop) -> None:
    shop.write_yaml(SHOP + 'schedule: "@daily"\n')

    requests = tick(shop.reopened(), at("2024-03-01T00:00"))

    assert "2024-02-29" in {one.partition_key for one in requests}


def test_tables_not_exported_by_default_are_left_out(shop: Shop) -> None:
    shop.write_yaml(SHOP.replace('  "*": {}', "  customers: {by_default: false}"))

    requests = tick(shop.reopened(), at("2024-03-01T01:30"))

    assert [one.asset_selection for one in requests] == [keys_of(ORDERS)]


def test_long_ranges_are_asked_for_in_pieces(shop: Shop) -> None:
    table = TableExport(
        workspace=shop.workspace,
        configured=shop.workspace.source("shop"),
        shape=TableShape(name="orders"),
    )
    assert table.partitions_def is not None
    keys = list(table.partitions.keys("2024-01-01", "2024-08-31"))  # type: ignore[union-attr]  # by day

    requests = list(requests_for({"orders": keys}, [table], []))

    spans = [
        (
            one.tags["dagster/asset_partition_range_start"],
            one.tags["dagster/asset_partition_range_end"],
        )
        for one in requests
    ]
    assert spans[0][0] == "2024-01-01"
    assert spans[-1][1] == "2024-08-31"
    lengths = [
        (date.fromisoformat(last) - date.fromisoformat(first)).days + 1 for first, last in spans
    ]
    assert lengths == [100, 100, 44]
