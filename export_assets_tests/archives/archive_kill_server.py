"""Forks offloads and restores and kills them; run as its own process, which imports no Polars.

python archive_kill_server.py ROOT offload-random|offload-points|purge-points|restore-random
    SEED KILLS [FAULT]
Prints one JSON document: how often a kill met a live child, and what was wrong after each.
"""

import json
import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from export_assets.archives.encryption.keyring import NO_KEYS
from export_assets.archives.restore import restore
from export_assets.store.filesystem import Filesystem
from export_assets_tests.archives.keys import OPENING
from export_assets_tests.archives.offload_world import (
    FAULTS,
    OLD_FILES,
    Hooked,
    World,
    contents_below,
)
from export_assets_tests.killed_children import run_child

KEYRINGS = (NO_KEYS, OPENING)
Result = dict[str, Any]


def faults(world: World, written: set[bytes]) -> list[str]:
    """What is wrong right after a kill, and after the offload was run again, and once more."""
    found = [f"lost {line!r}" for line in world.lost(written)]
    if world.archives.is_dir():
        found += [f"torn {name}" for name in world.torn()]
    world.offload(run_id="again")
    found += [f"lost later {line!r}" for line in world.lost(written)]
    found += [f"not removed: {name}" for name in world.left_behind() if name != "today.jsonl"]
    found += [f"archived twice: {path}" for path in world.archived_twice()]
    found += [f"stray {name}" for name in world.stray()]
    before = sorted(world.archives.iterdir())
    report = world.offload(run_id="third")
    if report.archived or report.removed or sorted(world.archives.iterdir()) != before:
        found.append(f"does not converge: {report}")
    return found


def offload_random(root: Path, chance: random.Random, kills: int) -> list[Result]:
    """Kills at random moments, scaled to how long a run takes."""
    took = []
    for number in range(7):
        world = World(root / f"timing-{number}").make()
        start = time.perf_counter()
        run_child(world.offload)
        took.append(time.perf_counter() - start)
    median = sorted(took)[3]
    results: list[Result] = []
    while len(results) < kills:
        keyring = KEYRINGS[len(results) % 2]
        world = World(root / str(len(results)), keyring=keyring).make()
        written = world.lines()
        grace = chance.random() < 0.5  # a coin
        delay = chance.uniform(0, median)
        killed = run_child(lambda: world.offload(grace=grace), kill_after=delay)  # noqa: B023  # runs at once
        if chance.random() < 0.3:  # some recoveries are killed, too
            run_child(lambda: world.offload(grace=grace), kill_after=chance.uniform(0, median))  # noqa: B023  # runs at once
        results.append({"killed": killed, "faults": faults(world, written)})
        # The machine gets faster and slower meanwhile.
        median *= 1.02 if killed else 0.97
        shutil.rmtree(world.root)
    return results


def points_of(work: Callable[[Filesystem], object]) -> list[str]:
    """Every passing of every point, as `point:n`."""
    passed: list[str] = []
    work(Hooked(lambda point, number: passed.append(f"{point}:{number}")))
    return passed


def offload_points(root: Path) -> list[Result]:
    results: list[Result] = []
    # That faults are found is seen on plain archives.
    encrypted = [] if sys.argv[5:] else [(True, OPENING)]
    for grace, keyring in [(True, NO_KEYS), (False, NO_KEYS), *encrypted]:
        name = f"{grace}-{keyring.seals}"
        measured = World(root / f"measure-{name}", keyring=keyring).make()
        for point in points_of(lambda fs: measured.offload(grace=grace, filesystem=fs)):  # noqa: B023  # runs at once
            world = World(root / f"{name}-{point}", keyring=keyring).make()
            written = world.lines()
            killed = run_child(
                lambda: world.offload(grace=grace, filesystem=Filesystem()),  # noqa: B023  # runs at once
                crash=point,
            )
            results.append({"point": point, "killed": killed, "faults": faults(world, written)})
            shutil.rmtree(world.root)
    return results


def purge_points(root: Path) -> list[Result]:
    def offloaded(name: str) -> tuple[World, set[bytes]]:
        world = World(root / name).make()
        written = world.lines()
        world.offload()
        return world, written

    results: list[Result] = []
    measured, _ = offloaded("measure")
    for point in points_of(lambda fs: measured.purge(filesystem=fs)):
        world, written = offloaded(point)
        killed = run_child(world.purge, crash=point)
        found = [f"lost {line!r}" for line in world.lost(written)]
        world.purge()
        found += [f"lost later {line!r}" for line in world.lost(written)]
        found += [f"still there: {path}" for path in world.in_place() if path != "today.jsonl"]
        results.append({"point": point, "killed": killed, "faults": found})
    return results


def restore_random(root: Path, chance: random.Random, kills: int) -> list[Result]:
    """Kills of restores over files that are set aside."""
    origin = World(root / "origin").make()
    wanted = {path: content for path, content in origin.in_place().items() if path in OLD_FILES}
    archive = origin.offload().archive
    assert archive is not None
    results: list[Result] = []
    delay = 0.02
    while len(results) < kills:
        target = root / f"target-{len(results)}"
        target.mkdir()
        (target / "a.jsonl").write_bytes(b"mine")

        def bring_back(where: Path = target) -> object:
            return restore(archive, where, run_id="r", overwrite=True)

        killed = run_child(bring_back, kill_after=chance.uniform(0, delay))
        delay *= 1.05 if killed else 0.9
        found = [
            f"torn {path}"
            for path, content in wanted.items()
            if (target / path).exists() and (target / path).read_bytes() not in (content, b"mine")
        ]
        bring_back()
        after = contents_below(target)
        if after != {**wanted, "a.jsonl.bak": b"mine"}:
            found.append(f"after: {sorted(after)}")
        results.append({"killed": killed, "faults": found})
        shutil.rmtree(target)
    return results


def main() -> None:
    root, mode, seed, kills = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    os.environ["EXPORT_ASSETS_TESTING"] = "1"
    for fault in sys.argv[5:]:
        FAULTS[fault]()
    chance = random.Random(seed)
    if mode == "offload-random":
        results = offload_random(root, chance, kills)
    elif mode == "offload-points":
        results = offload_points(root)
    elif mode == "purge-points":
        results = purge_points(root)
    else:
        results = restore_random(root, chance, kills)
    json.dump({"results": results, "polars": "polars" in sys.modules}, sys.stdout)


if __name__ == "__main__":
    main()
