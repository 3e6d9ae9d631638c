"""Offloading old files: what is archived, what is moved away, and what stays."""

import errno
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from export_assets.archives.offload import removal, run, trash
from export_assets.archives.offload.ledger import LEDGER_NAME, read_ledger
from export_assets.archives.offload.plan import plan_offload
from export_assets.archives.offload.purge import PurgeRequest, purge
from export_assets.archives.offload.request import TRASH, Candidate, Skipped
from export_assets.archives.offload.run import offload
from export_assets.archives.zip_reader import open_archive
from export_assets.errors import DestConflict, DestLocked, SourceMissing, UsageError
from export_assets.store.filesystem import REAL, Filesystem
from export_assets.store.lock import partition_lock
from export_assets_tests.archives.offload_world import NOW, OLD, OLD_FILES, Hooked, World, flip
from export_assets_tests.effort import effort
from export_assets_tests.proof.plugin import Proven

FLIPS = effort(100, soak=300)
APPENDS = effort(150, soak=500)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).make()


def reasons(skipped: list[Skipped]) -> dict[str, str]:
    return {one.path: one.reason for one in skipped}


def test_old_files_go_to_an_archive_and_to_the_trash(world: World) -> None:
    before = world.in_place()

    report = world.offload()

    assert report.archive == world.archives / "offload_before_20260201_20260208_103000.zip"
    assert sorted(report.removed) == sorted(OLD_FILES)
    assert reasons(report.skipped) == {"today.jsonl": "too_new"}
    assert world.left_behind() == ["today.jsonl"]
    assert {path: before[path] for path in OLD_FILES} == {
        path: content for (_, path), content in world.archived().items()
    }
    assert report.problems == []


@pytest.mark.suite("security")
@pytest.mark.promise("nothing-deleted-unproven")
def test_without_permission_nothing_is_moved_and_nothing_is_archived_twice(world: World) -> None:
    before = world.in_place()

    first = world.offload(allow_delete=False)
    second = world.offload(allow_delete=False)

    assert first.archive is not None
    assert sorted(first.archived) == sorted(OLD_FILES)
    assert (second.archive, sorted(second.known)) == (None, sorted(OLD_FILES))
    assert world.in_place() == before


def test_permission_given_later_moves_what_is_archived_already(world: World) -> None:
    world.offload(allow_delete=False)

    report = world.offload()

    assert report.archive is None
    assert sorted(report.removed) == sorted(OLD_FILES)
    assert len(list(world.archives.glob("*.zip"))) == 1


def test_without_grace_files_are_gone_at_once_and_no_trash_is_left(world: World) -> None:
    report = world.offload(grace=False)

    assert sorted(report.removed) == sorted(OLD_FILES)
    assert sorted(world.in_place()) == ["today.jsonl"]
    assert not (world.logs / TRASH).exists()


def test_planning_writes_nothing(world: World) -> None:
    before = sorted(world.root.rglob("*"))

    plan = plan_offload(world.request())

    assert sorted(plan.new) == sorted(OLD_FILES)
    assert sorted(world.root.rglob("*")) == before


def test_what_may_not_be_archived_stays_with_its_reason(world: World) -> None:
    request = world.request(ingested=lambda path, _size: path != "c.log")
    (world.logs / "link.log").symlink_to(world.logs / "c.log")
    (world.logs / "away").symlink_to(world.root)
    (world.root / "outside.log").write_text("x\n", encoding="utf-8")
    os.mkfifo(world.logs / "pipe.log")
    odd = ("link.log", "pipe.log", "gone.log", "../outside.log", "away/outside.log", ".trash/x")
    busy = Candidate(path=Path("a.jsonl"), content_end=OLD, idle=timedelta(hours=1))
    more = (*(Candidate(path=Path(p), content_end=OLD, idle=timedelta(9)) for p in odd), busy)
    kept = tuple(one for one in request.candidates if one.path.name != "a.jsonl")

    report = offload(replace(request, candidates=(*kept, *more)))

    assert reasons(report.skipped) == {
        "../outside.log": "outside",
        ".trash/x": "excluded",
        "a.jsonl": "not_idle",
        "away/outside.log": "not_regular",
        "c.log": "not_ingested",
        "gone.log": "missing",
        "link.log": "not_regular",
        "pipe.log": "not_regular",
        "today.jsonl": "too_new",
    }
    assert sorted(report.removed) == ["bay/b.csv"]


