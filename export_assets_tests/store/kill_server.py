"""Forks publishing children and kills them; run as its own process, which imports no Polars.

python kill_server.py ROOT points|random|nested|prune SEED EXCHANGES KILLS
Prints one JSON document: what was tried, what each left behind, how often a kill met a live child.
"""

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from export_assets.store.filesystem import Filesystem
from export_assets.store.local import LocalStore
from export_assets.store.verify import verify_partition
from export_assets_tests.killed_children import run_child
from export_assets_tests.store.publishing import KEY, NoExchange, Recording, beside, publish

TRIALS_PER_KILL = 10
"""Tried at most, for each kill that is to meet a publication under way."""


def state(root: Path) -> str | None:
    """The run whose generation is published whole, None for nothing; anything else is torn."""
    manifest = LocalStore(root).manifest(KEY, "all")
    if manifest is None:
        return None
    findings = verify_partition(root.joinpath(*KEY.parts, "all"))
    return f"torn: {findings}" if findings else manifest.run_id


def trial(root: Path, name: str, kind: type[Filesystem], **how: Any) -> dict[str, Any]:
    """Kill one publication over what is there, then publish again."""
    before = state(root)
    killed = run_child(lambda: publish(root, f"new-{name}", filesystem=kind()), **how)
    at_once = state(root)
    LocalStore(root).sweep()
    after = state(root)
    swept = beside(root)
    publish(root, f"next-{name}", filesystem=kind())
    return {
        "name": name,
        "killed": killed,
        "before": before,
        "new": f"new-{name}",
        "at_once": at_once,
        "after": after,
        "swept": swept,
        "next": state(root) == f"next-{name}",
        "left": beside(root),
    }


def points(root: Path, kind: type[Filesystem], *, exchanges: bool) -> list[dict[str, Any]]:
    """Every passing of every point of a first publication and of a replacement."""
    trials = []
    for phase in ("first", "replace"):
        recording = Recording(exchanges=exchanges)
        measured = root / phase
        if phase == "replace":
            publish(measured, "old")
        publish(measured, "measure", filesystem=recording)
        for point, count in sorted(recording.points.items()):
            for number in range(1, count + 1):
                name = f"{phase}-{point}-{number}"
                fresh = root / name
                if phase == "replace":
                    publish(fresh, "old")
                trials.append(trial(fresh, name, kind, crash=f"{point}:{number}"))
    return trials


def randomly(root: Path, kind: type[Filesystem], seed: int, kills: int) -> list[dict[str, Any]]:
    """Kills at random moments, so many of a publication over a published partition under way."""
    chance = random.Random(seed)
    publish(root, "old")
    took = []
    for number in range(5):
        start = time.perf_counter()
        run_child(lambda number=number: publish(root, f"timing-{number}", filesystem=kind()))  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
        took.append(time.perf_counter() - start)
    median = sorted(took)[2]
    trials: list[dict[str, Any]] = []
    hits, most = 0, kills * TRIALS_PER_KILL
    while hits < kills and len(trials) < most:
        delay = chance.uniform(0, median)
        trials.append(trial(root, str(len(trials)), kind, kill_after=delay))
        hits += trials[-1]["killed"]
        # The machine gets faster and slower meanwhile; never kill always at the start.
        median = median * 1.02 if trials[-1]["killed"] else max(median * 0.9, min(took) / 4)
    return trials


def nested(root: Path, kind: type[Filesystem], *, exchanges: bool) -> list[dict[str, Any]]:
    """A run killed at its commit, and the run that recovers from it killed at every point."""
    first = "published:1" if exchanges else "set_aside:1"

    def crashed(where: Path) -> None:
        publish(where, "old")
        run_child(lambda: publish(where, "crashed", filesystem=kind()), crash=first)

    crashed(root / "measure")
    recording = Recording(exchanges=exchanges)
    publish(root / "measure", "measure", filesystem=recording)
    trials = []
    for point, count in sorted(recording.points.items()):
        for number in range(1, count + 1):
            name = f"{point}-{number}"
            crashed(root / name)
            found = trial(root / name, name, kind, crash=f"{point}:{number}")
            # After two renames nothing is there until recovery moves the old one back.
            found["before"] = "crashed" if exchanges else "old"
            trials.append(found)
    return trials


def prunes(root: Path, kind: type[Filesystem]) -> list[dict[str, Any]]:
    """Every passing of every point of a removal."""
    publish(root / "measure", "old")
    recording = Recording()
    LocalStore(root / "measure", filesystem=recording).remove(KEY, "all", "prune")
    trials = []
    for point, count in sorted(recording.points.items()):
        for number in range(1, count + 1):
            fresh = root / f"{point}-{number}"
            publish(fresh, "old")
            store = LocalStore(fresh, filesystem=kind())
            killed = run_child(
                lambda store=store: store.remove(KEY, "all", "prune"),  # type: ignore[misc]  # as above
                crash=f"{point}:{number}",
            )
            at_once = state(fresh)
            LocalStore(fresh).sweep()
            after = state(fresh)
            left = [name for name in beside(fresh) if name != "all"]
            trials.append({"killed": killed, "at_once": at_once, "after": after, "left": left})
    return trials


def main() -> None:
    root, mode, seed, exchanges = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    os.environ["EXPORT_ASSETS_TESTING"] = "1"
    kind = Filesystem if exchanges == "yes" else NoExchange
    if mode == "points":
        trials = points(root, kind, exchanges=exchanges == "yes")
    elif mode == "nested":
        trials = nested(root, kind, exchanges=exchanges == "yes")
    elif mode == "random":
        trials = randomly(root, kind, seed, int(sys.argv[5]))
    else:
        trials = prunes(root, kind)
    json.dump({"trials": trials, "polars": "polars" in sys.modules}, sys.stdout)


if __name__ == "__main__":
    main()
