"""What a person does in the UI: launch days and years of exports, and start a sensor."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from export_assets_tests.browser.dagster_ui import PATIENCE, DagsterUi
from export_assets_tests.browser.project import FORMATS, PAYMENTS, Project


def test_a_backfill_of_ninety_days_is_five_clicks_away(clicks: int) -> None:
    assert clicks == 5


@pytest.mark.usefixtures("clicks")
def test_one_day_is_materialized_and_one_that_breaks_the_rules_is_not(
    ui: DagsterUi, project: Project
) -> None:
    for day in (project.broken_day + timedelta(days=1), project.broken_day):
        ui.open_asset(PAYMENTS)
        dialog = ui.materialize()
        dialog.type(str(day))
        dialog.expect_partitions(1)
        dialog.launch()

    ui.open_asset(PAYMENTS, "partitions")
    ui.expect_text("Materialized (1)")
    ui.expect_text("Failed (1)")
    ui.shots.take(ui.page, "partition-failed")
    ui.open_check(PAYMENTS, "contract")
    ui.expect_text("Failed (1)")
    ui.expect_text("Passed (1)")
    ui.open(f"/assets/{'/'.join(PAYMENTS)}?view=checks&checkDetail=contract")
    ui.expect_text("amount >= 0")
    ui.shots.take(ui.page, "check-failed")


def test_a_sensor_is_started_and_launches_a_run_once_its_source_changes(
    ui: DagsterUi, project: Project
) -> None:
    ui.open("/locations/export_assets/sensors/stock_changes")
    expect(ui.page.get_by_text("Sensor has never run")).to_be_visible(timeout=PATIENCE)
    ui.click(ui.page.locator("label:has(input[type=checkbox])").first)
    ui.watch_for("0 runs requested")

    project.move_stock()

    ui.watch_for("1 run requested")
    ui.shots.take(ui.page, "sensor-ticks")
    ui.click(ui.page.get_by_role("button", name="Runs", exact=True))
    ui.expect_text("Success")
    ui.shots.take(ui.page, "sensor-runs")


def test_lineage_shows_the_table_and_its_exports(ui: DagsterUi) -> None:
    ui.open_asset(PAYMENTS[:2], "lineage")

    for name in (PAYMENTS[1], *FORMATS):
        expect(ui.page.get_by_text(name, exact=True).last).to_be_visible(timeout=PATIENCE)
    ui.shots.take(ui.page, "lineage")
