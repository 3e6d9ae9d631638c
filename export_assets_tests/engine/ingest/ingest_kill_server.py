"""Forks passes over logs and kills them; its own process, which never runs a query of Polars.

python ingest_kill_server.py ROOT random|points SEED KILLS
Prints one JSON document: how often a kill met a live child, and what was wrong after each.
"""

import gzip
import json
import os
import random
import shutil
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from export_assets.engine.ingest.segments import SegmentsKey
from export_assets.store.filesystem import Filesystem
from export_assets.store.layout import staging_dir
from export_assets_tests.engine.ingest.ingest_world import SOURCE, World, line, lines
from export_assets_tests.killed_children import run_child, told_by_child

Result = dict[str, Any]
LOGS = ("a.log", "b.log")
KILLS_PER_LIFE = 8


class Noting(Filesystem):
    """Notes every passing of every point."""

    def __init__(self) -> None:
        super().__init__()
        self.passed: Counter[str] = Counter()

    def at(self, point: str) -> None:
        self.passed[point] += 1


@dataclass
class Life:
    """Logs that are written and rotated between the passes that are killed."""

    base: Path
    chance: random.Random
    written: int = 0
    rotated: int = 0
    torn: dict[str, bytes] = field(default_factory=lambda: dict.fromkeys(LOGS, b""))
    run: int = 0

    def write(self) -> None:
        """Append whole lines and the beginning of one to each log, and rotate some."""
        for name, rest in self.torn.items():
            more = self.chance.randint(1, 4)
            whole = lines(*range(self.written, self.written + more))
            torn = line(self.written + more)
            self.world.append(name, rest + whole + torn[:3])
            self.torn[name] = torn[3:]
            self.written += more + 1
        if self.chance.random() < 0.3:
            self.rotate(self.chance.choice(LOGS))

    def rotate(self, name: str) -> None:
        """Move a log away whole, by a new name, packed, or copied and truncated."""
        self.finish(name)
        self.rotated += 1
        log, way = self.world.logs / name, self.chance.choice(("rename", "pack", "copy"))
        old = log.with_name(f"{name}.{self.rotated}")
        if way == "copy":
            shutil.copyfile(log, old)
            os.truncate(log, 0)
        elif way == "rename":
            log.rename(old)
        else:
            old.with_name(f"{old.name}.gz").write_bytes(gzip.compress(log.read_bytes(), mtime=0))
            log.unlink()

    def finish(self, name: str) -> None:
        self.world.append(name, self.torn[name])
        self.torn[name] = b""

    @property
    def world(self) -> World:
        """The logs as a process of its own finds them."""
        self.run += 1
        return World(self.base, runs=1_000 * self.run)

    def staged(self) -> list[str]:
        """What lies beside the segments that is none."""
        place = staging_dir(self.world.store.root, SegmentsKey(SOURCE))
        with suppress(FileNotFoundError):
            return sorted(path.name for path in place.iterdir())
        return []

    def faults(self) -> list[str]:
        """What is wrong right after a kill."""
        world = self.world
        numbers = told_by_child(lambda: world.numbers, self.base / "numbers.json")
        return self.wrong(numbers)

    def end(self) -> list[str]:
        """What is wrong once two passes were let be."""
        for name in LOGS:
            self.finish(name)

        def passes() -> tuple[list[int], list[str]]:
            self.world.tick()
            before, numbers = self.tree(), self.world.numbers
            self.world.tick()
            return numbers, [path for path, *_ in self.tree() - before]

        numbers, rewritten = told_by_child(passes, self.base / "end.json")
        found = [f"missing: {one}" for one in range(self.written) if one not in set(numbers)]
        found += [f"does not converge: {path}" for path in rewritten]
        return found + self.wrong(numbers) + [f"left over: {name}" for name in self.staged()]

    def wrong(self, numbers: list[int]) -> list[str]:
        """What may be among the published lines at no time."""
        found = [f"twice: {number}" for number, times in Counter(numbers).items() if times > 1]
        return found + [f"never written: {one}" for one in set(numbers) - set(range(self.written))]

    def tree(self) -> set[tuple[str, int, int]]:
        """Every file of the segments, with its size and time of change."""
        files = [file for path in self.world.paths for file in path.iterdir()]
        found = [(str(path), path.stat()) for path in files]
        return {(path, status.st_size, status.st_mtime_ns) for path, status in found}


def median_of(root: Path, chance: random.Random) -> float:
    """Return how long a pass takes that nobody kills."""
    life, took = Life(root / "timing", chance), []
    for _ in range(7):
        life.write()
        start = time.perf_counter()
        run_child(lambda: life.world.tick())  # noqa: PLW0108  # opened in the fork
        took.append(time.perf_counter() - start)
    return sorted(took)[3]


def randomly(root: Path, chance: random.Random, kills: int) -> list[Result]:
    """Kills at random moments, scaled to how long a pass takes."""
    median, results = median_of(root, chance), list[Result]()
    while len(results) < kills:
        life = Life(root / str(len(results)), chance)
        found = list[str]()
        for _ in range(min(KILLS_PER_LIFE, kills - len(results))):
            life.write()
            killed = run_child(
                lambda: life.world.tick(),  # noqa: B023, PLW0108  # runs at once
                kill_after=chance.uniform(0, median),
            )
            staged, found = bool(life.staged()), life.faults()
            results.append({"killed": killed, "staged": staged, "faults": found})
            # The machine gets faster and slower meanwhile.
            median *= 1.02 if killed else 0.97
        results[-1]["faults"] = found + life.end()
        shutil.rmtree(life.base)
    return results


def grown(base: Path) -> Life:
    """Return logs that were read, of which one is rotated, and more is there."""
    life = Life(base, random.Random(1))
    life.write()
    run_child(lambda: life.world.tick())  # noqa: PLW0108  # opened in the fork
    life.rotate("a.log")
    life.write()
    return life


def passings(base: Path) -> list[tuple[str, int]]:
    """Every point of such a pass, and how often it is passed."""

    def note() -> list[tuple[str, int]]:
        noting = Noting()
        World(base, runs=5, filesystem=noting).tick()
        return sorted(noting.passed.items())

    return [(str(name), int(count)) for name, count in told_by_child(note, base / "points.json")]


def at_points(root: Path, most: int) -> list[Result]:
    """Kills at the last passing of every point and at the first of them, not more than *most*."""
    origin, results = grown(root / "origin"), list[Result]()
    shutil.copytree(origin.base, root / "measure")
    for name, count in passings(root / "measure"):
        for number in sorted({*range(1, min(count, most)), count}):
            point = f"{name}:{number}"
            life = replace(origin, base=root / point, torn=dict(origin.torn))
            shutil.copytree(origin.base, life.base)
            killed = run_child(
                # Its own points are counted from the beginning of the pass.
                lambda: World(life.base, runs=5, filesystem=Filesystem()).tick(),  # noqa: B023  # runs at once
                crash=point,
            )
            staged, found = bool(life.staged()), life.end()
            results.append({"point": point, "killed": killed, "staged": staged, "faults": found})
            shutil.rmtree(life.base)
    return results


def main() -> None:
    root, mode, seed, kills = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    os.environ["EXPORT_ASSETS_TESTING"] = "1"
    if mode == "random":
        results = randomly(root, random.Random(seed), kills)
    else:
        results = at_points(root, kills)
    json.dump({"results": results}, sys.stdout)


if __name__ == "__main__":
    main()
