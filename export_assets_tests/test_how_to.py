"""What the how-to pages and the examples tell people to run works, in the order they tell it."""

import os
import sys
from pathlib import Path

import pytest

from export_assets_tests.pages import commands_of, pages_that_opted_in, run_page
from export_assets_tests.quick_program import quick_program

ROOT = Path(__file__).parents[1]
PAGES = pages_that_opted_in(ROOT / "docs" / "how-to", ROOT / "examples")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith("EXPORT_ASSETS")}
    places = quick_program().parent, Path(sys.executable).parent, os.environ["PATH"]
    path = os.pathsep.join(map(str, places))
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return kept | {"PATH": path, "HOME": str(tmp_path), "TERM": "dumb", "COLUMNS": "160"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_page_works(
    page: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    assert run_page(page, tmp_path, environment) == []


def test_the_pages_people_start_with_are_among_those_tested() -> None:
    assert {"your-own-database", "dagster", "README"} <= {page.stem for page in PAGES}


def write(page: Path, text: str) -> Path:
    page.write_text(f"<!-- tested -->\n{text}", encoding="utf-8")
    return page


def test_a_command_that_fails_is_found_with_its_line(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    page = write(
        tmp_path / "page.md", "\n```sh\ntrue\nls nothing_here\n```\n\n```sh\ntouch x\n```\n"
    )

    [problem] = run_page(page, tmp_path, environment)

    assert "page.md:3: exit 2" in problem
    assert not (tmp_path / "x").exists()


def test_a_line_that_is_not_printed_is_found(tmp_path: Path, environment: dict[str, str]) -> None:
    shown = "```console\n$ echo 12 rows; echo more; echo 0.25 s\n{}\n```\n"
    right = write(tmp_path / "right.md", shown.format("7 rows\n…\n1.5 s"))
    wrong = write(tmp_path / "wrong.md", shown.format("7 rows\n7 columns"))

    assert run_page(right, tmp_path, environment) == []
    assert "does not print '7 columns'" in run_page(wrong, tmp_path, environment)[0]


def test_variables_and_files_of_one_block_are_there_for_the_next(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    page = write(
        tmp_path / "page.md",
        "```sh\nexport A=1\n```\n<!-- file: new/a.txt -->\n```yaml\nx: $A\n```\n"
        "<!-- added to: new/a.txt -->\n```yaml\ny: 2\n```\n"
        '<!-- not run: it would fail -->\n```sh\nfalse\n```\n```console\n$ echo "$A"\n1\n```\n',
    )

    assert run_page(page, tmp_path, environment) == []
    assert (tmp_path / "new" / "a.txt").read_text() == "x: $A\ny: 2\n"


def test_what_a_page_takes_for_granted_is_done_unseen(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    page = write(tmp_path / "page.md", "\n<!-- first: touch x -->\n\n```sh\nls x\n```\n")

    assert run_page(page, tmp_path, environment) == []


def test_a_block_is_not_left_out_without_a_reason(tmp_path: Path) -> None:
    page = write(tmp_path / "page.md", "<!-- not run -->\n```sh\nfalse\n```\n")

    with pytest.raises(ValueError, match="gives no reason"):
        commands_of(page)
