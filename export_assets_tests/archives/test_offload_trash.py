"""Emptying the trash after its time: again only what a sound archive holds."""

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from export_assets.archives.offload.purge import PurgeRequest, plan_purge, purge
from export_assets.archives.offload.request import TRASH, OffloadReport
from export_assets.errors import DestPermission
from export_assets_tests.archives.offload_world import NOW, OLD_FILES, World, flip

ARCHIVE = "offload_before_20260201_20260208_103000.zip"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path).make()
    made.offload()
    return made


def empty(world: World, *, now: datetime = NOW + timedelta(days=8)) -> OffloadReport:
    return purge(request(world, now=now))


def request(
    world: World, *, now: datetime = NOW + timedelta(days=8), allow_delete: bool = True
) -> PurgeRequest:
    return PurgeRequest(
        source_dir=world.logs,
        archives=world.archives,
        allow_delete=allow_delete,
        run_id="purge",
        now=now,
    )


def test_the_trash_is_emptied_after_its_time(world: World) -> None:
    plan = plan_purge(request(world))

    report = empty(world)

    assert plan == {ARCHIVE: sorted(OLD_FILES)}
    assert sorted(report.removed) == sorted(OLD_FILES)
    assert sorted(world.in_place()) == ["today.jsonl"]
    assert not (world.logs / TRASH).exists()
    assert empty(world).removed == []


def test_nothing_is_removed_before_its_time(world: World) -> None:
    report = empty(world, now=NOW + timedelta(days=6, hours=23))

    assert report.removed == []
    assert len(world.in_place()) == len(OLD_FILES) + 1


@pytest.mark.suite("security")
@pytest.mark.promise("nothing-deleted-unproven")
def test_without_permission_nothing_is_removed(world: World) -> None:
    with pytest.raises(DestPermission, match="allow_delete"):
        purge(request(world, allow_delete=False))

    assert len(world.in_place()) == len(OLD_FILES) + 1


def test_a_file_that_grew_in_the_trash_goes_back_to_its_place(world: World) -> None:
    with (world.logs / TRASH / ARCHIVE / "c.log").open("ab") as file:
        file.write(b"late\n")

    report = empty(world)

    assert report.returned == ["c.log"]
    assert (world.logs / "c.log").read_bytes().endswith(b"late\n")
    assert world.offload().archived == ["c.log"]


def test_a_file_that_grew_stays_in_the_trash_where_its_place_is_taken(world: World) -> None:
    grown = world.logs / TRASH / ARCHIVE / "c.log"
    grown.write_bytes(b"other\n")
    (world.logs / "c.log").write_bytes(b"new\n")

    report = empty(world)

    assert [(one.path, one.reason) for one in report.skipped] == [("c.log", "changed")]
    assert grown.read_bytes() == b"other\n"
    assert (world.logs / "c.log").read_bytes() == b"new\n"


def test_a_file_that_is_open_stays(world: World) -> None:
    held = world.logs / TRASH / ARCHIVE / "c.log"
    script = (
        f"import sys; f = open({str(held)!r}, 'a'); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()

        report = empty(world)

        writer.communicate()
    assert [(one.path, one.reason) for one in report.skipped] == [("c.log", "in_use")]
    assert held.exists()


def test_a_damaged_archive_keeps_its_trash(world: World) -> None:
    flip(world.archives / ARCHIVE, 500)

    report = empty(world)

    assert report.removed == []
    assert len(report.problems) == 1
    assert {one.reason for one in report.skipped} == {"archive_damaged"}
    assert len(world.in_place()) == len(OLD_FILES) + 1


def test_a_missing_archive_keeps_its_trash(world: World) -> None:
    (world.archives / ARCHIVE).unlink()

    report = empty(world)

    assert (report.removed, len(report.problems)) == ([], 1)


def test_what_nobody_archived_stays_in_the_trash(world: World) -> None:
    (world.logs / TRASH / ARCHIVE / "notes.txt").write_bytes(b"x")

    report = empty(world)

    assert [(one.path, one.reason) for one in report.skipped] == [("notes.txt", "unknown")]
    assert (world.logs / TRASH / ARCHIVE / "notes.txt").exists()
