"""Dagster's web UI as a person works it: what is clicked, what is waited for, what is read.

Dagster gives its elements neither test ids nor stable classes, so they are found by what a person
sees, and by the addresses of its pages. Nothing here sleeps: every step waits for what it causes.
"""

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

PATIENCE = 150_000
"""Milliseconds. The backfill daemon looks every thirty seconds, and the machine may be loaded."""
LOOK = 2_000
"""Milliseconds between two looks for news."""
SCROLL = 400
"""Pixels; the catalogue holds the rows in sight only."""
MOST_SCROLLS = 200


@dataclass(frozen=True, kw_only=True)
class Shots:
    """Where pictures of the pages go; nowhere without a directory."""

    directory: Path | None = None

    def take(self, page: Page, name: str) -> None:
        """Keep what the window shows as `NAME.png`, once nothing is loading any more."""
        if self.directory is not None:
            page.wait_for_load_state("networkidle", timeout=PATIENCE)
            expect(page.get_by_text("Loading...")).to_have_count(0, timeout=PATIENCE)
            # The mouse rests where it makes nothing light up.
            page.mouse.move(1, 1)
            page.wait_for_timeout(800)
            page.screenshot(path=self.directory / f"{name}.png", animations="disabled")


@dataclass(kw_only=True)
class DagsterUi:
    """One tab with the UI in it, and how often it was clicked."""

    page: Page
    address: str
    shots: Shots = field(default_factory=Shots)
    clicks: int = 0

    def click(self, target: Locator) -> None:
        """Click as a person does."""
        target.click(timeout=PATIENCE)
        self.clicks += 1

    def open(self, path: str = "/") -> None:
        """Go to an address of the UI."""
        self.page.goto(f"{self.address}{path}", timeout=PATIENCE)

    def open_asset(self, key: Sequence[str], view: str = "overview") -> None:
        """Go to the page of an asset and wait for it."""
        self.open(f"/assets/{'/'.join(key)}?view={view}")
        expect(self.tab("Lineage")).to_be_visible(timeout=PATIENCE)

    def open_catalog(self) -> None:
        """Click the way to the list of assets."""
        self.click(self.page.get_by_role("link", name="Catalog"))
        expect(self.asset_links().first).to_be_visible(timeout=PATIENCE)

    def asset_links(self) -> Locator:
        """The names of assets in sight."""
        return self.page.locator("a[href^='/assets/']")

    def find_asset(self, key: Sequence[str]) -> Locator:
        """Scroll through the catalogue until an asset is in sight."""
        link = self.page.locator(f"a[href='/assets/{'/'.join(key)}']").first
        for _ in range(MOST_SCROLLS):
            if link.count():
                break
            before = self.asset_links().last.get_attribute("href")
            self.asset_links().last.hover()
            self.page.mouse.wheel(0, SCROLL)
            self.page.wait_for_function(
                "([last]) => [...document.querySelectorAll(\"a[href^='/assets/']\")]"
                ".at(-1)?.getAttribute('href') !== last",
                arg=[before],
                timeout=PATIENCE,
            )
        link.scroll_into_view_if_needed(timeout=PATIENCE)
        return link

    def tab(self, name: str) -> Locator:
        """One of the tabs of an asset's page."""
        return (
            self.page.get_by_role("tab", name=name)
            .or_(self.page.get_by_role("link", name=name, exact=True))
            .last
        )

    def materialize(self) -> "LaunchDialog":
        """Click *Materialize…* of a partitioned asset, and see the dialog."""
        self.click(self.page.locator("button", has_text="Materialize…").first)
        dialog = self.page.locator("[role=dialog]")
        expect(dialog.get_by_text("Partition selection")).to_be_visible(timeout=PATIENCE)
        return LaunchDialog(ui=self, dialog=dialog)

    def open_check(self, key: Sequence[str], check: str) -> None:
        """Go to a check of an asset, and to its results by partition."""
        self.open(f"/assets/{'/'.join(key)}?view=checks&checkDetail={check}")
        # The page of the asset has a tab of the same name; that of the check comes later.
        self.expect_text("Execution history")
        self.click(self.page.get_by_text("Partitions", exact=True).last)

    def watch_for(self, text: str) -> None:
        """Wait for a text on a page that asks for news only every quarter of a minute."""
        found = self.page.get_by_text(text).first
        deadline = time.monotonic() + PATIENCE / 1000
        while not found.is_visible() and time.monotonic() < deadline:
            with suppress(AssertionError):
                expect(found).to_be_visible(timeout=LOOK)
                break
            self.page.get_by_role("button", name="refresh").last.click(timeout=PATIENCE)
        self.expect_text(text)

    def expect_text(self, text: str | re.Pattern[str]) -> Locator:
        """Wait for a text and return where it stands."""
        found = self.page.get_by_text(text).first
        expect(found).to_be_visible(timeout=PATIENCE)
        return found


@dataclass(frozen=True, kw_only=True)
class LaunchDialog:
    """The dialog that asks for partitions."""

    ui: DagsterUi
    dialog: Locator

    def choose(self, name: str) -> None:
        """Click one of the ready selections: *Latest*, *All*, *Failed*, *Missing*."""
        self.ui.click(self.dialog.get_by_role("button", name=name, exact=True).first)

    def type(self, partitions: str) -> None:
        """Type partitions, `2026-01-01` or `[2026-01-01...2026-01-31]`."""
        field = self.dialog.locator("input[type=text]").first
        field.fill(partitions, timeout=PATIENCE)
        field.press("Enter")

    def expect_partitions(self, count: int) -> None:
        """Wait until the dialog speaks of *count* partitions."""
        noun = "partition" if count == 1 else "partitions"
        expect(self.dialog.get_by_text(f"{count} {noun}", exact=True)).to_be_visible(
            timeout=PATIENCE
        )

    def launch(self) -> None:
        """Click *Launch…* and wait until Dagster has taken it."""
        self.ui.click(self.dialog.locator("button", has_text="Launch").last)
        self.ui.expect_text(re.compile(r"Created backfill|Launched run"))
