"""Ingestion while writers write, processes are killed, and lines are larger than memory may be."""

import multiprocessing
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from export_assets.engine.ingest.segments import SegmentsKey
from export_assets.store.layout import staging_dir
from export_assets_tests.effort import effort
from export_assets_tests.engine.ingest.ingest_world import World, line, lines

POINTS = (
    "staged",
    "open",
    "write",
    "fsync",
    "chmod",
    "parts_synced",
    "manifest_synced",
    "staging_synced",
    "rename_new",
    "published",
    "parent_synced",
)


def die_while_reading(base: Path, crash: str) -> None:
    os.environ.update(EXPORT_ASSETS_TESTING="1", EXPORT_ASSETS_CRASH=crash)
    World(base, runs=1000 + os.getpid()).tick()


@pytest.mark.timeout(120)
def test_no_kill_loses_or_doubles_a_line(tmp_path: Path) -> None:
    world, chance = World(tmp_path), random.Random(4)
    # Forked from a process that has everything imported and no threads yet.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["export_assets_tests.engine.ingest.ingest_world"])
    killed = written = 0
    rest = dict.fromkeys(("a.log", "b.log"), b"")

    for turn in range(effort(16, soak=60)):
        for name, torn in rest.items():
            world.append(name, torn + lines(written, written + 1) + line(written + 2)[:3])
            rest[name] = line(written + 2)[3:]
            written += 3
        if turn % 5 == 4:
            world.append("a.log", rest["a.log"])
            rest["a.log"] = b""
            (world.logs / "a.log").rename(world.logs / f"a.{turn}")
        crash = f"{POINTS[turn % len(POINTS)]}:{chance.randint(1, 2)}"
        process = context.Process(target=die_while_reading, args=(tmp_path, crash))
        process.start()
        process.join(60)
        killed += process.exitcode == -9
        assert process.exitcode in {-9, 0}
        assert len(set(world.numbers)) == len(world.numbers)
    for name, torn in rest.items():
        world.append(name, torn)
    world.tick()

    assert killed >= 10
    assert world.numbers == list(range(written))
    assert list(staging_dir(world.store.root, SegmentsKey("range")).iterdir()) == []


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
