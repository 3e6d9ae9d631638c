"""A disk that is full or read-only: the right class, nothing left, the old generation intact."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from export_assets_tests.engine.engine_world import ALL_FORMATS, contents, leftovers, shop
from export_assets_tests.proof.plugin import Proven

LIMITED = """
import resource, sys
from dataclasses import replace
from pathlib import Path
from export_assets_tests.engine.engine_world import World
world = World(Path(sys.argv[1]))
out = None if sys.argv[4] == "store" else world.home / "out"
exporter = world.exporter(formats=(sys.argv[2],), tables=("big",), output_dir=out)

def fill(table, count):
    # Only now: the copy of the source is larger than any file may be.
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))

report = replace(exporter, announce=fill).export()
print(report.exit_code, report.records[0].error)
"""
BIG = (
    "create table big (id integer primary key, note text);"
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 30000)"
    " insert into big select i, hex(randomblob(20)) from n;"
)


@pytest.mark.suite("full-disk")
@pytest.mark.promise("whole-or-absent")
@pytest.mark.parametrize("place", ["store", "directory"])
@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_a_disk_that_fills_up_leaves_the_old_generation(
    fmt: str, place: str, tmp_path: Path, proven: Proven
) -> None:
    world = shop(tmp_path, "source: shop\nurl: shop.db\n", "create table big (id integer);")
    world.export(formats=(fmt,))
    before = contents(world.exports)
    world.sql("drop table big;" + BIG)
    limit = 250_000

    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), fmt, str(limit), place],
        env=dict(os.environ) | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr[-1500:]
    assert done.stdout.startswith("21 big"), done.stdout
    assert contents(world.exports) == before
    assert not leftovers(tmp_path)
    assert not list(tmp_path.glob("out/*.*"))
    proven(1, "writers at the limit of a file", f"exit {done.stdout[:2]}, the old is there")


def test_a_store_that_cannot_be_written_is_not_permitted(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export(formats=ALL_FORMATS)
    before = contents(world.exports)
    world.sql("update customers set name = 'Eve'")
    # Modes do not stop root, a file in the way does.
    locks = world.exports / ".locks" / "shop" / "customers"
    shutil.rmtree(locks)
    locks.touch()

    report = world.export(formats=ALL_FORMATS, tables=("customers",))

    assert report.exit_code == 20
    assert "customers/csv/all" in (report.records[1].error or "")
    assert contents(world.exports) == before
    assert not leftovers(world.exports)


GROW = """
import sys
from pathlib import Path
from export_assets_tests.engine.engine_world import ALL_FORMATS, World
from export_assets_tests.peak_memory import peak_kilobytes
report = World(Path(sys.argv[1])).export(formats=ALL_FORMATS)
assert report.exit_code == 0, report.failed
print(peak_kilobytes())
"""


def peak(home: Path, rows: int) -> int:
    home.mkdir()
    shop(
        home,
        "source: shop\nurl: shop.db\n",
        "create table narrow (id integer primary key, n integer);"
        f"with recursive n(i) as (select 1 union all select i + 1 from n where i < {rows})"
        " insert into narrow select i, i * 7 % 1000 from n;",
    )
    done = subprocess.run(
        [sys.executable, "-c", GROW, str(home)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-1500:]
    return int(done.stdout)


@pytest.mark.suite("limits")
@pytest.mark.promise("flat-memory")
def test_ten_times_the_rows_need_no_more_memory(tmp_path: Path, proven: Proven) -> None:
    small, large = peak(tmp_path / "small", 200_000), peak(tmp_path / "large", 2_000_000)

    assert large < 1.5 * small
    proven(2_000_000, "rows", f"{large / small:.2f} times the memory of a tenth of them")
