"""Forks whole offloads and kills them; its own process, which never runs a query of Polars.

python offload_kill_server.py ROOT SEED KILLS [FAULT]
Prints one JSON document: how often a kill met a live child, and what was wrong after each.
"""

import json
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from export_assets.archives.offload import run
from export_assets.engine.archiving import offloading
from export_assets.engine.archiving.log_states import LogState, LogStates
from export_assets.engine.ingest.outcome import IngestReport
from export_assets.engine.logs.source import LogSource
from export_assets_tests.engine.archiving.archiving_world import OLD, YOUNG, ArchivingWorld
from export_assets_tests.killed_children import run_child, told_by_child

Result = dict[str, Any]


def state(world: ArchivingWorld) -> list[str]:
    """What must not change any more: places, archives and how much is in them."""
    return [
        *world.files(),
        *(f"{path.name} {path.stat().st_size}" for path in sorted(world.archives.glob("*.zip"))),
    ]


def faults(world: ArchivingWorld, *, grace: bool, touched: set[str]) -> list[str]:
    """What is wrong right after a kill, and after the offload was run again, and once more."""
    found = [f"lost {line!r}" for line in world.lost()]
    run_child(lambda: world.offload(grace=grace))
    found += [f"lost later {line!r}" for line in world.lost()]
    found += [f"not moved: {name}" for name in world.in_place() if name not in touched | {YOUNG}]
    found += [f"archived twice: {path}" for path in world.archived_twice()]
    strays = [path.name for path in world.archives.glob(".*.tmp")]
    found += [f"stray {name}" for name in strays]
    before = state(world)
    run_child(lambda: world.offload(grace=grace))
    if state(world) != before:
        found.append(f"does not converge: {before} {state(world)}")
    numbers = told_by_child(lambda: sorted(world.numbers().items()), world.home / "numbers.json")
    if numbers != [[number, 1] for number in range(len(world.written))]:
        found.append(f"published: {numbers} of {len(world.written)}")
    return found


def kills(root: Path, chance: random.Random, number: int) -> list[Result]:
    """Kills at random moments, scaled to how long a run takes."""
    took = []
    for turn in range(7):
        world = ArchivingWorld(root / f"timing-{turn}").make(lines=3)
        start = time.perf_counter()
        run_child(world.offload)
        took.append(time.perf_counter() - start)
    median = sorted(took)[3]
    results: list[Result] = []
    while len(results) < number:
        world = ArchivingWorld(root / str(len(results))).make(lines=3)
        grace = chance.random() < 0.5  # a coin
        delay = chance.uniform(0, median)
        killed = run_child(lambda: world.offload(grace=grace), kill_after=delay)  # noqa: B023  # runs at once
        touched: set[str] = set()
        if chance.random() < 0.3:  # a logger goes on writing, or makes a new log of that name
            name = chance.choice(OLD)
            touched.add(name)
            world.write(name)
        if chance.random() < 0.3:  # some recoveries are killed, too
            run_child(lambda: world.offload(grace=grace), kill_after=chance.uniform(0, median))  # noqa: B023  # runs at once
        results.append({"killed": killed, "faults": faults(world, grace=grace, touched=touched)})
        # The machine gets faster and slower meanwhile.
        median *= 1.02 if killed else 0.97
        shutil.rmtree(world.home)
    return results


def delete_first() -> None:
    """A fault for the harness to find: logs go before they are archived."""
    archived = run.offload

    def faulty(request: Any) -> Any:
        for candidate in request.candidates:
            if candidate.content_end < request.cutoff and request.ingested(
                candidate.path.as_posix(), (request.source_dir / candidate.path).stat().st_size
            ):
                (request.source_dir / candidate.path).unlink()
        return archived(request)

    offloading.offload = faulty  # type: ignore[attr-defined]  # the name it is called by there


def read_nothing() -> None:
    """A fault for the harness to find: logs go of which nothing was read."""
    january = datetime(2026, 1, 15, tzinfo=UTC)

    @contextmanager
    def unread(_: Any, run_id: str, now: datetime) -> Iterator[tuple[IngestReport, None]]:
        del run_id, now
        yield IngestReport(), None

    def look(_: Any, listed: Any) -> LogState | None:
        status = listed.path.stat()
        return None if listed.name == YOUNG else LogState(
            name=listed.name,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            ctime_ns=status.st_ctime_ns,
            inode=status.st_ino,
            length=status.st_size,
            segments=(),
            read=True,
        )  # fmt: skip

    LogSource.reading = unread  # type: ignore[method-assign,assignment]  # in a process of its own
    LogStates.look = look  # type: ignore[method-assign,assignment]
    LogState.times = property(lambda _: (january, january))  # type: ignore[method-assign,assignment]


FAULTS = {"delete first": delete_first, "read nothing": read_nothing}


def main() -> None:
    root, seed, number = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    os.environ["EXPORT_ASSETS_TESTING"] = "1"
    for fault in sys.argv[4:]:
        FAULTS[fault]()
    results = kills(root, random.Random(seed), number)
    json.dump({"results": results}, sys.stdout)


if __name__ == "__main__":
    main()
