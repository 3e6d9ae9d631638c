"""What a person sees in the UI once a backfill is done: days, checks, figures."""

import pytest
from playwright.sync_api import expect

from export_assets_tests.browser.dagster_ui import PATIENCE, DagsterUi
from export_assets_tests.browser.project import DAYS, ORDERS

pytestmark = pytest.mark.usefixtures("clicks")


def test_the_backfill_is_told_to_be_a_success(ui: DagsterUi) -> None:
    wait_for_backfill(ui)

    expect(ui.page.get_by_text(f"{DAYS} partitions").first).to_be_visible(timeout=PATIENCE)
    ui.shots.take(ui.page, "backfill-finished")


def test_the_backfill_finishes_with_its_checks_per_day(ui: DagsterUi) -> None:
    wait_for_backfill(ui)

    ui.open_asset(ORDERS, "partitions")
    ui.expect_text(f"Materialized ({DAYS})")
    ui.shots.take(ui.page, "tour-6-finished")

    ui.open_check(ORDERS, "contract")
    ui.expect_text(f"Passed ({DAYS})")
    ui.shots.take(ui.page, "checks-passed")
    ui.open_check(ORDERS, "plausible")
    ui.expect_text("Failed (1)")
    ui.expect_text(f"Passed ({DAYS - 1})")
    ui.shots.take(ui.page, "check-warns")


def test_metadata_has_plots(ui: DagsterUi) -> None:
    wait_for_backfill(ui)

    ui.open_asset(ORDERS)
    ui.expect_text("Latest materialization")
    ui.shots.take(ui.page, "asset")
    ui.expect_text("partition_row_count")
    ui.page.get_by_placeholder("Filter metadata keys").evaluate("it => it.scrollIntoView()")
    ui.shots.take(ui.page, "metadata")
    ui.click(ui.page.get_by_role("button", name="Plots").first)
    ui.click(ui.page.get_by_role("button", name="Events").last)
    plots = ui.page.locator("canvas")
    expect(plots.first).to_be_visible(timeout=PATIENCE)
    plots.first.scroll_into_view_if_needed()
    ui.shots.take(ui.page, "plots")


def wait_for_backfill(ui: DagsterUi) -> None:
    """Wait on the page that keeps itself up to date; those of checks do not."""
    ui.open("/runs?view=backfills")
    ui.expect_text("Success")
