"""Bringing files back: all, one, or a day; never over a file that is there."""

import errno
import fcntl
import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from export_assets.archives.content import Content
from export_assets.archives.metadata import OffloadMetadata
from export_assets.archives.offload.run import offload
from export_assets.archives.restore import plan_restore, restore
from export_assets.archives.zip_writer import stage_zip
from export_assets.errors import (
    DestConflict,
    DestLocked,
    IntegrityError,
    NoSpace,
    UnsafeArchive,
    UsageError,
)
from export_assets_tests.archives.offload_world import CUTOFF, NOW, OLD, OLD_FILES, World, flip
from export_assets_tests.proof.plugin import Proven
from export_assets_tests.store.publishing import Failing, Recording


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).make()


@pytest.fixture
def archive(world: World) -> Path:
    path = world.offload().archive
    assert path is not None
    return path


def contents(target: Path) -> dict[str, bytes]:
    return {
        path.relative_to(target).as_posix(): path.read_bytes()
        for path in target.rglob("*")
        if path.is_file()
    }


def test_what_was_offloaded_comes_back_as_it_was(tmp_path: Path) -> None:
    world = World(tmp_path).make()
    before = world.in_place()
    for path in OLD_FILES:
        os.utime(world.logs / path, ns=(10**18 + 7, 10**18 + 7))
    archive = world.offload(grace=False).archive
    assert archive is not None

    report = restore(archive, world.logs, run_id="r")

    assert world.in_place() == before
    assert sorted(report.restored) == sorted(OLD_FILES)
    assert {(world.logs / path).stat().st_mtime_ns for path in OLD_FILES} == {10**18 + 7}


@pytest.mark.parametrize("seconds", [0, 4_102_444_800])
def test_times_no_zip_can_hold_come_back(tmp_path: Path, seconds: int) -> None:
    file = tmp_path / "logs" / "x.log"
    file.parent.mkdir()
    file.write_bytes(b"x\n")
    os.utime(file, (seconds, seconds))
    archive = World(tmp_path).offload(grace=False).archive
    assert archive is not None

    restore(archive, tmp_path / "back", run_id="r")

    assert (tmp_path / "back" / "x.log").stat().st_mtime == seconds


def test_planning_a_restore_writes_nothing(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"

    steps = plan_restore(archive, target)

    assert [(step.path, step.action) for step in steps] == [(p, "create") for p in OLD_FILES]
    assert not target.exists()


def test_one_file_comes_back_alone(archive: Path, tmp_path: Path) -> None:
    restore(archive, tmp_path / "target", run_id="r", paths=["bay/a.jsonl"])

    assert list(contents(tmp_path / "target")) == ["bay/a.jsonl"]


def test_one_day_comes_back_alone(world: World, tmp_path: Path) -> None:
    request = world.request()
    days = {"a.jsonl": 3, "bay/a.jsonl": 4, "bay/b.csv": 4, "c.log": 20}
    candidates = tuple(
        replace(one, content_start=None, content_end=OLD.replace(day=days[relative]))
        for one in request.candidates
        if (relative := one.path.relative_to(world.logs).as_posix()) in days
    )
    archive = offload(replace(request, candidates=candidates)).archive
    assert archive is not None

    restore(archive, tmp_path / "target", run_id="r", day=date(2026, 1, 4))

    assert sorted(contents(tmp_path / "target")) == ["bay/a.jsonl", "bay/b.csv"]
    with pytest.raises(UsageError, match="holds nothing of 2026-01-05"):
        plan_restore(archive, tmp_path, day=date(2026, 1, 5))


def test_a_file_it_does_not_hold_is_named(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no file 'd\.log'"):
        restore(archive, tmp_path / "target", run_id="r", paths=["d.log", "c.log"])

    assert not (tmp_path / "target").exists()


@pytest.mark.suite("security")
@pytest.mark.promise("nothing-deleted-unproven")
def test_an_existing_file_is_never_replaced_without_being_asked(
    archive: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "c.log").write_bytes(b"mine")

    with pytest.raises(DestConflict, match=r"c\.log: exists with other content"):
        restore(archive, target, run_id="r")

    assert contents(target) == {"c.log": b"mine"}


def test_a_replaced_file_is_kept_each_time(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    for number in (1, 2):
        (target / "c.log").write_bytes(b"mine %d" % number)
        report = restore(archive, target, run_id="r", overwrite=True)

    assert report.kept == {"c.log": "c.log.bak2"}
    assert sorted(report.present) == ["a.jsonl", "bay/a.jsonl", "bay/b.csv"]
    found = contents(target)
    assert (found["c.log.bak"], found["c.log.bak2"]) == (b"mine 1", b"mine 2")
    assert sorted(found) == sorted((*OLD_FILES, "c.log.bak", "c.log.bak2"))


@pytest.mark.suite("security")
@pytest.mark.promise("nothing-deleted-unproven")
def test_a_link_or_directory_in_the_way_is_never_followed_nor_replaced(
    archive: Path, tmp_path: Path
) -> None:
    for number, name in enumerate(("bay", "c.log")):
        target = tmp_path / str(number)
        target.mkdir()
        (target / name).symlink_to(tmp_path / "elsewhere")
        (tmp_path / "elsewhere").mkdir(exist_ok=True)

        with pytest.raises(DestConflict):
            restore(archive, target, run_id="r", overwrite=True)

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_damaged_archive_restores_nothing(archive: Path, tmp_path: Path) -> None:
    flip(archive, 800)

    with pytest.raises((IntegrityError, UnsafeArchive)):
        restore(archive, tmp_path / "target", run_id="r")

    assert not (tmp_path / "target").exists() or contents(tmp_path / "target") == {}


def test_odd_names_come_back_on_the_disk(tmp_path: Path) -> None:
    odd = [
        "A.log",
        "a.log",
        "new\nline",
        "back\\slash",
        "C:x",
        b"\xff".decode("utf-8", "surrogateescape"),
    ]
    metadata = OffloadMetadata(created_at=NOW, source_dir="logs", cutoff=CUTOFF)
    data = [Content(path=path, data=path.encode("utf-8", "replace")) for path in odd]
    with stage_zip(tmp_path, data, metadata, kind="t", run_id="r") as staged:
        archive = staged.publish(["a.zip"])

    restore(archive, tmp_path / "target", run_id="r")

    assert sorted(contents(tmp_path / "target")) == sorted(odd)


def test_two_restores_into_one_directory_take_turns(archive: Path, tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)

    with pytest.raises(DestLocked, match="another restore is running"):
        restore(archive, tmp_path, run_id="r")

    os.close(fd)


@pytest.mark.suite("injected-errors")
@pytest.mark.promise("whole-or-absent")
def test_a_full_disk_at_any_operation_leaves_whole_files_and_no_staging(
    archive: Path, tmp_path: Path, proven: Proven
) -> None:
    recording = Recording()
    restore(archive, tmp_path / "measure", run_id="r", filesystem=recording)
    wanted = contents(tmp_path / "measure")
    operations = [one for one in recording.order if one not in {"staged", "restored"}]

    for number in range(1, len(operations) + 1):
        target = tmp_path / str(number)
        failing = Failing(number, errno.ENOSPC)
        with pytest.raises(NoSpace):
            restore(archive, target, run_id="r", filesystem=failing)
        assert failing.failed is not None
        assert contents(target).items() <= wanted.items()
        restore(archive, target, run_id="r")
        assert contents(target) == wanted
        assert not list(target.glob(".export_assets_restore*"))
    proven(len(operations), "injected errors", "whole files, no staging")
