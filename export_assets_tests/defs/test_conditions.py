"""What hangs on exports follows them by a condition, one of ours or of somebody's own assets."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from export_assets_tests.defs.shop_project import ORDERS, QUIET, SHOP, Shop, key, keys_of

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "automation.md"
NOW = datetime(2024, 2, 20, tzinfo=UTC)
TOTALS = key("reports", "monthly_totals")


def asked(
    definitions: dg.Definitions, shop: Shop, cursor: Any = None, *, now: datetime = NOW
) -> Any:  # Dagster does not export the classes
    return dg.evaluate_automation_conditions(
        definitions, shop.instance, cursor=cursor, evaluation_time=now
    )


@pytest.fixture
def own(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    """The definitions of somebody's own project, as the page has them."""
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    monkeypatch.setenv("EXPORT_ASSETS_HOME", str(shop.home))
    names: dict[str, object] = {"__name__": "own"}
    exec(compile(code, str(PAGE), "exec"), names)
    loaded = names["defs"]
    assert callable(loaded)
    made = loaded()
    assert isinstance(made, dg.Definitions)
    return made


def test_an_asset_of_ones_own_is_asked_for_once_its_month_is_whole(
    shop: Shop, own: dg.Definitions
) -> None:
    dg.Definitions.validate_loadable(own)
    sensors = {one.name: one for one in own.get_repository_def().sensor_defs}
    orders = keys_of(ORDERS, ["parquet"])

    nothing = asked(own, shop)
    for day in range(1, 30):
        shop.instance.report_runless_asset_event(
            dg.AssetMaterialization(orders[0], partition=f"2024-01-{day:02d}")
        )
    shop.run(orders, partition="2024-01-30")
    part = asked(own, shop, nothing.cursor)
    shop.run(orders, partition="2024-01-31")
    whole = asked(own, shop, part.cursor)
    again = asked(own, shop, whole.cursor)
    job = own.resolve_implicit_job_def_def_for_assets([TOTALS])
    assert job is not None
    made = job.execute_in_process(
        instance=shop.instance,
        partition_key="2024-01-01",
        run_config=QUIET,
        asset_selection=[TOTALS],
    )

    assert "default_automation_condition_sensor" not in sensors
    assert sensors["conditions"].default_status is dg.DefaultSensorStatus.RUNNING
    assert (nothing.total_requested, part.total_requested) == (0, 0)
    assert whole.get_requested_partitions(TOTALS) == {"2024-01-01"}
    assert again.total_requested == 0
    [event] = made.get_asset_materialization_events()
    assert event.materialization.metadata["total"].value == 29 + 59 + 89  # what is really there


def test_exports_follow_tables_that_dagster_fills_where_the_configuration_says_so(
    shop: Shop,
) -> None:
    shop.write_yaml(
        SHOP.replace("    checks:", "    automation: {condition: on_missing}\n    checks:")
        + "automation: {condition: eager}\n"
    )
    again = shop.reopened()
    for table in ("orders", "customers"):
        shop.instance.report_runless_asset_event(
            dg.AssetMaterialization(["shop", table], tags={"dagster/data_version": "1"})
        )

    first = asked(again.definitions, shop)
    shop.instance.report_runless_asset_event(
        dg.AssetMaterialization(["shop", "customers"], tags={"dagster/data_version": "2"})
    )
    second = asked(again.definitions, shop, first.cursor)
    third = asked(again.definitions, shop, second.cursor, now=NOW + timedelta(days=1))

    orders, customers = key(*ORDERS, "csv"), key("shop", "customers", "csv")
    assert first.total_requested == 0
    assert second.get_requested_partitions(customers) == {None}
    assert second.get_requested_partitions(orders) == set()
    assert third.get_requested_partitions(customers) == set()
    assert third.get_requested_partitions(orders) == {"2024-02-21"}


def test_a_source_that_is_not_enabled_has_no_conditions(shop: Shop) -> None:
    shop.write_yaml(SHOP + "enabled: false\nautomation: {condition: eager}\n")

    graph = shop.reopened().definitions.resolve_asset_graph()

    assert graph.get(key(*ORDERS, "csv")).automation_condition is None
