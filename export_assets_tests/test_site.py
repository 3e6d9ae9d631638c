"""The documentation site builds without a warning, and loads nothing from elsewhere."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(directory)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return directory


def pages(site: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(site.rglob("*.html")):
        yield path.relative_to(site).as_posix(), path.read_text(encoding="utf-8")


def test_pages_of_the_repository_are_pages_of_the_site(site: Path) -> None:
    names = {name for name, _ in pages(site)}

    assert {
        "index.html",
        "CONTRIBUTING.html",
        "examples/index.html",
        "decisions/index.html",
    } <= names


def test_links_between_docs_and_the_repository_lead_to_pages(site: Path) -> None:
    index = (site / "index.html").read_text(encoding="utf-8")
    contributing = (site / "CONTRIBUTING.html").read_text(encoding="utf-8")

    assert 'href="CONTRIBUTING.html"' in index
    assert 'href="architecture.html"' in contributing


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loading = re.compile(
        r"<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=\"(?:https?:)?//[^\"]*\""
    )

    assert {name: found for name, text in pages(site) if (found := loading.findall(text))} == {}


def test_every_block_of_code_is_closed(site: Path) -> None:
    assert [name for name, text in pages(site) if "<p>```" in text] == []
