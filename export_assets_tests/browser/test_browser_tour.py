"""A person who knows Dagster, and what they do with the exports."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from export_assets_tests.browser.conftest import WINDOW
from export_assets_tests.browser.dagster_ui import PATIENCE, DagsterUi, Shots
from export_assets_tests.browser.project import DAYS, FORMATS, Project
from export_assets_tests.end_to_end.ui import Ui

pytestmark = pytest.mark.xdist_group("browser")

ORDERS = ("shop", "orders", "parquet")
PAYMENTS = ("shop", "payments", "csv")
LEVELS = ("stock", "levels", "parquet")


@pytest.fixture(scope="session")
def clicks(browser: Browser, served: Ui, shots: Shots) -> int:
    """Launch a backfill of all days, from the first page of the UI; tell what it took.

    Other tests look at other things while it waits for Dagster's daemon and runs.
    """
    with browser.new_context(viewport=WINDOW, timezone_id="UTC", locale="en-US") as context:
        ui = DagsterUi(
            page=context.new_page(), address=f"http://127.0.0.1:{served.port}", shots=shots
        )
        ui.open()
        shots.take(ui.page, "tour-0-home")
        ui.open_catalog()
        link = ui.find_asset(ORDERS)
        shots.take(ui.page, "tour-1-catalog")
        ui.click(link)
        shots.take(ui.page, "tour-2-asset")
        dialog = ui.materialize()
        shots.take(ui.page, "tour-3-partitions")
        dialog.choose("All")
        dialog.expect_partitions(DAYS)
        shots.take(ui.page, "tour-4-all")
        dialog.launch()
        shots.take(ui.page, "tour-5-launched")
        return ui.clicks


def test_a_backfill_of_ninety_days_is_five_clicks_away(clicks: int) -> None:
    assert clicks == 5


def test_one_day_is_materialized_and_one_that_breaks_the_rules_is_not(
    ui: DagsterUi, project: Project, clicks: int  # noqa: ARG001 - the backfill is under way
) -> None:
    for day in (project.broken_day, project.broken_day + timedelta(days=1)):
        ui.open_asset(PAYMENTS)
        dialog = ui.materialize()
        dialog.type(str(day))
        dialog.expect_partitions(1)
        dialog.launch()

    ui.open_asset(PAYMENTS, "partitions")
    ui.expect_text("Materialized (1)")
    ui.expect_text("Failed (1)")
    ui.shots.take(ui.page, "partition-failed")
    ui.open_asset(PAYMENTS, "checks&checkDetail=contract")
    ui.expect_text("Failed")
    ui.shots.take(ui.page, "check-failed")
    ui.open("/runs?view=failed")
    ui.expect_text("Failure")


def test_a_sensor_is_started_and_launches_a_run_once_its_source_changes(
    ui: DagsterUi, project: Project
) -> None:
    ui.open("/locations/export_assets/sensors/stock_changes")
    expect(ui.page.get_by_text("Sensor has never run")).to_be_visible(timeout=PATIENCE)
    ui.click(ui.page.locator("label:has(input[type=checkbox])").first)
    ui.expect_text(re.compile("Skipped"))

    project.move_stock()

    ui.expect_text(re.compile("1 run requested|Requested"))
    ui.shots.take(ui.page, "sensor-ticks")
    ui.click(ui.page.get_by_text("Runs", exact=True).last)
    ui.expect_text("Success")
    ui.shots.take(ui.page, "sensor-runs")


def test_lineage_shows_the_table_and_its_exports(ui: DagsterUi) -> None:
    ui.open_asset(PAYMENTS[:2], "lineage")

    for name in (PAYMENTS[1], *FORMATS):
        expect(ui.page.get_by_text(name, exact=True).last).to_be_visible(timeout=PATIENCE)
    ui.shots.take(ui.page, "lineage")


def test_the_backfill_finishes_with_its_checks_per_day(
    ui: DagsterUi, project: Project, clicks: int  # noqa: ARG001 - it was launched
) -> None:
    ui.open_asset(ORDERS, "partitions")
    ui.expect_text(f"Materialized ({DAYS})")
    ui.shots.take(ui.page, "tour-6-finished")

    ui.open_asset(ORDERS, "checks&checkDetail=contract")
    ui.click(ui.page.get_by_text("Partitions", exact=True).last)
    ui.expect_text(f"Passed ({DAYS})")
    ui.shots.take(ui.page, "checks-passed")
    ui.open_asset(ORDERS, "checks&checkDetail=plausible")
    ui.click(ui.page.get_by_text("Partitions", exact=True).last)
    ui.expect_text("Failed (1)")
    ui.expect_text(f"Passed ({DAYS - 1})")
    ui.shots.take(ui.page, "check-warns")


def test_metadata_has_plots(ui: DagsterUi, clicks: int) -> None:  # noqa: ARG001 - of its runs
    ui.open_asset(ORDERS)
    ui.expect_text("Latest materialization")
    expect(ui.page.get_by_text("dagster/partition_row_count").first).to_be_visible(timeout=PATIENCE)
    ui.shots.take(ui.page, "asset")
    ui.click(ui.page.get_by_role("button", name="Plots").first)
    ui.click(ui.page.get_by_role("button", name="Events").last)
    plots = ui.page.locator("canvas")
    expect(plots.first).to_be_visible(timeout=PATIENCE)
    plots.first.scroll_into_view_if_needed()
    ui.shots.take(ui.page, "plots")


def test_the_backfill_is_told_to_be_a_success(
    ui: DagsterUi, clicks: int  # noqa: ARG001 - it was launched
) -> None:
    ui.open("/runs?view=backfills")

    ui.expect_text("Success")
    ui.shots.take(ui.page, "backfill-finished")
