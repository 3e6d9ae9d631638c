"""A disk of eight megabytes that is full, one that is read-only, one that is another one.

They are mounted, which takes root; elsewhere these tests say that they are skipped.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from export_assets_tests.engine.engine_world import ALL_FORMATS, World, contents, leftovers, shop
from export_assets_tests.proof.plugin import Proven

pytestmark = [
    pytest.mark.suite("full-disk"),
    pytest.mark.promise("whole-or-absent", "complete-or-loud"),
]

WRITERS = (*ALL_FORMATS, "xlsx", "sqlite", "duckdb")
ROOM = (0, 64 * 1024, 400 * 1024)
"""Bytes that are left when the export begins."""
YAML = "source: shop\nurl: shop.db\n"
BIG = (
    "drop table if exists big; create table big (id integer primary key, note text);"
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 30000)"
    " insert into big select i, hex(randomblob(20)) from n;"
)
SMALL = "create table big (id integer primary key, note text); insert into big values (1, 'a');"


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[None]:
    """Mount a file system in memory at *place*."""
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(("size=8m", *options)), "tmpfs", str(place)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"this user may not mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(place: Path, *, leave: int) -> None:
    """Fill the disk at *place*, but for so many bytes."""
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
    (place / "ballast").write_bytes(bytes(max(0, free - leave)))


@pytest.mark.skipif(shutil.which("mount") is None, reason="no mount here")
@pytest.mark.parametrize("fmt", WRITERS)
def test_a_full_disk_under_a_writer_is_told_and_leaves_the_old(
    fmt: str, tmp_path: Path, proven: Proven
) -> None:
    world = shop(tmp_path, YAML, SMALL)
    place = tmp_path / "exports"
    wrong = []
    with mounted(place):
        assert world.export(formats=(fmt,)).exit_code == 0
        before = contents(place)
        world.sql(BIG)
        for room in ROOM:
            fill(place, leave=room)
            report = world.export(formats=(fmt,))
            (place / "ballast").unlink()
            told = report.records[0].error or ""
            if report.exit_code != 21 or "big" not in told:
                wrong.append(f"{room}: exit {report.exit_code}: {told}")
            if contents(place) != before or leftovers(place):
                wrong.append(f"{room}: left {leftovers(place)}")
        assert wrong == []
        # With room again the next run publishes what it could not.
        assert world.export(formats=(fmt,)).exit_code == 0
        assert contents(place) != before
    proven(len(ROOM), "writers on a full disk", f"{len(wrong)} not told or left over")


def test_a_set_in_another_place_stages_there_and_never_across_disks(
    tmp_path: Path, proven: Proven
) -> None:
    world = shop(tmp_path)
    other = tmp_path / "other"
    with mounted(other):
        done = [
            world.export(formats=ALL_FORMATS, output_dir=other / "out"),
            world.export(formats=("xlsx",), output_dir=other / "out"),
        ]
        files = [path for path in other.rglob("*") if path.is_file()]

    assert [one.exit_code for one in done] == [0, 0]
    assert len(files) == 2 * (len(ALL_FORMATS) + 1) + 1
    assert leftovers(tmp_path) == []
    proven(len(files), "files on another file system", "0 leftovers")


def test_a_read_only_file_system_is_refused_before_any_work(tmp_path: Path, proven: Proven) -> None:
    world = shop(tmp_path)
    place = tmp_path / "exports"
    with mounted(place):
        world.export(formats=("csv",))
        before = contents(place)
        world.sql("update customers set name = 'Eve'")
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        report = world.export(formats=("csv",), tables=("customers",))
        elsewhere = command(world, "export", "shop", "-o", str(place / "out"))
        subprocess.run(["mount", "-o", "remount,rw", place], check=True)
        after, left = contents(place), leftovers(place)

    assert (report.exit_code, after, left) == (20, before, [])
    assert all("read-only" in (record.error or "") for record in report.failed)
    assert elsewhere.returncode == 20
    assert elsewhere.stderr.count("\n") == 1
    proven(2, "runs on a read-only disk", f"exit {report.exit_code}, {elsewhere.returncode}")


def test_of_many_logs_the_one_nobody_may_read_is_named(tmp_path: Path, proven: Proven) -> None:
    if os.geteuid() != 0:
        pytest.skip("permissions are tried as another user, which takes root")
    (tmp_path / "sources").mkdir()
    yaml = "source: web\nkind: event_log\nurl: logs\n"
    (tmp_path / "sources" / "web.yaml").write_text(yaml, encoding="utf-8")
    (tmp_path / "logs").mkdir()
    for number in range(5):
        path = tmp_path / "logs" / f"{number}.jsonl"
        path.write_text(f'{{"ts": "2026-01-15T12:00:00Z", "n": {number}}}\n')
    (tmp_path / "logs" / "3.jsonl").chmod(0)

    done = command(World(tmp_path), "export", "web", "--json", drop="permissions")

    assert done.returncode in (3, 4), done.stderr
    assert "3.jsonl" in done.stdout + done.stderr
    assert len(list(tmp_path.glob("exports/web/_segments/parquet/*/part-*"))) == 4
    proven(5, "logs of which one is closed", f"exit {done.returncode}")


AS_ANOTHER = (
    "import ctypes, sys; from export_assets.cli.app import main;"
    "[ctypes.CDLL(None).prctl(24, one, 0, 0, 0) for one in (1, 2) if sys.argv[1]];"
    "import os; sys.argv[1] and os.execv(sys.executable, [sys.executable, '-m',"
    " 'export_assets.cli.app', *sys.argv[2:]]); sys.exit(main(sys.argv[2:]))"
)
"""Without the capabilities that let root read everything; a program started from here has none."""


def command(world: World, *arguments: str, drop: str = "") -> "subprocess.CompletedProcess[str]":
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", AS_ANOTHER, drop, *arguments],
        cwd=world.home,
        env=dict(os.environ) | {"EXPORT_ASSETS_HOME": str(world.home)},
        capture_output=True,
        text=True,
        timeout=60,
    )
