"""Logs as a source: what is new is read once, and only what it touches is published."""

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from export_assets.engine.comparing import compare_exports
from export_assets.engine.inspection import inspect_source
from export_assets.engine.logs.view import SegmentView
from export_assets.errors import DestConflict, DestLocked
from export_assets.tables.partitions import Window
from export_assets_tests.engine.logs.log_world import LogWorld, line_of, statuses


@pytest.fixture
def world(tmp_path: Path) -> LogWorld:
    return LogWorld(tmp_path)


def event(day: int, second: int = 0, **more: Any) -> dict[str, Any]:
    return {"ts": f"2026-01-{day:02d}T10:{second // 60:02d}:{second % 60:02d}Z", **more}


def test_nothing_new_writes_nothing(world: LogWorld) -> None:
    world.log("a.jsonl", event(1), event(2))
    world.export()
    before = snapshot_of(world.home / "exports")

    report = world.export()

    assert report.exit_code == 0
    assert set(statuses(report).values()) == {"unchanged"}
    assert snapshot_of(world.home / "exports") == before


def test_late_events_republish_their_own_day_and_no_other(world: LogWorld) -> None:
    world.log("a.jsonl", event(1, n=1))
    world.log("b.jsonl", event(2, n=2))
    world.log("c.jsonl", event(3, n=3))
    world.export()
    world.log("b.jsonl", event(2, 30, n=4))

    report = world.export()

    assert statuses(report)["events", "2026-01-02"] == "success"
    assert statuses(report)["events", "2026-01-01"] == "unchanged"
    assert statuses(report)["events", "2026-01-03"] == "unchanged"
    assert world.rows("events", "day=2026-01-02")["n"].to_list() == [2, 4]
    assert world.manifest("day=2026-01-02").generation == 2


