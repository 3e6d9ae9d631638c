"""Exports of one table by many processes in the same moment of a clock that stands still."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from export_assets.store.verify import verify_partition
from export_assets_tests.effort import effort
from export_assets_tests.engine.engine_world import World, leftovers
from export_assets_tests.proof.plugin import Proven

pytestmark = [pytest.mark.suite("concurrency"), pytest.mark.promise("whole-or-absent")]

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("parallel_exports.py")


def export_at_once(
    home: Path, *, rounds: int, processes: int, how: str = "published"
) -> list[list[dict[str, Any]]]:
    """Return what each process said in each round."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(home), str(rounds), str(processes), how],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    found: list[list[dict[str, Any]]] = json.loads(done.stdout)
    return found


def test_of_eight_exports_at_once_one_publishes_each_change(tmp_path: Path, proven: Proven) -> None:
    rounds = effort(2, soak=20)

    told = export_at_once(tmp_path, rounds=rounds, processes=8)

    world = World(tmp_path)
    published = [one["generation"] for each in told for one in each if one["status"] == "success"]
    assert published == list(range(1, rounds + 1)), told
    for number, each in enumerate(told):
        ends = {(one["status"], one.get("exit_code")) for one in each}
        # Whoever does not wait may meet the lock.
        assert ends <= {("success", 0), ("unchanged", 0), ("failed", 22)}, each
        assert number % 2 or ("failed", 22) not in ends, each
    assert world.manifest("orders", "csv", "all").generation == rounds
    assert verify_partition(world.partition("orders", "csv", "all")) == []
    assert leftovers(world.exports) == []
    result = f"{len(published)} generations, each once"
    proven(rounds, "changes exported by 8 processes at once", result)


def test_ten_exports_in_one_moment_are_ten_generations(tmp_path: Path, proven: Proven) -> None:
    [told] = export_at_once(tmp_path, rounds=1, processes=10, how="overwritten")

    generations = sorted(one["generation"] for one in told)
    assert generations == list(range(1, 11)), told
    world = World(tmp_path)
    assert verify_partition(world.partition("orders", "csv", "all")) == []
    proven(10, "exports in one moment", f"{len(set(generations))} generations")


def test_of_ten_exports_to_one_file_name_one_writes_and_none_overwrites(
    tmp_path: Path, proven: Proven
) -> None:
    [told] = export_at_once(tmp_path, rounds=1, processes=10, how="beside")

    ends = Counter(one["status"] for one in told)
    assert ends == {"success": 1, "skipped": 9}, told
    assert all("exists; use --overwrite" in one["error"] for one in told if one["error"])
    assert len(list((tmp_path / "out").glob("orders_*.csv"))) == 1
    proven(10, "exports to one name", f"{ends['success']} written, {ends['skipped']} skipped")
