"""Where the tests look for a browser, and what they say where there is none."""

import shutil
from pathlib import Path

import pytest

from export_assets_tests.browser.chromium import CHOSEN, NoChromium, find_chromium


def test_a_program_that_is_named_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    named = shutil.which("true")
    assert named is not None
    monkeypatch.setenv(CHOSEN, named)

    assert find_chromium().program == Path(named)


def test_one_that_is_named_and_not_there_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHOSEN, "no")

    with pytest.raises(NoChromium, match=f"^{CHOSEN}=no: no such program$"):
        find_chromium()


def test_without_a_browser_and_without_apt_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(CHOSEN, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.prefix", str(tmp_path))

    with pytest.raises(NoChromium, match="no apt to fetch Debian's with"):
        find_chromium()
