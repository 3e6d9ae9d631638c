"""The sensor that watches a source: it asks for what may have changed, and loses nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from export_assets.defs.changes import read_cursor, why_wait, write_cursor
from export_assets.engine.request import ExportRequest
from export_assets_tests.defs.shop_project import CUSTOMERS, ORDERS, Shop, key, keys_of


def tick(shop: Shop, cursor: str | None = None) -> Any:
    sensor = shop.definitions.resolve_sensor_def("shop_changes")
    context = dg.build_sensor_context(
        instance=shop.instance, cursor=cursor, definitions=shop.definitions
    )
    return sensor(context)


def fingerprint(shop: Shop) -> str:
    return shop.workspace.source("shop").source.fingerprint()


def launched(shop: Shop, status: dg.DagsterRunStatus) -> None:
    """Note a run that the sensor has asked for, as it stands now."""
    [request] = tick(shop).run_requests
    shop.instance.create_run_for_job(
        shop.definitions.resolve_job_def("export_shop"), tags=request.tags, status=status
    )


def test_a_first_look_observes_every_table_and_asks_for_everything_once(shop: Shop) -> None:
    result = tick(shop)

    version = fingerprint(shop)
    assert {event.asset_key for event in result.asset_events} == {key(*ORDERS), key(*CUSTOMERS)}
    assert {event.tags["dagster/data_version"] for event in result.asset_events} == {version}
    [request] = result.run_requests
    assert set(request.asset_selection) == {*keys_of(CUSTOMERS), *keys_of(ORDERS)}
    assert request.partition_key is None
    assert read_cursor(result.cursor) is None


def test_what_is_exported_is_noted_and_followed_by_the_checks_of_relations(shop: Shop) -> None:
    shop.run([*keys_of(CUSTOMERS), *keys_of(ORDERS)])

    result = tick(shop)
    after = tick(shop, result.cursor)

    [request] = result.run_requests
    assert request.asset_selection == []
    assert request.asset_check_keys == [
        dg.AssetCheckKey(key(*ORDERS, "parquet"), "customer_id_to_customers")
    ]
    assert read_cursor(result.cursor) == fingerprint(shop)
    assert isinstance(after, dg.SkipReason)


def test_what_the_command_line_exported_is_not_exported_again(shop: Shop) -> None:
    shop.command_line(ExportRequest())

    result = tick(shop)

    assert [request.asset_selection for request in result.run_requests] == [[]]


def test_a_late_edit_of_an_old_partition_is_exported_and_nothing_else(shop: Shop) -> None:
    shop.run([*keys_of(CUSTOMERS), *keys_of(ORDERS)])
    seen = tick(shop).cursor
    before = shop.manifests()
    shop.sql("update orders set total = 77 where ordered_at like '2024-01-02%'")

    [request] = tick(shop, seen).run_requests
    shop.run(request.asset_selection)
    done = tick(shop, seen)

    after = shop.manifests()
    changed = {path for path in after if after[path] != before.get(path)}
    assert changed
    assert all("2024-01-02" in str(path) for path in changed)
    assert read_cursor(done.cursor) == fingerprint(shop)


@pytest.mark.parametrize("cursor", ["", "{", "[]", "null", '{"fingerprint": 3}', "\x00"])
def test_a_damaged_cursor_is_a_full_look(shop: Shop, cursor: str) -> None:
    result = tick(shop, cursor)

    assert result.run_requests


def test_the_checks_asked_for_run_over_everything_published(shop: Shop) -> None:
    shop.run([*keys_of(CUSTOMERS), *keys_of(ORDERS)])

    [request] = tick(shop).run_requests
    result = shop.run_checks(dg.AssetSelection.checks(*request.asset_check_keys or ()))

    assert result.success
    evaluations = result.get_asset_check_evaluations()
    assert {one.partition for one in evaluations} == set(shop.manifests())
    assert all(one.passed for one in evaluations)


def test_a_change_while_an_export_is_under_way_is_kept_for_later(shop: Shop) -> None:
    launched(shop, dg.DagsterRunStatus.STARTED)

    result = tick(shop)

    assert isinstance(result, dg.SkipReason)
    assert "not done" in str(result.skip_message)


def test_a_failed_export_is_asked_for_again_later_and_later(shop: Shop) -> None:
    launched(shop, dg.DagsterRunStatus.FAILURE)
    source, now = fingerprint(shop), datetime.now(UTC)

    early = tick(shop)
    waits = [
        why_wait(shop.instance, "shop", source, now=now + timedelta(seconds=seconds))
        for seconds in (30, 90)
    ]
    for _ in range(2):
        shop.instance.create_run_for_job(
            shop.definitions.resolve_job_def("export_shop"),
            tags=shop.instance.get_runs(limit=1)[0].tags,
            status=dg.DagsterRunStatus.FAILURE,
        )
    later = [
        why_wait(shop.instance, "shop", source, now=now + timedelta(seconds=seconds))
        for seconds in (200, 300)
    ]

    assert "tried once without success" in str(early.skip_message)
    assert [wait is None for wait in waits] == [False, True]
    assert [wait is None for wait in later] == [False, True]


def test_a_failure_of_an_earlier_state_delays_nothing(shop: Shop) -> None:
    launched(shop, dg.DagsterRunStatus.FAILURE)
    shop.insert("orders", [(1_000, 1, "2024-01-02T00:00:00Z", 1.0)])

    result = tick(shop)

    assert result.run_requests


def test_a_source_that_is_not_there_is_no_exception(shop: Shop) -> None:
    assert shop.definitions
    (shop.home / "shop.db").unlink()

    result = tick(shop)

    assert isinstance(result, dg.SkipReason)


def test_the_sensor_waits_to_be_switched_on(shop: Shop) -> None:
    sensor = shop.definitions.resolve_sensor_def("shop_changes")

    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    assert str(sensor.asset_selection) == 'group:"shop"'  # what its page shows as its target


def test_cursors_come_back_as_they_were_written() -> None:
    assert read_cursor(write_cursor("sqlite:1")) == "sqlite:1"
