"""Whoever is configured is told how runs ended: once each, by a real server's leave."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from export_assets.defs.build import build_definitions
from export_assets.systems.registry import load_workspace
from export_assets_tests.defs.shop_project import CUSTOMERS, ORDERS, QUIET, Shop, keys_of
from export_assets_tests.engine.notifying.receivers import WebServer, web_server

SECRET = "hunter2-canary"
VALUE = -4711.25
SENSORS = ("export_assets_notifications", "export_assets_recoveries")


class Told:
    """The sensors of a shop, evaluated as the daemon does, each with its cursor."""

    def __init__(self, shop: Shop, web: WebServer, notify: str) -> None:
        self.shop, self.web = shop, web
        (shop.home / "export_assets.yaml").write_text(notify, encoding="utf-8")
        environ = {"HOOK": web.url(f"/{SECRET}")}
        workspace = load_workspace(shop.home, environ=environ)
        self.definitions = shop.definitions = build_definitions(workspace, retry_seconds=0.0)
        self.cursors: dict[str, str | None] = dict.fromkeys(self.sensors)
        self.new()

    @property
    def sensors(self) -> dict[str, dg.SensorDefinition]:
        every = {one.name: one for one in self.definitions.sensors or () if one.name in SENSORS}
        assert all(isinstance(one, dg.SensorDefinition) for one in every.values())
        return every

    def new(self) -> list[dict[str, Any]]:
        """Let the sensors tick until nothing is new; return what was told meanwhile."""
        self.web.taken.clear()
        for name, sensor in self.sensors.items():
            for _ in range(2):
                context = dg.build_sensor_context(
                    instance=self.shop.instance,
                    cursor=self.cursors[name],
                    repository_def=self.definitions.get_repository_def(),
                    sensor_name=name,
                )
                self.cursors[name] = sensor.evaluate_tick(context).cursor
        return self.web.documents


NOTIFY = 'notify: [{kind: webhook, url: "${HOOK}"}]\n'


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


@pytest.fixture
def told(shop: Shop, web: WebServer) -> Told:
    return Told(shop, web, NOTIFY)


def break_a_day(shop: Shop) -> None:
    shop.insert("orders", [(900, 1, "2024-01-05T11:00:00Z", VALUE)])


def test_without_targets_there_are_no_sensors(shop: Shop, web: WebServer) -> None:
    assert not Told(shop, web, "{}\n").sensors
    assert not Told(shop, web, 'notify: [{kind: slack, url: "${NONE:-}"}]\n').sensors


def test_they_are_on_from_the_start(told: Told) -> None:
    assert set(told.sensors) == set(SENSORS)
    assert {one.default_status for one in told.sensors.values()} == {dg.DefaultSensorStatus.RUNNING}


def test_who_asks_for_failures_alone_has_one_sensor(shop: Shop, web: WebServer) -> None:
    told = Told(shop, web, NOTIFY.replace("}]", ", on: [failure]}]"))

    assert set(told.sensors) == {"export_assets_notifications"}


def test_a_failed_run_is_told_once_with_what_failed_and_no_value(told: Told) -> None:
    break_a_day(told.shop)
    run = told.shop.run(keys_of(ORDERS), partition="2024-01-05")
    assert not run.success

    [failure] = told.new()

    assert failure["event"] == "failure"
    assert (failure["source"], failure["tables"]) == ("shop", ["orders"])
    assert failure["partitions"] == ["2024-01-05"]
    assert "shop/orders" in failure["error"]
    assert "\n" not in failure["error"]
    assert failure["checks"] == [
        "shop/orders/csv: contract",
        "shop/orders/parquet: contract",
    ]
    assert (failure["run_id"], failure["path"]) == (run.run_id, f"/runs/{run.run_id}")
    assert "4711" not in str(failure)
    assert told.new() == []


def test_a_success_is_told_only_after_a_failure_and_only_once(told: Told) -> None:
    shop = told.shop
    assert shop.run(keys_of(ORDERS), partition="2024-01-05").success
    assert told.new() == []
    break_a_day(shop)
    for _ in range(2):
        shop.run(keys_of(ORDERS), partition="2024-01-05")
    assert [one["event"] for one in told.new()] == ["failure", "failure"]
    shop.sql("delete from orders where id = 900")

    assert shop.run(keys_of(CUSTOMERS)).success
    assert shop.run(keys_of(ORDERS), partition="2024-01-05").success
    [recovery] = told.new()
    assert shop.run(keys_of(ORDERS), partition="2024-01-05").success

    assert (recovery["event"], recovery["tables"]) == ("recovery", ["orders"])
    assert (recovery["failures"], recovery["partitions"]) == (2, [])
    assert told.new() == []


def test_a_recovery_names_the_partitions_that_are_still_missing(told: Told) -> None:
    shop = told.shop
    break_a_day(shop)
    shop.run(keys_of(ORDERS), partition="2024-01-05")
    told.new()

    assert shop.run(keys_of(ORDERS), partition="2024-01-06").success

    [recovery] = told.new()
    assert (recovery["event"], recovery["partitions"]) == ("recovery", ["2024-01-05"])


def test_only_what_failed_of_a_run_goes_well_again(told: Told) -> None:
    shop = told.shop
    break_a_day(shop)
    every = [*keys_of(ORDERS), *keys_of(CUSTOMERS)]
    assert not shop.run(every).success
    [failure] = told.new()
    assert failure["tables"] == ["orders"]

    assert shop.run(keys_of(CUSTOMERS)).success

    assert told.new() == []


def test_a_run_of_checks_that_failed_names_them(told: Told) -> None:
    shop = told.shop
    shop.run(keys_of(CUSTOMERS))
    [part] = shop.home.glob("exports/shop/customers/parquet/all/*.parquet")
    part.write_bytes(part.read_bytes()[:-1] + b"X")
    told.new()

    shop.run_checks(dg.AssetSelection.checks(dg.AssetCheckKey(keys_of(CUSTOMERS)[0], "integrity")))

    [failure] = told.new()
    assert (failure["source"], failure["tables"]) == ("shop", ["customers"])
    assert failure["checks"] == ["shop/customers/parquet: integrity"]
    assert failure["error"].endswith(": a check failed")


def test_a_check_that_failed_is_told_though_the_run_succeeded(told: Told) -> None:
    @dg.asset(key=["shop", "customers", "extra"])
    def extra() -> None: ...

    @dg.asset_check(asset=extra)
    def broken() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, description=f"value {VALUE}")

    @dg.asset_check(asset=extra)
    def warned() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)

    definitions = dg.Definitions(assets=[extra], asset_checks=[broken, warned])
    job = definitions.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=told.shop.instance, run_config=QUIET).success

    [check] = told.new()

    assert (check["event"], check["tables"]) == ("check", ["customers"])
    assert check["checks"] == ["shop/customers/extra: broken"]
    assert "4711" not in str(check)


def test_a_run_that_will_be_tried_again_is_not_told_of_yet(told: Told) -> None:
    break_a_day(told.shop)
    run = told.shop.run(keys_of(ORDERS), partition="2024-01-05")
    told.shop.instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})

    assert told.new() == []


def test_a_server_that_is_gone_stops_nothing_and_the_address_stays_secret(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    told.web.answers = [404]
    break_a_day(told.shop)
    told.shop.run(keys_of(ORDERS), partition="2024-01-05")

    told.new()

    assert told.new() == []
    assert "notify.0 (webhook): not told: HTTP 404" in caplog.text
    assert SECRET not in caplog.text
