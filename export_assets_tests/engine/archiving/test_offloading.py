"""Old logs go away, and nothing that was in them: which go, which stay, and what stays exported."""

import gzip
import os
import random
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from export_assets.archives.offload.lease import lease
from export_assets.archives.restore import restore
from export_assets.errors import DestConflict, SourceMissing, UsageError
from export_assets.store.manifest import SegmentRecord
from export_assets_tests.archives.offload_world import flip
from export_assets_tests.effort import effort
from export_assets_tests.end_to_end.world import data, tree
from export_assets_tests.engine.archiving.archiving_world import (
    OLD,
    YOUNG,
    ArchivingWorld,
    Hooked,
    held_open,
    later,
    reasons,
)
from export_assets_tests.engine.logs.log_world import RANGE, WEB
from export_assets_tests.proof.plugin import Proven

FLIPS = effort(50, soak=300)
OFFLOAD = "\nlog: {{offload: {{{}}}}}\n"


@pytest.fixture
def world(tmp_path: Path) -> ArchivingWorld:
    return ArchivingWorld(tmp_path).make()


def test_old_logs_go_into_an_archive_and_then_to_the_trash(world: ArchivingWorld) -> None:
    before = world.files()

    outcome = world.offload()

    assert outcome.exit_code == 0
    assert sorted(outcome.report.removed) == sorted(OLD)
    assert reasons(outcome.report.skipped) == {YOUNG: "too_new"}
    assert world.in_place() == [YOUNG]
    held = {path: content for (_, path), content in world.archived().items()}
    assert held == {name: before[name] for name in OLD}
    assert world.lost() == []


def test_exports_stay_what_they_are_when_their_logs_are_gone(world: ArchivingWorld) -> None:
    world.export()
    before = data(world.published)

    world.offload(grace=False)
    again = world.export()

    assert world.files().keys() == {YOUNG}
    assert set(again.counts) == {"unchanged"}
    assert data(world.published) == before
    assert world.rows()["n"].sort().to_list() == list(range(len(world.written)))


def test_what_was_never_exported_is_read_before_it_goes(world: ArchivingWorld) -> None:
    world.offload(grace=False)

    report = world.export()

    assert not report.failed
    assert world.rows()["n"].sort().to_list() == list(range(len(world.written)))


def test_a_second_run_does_nothing(world: ArchivingWorld) -> None:
    world.offload()
    before = {name: facts for name, facts in tree(world.home).items() if "lock" not in name}

    again = world.offload()

    after = {name: facts for name, facts in tree(world.home).items() if "lock" not in name}
    assert (again.report.archive, again.report.removed) == (None, [])
    assert after == before


def test_a_plan_tells_what_an_offload_does_and_writes_nothing(world: ArchivingWorld) -> None:
    before = tree(world.home)

    preview = world.offloader().plan()

    assert tree(world.home) == before
    assert sorted(preview.plan.new) == sorted(world.offload().report.removed)


def test_without_the_wish_to_delete_logs_are_archived_once_and_stay(world: ArchivingWorld) -> None:
    before = world.files()

    first = world.offload(delete=False)
    second = world.offload(delete=False)

    assert sorted(first.report.archived) == sorted(OLD)
    assert sorted(second.report.known) == sorted(OLD)
    assert second.report.archive is None
    assert world.files() == before


@pytest.mark.suite("security")
@pytest.mark.promise("nothing-deleted-unproven")
@pytest.mark.parametrize("wish", ["flag", "yaml"])
def test_without_permission_nothing_is_read_nor_written(world: ArchivingWorld, wish: str) -> None:
    world.permit("false")
    if wish == "yaml":
        world.configure(WEB + OFFLOAD.format("delete: true"))
    before = tree(world.home)

    with pytest.raises(UsageError, match="must say `allow_delete: true`"):
        world.offload(delete=wish == "flag")

    assert tree(world.home) == before


def test_what_the_yaml_says_holds_where_nothing_is_asked_for(world: ArchivingWorld) -> None:
    world.configure(WEB + OFFLOAD.format("delete: true, days_old: 7, min_idle: 90h"))

    early = world.offload(days_old=None, delete=False)
    world.now = later(4)
    late = world.offload(days_old=None, delete=False)

    assert {reasons(early.report.skipped)[name] for name in OLD} == {"not_idle"}
    assert sorted(late.report.removed) == sorted(OLD)


