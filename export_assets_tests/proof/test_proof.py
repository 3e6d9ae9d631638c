"""What tests say they prove reaches the notes, and says nothing that is not so."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PLUGINS = ("-p", "export_assets_tests.proof.plugin", "-p", "no:cacheprovider", "-p", "no:junitxml")
EXAMPLE = """
import pytest

@pytest.mark.suite("kills")
@pytest.mark.promise("whole-or-absent")
def test_good(proven):
    proven(3, "kills", "0 torn")

@pytest.mark.suite("kills")
def test_bad():
    assert False

@pytest.mark.suite("kills")
def test_not_here():
    pytest.skip("nothing to kill")
"""


def run(directory: Path, content: str, *more: str) -> tuple[int, str, list[dict[str, Any]]]:
    directory.joinpath("test_example.py").write_text(content, encoding="utf-8")
    notes = directory / "notes.json"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *PLUGINS, "--rootdir", ".", *more, "."],
        capture_output=True,
        text=True,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), "EXPORT_ASSETS_PROOF": str(notes)},
        timeout=60,
    )
    told = json.loads(notes.read_bytes()) if notes.exists() else []
    return done.returncode, done.stdout + done.stderr, told


def test_every_outcome_and_figure_is_noted_where_workers_run_the_tests(tmp_path: Path) -> None:
    code, _, told = run(tmp_path, EXAMPLE, "-n", "1")

    by_name = {note["test"].rpartition("::")[2]: note for note in told}
    assert code == 1
    assert {name: note["outcome"] for name, note in by_name.items()} == {
        "test_good": "passed",
        "test_bad": "failed",
        "test_not_here": "skipped",
    }
    assert by_name["test_good"]["suite"] == ["kills"]
    assert by_name["test_good"]["promise"] == ["whole-or-absent"]
    assert by_name["test_good"]["proven"] == [[3, "kills", "0 torn"]]


def test_a_suite_that_is_none_is_refused(tmp_path: Path) -> None:
    code, said, _ = run(tmp_path, EXAMPLE.replace('suite("kills")', 'suite("skills")'))

    assert code == 4
    assert "no suite is called 'skills'" in said
