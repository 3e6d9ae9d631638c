"""What kill -9 leaves behind of an offload from reading the logs to moving them away."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from export_assets_tests.effort import effort
from export_assets_tests.proof.plugin import Proven

SERVER = Path(__file__).with_name("offload_kill_server.py")
SEED = 20260301
KILLS = effort(12, soak=500)

pytestmark = pytest.mark.promise("nothing-deleted-unproven", "every-byte")


def serve(root: Path, kills: int, *faults: str) -> list[dict[str, Any]]:
    command = [sys.executable, str(SERVER), str(root), str(SEED), str(kills), *faults]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=kills * 10,
        cwd=Path(__file__).parents[3],
        env={"PYTHONPATH": ".", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, f"replay: {' '.join(command)}\n{done.stderr}"
    results: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    return results


@pytest.mark.suite("kills")
@pytest.mark.timeout(KILLS * 10)
def test_kills_of_whole_offloads_lose_no_line_and_the_next_run_finishes(
    quick: Path, proven: Proven
) -> None:
    results = serve(quick, KILLS)

    hits = sum(result["killed"] for result in results)
    assert len(results) == KILLS
    assert hits >= KILLS // effort(3, soak=2), (
        f"too few kills met an offload under way, seed {SEED}"
    )
    wrong = [result for result in results if result["faults"]]
    assert wrong[:3] == []
    proven(
        KILLS,
        "whole offloads killed at random moments, from reading to moving away",
        f"{hits} under way, {len(wrong)} lost or torn",
    )


@pytest.mark.suite("mutants")
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("fault", "found"), [("delete first", "lost"), ("read nothing", "published")]
)
def test_kills_find_a_faulty_step(quick: Path, fault: str, found: str, proven: Proven) -> None:
    results = serve(quick, 8, fault)

    caught = [one for one in results if any(line.startswith(found) for line in one["faults"])]
    assert len(caught) >= 3
    proven(1, f"faulty whole offload: {fault}", f"found by {len(caught)} of {len(results)} kills")