def test_the_last_event_decides_and_not_the_file(world: ArchivingWorld) -> None:
    day = world.now - timedelta(days=7)
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    world.write("just_old.jsonl", day=midnight - timedelta(microseconds=1))
    world.write("just_young.jsonl", day=midnight)

    outcome = world.offload()

    assert "just_old.jsonl" in outcome.report.removed
    assert reasons(outcome.report.skipped)["just_young.jsonl"] == "too_new"


def test_a_last_line_that_is_not_finished_keeps_its_log(world: ArchivingWorld) -> None:
    world.configure(WEB + OFFLOAD.format("min_idle: 0"))
    world.log("a.jsonl", b'{"ts": "2026-01-15T12:')
    world.now = datetime.now(UTC) + timedelta(seconds=1)

    soon = world.offload()
    world.now = later()
    late = world.offload()

    assert reasons(soon.report.skipped)["a.jsonl"] == "not_ingested"
    assert late.report.removed == ["a.jsonl"]


def test_a_log_of_which_nothing_says_how_old_it_is_stays(world: ArchivingWorld) -> None:
    world.log("empty.log", b"")
    world.log("blank.log", b"\n\n")
    world.log("refused.jsonl", b'{"ts": "never"}\n')
    world.log("other.log", b"Jan 15 12:00:00 host sshd[1]: no dialect of ours\n" * 50)

    found = reasons(world.offload().report.skipped)

    assert {
        name: found[name] for name in ("blank.log", "empty.log", "refused.jsonl")
    } == dict.fromkeys(("blank.log", "empty.log", "refused.jsonl"), "no_events")
    assert found["other.log"] in {"unknown_dialect", "no_events"}
    assert world.in_place() == ["blank.log", "empty.log", "other.log", "refused.jsonl", YOUNG]


def test_copies_go_with_what_they_are_copies_of(world: ArchivingWorld) -> None:
    content = (world.logs / "a.jsonl").read_bytes()
    (world.logs / "copy.jsonl").write_bytes(content)
    (world.logs / "begin.jsonl").write_bytes(b"".join(content.splitlines(keepends=True)[:2]))
    (world.logs / "packed.jsonl.gz").write_bytes(gzip.compress(content, mtime=0))

    outcome = world.offload()

    assert {"copy.jsonl", "begin.jsonl", "packed.jsonl.gz", "a.jsonl"} <= set(
        outcome.report.removed
    )
    assert set(world.numbers().values()) == {1}
    assert world.lost() == []


def test_a_copy_of_the_beginning_of_a_log_that_was_read_goes_with_it(
    world: ArchivingWorld,
) -> None:
    world.export()
    content = (world.logs / "a.jsonl").read_bytes()
    (world.logs / "begin.jsonl").write_bytes(b"".join(content.splitlines(keepends=True)[:2]))

    outcome = world.offload()

    assert {"a.jsonl", "begin.jsonl"} <= set(outcome.report.removed)
    assert world.numbers() == dict.fromkeys(range(len(world.written)), 1)


def test_a_copy_stays_while_its_own_last_line_is_not_finished(world: ArchivingWorld) -> None:
    world.configure(WEB + OFFLOAD.format("min_idle: 0"))
    content = (world.logs / "a.jsonl").read_bytes()
    (world.logs / "copy.jsonl").write_bytes(content + b'{"ts"')
    world.now = datetime.now(UTC) + timedelta(seconds=1)

    outcome = world.offload()

    assert reasons(outcome.report.skipped)["copy.jsonl"] == "not_ingested"
    assert "a.jsonl" in outcome.report.removed


def test_a_gzip_file_that_is_damaged_stays(world: ArchivingWorld) -> None:
    packed = gzip.compress((world.logs / "a.jsonl").read_bytes(), mtime=0)
    (world.logs / "z.jsonl.gz").write_bytes(packed[:-6])

    outcome = world.offload()

    assert "z.jsonl.gz" in world.in_place()
    assert reasons(outcome.report.skipped)["z.jsonl.gz"] in {"not_ingested", "unreadable"}


def test_a_link_stays_and_what_it_leads_to_goes(world: ArchivingWorld) -> None:
    (world.logs / "latest.jsonl").symlink_to("a.jsonl")

    outcome = world.offload()

    assert reasons(outcome.report.skipped)["latest.jsonl"] == "not_regular"
    assert "a.jsonl" in outcome.report.removed


