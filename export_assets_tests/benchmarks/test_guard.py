"""No job became much slower than it was, told by ratios; and one that did is noticed."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.guard import child, pairs, ratios
from benchmarks.guard.pairs import Pair


@pytest.mark.timeout(600)
def test_no_job_takes_much_more_than_was_recorded(tmp_path: Path) -> None:
    verdicts = ratios.verdicts(tmp_path, ratios.NAMES, rounds=3)

    assert [str(one) for one in verdicts if not one.met] == []
    assert [one.name for one in verdicts] == list(ratios.NAMES)


def spend(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_job_that_does_its_work_twice_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "guard.json"

    def measured(work: float) -> dict[str, ratios.Rounds]:
        pair = Pair(warm=lambda: None, ours=lambda: spend(work), peer=lambda: spend(0.03))
        monkeypatch.setitem(pairs.PAIRS, "a job", lambda _: pair)
        child.main(str(tmp_path), str(record), "3", "a job")
        return ratios.load(record)

    ratios.record(measured(0.03), tmp_path / "ratios.json")
    recorded = ratios.read(tmp_path / "ratios.json")

    [once], [twice] = (ratios.judge(measured(work), recorded) for work in (0.03, 0.06))

    assert once.met
    assert not twice.met
    assert str(twice).endswith("NOT MET: it became slower")


def test_recording_one_job_leaves_the_ratios_of_others(tmp_path: Path) -> None:
    path = tmp_path / "ratios.json"
    ratios.record({"one": [(1.0, 2.0)], "other": [(3.0, 2.0)]}, path)

    ratios.record({"other": [(4.0, 2.0), (9.0, 1.0), (1.0, 1.0)]}, path)

    assert ratios.read(path) == {"one": 0.5, "other": 2.0}


def test_a_job_that_seems_slower_is_measured_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {ratios.START: [9.0, 1.0], "SQLite to CSV": [9.0, 8.0], "logs to segments": [1.0]}

    def measure(_: Path, names: Sequence[str], *, rounds: int) -> dict[str, ratios.Rounds]:
        return {name: [(answers[name].pop(0), 1.0)] * rounds for name in names}

    monkeypatch.setattr(ratios, "measure", measure)
    monkeypatch.setattr(ratios, "read", lambda: dict.fromkeys(ratios.NAMES, 2.0))

    found = ratios.verdicts(tmp_path, list(answers), rounds=1)

    assert [(one.measured, one.met) for one in found] == [(1.0, True), (8.0, False), (1.0, True)]
    assert answers == {ratios.START: [], "SQLite to CSV": [], "logs to segments": []}
