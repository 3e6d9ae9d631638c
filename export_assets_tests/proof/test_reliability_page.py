"""docs/reliability.md tells what ran, and names tests that there are."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from export_assets_tests.proof.page import outcomes, page
from export_assets_tests.proof.suites import PROMISES, SUITES

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "export_assets_tests"
PAGE = ROOT / "docs" / "reliability.md"


def note(name: str, outcome: str = "passed", **more: Any) -> dict[str, Any]:
    test = f"export_assets_tests/test_x.py::{name}"
    empty: dict[str, Any] = {"suite": ["kills"], "promise": [], "proven": []}
    return {"test": test, "outcome": outcome, "seconds": 1.5, **empty, **more}


def test_counts_are_added_up_and_a_broken_suite_is_told() -> None:
    good = note("test_a[1]", proven=[[300, "kills", "0 torn"], [200, "kills", "0 torn"]])
    kills = outcomes([good, note("test_b", "skipped")])["kills"]

    assert kills.held
    assert dict(kills.done) == {"kills": 500}
    assert kills.result == "0 torn; 1 not run here"
    many = [note(f"test_{n}", proven=[[1, "kills", f"{n},000 cuts, 0 torn"]]) for n in (1, 2)]
    assert outcomes(many)["kills"].result == "3,000 cuts, 0 torn"
    assert "BROKEN" in outcomes([good, note("test_b", "failed")])["kills"].result
    assert not outcomes([note("test_b", "skipped")])["kills"].held


def test_the_page_lists_every_suite_and_the_tests_of_a_promise() -> None:
    notes = [note(f"test_a[{number}]", promise=["no-secrets"]) for number in range(2)]

    text = page({"kills": {"on": "2026-02-08", "where": "2 cores", "notes": notes}})

    assert all(suite.title in text for suite in SUITES.values())
    assert "| held | 2 | 2026-02-08 |" in text
    assert text.count("**not run**") == len(SUITES) - 1
    assert "- `export_assets_tests/test_x.py`\n    - `test_a`, 2 times" in text


@pytest.mark.parametrize(("marker", "known"), [("suite", SUITES), ("promise", PROMISES)])
def test_every_suite_and_every_promise_has_tests(marker: str, known: dict[str, object]) -> None:
    marked = re.compile(rf"pytest\.mark\.{marker}\(([^)]*)\)")
    found = {
        name
        for path in TESTS.rglob("test_*.py")
        if path.parent.name != "proof"
        for names in marked.findall(path.read_text(encoding="utf-8"))
        for name in re.findall(r'"([^"]+)"', names)
    }

    assert found == set(known)


def test_the_page_in_the_repository_names_tests_that_there_are() -> None:
    text = PAGE.read_text(encoding="utf-8")
    path, missing = "", []
    for line in text.splitlines():
        if named := re.match(r"- `(export_assets_tests/.*\.py)`$", line):
            path = (ROOT / named[1]).read_text(encoding="utf-8")
        elif (test := re.match(r"    - `(\w+)`", line)) and f"def {test[1]}(" not in path:
            missing.append(test[1])

    assert all(promise.title in text for promise in PROMISES.values())
    assert all(suite.title in text for suite in SUITES.values())
    assert missing == []
    assert "BROKEN" not in text
    assert "**not run**" not in text
    assert text == page(json.loads((ROOT / "export_assets_tests/proof/notes.json").read_bytes()))