def test_a_log_that_another_process_has_open_stays(world: ArchivingWorld) -> None:
    with held_open(world.logs / "a.jsonl"):
        outcome = world.offload()

    assert reasons(outcome.report.skipped)["a.jsonl"] == "in_use"
    assert world.in_place() == ["a.jsonl", YOUNG]


@pytest.mark.parametrize("point", ["closed", "published", "ledger_archived"])
def test_a_log_that_is_appended_to_meanwhile_stays_with_its_new_line(
    world: ArchivingWorld, point: str
) -> None:
    def append(passed: str) -> None:
        if passed == point:
            world.write("a.jsonl")

    outcome = world.offload(filesystem=Hooked(append), grace=False)
    world.now = later()
    again = world.offload(grace=False)

    assert reasons(outcome.report.skipped)["a.jsonl"] in {"changed", "not_ingested"}
    assert "a.jsonl" not in outcome.report.removed
    assert again.report.archived == again.report.removed == ["a.jsonl"]
    assert world.lost() == []
    assert world.numbers() == dict.fromkeys(range(len(world.written)), 1)


@pytest.mark.parametrize("how", ["appended to", "rewritten"])
def test_a_log_that_changes_before_it_is_archived_stays(world: ArchivingWorld, how: str) -> None:
    world.archives.mkdir(parents=True)
    (world.archives / ".dead.offload.tmp").write_bytes(b"of a killed run")
    path = world.logs / "a.jsonl"

    def change(passed: str) -> None:
        if passed != "unlink":  # of that, after logs were looked at and before they are archived
            return
        if how == "appended to":
            world.write("a.jsonl")
        else:
            path.write_bytes(path.read_bytes().replace(b'"n": 0', b'"n": 9'))

    outcome = world.offload(filesystem=Hooked(change), grace=False)

    assert not (world.archives / ".dead.offload.tmp").exists()
    assert reasons(outcome.report.skipped)["a.jsonl"] == "not_ingested"
    assert world.in_place() == ["a.jsonl", YOUNG]


def test_a_log_of_which_a_stretch_is_not_exported_any_more_stays(world: ArchivingWorld) -> None:
    world.export()
    for day in (25, 26):  # what grew over so many days does not grow any more
        world.write("a.jsonl", day=datetime(2026, 1, day, tzinfo=UTC))
        world.export()
    first, second = sorted((one for one in world.segments if one.file == "a.jsonl"), key=_start)
    shutil.rmtree(world.published / "_segments" / "parquet" / f"{first.identity}-{first.start}")

    outcome = world.offload()

    assert first.end == second.start
    assert reasons(outcome.report.skipped)["a.jsonl"] == "not_ingested"
    assert world.in_place() == ["a.jsonl", YOUNG]


def _start(record: SegmentRecord) -> int:
    return record.start


def test_a_log_that_was_rewritten_with_its_old_times_stays(world: ArchivingWorld) -> None:
    path = world.logs / "a.jsonl"
    times = path.stat()

    def rewrite(passed: str) -> None:
        if passed == "ledger_archived":
            path.write_bytes(path.read_bytes().replace(b'"n"', b'"m"'))
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    outcome = world.offload(filesystem=Hooked(rewrite), grace=False)

    assert "a.jsonl" not in outcome.report.removed
    assert path.exists()


def test_a_log_stays_whose_events_are_damaged_in_the_exports(world: ArchivingWorld) -> None:
    world.export()
    [segment] = [one for one in world.segments if one.file == "a.jsonl"]
    [part] = world.published.glob(f"_segments/parquet/{segment.identity}-0/part-*")
    flip(part, 200)

    outcome = world.offload()

    assert outcome.exit_code == 24
    assert [str(part) in problem for problem in outcome.problems] == [True]
    assert reasons(outcome.report.skipped)["a.jsonl"] == "not_ingested"
    assert world.in_place() == ["a.jsonl", YOUNG]


def test_a_damaged_segment_is_no_matter_while_logs_stay(world: ArchivingWorld) -> None:
    world.export()
    for part in world.published.glob("_segments/parquet/*/part-*"):
        flip(part, 200)

    outcome = world.offload(delete=False)

    assert (outcome.exit_code, len(outcome.report.archived)) == (0, len(OLD))


