"""What kill -9 leaves behind, at every point and at random moments."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SERVER = Path(__file__).with_name("kill_server.py")
SEED = 20260208


def serve(root: Path, mode: str, *, exchanges: str = "yes") -> list[dict[str, Any]]:
    root.mkdir(exist_ok=True)
    command = [sys.executable, str(SERVER), str(root), mode, str(SEED), exchanges]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"replay: {' '.join(command)}\n{done.stderr}"
    answer = json.loads(done.stdout)
    # Forking a process that has run Polars can hang.
    assert not answer["polars"]
    trials: list[dict[str, Any]] = answer["trials"]
    return trials


@pytest.fixture(scope="module", params=["exchange", "two renames"])
def at_points(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[dict[str, Any]]]:
    """A kill at every passing of every point, with and without exchanging directories."""
    exchanges = "yes" if request.param == "exchange" else "no"
    return request.param, serve(tmp_path_factory.mktemp("points"), "points", exchanges=exchanges)


def test_killed_at_any_point_leaves_the_old_or_the_new(
    at_points: tuple[str, list[dict[str, Any]]],
) -> None:
    _, trials = at_points

    assert all(trial["killed"] for trial in trials)
    assert len(trials) > 40
    for trial in trials:
        assert trial["after"] in (trial["before"], trial["new"]), trial
        assert set(trial["swept"]) <= {"all"}, trial
        assert trial["next"], trial
        assert trial["left"] == ["all"], trial
    assert {trial["after"] == trial["new"] for trial in trials} == {True, False}


def test_a_reader_misses_the_partition_only_between_two_renames(
    at_points: tuple[str, list[dict[str, Any]]],
) -> None:
    way, trials = at_points

    missed = [
        trial["name"] for trial in trials if trial["at_once"] not in (trial["before"], trial["new"])
    ]

    between = {"replace-set_aside-1", "replace-rename_new-2"}
    assert set(missed) == (between if way == "two renames" else set())


@pytest.mark.parametrize("exchanges", ["yes", "no"])
def test_killed_while_recovering_from_a_kill_converges_too(tmp_path: Path, exchanges: str) -> None:
    trials = serve(tmp_path, "nested", exchanges=exchanges)

    assert len(trials) > 20
    for trial in trials:
        assert trial["killed"], trial
        assert trial["after"] in (trial["before"], trial["new"]), trial
        assert trial["next"], trial
        assert trial["left"] == ["all"], trial


def test_killed_at_random_moments_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    trials = serve(tmp_path, "random")

    hits = sum(trial["killed"] for trial in trials)
    assert hits >= 40, "too few kills met a publication under way"
    for trial in trials:
        assert trial["at_once"] in (trial["before"], trial["new"]), trial
        assert trial["next"], trial
        assert trial["left"] == ["all"], trial


def test_killed_while_removing_leaves_the_whole_partition_or_none(tmp_path: Path) -> None:
    trials = serve(tmp_path, "prune")

    assert len(trials) > 4
    for trial in trials:
        assert trial["killed"]
        assert trial["at_once"] in ("old", None), trial
        assert trial["after"] == trial["at_once"], trial
        assert trial["left"] == [], trial