def test_the_directory_of_archives_inside_the_logs_is_left_out(world: World) -> None:
    inside = world.logs / "exports"
    inside.mkdir()
    (inside / "older.zip").write_bytes(b"x")
    old = Candidate(path=inside / "older.zip", content_end=OLD, idle=timedelta(days=9))
    request = replace(world.request(), archives=inside)

    report = offload(replace(request, candidates=(*request.candidates, old)))

    assert reasons(report.skipped)["exports/older.zip"] == "excluded"
    assert (inside / "older.zip").exists()


def test_a_file_that_a_writer_has_open_is_left_alone(world: World) -> None:
    held = world.logs / "c.log"
    script = (
        f"import sys; f = open({str(held)!r}, 'a'); print('open', flush=True); sys.stdin.read()"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    writer.stdout.readline()

    report = world.offload()

    writer.communicate()
    assert reasons(report.skipped)["c.log"] == "in_use"
    assert held.exists()
    assert sorted(world.offload().removed) == ["c.log"]


def test_a_file_that_a_writer_opens_while_it_is_moved_comes_back(world: World) -> None:
    target = world.logs / "a.jsonl"
    writers: list[subprocess.Popen[bytes]] = []

    def open_it(point: str, _number: int) -> None:
        if point == "rename_new" and not writers and world.archives.joinpath(LEDGER_NAME).exists():
            script = f"f = open({str(target)!r}, 'ab'); f.write(b'late\\n'); f.close()"
            writers.append(subprocess.Popen([sys.executable, "-c", script]))
            time.sleep(0.5)  # the writer now waits for the lease

    report = world.offload(filesystem=Hooked(open_it))

    assert writers[0].wait(20) == 0
    assert reasons(report.skipped)["a.jsonl"] == "in_use"
    assert target.read_bytes().endswith(b"late\n")


def test_where_there_are_no_leases_open_files_are_found_in_proc(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(22, "no leases here")

    monkeypatch.setattr("export_assets.archives.offload.lease.fcntl.fcntl", refuse)

    with (world.logs / "c.log").open("a", encoding="utf-8"):
        report = world.offload()

    assert reasons(report.skipped)["c.log"] == "in_use"
    assert "a.jsonl" in report.removed


MOMENTS = (
    ("open", 1),
    ("write", 1),
    ("closed", 1),
    ("rename_new", 1),
    ("published", 1),
    ("fsync", 2),
    ("open", 2),
    ("ledger_archived", 1),
    # The first file is moved, or gone, by now; the last one is not looked at yet.
    ("trashed", 1),
    ("unlinked", 1),
)


def injected_appends(root: Path, *, appends: int) -> tuple[int, int]:
    """Append to a file at some moment of each run; return runs that lost a line, and deletions."""
    chance = random.Random(20260208)
    losses = removed = 0
    for number in range(appends):
        world = World(root / str(number)).make(lines=2)
        written = world.lines()
        moment = chance.choice(MOMENTS)
        path = "c.log" if moment[0] in {"trashed", "unlinked"} else chance.choice(OLD_FILES)
        appended: list[bytes] = []

        def append(
            point: str,
            count: int,
            *,
            at: tuple[str, int] = moment,
            to: tuple[World, str, list[bytes]] = (world, path, appended),
        ) -> None:
            if (point, count) == at:
                to[0].append(to[1], 99)
                to[2].append(to[0].line(to[1], 99).encode())

        report = world.offload(grace=False, filesystem=Hooked(append))
        assert len(appended) == 1, moment
        losses += bool(world.lost(written | set(appended)))
        removed += len(report.removed)
        shutil.rmtree(world.root)
    return losses, removed


def test_appends_between_plan_and_removal_lose_no_line(quick: Path) -> None:
    losses, removed = injected_appends(quick, appends=APPENDS)

    assert losses == 0
    assert removed >= APPENDS * (len(OLD_FILES) - 1)


def test_appends_find_an_offload_that_does_not_hash_again(
    quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (removal, trash):
        monkeypatch.setattr(module, "still_the_same", lambda *_: None)

    losses, _ = injected_appends(quick, appends=60)

    assert losses > 10


def injected_flips(root: Path, *, flips: int) -> tuple[int, int]:
    """Flip a bit of each archive between publishing and removing; return losses and removals."""
    chance = random.Random(20260208)
    losses = removed = 0
    for number in range(flips):
        world = World(root / str(number), files=("a.jsonl", "bay/a.jsonl")).make(lines=2)
        written = world.lines()
        at = chance.choice(("published", "ledger_archived"))

        def damage(
            point: str, _: int, *, where: World = world, moment: str = at, position: int = number
        ) -> None:
            if point == moment:
                [archive] = where.archives.glob("*.zip")
                flip(archive, position * 7919)

        report = world.offload(grace=False, filesystem=Hooked(damage))
        assert report.archive is not None
        losses += bool(world.lost(written))
        removed += len(report.removed)
        assert removed or report.problems
        shutil.rmtree(world.root)
    return losses, removed


@pytest.mark.suite("bit-flips")
@pytest.mark.promise("nothing-deleted-unproven")
def test_300_flips_between_publishing_and_removal_remove_nothing(
    quick: Path, proven: Proven
) -> None:
    losses, removed = injected_flips(quick, flips=FLIPS)

    assert (losses, removed) == (0, 0)
    proven(FLIPS, "bits of archives just published", f"{losses} lost, {removed} removed")


def test_flips_find_an_offload_that_does_not_verify_before_it_deletes(
    quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "verify_entry", lambda *_: None)

    losses, removed = injected_flips(quick, flips=30)

    assert (losses, removed) == (30, 60)


def test_what_a_damaged_archive_held_is_archived_again(world: World) -> None:
    first = world.offload(allow_delete=False).archive
    assert first is not None
    flip(first, 800)

    report = world.offload()

    assert report.archive is not None
    assert report.archive.name == "offload_before_20260201_20260208_103000_2.zip"
    assert [problem for problem in report.problems if first.name in problem]
    assert sorted(report.removed) == sorted(OLD_FILES)


def test_an_archive_that_was_never_entered_is_adopted_after_proof(world: World) -> None:
    world.offload(allow_delete=False)
    (world.archives / LEDGER_NAME).unlink()

    report = world.offload()

    assert report.adopted == ["offload_before_20260201_20260208_103000.zip"]
    assert report.archive is None
    assert sorted(report.removed) == sorted(OLD_FILES)


def test_a_damaged_archive_is_not_adopted(world: World) -> None:
    archive = world.offload(allow_delete=False).archive
    assert archive is not None
    (world.archives / LEDGER_NAME).unlink()
    flip(archive, 400)

    report = world.offload(allow_delete=False)

    assert report.adopted == []
    assert len(report.problems) == 1
    assert report.archive is not None


def test_what_a_dead_run_was_writing_is_removed_and_what_others_write_is_not(world: World) -> None:
    world.archives.mkdir()
    ours, others = ".dead.offload.tmp", ".run.match_offload.tmp"
    for name in (ours, others):
        (world.archives / name).write_bytes(b"half")

    world.offload()

    assert world.stray() == [others]


def test_a_file_that_changed_since_an_earlier_archive_goes_into_a_new_one(world: World) -> None:
    world.offload(allow_delete=False)
    world.append("c.log", 99)

    report = world.offload()

    assert report.archived == ["c.log"]
    assert sorted(report.removed) == sorted(OLD_FILES)
    assert world.archived_twice() == []


def test_a_name_of_ones_own_is_taken_once(world: World) -> None:
    report = offload(world.request(name="january", allow_delete=False))
    world.append("c.log", 99)

    assert report.archive == world.archives / "january.zip"
    with pytest.raises(DestConflict, match=r"january\.zip: exists already"):
        offload(world.request(name="january"))
    assert world.left_behind() == sorted((*OLD_FILES, "today.jsonl"))
    assert world.stray() == []


@pytest.mark.parametrize("name", ["../up", "match_7", "", "a/b", "x" * 65, ".hidden", "a\n"])
def test_a_name_that_is_none_is_refused(world: World, name: str) -> None:
    with pytest.raises(UsageError, match="archive name"):
        offload(world.request(name=name))

    assert not world.archives.exists()


def test_two_offloads_into_one_directory_take_turns(world: World) -> None:
    world.archives.mkdir()

    with (
        partition_lock(world.archives / run.LOCK_NAME, holder="other"),
        pytest.raises(DestLocked, match="locked by process"),
    ):
        world.offload()


def test_a_directory_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match="logs: no such directory"):
        World(tmp_path).offload()


def test_files_of_equal_names_in_two_directories_are_two_members(world: World) -> None:
    archive = world.offload().archive

    assert archive is not None
    with open_archive(archive) as opened:
        names = [member.name for member in opened.metadata.members]
    assert names == ["a.jsonl", "bay/a.jsonl", "bay/b.csv", "c.log"]


def test_every_removed_file_has_an_entry_in_the_ledger(world: World) -> None:
    removed = set(world.offload(grace=False).removed)

    ledger = read_ledger(world.archives, filesystem=REAL)
    [archived] = ledger.archived()
    assert removed == set(archived.by_path())
    assert [entry.event for entry in ledger.entries] == ["ARCHIVED", "DONE", "PURGED"]
    assert ledger.entries[0].at == NOW


def test_a_preview_tells_what_an_offload_then_does(world: World) -> None:
    world.offload(allow_delete=False)
    world.append("c.log", 99)
    before = sorted(world.root.rglob("*"))

    plan = run.preview_offload(world.request())

    assert sorted(world.root.rglob("*")) == before
    report = world.offload()
    assert list(plan.new) == report.archived == ["c.log"]
    assert {path: entry.archive for path, entry in plan.known.items()} == report.known


def test_the_judge_of_what_was_ingested_is_asked_again_before_a_file_goes(world: World) -> None:
    asked: list[str] = []

    def once(path: str, _size: int) -> bool:
        asked.append(path)
        return asked.count(path) == 1

    report = offload(world.request(ingested=once))

    assert report.removed == []
    assert {one.reason for one in report.skipped} == {"not_ingested", "too_new"}
    assert sorted(report.archived) == sorted(OLD_FILES)


def test_a_zip_of_somebody_else_beside_the_archives_is_told_and_left(world: World) -> None:
    world.archives.mkdir()
    other = world.archives / "holiday.zip"
    other.write_bytes(b"PK\x05\x06" + bytes(18))

    report = world.offload()

    assert report.problems == [
        f"{other}: its last member is not the list of what it holds",
    ]
    assert sorted(report.removed) == sorted(OLD_FILES)


def test_what_a_killed_run_had_in_the_trash_is_entered_by_the_next(world: World) -> None:
    def die(point: str, count: int) -> None:
        if (point, count) == ("trashed", 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.offload(filesystem=Hooked(die))
    world.offload()

    ledger = read_ledger(world.archives, filesystem=REAL)
    moved = [len(entry.members) for entry in ledger.entries if entry.event == "DONE"]
    assert moved == [3, 1]


class Diary(Filesystem):
    """Notes what was done to which file, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def fsync(self, fd: int) -> None:
        self.lines.append(f"sync {Path(f'/proc/self/fd/{fd}').readlink().name}")
        super().fsync(fd)

    def rename_new(self, old: str, new: str, *, dir_fd: int, from_fd: int | None = None) -> None:
        self.lines.append(
            f"rename {old} to {Path(f'/proc/self/fd/{dir_fd}').readlink().name}/{new}"
        )
        super().rename_new(old, new, dir_fd=dir_fd, from_fd=from_fd)

    def unlink(self, name: str, *, dir_fd: int) -> None:
        self.lines.append(f"unlink {name}")
        super().unlink(name, dir_fd=dir_fd)


def test_everything_is_durable_before_what_relies_on_it(tmp_path: Path) -> None:
    world = World(tmp_path, files=("a.jsonl",)).make()
    diary = Diary()
    archive = "offload_before_20260201_20260208_103000.zip"

    world.offload(grace=False, filesystem=diary)

    assert diary.lines == [
        "sync .run.offload.tmp",
        f"rename .run.offload.tmp to archives/{archive}",
        "sync archives",
        f"sync {LEDGER_NAME}",
        "sync archives",
        "sync logs",  # .trash is made
        "sync .trash",
        f"rename a.jsonl to {archive}/a.jsonl",
        "sync logs",
        f"sync {archive}",
        f"sync {LEDGER_NAME}",
        "sync archives",
        "unlink a.jsonl",
        f"sync {archive}",
        f"sync {LEDGER_NAME}",
        "sync archives",
    ]


WRITER = """
import sys, time
from itertools import count
from pathlib import Path

logs, wrote = Path(sys.argv[1]), Path(sys.argv[2])
with wrote.open("ab", buffering=0) as diary:
    for number in count():
        line = f"written {number}\\n".encode()
        with (logs / f"{number % 4}.log").open("ab", buffering=0) as file:
            file.write(line)
        diary.write(line)
        time.sleep(0.04)
"""


def empty_trash(world: World) -> None:
    purge(
        PurgeRequest(
            source_dir=world.logs,
            archives=world.archives,
            allow_delete=True,
            grace=timedelta(0),
            run_id="p",
            now=NOW,
        )
    )


@pytest.mark.parametrize("grace", [True, False], ids=["trash", "at once"])
def test_no_line_of_a_busy_writer_is_lost(
    quick: Path,
    grace: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    world = World(quick, files=tuple(f"{number}.log" for number in range(4))).make(lines=1)
    diary = quick / "wrote"
    removed = 0
    end = time.monotonic() + 2
    with subprocess.Popen([sys.executable, "-c", WRITER, str(world.logs), str(diary)]) as writer:
        try:
            while time.monotonic() < end or (removed < 2 and time.monotonic() < end + 20):
                removed += len(world.offload(grace=grace).removed)
                if grace:
                    empty_trash(world)
        finally:
            writer.kill()

    written = set(diary.read_bytes().splitlines(keepends=True))
    assert len(written) > 20
    assert removed >= 2
    assert world.lost(written) == set()


def test_a_directory_named_through_a_link_is_the_same_directory(world: World) -> None:
    link = world.root / "by-link"
    link.symlink_to(world.logs)
    request = world.request()
    through = tuple(
        replace(one, path=link / one.path.relative_to(world.logs)) for one in request.candidates
    )

    report = offload(replace(request, source_dir=link, candidates=through))

    assert sorted(report.removed) == sorted(OLD_FILES)
    assert world.left_behind() == ["today.jsonl"]


def test_without_leases_files_wait_in_the_trash_even_where_they_should_go_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export_assets.archives.offload.lease._LEASES", False)

    report = world.offload(grace=False)

    assert {one.reason for one in report.skipped} == {"in_use", "too_new"}
    assert report.removed == []
    assert len(list((world.logs / TRASH).rglob("*.*"))) >= len(OLD_FILES)
    assert world.left_behind() == ["today.jsonl"]


def test_two_directories_share_archives_and_a_ledger(tmp_path: Path) -> None:
    one, other = (World(tmp_path / name).make() for name in ("one", "other"))
    archives = tmp_path / "archives"

    first = offload(replace(one.request(), archives=archives))
    second = offload(replace(other.request(), archives=archives))

    assert sorted(first.removed) == sorted(second.removed) == sorted(OLD_FILES)
    assert first.archive != second.archive
    assert second.known == {}


def test_a_file_whose_twin_is_in_the_trash_stays(world: World) -> None:
    content = (world.logs / "c.log").read_bytes()
    world.offload()
    (world.logs / "c.log").write_bytes(content)

    report = world.offload()

    assert reasons(report.skipped)["c.log"] == "in_trash"
    assert (world.logs / "c.log").read_bytes() == content


def test_a_file_on_another_disk_than_its_trash_stays(world: World) -> None:
    class Disks(Filesystem):
        def rename_new(
            self, old: str, new: str, *, dir_fd: int, from_fd: int | None = None
        ) -> None:
            if old == "c.log":
                raise OSError(errno.EXDEV, "another disk")
            super().rename_new(old, new, dir_fd=dir_fd, from_fd=from_fd)

    report = world.offload(filesystem=Disks())

    assert reasons(report.skipped)["c.log"] == "other_device"
    assert len(report.removed) == len(OLD_FILES) - 1


def test_a_cutoff_without_a_zone_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="no time zone"):
        offload(replace(world.request(), cutoff=NOW.replace(tzinfo=None)))