@pytest.mark.suite("bit-flips")
@pytest.mark.promise("nothing-deleted-unproven")
def test_flips_between_publishing_and_removal_remove_nothing(quick: Path, proven: Proven) -> None:
    chance = random.Random(20260208)
    removed, losses, told = 0, 0, 0

    for number in range(FLIPS):
        world = ArchivingWorld(quick / str(number)).make(lines=1)
        at = chance.choice(("published", "ledger_archived"))

        def damage(
            point: str, *, one: ArchivingWorld = world, moment: str = at, position: int = number
        ) -> None:
            if point == moment:
                [archive] = one.archives.glob("*.zip")
                flip(archive, position * 7919)

        outcome = world.offload(filesystem=Hooked(damage), grace=bool(number % 2))
        removed += len(outcome.report.removed)
        losses += bool(world.lost())
        told += outcome.exit_code == 24
        shutil.rmtree(world.home)

    assert (removed, losses, told) == (0, 0, FLIPS)
    result = f"{losses} lost, {removed} removed, {told} ended with 24"
    proven(FLIPS, "bits of archives just published", result)


def test_the_trash_is_emptied_by_a_later_run_and_not_before(world: ArchivingWorld) -> None:
    world.offload()
    start = world.now

    world.now = start + timedelta(days=6)
    early = world.offload()
    world.now = start + timedelta(days=7)
    due = world.offloader().plan_purge()
    late = world.offload()

    assert early.purged.removed == []
    assert sorted(path for paths in due.values() for path in paths) == sorted(OLD)
    assert sorted(late.purged.removed) == sorted(OLD)
    assert world.in_trash() == []
    assert world.lost() == []


def test_the_yaml_says_how_long_the_trash_is_kept(world: ArchivingWorld) -> None:
    world.configure(WEB + OFFLOAD.format("grace: 1h"))
    world.offload()
    world.now += timedelta(hours=1)

    purged = world.offloader().purge()

    assert sorted(purged.removed) == sorted(OLD)


@pytest.mark.suite("security")
@pytest.mark.promise("nothing-deleted-unproven")
def test_without_permission_the_trash_is_not_emptied(world: ArchivingWorld) -> None:
    world.offload()
    world.permit("false")
    world.now += timedelta(days=30)

    archived = world.offload(delete=False)
    with pytest.raises(UsageError, match="to empty the trash"):
        world.offloader().purge()

    assert archived.purged.removed == []
    assert len(world.in_trash()) == len(OLD)


def test_what_grew_in_the_trash_comes_back_and_is_exported_and_archived(
    world: ArchivingWorld,
) -> None:
    archive = world.offload().report.archive
    assert archive is not None
    world.write(f".trash/{archive.name}/a.jsonl")
    world.now += timedelta(days=8)

    outcome = world.offload(days_old=20)

    assert outcome.purged.returned == ["a.jsonl"]
    assert outcome.report.archived == outcome.report.removed == ["a.jsonl"]
    assert world.numbers()[len(world.written) - 1] == 1
    assert world.lost() == []


def test_what_is_restored_is_known_by_its_content_and_exported_once(world: ArchivingWorld) -> None:
    world.export()
    exported = data(world.published)
    before = {name: facts for name, facts in tree(world.logs).items() if name != YOUNG}
    archive = world.offload(grace=False).report.archive
    assert archive is not None

    restore(archive, world.logs, run_id="back")
    report = world.export()

    assert {name: facts for name, facts in tree(world.logs).items() if name != YOUNG} == before
    assert set(report.counts) == {"unchanged"}
    assert data(world.published) == exported
    assert world.numbers() == dict.fromkeys(range(len(world.written)), 1)


def test_what_is_restored_is_in_use_again_for_a_day_and_then_goes_without_another_archive(
    world: ArchivingWorld,
) -> None:
    for name in OLD:
        os.utime(world.logs / name, (0, 0))  # which says nothing of when it was put there
    archive = world.offload(grace=False).report.archive
    assert archive is not None
    restore(archive, world.logs, run_id="back")

    world.now = datetime.now(UTC) + timedelta(hours=23)
    soon = world.offload()
    world.now = later()
    late = world.offload(grace=False)

    assert {reasons(soon.report.skipped)[name] for name in OLD} == {"not_idle"}
    assert late.report.archive is None
    assert sorted(late.report.removed) == sorted(OLD)