def test_days_of_which_nothing_is_new_are_not_even_read(
    world: LogWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(1, 6):
        world.log(f"{day}.jsonl", event(day, n=day))
    world.export()
    world.log("3.jsonl", event(3, 5, n=9))
    windows: list[Window] = []
    chunks = SegmentView.chunks

    def noted(self: SegmentView, window: Window, **how: Any) -> Iterator[Window]:
        windows.append(window)
        return chunks(self, window, **how)

    monkeypatch.setattr(SegmentView, "chunks", noted)
    world.export(tables=("events",))

    assert windows
    assert {window.start.day for window in windows if window.start} == {3}
    assert all(window.bounded for window in windows)


def test_events_stay_when_their_log_is_gone(world: LogWorld) -> None:
    path = world.log("a.jsonl", event(1, n=1))
    world.log("b.jsonl", event(2, n=2))
    world.export()
    path.unlink()
    world.log("b.jsonl", event(1, 5, n=3))

    report = world.export()

    assert report.exit_code == 0
    assert world.rows("events", "day=2026-01-01")["n"].to_list() == [1, 3]


def test_renamed_compressed_and_copied_logs_give_no_event_twice(world: LogWorld) -> None:
    import gzip

    path = world.log("a.jsonl", event(1, n=1), event(1, 1, n=2))
    world.export()
    (world.logs / "a.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
    shutil.copy(path, world.logs / "copy.jsonl")
    path.rename(world.logs / "renamed.jsonl")

    report = world.export()

    assert set(statuses(report).values()) == {"unchanged"}
    assert any("copies of other logs" in note for note in report.notes)
    assert world.rows().height == 2


def test_a_last_line_without_its_end_waits_for_it(world: LogWorld) -> None:
    world.log("a.jsonl", event(1, n=1), b'{"ts": "2026-01-01T10:00:09Z"')
    first = world.export()
    rows_before = world.rows().height
    world.log("a.jsonl", b', "n": 2}\n')

    world.export()

    assert any("no whole line yet" in note for note in first.notes)
    assert rows_before == 1
    assert world.rows()["n"].to_list() == [1, 2]


def test_looking_leaves_no_trace(world: LogWorld) -> None:
    world.log("a.jsonl", event(1, n=1))

    found = inspect_source(world.source())
    planned = compare_exports(world.exporter())

    (events,) = [table for table in found.tables if table.schema.name == "events"]
    assert events.rows == 1
    assert {one.action for one in planned.planned} == {"publish"}
    assert not (world.home / "exports").exists()


def test_looking_shows_what_is_new_beside_what_was_read(world: LogWorld) -> None:
    world.log("a.jsonl", event(1, n=1))
    world.export()
    world.log("a.jsonl", event(1, 5, n=2))
    before = snapshot_of(world.published)

    found = inspect_source(world.source())

    (events,) = [table for table in found.tables if table.schema.name == "events"]
    assert events.rows == 2
    assert snapshot_of(world.published) == before


def test_a_snapshot_stays_while_more_is_read_and_published(world: LogWorld) -> None:
    world.log("a.jsonl", event(1, n=1))
    with world.source().logs.snapshot() as snapshot:
        world.log("a.jsonl", event(1, 5, n=2))
        world.export()

        counted = snapshot.count("events")

    assert counted == 1
    assert world.rows().height == 2
    assert not list((world.home / "exports" / ".held").iterdir())


def test_logs_that_another_run_reads_are_waited_for(world: LogWorld) -> None:
    world.configure(world.yaml + "busy_timeout: 0.2\n")
    world.log("a.jsonl", event(1))
    ingestion = world.source().logs.ingestion()
    with ingestion.alone("somebody"), pytest.raises(DestLocked, match="locked by"):
        world.export()

    release = threading.Event()

    def hold() -> None:
        with ingestion.alone("somebody"):
            release.set()
            threading.Event().wait(0.05)

    holder = threading.Thread(target=hold)
    holder.start()
    release.wait()
    report = world.export()
    holder.join()

    assert report.exit_code == 0


def test_rows_are_made_again_when_the_rules_change(world: LogWorld) -> None:
    world.log("a.jsonl", {"ts": "2026-01-01T10:00:00", "n": 1})
    world.export()
    world.configure(world.yaml + "assume_timezone: Europe/Berlin\n")

    world.export()

    assert world.rows()["occurred_at"].to_list() == [datetime(2026, 1, 1, 9, tzinfo=UTC)]
    assert len(world.segments) == 1


def test_a_log_that_may_not_be_read_is_told_and_the_rest_exported(
    world: LogWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = world.log("a.jsonl", event(1, n=1))
    world.log("b.jsonl", event(2, n=2))
    path.chmod(0)
    if os.geteuid() == 0:  # to whom nothing is forbidden
        opened = os.open

        def forbidding(name: Any, *how: Any, **more: Any) -> int:
            if str(name).endswith("a.jsonl"):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(name))
            return opened(name, *how, **more)

        monkeypatch.setattr(os, "open", forbidding)

    report = world.export()

    assert report.exit_code == 4
    assert list(report.unread) == ["a.jsonl"]
    assert world.rows()["n"].to_list() == [2]


def test_bytes_add_up_whatever_is_in_the_logs(world: LogWorld) -> None:
    world.log("a.jsonl", event(1), "", "  ", b"\0" * 300 + b"\n", "[]", b"\xff\xfe\n", event(1, 2))
    world.log("b.jsonl", b"\xef\xbb\xbf", event(1), b'{"ts": "2026-01-01T00:00:00Z"}\r\n', "x" * 70)

    world.export()

    for record in world.segments:
        told = record.exported_bytes + record.quarantined_bytes + record.blank_bytes
        assert told == record.end - record.start
        assert record.end == (world.logs / record.file).stat().st_size


def test_a_directory_that_was_moved_goes_on_where_it_was(world: LogWorld) -> None:
    world.log("a.jsonl", event(1, n=1))
    world.export()
    world.logs.rename(world.home / "elsewhere")
    world.configure(world.yaml.replace("url: logs", "url: elsewhere"))
    with (world.home / "elsewhere" / "a.jsonl").open("ab") as file:
        file.write(line_of(event(1, 5, n=2)))
    world.logs.mkdir()

    report = world.export()
    again = world.export()

    assert (report.exit_code, again.exit_code) == (0, 0)
    assert world.rows()["n"].to_list() == [1, 2]


def test_another_directory_is_refused_until_it_is_to_take_the_place(world: LogWorld) -> None:
    world.log("a.jsonl", event(1, n=1))
    world.export()
    other = world.home / "other"
    other.mkdir()
    (other / "b.jsonl").write_bytes(line_of(event(2, n=2)))

    with pytest.raises(DestConflict, match="events of another log directory"):
        world.export(url=str(other))
    world.export(url=str(other), tables=("events",), output_dir=world.home / "out")
    refused = world.rows()["n"].to_list()
    world.export(url=str(other), overwrite=True)

    (file,) = (world.home / "out").glob("events_*.parquet")
    assert pl.read_parquet(file)["n"].to_list() == [2]
    assert refused == [1]
    assert world.rows()["n"].to_list() == [2]


def test_a_clock_gone_wrong_costs_no_days_between(world: LogWorld) -> None:
    for when in ("0001-01-01T00:00:00Z", "2026-01-05T00:00:00Z", "9999-12-31T23:59:59Z"):
        world.log("a.jsonl", {"ts": when})

    report = world.export()

    with world.source().logs.snapshot() as snapshot:
        days = len(snapshot.view.day_stamps)
    assert report.exit_code == 0
    assert world.days() == ["day=0001-01-01", "day=2026-01-05", "day=9999-12-31"]
    assert days == 3


def test_links_in_a_loop_are_passed_by(world: LogWorld) -> None:
    world.log("a.jsonl", event(1))
    (world.logs / "loop.jsonl").symlink_to(world.logs / "loop.jsonl")
    (world.logs / "inner").symlink_to(world.logs)

    report = world.export()

    assert report.exit_code == 0
    assert any("loop.jsonl (symbolic link in a loop)" in note for note in report.notes)
    assert world.rows().height == 1


def test_logs_are_told_by_their_path_where_a_pattern_holds_one(world: LogWorld) -> None:
    world.configure(world.yaml + "log: {files: ['sub/*.txt', '*.jsonl']}\n")
    world.log("sub/a.txt", event(1, n=1))
    world.log("other/a.txt", event(1, n=2))
    world.log("other/b.jsonl", event(1, n=3))

    world.export()

    assert sorted(world.rows()["n"]) == [1, 3]


def test_a_log_that_is_empty_so_far_is_no_error(world: LogWorld) -> None:
    (world.logs / "a.jsonl").touch()

    report = world.export()

    assert report.exit_code == 0
    assert world.days() == []


def test_lines_that_were_too_long_are_read_when_they_may_be_longer(world: LogWorld) -> None:
    world.configure(world.yaml + "log: {max_line_bytes: 1024}\n")
    world.log("a.jsonl", event(1, text="x" * 2_000))
    world.export()
    refused = world.rows("quarantine")["reason"].to_list()

    world.configure(world.yaml.replace("1024", "4096"))
    world.export()

    assert refused == ["too_long"]
    assert world.rows()["text"].to_list() == ["x" * 2_000]
    assert world.rows("quarantine").height == 0


def test_a_short_segment_that_grows_counts_what_is_new_alone(world: LogWorld) -> None:
    world.log("a.jsonl", event(1), event(1, 1))
    world.export()
    world.log("a.jsonl", event(1, 2))

    report = world.export()

    assert "read 1 line of 1 log" in report.notes


def test_rows_of_other_rules_whose_log_is_gone_are_told(world: LogWorld) -> None:
    path = world.log("a.jsonl", {"ts": "2026-01-01T10:00:00"})
    world.log("b.jsonl", {"ts": "2026-01-02T10:00:00"})
    world.export()
    path.unlink()
    world.configure(world.yaml + "assume_timezone: Europe/Berlin\n")

    report = world.export()

    assert report.exit_code == 3
    assert any("read by other rules" in warning for warning in report.warnings)


def test_the_first_directory_comes_back_alone_when_it_takes_its_place_again(
    world: LogWorld,
) -> None:
    world.log("a.jsonl", event(1, n=1))
    other = world.home / "other"
    other.mkdir()
    (other / "b.jsonl").write_bytes(line_of(event(2, n=2)))
    world.export()
    world.export(url=str(other), overwrite=True)

    with pytest.raises(DestConflict):
        world.export()
    world.export(overwrite=True)

    assert world.rows()["n"].to_list() == [1]


def test_a_subdirectory_that_may_not_be_read_is_no_success(
    world: LogWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.log("a.jsonl", event(1))
    inner = world.log("sub/b.jsonl", event(2)).parent
    scanned = os.scandir

    def forbidding(path: Any) -> Any:
        if str(path) == str(inner):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scanned(path)

    monkeypatch.setattr(os, "scandir", forbidding)
    report = world.export()

    assert report.exit_code == 4
    assert list(report.unread) == ["sub"]


def test_damage_of_a_gzip_log_is_told_though_nothing_of_it_can_be_read(world: LogWorld) -> None:
    import gzip

    world.configure(world.yaml + "log: {seal_after: 0}\n")
    whole = gzip.compress(b"".join(line_of(event(1, n, n=n)) for n in range(50)))
    spoilt = bytearray(whole)
    spoilt[10:40] = b"\xff" * 30
    (world.logs / "a.jsonl.gz").write_bytes(bytes(spoilt))
    (world.logs / "b.jsonl.gz").write_bytes(whole + b"garbage")
    (world.logs / "c.jsonl.gz").write_bytes(b"\x1f\x8b")

    report = world.export()
    again = world.export()

    found = sorted(world.rows("quarantine").select("file", "reason").rows())
    assert report.exit_code == 3
    assert [file for file, _ in found] == ["a.jsonl.gz", "b.jsonl.gz", "c.jsonl.gz"]
    assert {reason for _, reason in found} <= {"gzip_corrupt", "gzip_truncated"}
    assert world.rows().height == 50
    assert set(statuses(again).values()) == {"unchanged"}


def snapshot_of(root: Path) -> dict[str, tuple[int, int]]:
    """Every file with its inode and time, so that a rewritten one shows."""
    found = {}
    for path in root.rglob("*"):
        if path.is_file() and ".locks" not in path.parts:
            status = path.stat()
            found[str(path)] = (status.st_ino, status.st_mtime_ns)
    return found
