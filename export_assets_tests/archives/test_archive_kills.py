"""What kill -9 leaves behind of offloads, purges and restores."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from export_assets_tests.effort import effort
from export_assets_tests.proof.plugin import Proven

SERVER = Path(__file__).with_name("archive_kill_server.py")
SEED = 20260208
KILLS = effort(60, soak=500)

pytestmark = pytest.mark.promise("nothing-deleted-unproven", "whole-or-absent")


def serve(root: Path, mode: str, *, kills: int = 0, fault: str = "") -> list[dict[str, Any]]:
    command = [sys.executable, str(SERVER), str(root), mode, str(SEED), str(kills)]
    done = subprocess.run(
        [*command, fault] if fault else command,
        capture_output=True,
        text=True,
        timeout=240,
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": ".", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, f"replay: {' '.join(command)}\n{done.stderr}"
    answer = json.loads(done.stdout)
    # Forking a process that has run Polars can hang.
    assert not answer["polars"]
    results: list[dict[str, Any]] = answer["results"]
    return results


def wrong(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [result for result in results if result["faults"]][:3]


@pytest.mark.suite("kills")
def test_kills_during_offload_lose_no_line_and_the_next_run_finishes(
    quick: Path, proven: Proven
) -> None:
    results = serve(quick, "offload-random", kills=KILLS)

    hits = sum(result["killed"] for result in results)
    assert len(results) == KILLS
    assert hits >= KILLS // effort(3, soak=2), (
        f"too few kills met an offload under way, seed {SEED}"
    )
    assert wrong(results) == []
    proven(
        KILLS,
        "offloads killed at random moments",
        f"{hits} under way, {len(wrong(results))} lost or torn",
    )


@pytest.mark.suite("crash-points")
def test_an_offload_killed_at_any_point_loses_no_line(quick: Path, proven: Proven) -> None:
    results = serve(quick, "offload-points")

    passed = {result["point"].partition(":")[0] for result in results}
    assert {
        "closed",
        "published",
        "ledger_archived",
        "trashed",
        "unlinked",
        "ledger_done",
    } <= passed
    assert all(result["killed"] for result in results)
    assert wrong(results) == []
    proven(
        len(results),
        f"kills at {len(passed)} points of an offload",
        f"{len(wrong(results))} lost or torn",
    )


@pytest.mark.suite("crash-points")
def test_a_purge_killed_at_any_point_removes_nothing_that_is_not_archived(
    quick: Path, proven: Proven
) -> None:
    results = serve(quick, "purge-points")

    assert len(results) > 10
    assert all(result["killed"] for result in results)
    assert wrong(results) == []
    proven(len(results), "kills at points of a purge", f"{len(wrong(results))} lost")


@pytest.mark.suite("kills")
def test_a_restore_killed_at_random_moments_leaves_whole_files_and_can_be_repeated(
    quick: Path, proven: Proven
) -> None:
    results = serve(quick, "restore-random", kills=effort(30, soak=100))

    hits = sum(result["killed"] for result in results)
    assert hits >= 12
    assert wrong(results) == []
    proven(
        len(results),
        "restores killed at random moments",
        f"{hits} under way, {len(wrong(results))} torn",
    )


@pytest.mark.suite("mutants")
@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("delete while archiving", "lost"),
        ("enter after removing", "lost"),
        ("archive what is known", "archived twice"),
    ],
)
def test_kills_at_every_point_find_a_faulty_step(
    quick: Path, fault: str, found: str, proven: Proven
) -> None:
    results = serve(quick, "offload-points", fault=fault)

    caught = [one for one in results if any(line.startswith(found) for line in one["faults"])]
    assert len(caught) >= 3
    proven(1, f"faulty offload: {fault}", f"found by {len(caught)} of {len(results)} kills")