def test_databases_beside_the_logs_never_go(tmp_path: Path) -> None:
    world = ArchivingWorld(tmp_path, yaml=f"{RANGE}log: {{files: ['*']}}\n")
    world.log("range_main_20250914.csv", *_MAIN)
    for name in ("timer_events.db", "copy.data"):
        with closing(sqlite3.connect(world.logs / name)) as connection:
            connection.execute("pragma journal_mode = wal")
            connection.execute("create table timer_events (id integer)")
            connection.commit()
    (world.logs / "copy.data-journal").write_bytes(b"of a database")

    outcome = world.offload()

    assert outcome.report.removed == ["range_main_20250914.csv"]
    assert reasons(outcome.report.skipped) == {}
    assert world.in_place() == ["copy.data", "copy.data-journal", "timer_events.db"]


_MAIN = (
    b"Datetime,Type,Device,DeviceID,DevicePosition,Details\r\n",
    b"9/14/25 10:00:00.00am,String,Timer,AA:01,Bay 1,Timer Start Beep\r\n",
)


def test_logs_elsewhere_are_archived_and_leave_the_exports_alone(
    world: ArchivingWorld, tmp_path: Path
) -> None:
    world.export()
    before = data(world.published)
    there = tmp_path / "elsewhere"
    there.mkdir()
    (there / "x.jsonl").write_bytes(b'{"ts": "2026-01-15T12:00:00Z", "n": 99}\n')

    outcome = world.offload(url=str(there), delete=False)
    with pytest.raises(UsageError, match="may only be archived"):
        world.offload(url=str(there))

    assert outcome.report.archived == ["x.jsonl"]
    assert world.export().rows == len(world.written)
    assert data(world.published) == before
    assert (there / "x.jsonl").exists()


def test_a_name_that_is_taken_is_told_and_nothing_goes(world: ArchivingWorld) -> None:
    world.offload(name="january", delete=False)
    world.write("d.log")

    with pytest.raises(DestConflict, match=r"january\.zip"):
        world.offload(name="january")

    assert set(world.in_place()) == {*OLD, "d.log", YOUNG}


def test_where_there_are_no_logs_one_line_says_so(tmp_path: Path) -> None:
    world = ArchivingWorld(tmp_path)

    with pytest.raises(SourceMissing, match="web: no logs found in"):
        world.offload()


def test_nobody_can_ask_for_days_before_there_were_any(world: ArchivingWorld) -> None:
    with pytest.raises(UsageError, match="there were no days yet"):
        world.offload(days_old=9_999_999)


def test_an_export_while_logs_are_moved_waits_for_them(world: ArchivingWorld) -> None:
    world.export()
    seen: list[int] = []

    def export(point: str) -> None:
        if point == "trashed" and not seen:
            seen.append(world.export().exit_code)

    outcome = world.offload(filesystem=Hooked(export))

    assert seen == [0]
    assert world.lost() == []
    assert pl.Series(list(world.numbers().values())).unique().to_list() == [1]
    assert outcome.exit_code == 0


def test_a_log_that_an_offload_holds_is_read_a_moment_later(world: ArchivingWorld) -> None:
    path = world.logs / "a.jsonl"
    descriptor = os.open(path, os.O_RDONLY)
    done: list[int] = []
    reader = threading.Thread(target=lambda: done.append(world.export().exit_code))

    with lease(descriptor) as held:
        reader.start()
        while held is not None and held.is_ours_alone():
            time.sleep(0.01)
    reader.join()
    os.close(descriptor)

    assert held is not None
    assert done == [0]
    assert world.rows()["n"].sort().to_list() == list(range(len(world.written)))


def test_exports_inside_the_log_directory_are_no_logs(tmp_path: Path) -> None:
    world = ArchivingWorld(tmp_path, yaml=WEB.replace("url: logs", "url: ."))
    world.configure(world.yaml.replace("[parquet]", "[parquet, ndjson, csv]"))
    world.make()
    world.export()
    before = data(world.published)

    outcome = world.offload(grace=False)
    again = world.export()

    assert sorted(outcome.report.removed) == sorted(f"logs/{name}" for name in OLD)
    assert set(again.counts) == {"unchanged"}
    assert data(world.published) == before


def test_what_a_killed_run_had_moved_goes_with_the_next_run_that_gives_no_grace(
    tmp_path: Path,
) -> None:
    world = ArchivingWorld(tmp_path).make()

    def die(point: str) -> None:
        if point == "trashed":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.offload(grace=False, filesystem=Hooked(die))
    moved = world.in_trash()
    planned = world.offloader(grace=False).plan_purge()
    world.offload(grace=False)

    assert moved
    assert sum(map(len, planned.values())) == len(moved)
    assert world.in_trash() == []
    assert world.lost() == []
