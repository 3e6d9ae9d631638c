"""Equal rows give equal files: whatever the time, the zone of the machine, the size of batches."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from export_assets.sources.base import Scan
from export_assets_tests.engine.engine_world import (
    REPRODUCIBLE,
    SHOP,
    FakeSource,
    contents,
    days,
    scanning,
    shop,
)

ROWS = ", ".join(
    f"({n}, '{day}T10:00:0{n % 10}', {n / 7}, 'note {n}')"
    for n, day in enumerate(days("2026-01-01", 5) * 60)
)
SCRIPT = (
    "create table orders (id integer primary key, at timestamp, total real, note text);"
    "create table customers (id integer primary key, name text);"
    f"insert into orders values {ROWS}; insert into customers values (1, 'Ann')"
)
RUN_DEPENDENT = {"run_id", "created_at", "checksum", "previous_run_id"}


def manifests(root: Path) -> dict[str, Any]:
    found = {}
    for path in sorted(root.rglob("_manifest.json")):
        document = {k: v for k, v in json.loads(path.read_text()).items() if k not in RUN_DEPENDENT}
        document["snapshot"] = {
            k: v for k, v in document["snapshot"].items() if k not in {"id", "taken_at"}
        }
        found[str(path.relative_to(root))] = document
    return found


def test_two_fresh_stores_hold_the_same_bytes(tmp_path: Path) -> None:
    roots = []
    for name in ("one", "two"):
        home = tmp_path / name
        home.mkdir()
        world = shop(home, script=SCRIPT)
        world.export(formats=REPRODUCIBLE)
        roots.append(world.exports)

    assert contents(roots[0]) == contents(roots[1])
    assert manifests(roots[0]) == manifests(roots[1])
    assert len(contents(roots[0])) == 6 * len(REPRODUCIBLE)


def cut(size: int) -> Callable[[Scan, Iterator[pl.DataFrame]], Iterator[pl.DataFrame]]:
    def batches(scan: Scan, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        del scan
        for frame in frames:
            for offset in range(0, frame.height, size):
                yield frame.slice(offset, size)

    return batches


@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_size_of_batches_does_not_matter(size: int, tmp_path: Path) -> None:
    yaml = SHOP.replace("every: day}}", "every: day}, max_rows_per_file: 25}")
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    whole.mkdir()
    pieces.mkdir()
    one, other = shop(whole, yaml, SCRIPT), shop(pieces, yaml, SCRIPT)

    one.export(formats=REPRODUCIBLE)
    source = FakeSource(other.exporter().source.source, scanning(cut(size)))
    other.export(formats=REPRODUCIBLE, source=source)

    assert contents(one.exports) == contents(other.exports)
    assert manifests(one.exports) == manifests(other.exports)


PROGRAM = """
import sys
from pathlib import Path
from export_assets_tests.engine.engine_world import REPRODUCIBLE, World
report = World(Path(sys.argv[1])).export(formats=REPRODUCIBLE)
assert report.exit_code == 0, report.failed
"""


def test_the_zone_and_language_of_the_machine_do_not_matter(tmp_path: Path) -> None:
    found = []
    for zone in ("UTC", "America/St_Johns"):
        home = tmp_path / zone.replace("/", "_")
        home.mkdir()
        world = shop(home, script=SCRIPT)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(home)],
            env=dict(os.environ) | {"TZ": zone, "LC_ALL": "C", "PYTHONHASHSEED": str(len(zone))},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr[-1500:]
        found.append((contents(world.exports), manifests(world.exports)))

    assert found[0] == found[1]
