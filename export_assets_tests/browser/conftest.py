"""One served project and one browser for all tests, and a tab for each."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, ViewportSize, sync_playwright

from export_assets_tests.browser.chromium import FLAGS, NoChromium, find_chromium
from export_assets_tests.browser.dagster_ui import DagsterUi, Shots
from export_assets_tests.browser.project import DAYS, ORDERS, Project, make_project
from export_assets_tests.end_to_end.ui import Ui, serving

SHOTS = "EXPORT_ASSETS_SCREENSHOTS"
"""Environment variable with the directory that screenshots go to; none are taken without it."""
WINDOW: ViewportSize = {"width": 1200, "height": 750}


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    try:
        chromium = find_chromium()
    except NoChromium as reason:
        pytest.skip(f"no Chromium: {reason}")
    with sync_playwright() as playwright:
        try:
            launched = playwright.chromium.launch(
                executable_path=chromium.program,
                env={**os.environ, **chromium.environment},
                # A name of somebody else's that leads here, as after rebinding.
                args=[*FLAGS, "--host-resolver-rules=MAP rebound.example 127.0.0.1"],
            )
        except Error as error:
            pytest.skip(f"{chromium.program} does not start: {str(error).splitlines()[0]}")
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def project(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Project:  # noqa: ARG001 - nothing is made where no browser looks at it
    home = tmp_path_factory.mktemp("shop", numbered=False)
    made = make_project(home, today=datetime.now(UTC).date())
    assert made.world.run("export", "stock").code == 0
    return made


@pytest.fixture(scope="package")
def served(project: Project) -> Iterator[Ui]:
    with serving(project.world) as ui:
        yield ui


@pytest.fixture(scope="package")
def shots() -> Shots:
    named = os.environ.get(SHOTS)
    directory = Path(named).resolve() if named else None
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
    return Shots(directory=directory)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport=WINDOW, timezone_id="UTC", locale="en-US") as context:
        yield context.new_page()


@pytest.fixture
def ui(page: Page, served: Ui, shots: Shots) -> DagsterUi:
    return DagsterUi(page=page, address=f"http://127.0.0.1:{served.port}", shots=shots)


@pytest.fixture(scope="package")
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
        return ui.clicks
