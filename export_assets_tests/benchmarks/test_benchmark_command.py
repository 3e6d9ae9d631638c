"""`python -m benchmarks` keeps what is whole for the page, and what is for trying elsewhere."""

import json
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.measure import CommandFailed
from benchmarks.measured import KEPT
from benchmarks.report import Bar, Outcome, Part

FULL = {"rows": 1_000_000, "factor": 10, "only": None}


def fails(_: Namespace) -> Outcome:
    msg = "no such command"
    raise CommandFailed(msg)


def measured(figure: float) -> Callable[[Namespace], Outcome]:
    bar = Bar(name="b", measured=figure, limit=1)
    return lambda _: Outcome(parts=[Part(name="p", seconds=[1.0])], bars=[bar])


@pytest.mark.parametrize(
    "other", [{"rows": 20_000}, {"factor": 2}, {"only": ["duckdb"]}], ids=lambda one: str([*one])
)
def test_only_what_is_whole_is_for_the_page(other: dict[str, object], tmp_path: Path) -> None:
    assert command.kept(Namespace(**FULL, results=tmp_path)) == KEPT
    assert command.kept(Namespace(**{**FULL, **other}, results=tmp_path)).parent == tmp_path


def test_a_job_that_fails_keeps_no_other_from_being_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "JOBS", {"one": fails, "two": measured(0.5)})

    code = command.main(["bench", "--rows", "9", "--results", str(tmp_path)])

    entries = json.loads((tmp_path / "measured.json").read_bytes())
    assert (code, list(entries)) == (1, ["two"])
    assert entries["two"]["parts"] == [{"name": "p", "seconds": 1.0, "rounds": 1}]
    assert "one: no such command" in capsys.readouterr().out


@pytest.mark.parametrize(("figure", "code"), [(0.5, 0), (1.5, 1)])
def test_a_bar_that_is_not_met_is_an_exit_code(
    figure: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "JOBS", {"two": measured(figure)})

    assert command.main(["two", "--rows", "9", "--results", str(tmp_path)]) == code
