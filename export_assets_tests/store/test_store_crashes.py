"""What kill -9 leaves behind, at every point and at random moments."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from export_assets_tests.effort import effort
from export_assets_tests.proof.plugin import Proven

SERVER = Path(__file__).with_name("kill_server.py")
SEED = 20260208
KILLS = effort(40, soak=500)
"""Kills at random moments that must meet a publication under way."""

pytestmark = pytest.mark.promise("whole-or-absent")


def serve(root: Path, mode: str, *, exchanges: str = "yes") -> list[dict[str, Any]]:
    root.mkdir(exist_ok=True)
    command = [sys.executable, str(SERVER), str(root), mode, str(SEED), exchanges, str(KILLS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120 + KILLS)
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


@pytest.mark.suite("crash-points")
def test_killed_at_any_point_leaves_the_old_or_the_new(
    at_points: tuple[str, list[dict[str, Any]]], proven: Proven
) -> None:
    way, trials = at_points

    assert all(trial["killed"] for trial in trials)
    assert len(trials) > 40
    for trial in trials:
        assert trial["after"] in (trial["before"], trial["new"]), trial
        assert set(trial["swept"]) <= {"all"}, trial
        assert trial["next"], trial
        assert trial["left"] == ["all"], trial
    assert {trial["after"] == trial["new"] for trial in trials} == {True, False}
    torn = sum(trial["after"] not in (trial["before"], trial["new"]) for trial in trials)
    points = {trial["name"].split("-")[1] for trial in trials}
    proven(len(trials), f"kills at {len(points)} points of a publication, {way}", f"{torn} torn")


def test_a_reader_misses_the_partition_only_between_two_renames(
    at_points: tuple[str, list[dict[str, Any]]],
) -> None:
    way, trials = at_points

    missed = [
        trial["name"] for trial in trials if trial["at_once"] not in (trial["before"], trial["new"])
    ]

    between = {"replace-set_aside-1", "replace-rename_new-2"}
    assert set(missed) == (between if way == "two renames" else set())


@pytest.mark.suite("crash-points")
@pytest.mark.parametrize("exchanges", ["yes", "no"])
def test_killed_while_recovering_from_a_kill_converges_too(
    tmp_path: Path, exchanges: str, proven: Proven
) -> None:
    trials = serve(tmp_path, "nested", exchanges=exchanges)

    assert len(trials) > 20
    for trial in trials:
        assert trial["killed"], trial
        assert trial["after"] in (trial["before"], trial["new"]), trial
        assert trial["next"], trial
        assert trial["left"] == ["all"], trial
    finished = sum(trial["next"] for trial in trials)
    proven(len(trials), "kills of the recovery from a kill", f"{finished} finished by the next run")


@pytest.mark.suite("kills")
@pytest.mark.timeout(180 + KILLS)
def test_killed_at_random_moments_leaves_the_old_or_the_new(tmp_path: Path, proven: Proven) -> None:
    trials = serve(tmp_path, "random")

    hits = sum(trial["killed"] for trial in trials)
    assert hits >= KILLS, f"too few kills met a publication under way, seed {SEED}"
    assert effort(3, soak=2) * hits >= len(trials), (
        f"too few kills met a publication under way, seed {SEED}"
    )
    for trial in trials:
        assert trial["at_once"] in (trial["before"], trial["new"]), trial
        assert trial["next"], trial
        assert trial["left"] == ["all"], trial
    torn = sum(trial["at_once"] not in (trial["before"], trial["new"]) for trial in trials)
    proven(len(trials), "publications killed at random moments", f"{hits} under way, {torn} torn")


@pytest.mark.suite("crash-points")
def test_killed_while_removing_leaves_the_whole_partition_or_none(
    tmp_path: Path, proven: Proven
) -> None:
    trials = serve(tmp_path, "prune")

    assert len(trials) > 4
    for trial in trials:
        assert trial["killed"]
        assert trial["at_once"] in ("old", None), trial
        assert trial["after"] == trial["at_once"], trial
        assert trial["left"] == [], trial
    torn = sum(trial["at_once"] not in ("old", None) for trial in trials)
    proven(len(trials), "kills of a removal", f"{torn} torn")
