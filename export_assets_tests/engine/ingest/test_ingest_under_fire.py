"""Ingestion while writers write, processes are killed, and lines are larger than memory may be."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from export_assets_tests.effort import effort
from export_assets_tests.engine.ingest.ingest_world import World, line, lines
from export_assets_tests.proof.plugin import Proven

SERVER = Path(__file__).with_name("ingest_kill_server.py")
SEED = 20260404
KILLS = effort(25, soak=600)


def serve(root: Path, mode: str, kills: int) -> list[dict[str, Any]]:
    """Let passes over logs be killed, in a process that can fork; return what came of each."""
    command = [sys.executable, str(SERVER), str(root), mode, str(SEED), str(kills)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60 + 3 * kills,
        cwd=Path(__file__).parents[3],
        # With threads of its own for each fork, Polars takes as long again.
        env={"PYTHONPATH": ".", "PATH": "/usr/bin:/bin", "POLARS_MAX_THREADS": "1"},
    )
    assert done.returncode == 0, f"replay: {' '.join(command)}\n{done.stderr}"
    results: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    return results


def wrong(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [result for result in results if result["faults"]]


@pytest.mark.suite("kills")
@pytest.mark.promise("every-byte", "whole-or-absent")
@pytest.mark.timeout(60 + 3 * KILLS)
def test_kills_at_random_moments_lose_or_double_no_line(quick: Path, proven: Proven) -> None:
    results = serve(quick, "random", KILLS)

    hits = sum(result["killed"] for result in results)
    staged = sum(result["staged"] for result in results)
    assert wrong(results)[:3] == [], f"seed {SEED}"
    assert len(results) == KILLS
    assert hits >= KILLS // effort(3, soak=2), f"too few kills met a pass under way, seed {SEED}"
    assert staged >= KILLS // effort(12, soak=8), (
        f"too few kills met a segment half written, seed {SEED}"
    )
    proven(
        KILLS,
        "passes over logs killed at random moments",
        f"{hits} under way, {staged} within a segment; {len(wrong(results))} lost or doubled lines",
    )


@pytest.mark.suite("crash-points")
@pytest.mark.promise("every-byte", "whole-or-absent")
def test_a_kill_at_any_point_loses_or_doubles_no_line(quick: Path, proven: Proven) -> None:
    results = serve(quick, "points", effort(2, soak=100))

    passed = {result["point"].partition(":")[0] for result in results}
    assert {"staged", "open", "write", "fsync", "parts_synced", "manifest_synced"} <= passed
    assert {"staging_synced", "rename_new", "published", "parent_synced"} <= passed
    assert all(result["killed"] for result in results)
    assert wrong(results)[:3] == []
    proven(
        len(results),
        f"kills at {len(passed)} points of a pass over logs",
        f"{len(wrong(results))} lost or doubled lines",
    )


def test_a_log_that_grows_while_it_is_read_gives_every_line_once(tmp_path: Path) -> None:
    world, enough, written = World(tmp_path), threading.Event(), 0
    world.log("a.log", b"")

    def write() -> None:
        nonlocal written
        with (world.logs / "a.log").open("ab", buffering=0) as file:
            while not enough.is_set():
                content = lines(*range(written, written + 5))
                file.write(content[:17])
                file.write(content[17:])
                written += 5
                enough.wait(0.0005)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        looks = sum(bool(world.tick().published) for _ in range(40))
    finally:
        enough.set()
        writer.join()
    world.tick()

    assert looks >= 5
    assert world.numbers == list(range(written))


MEASURED = """
import sys
from pathlib import Path
from export_assets_tests.engine.ingest.ingest_world import World
from export_assets_tests.peak_memory import peak_kilobytes

World(Path(sys.argv[1])).tick(late=True)
print(peak_kilobytes() // 1024)
"""


def megabytes_needed(base: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(base)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[3],
    )
    return int(done.stdout)


def test_a_line_of_a_hundred_megabytes_is_passed_in_bounded_memory(tmp_path: Path) -> None:
    world = World(tmp_path)
    with (world.logs / "a.log").open("wb") as file:
        file.write(line(1) + b'{"n":"')
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n' + line(2))

    used = megabytes_needed(tmp_path)

    assert used < 250
    assert world.numbers == [1, 2]
    assert [(one["reason"], one["length"]) for one in world.refused] == [("too_long", 100_000_009)]


def test_a_file_full_of_holes_is_passed_in_bounded_memory(tmp_path: Path) -> None:
    world = World(tmp_path)
    hole = 1 << 30
    with (world.logs / "a.log").open("wb") as file:
        file.write(line(1))
        file.truncate(9 + hole)
        file.seek(0, os.SEEK_END)
        file.write(line(2))

    used = megabytes_needed(tmp_path)

    assert used < 250
    assert world.numbers == [1, 2]
    assert [(one["reason"], one["length"]) for one in world.refused] == [("nul_run", hole)]
