"""Exports into a user's directory: whole files, honest records, nothing overwritten unasked."""

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from export_assets.errors import DestConflict, DestPermission, IntegrityError, NoSpace, UsageError
from export_assets.store.adhoc import DirectoryTarget, Outcome
from export_assets.store.directory_record import locked, read_record, update_record
from export_assets.store.durable import directory
from export_assets.store.filesystem import REAL
from export_assets.store.verify import verify_directory
from export_assets_tests.store.publishing import Failing, publish

STAMP = datetime(2026, 2, 8, 10, 30, tzinfo=UTC)

CHILD = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from export_assets.store.adhoc import DirectoryTarget
with DirectoryTarget(Path(sys.argv[1]), datetime(2026, 2, 8, tzinfo=UTC), run_id=sys.argv[2]) as t:
    for number in range(int(sys.argv[3])):
        name = f"{sys.argv[2]}_{number}.csv"
        t.staged(name).write_bytes(b"x" * 1000)
        t.publish(name, rows=1, source="s", table="t", fmt="csv")
    print("ready", flush=True)
    time.sleep(float(sys.argv[4]))
"""


def put(
    target_dir: Path, name: str, content: bytes, *, overwrite: bool = False, run_id: str = "r1"
) -> Outcome:
    with DirectoryTarget(target_dir, STAMP, run_id=run_id, overwrite=overwrite) as target:
        target.staged(name).write_bytes(content)
        return target.publish(name, rows=len(content), source="shop", table="orders", fmt="csv")


def names(target_dir: Path) -> list[str]:
    return sorted(path.name for path in target_dir.iterdir())


@pytest.mark.parametrize(
    "odd", ["plain", "it's", 'say "hi"', "blank here", "表 naïve", "a;b", "x/y"]
)
def test_a_file_is_put_into_a_directory_of_any_name(tmp_path: Path, odd: str) -> None:
    target_dir = tmp_path / odd

    outcome = put(target_dir, "orders_20260208_103000.csv", b"abc")

    assert outcome.status == "written"
    assert outcome.path.read_bytes() == b"abc"
    assert names(target_dir) == ["_manifest.json", "orders_20260208_103000.csv"]
    assert verify_directory(target_dir) == []


def test_file_names_carry_the_stamp_in_utc_and_a_safe_table_name(tmp_path: Path) -> None:
    target = DirectoryTarget(tmp_path, STAMP, run_id="r1")

    assert target.file_name("cgm_readings", ".parquet") == "cgm_readings_20260208_103000.parquet"
    assert "/" not in target.file_name("../evil", ".csv")


def test_an_existing_file_is_skipped_and_stays(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_bytes(b"mine")

    with DirectoryTarget(tmp_path, STAMP, run_id="r1") as target:
        skips = target.skips("orders.csv")
    late = put(tmp_path, "orders.csv", b"abc")

    assert skips
    assert [outcome.status for outcome in target.outcomes] == ["skipped"]
    assert (late.status, late.record) == ("skipped", None)
    assert (tmp_path / "orders.csv").read_bytes() == b"mine"
    assert names(tmp_path) == ["orders.csv"]


def test_an_existing_file_is_replaced_where_that_was_asked_for(tmp_path: Path) -> None:
    put(tmp_path, "orders.csv", b"abc")

    outcome = put(tmp_path, "orders.csv", b"defg", overwrite=True, run_id="r2")

    record = read_record(tmp_path)
    assert outcome.status == "replaced"
    assert (tmp_path / "orders.csv").read_bytes() == b"defg"
    assert record is not None
    assert [(entry.path, entry.bytes, entry.run_id) for entry in record.files] == [
        ("orders.csv", 4, "r2")
    ]
    assert verify_directory(tmp_path) == []


def test_replacing_a_link_leaves_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "target.csv").write_bytes(b"mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / "orders.csv").symlink_to(tmp_path / "target.csv")

    put(out, "orders.csv", b"abc", overwrite=True)

    assert (tmp_path / "target.csv").read_bytes() == b"mine"
    assert (out / "orders.csv").read_bytes() == b"abc"
    assert not (out / "orders.csv").is_symlink()


def test_the_record_keeps_earlier_commands_while_their_files_exist(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", b"a", run_id="r1")
    put(tmp_path, "b.csv", b"b", run_id="r2")
    (tmp_path / "a.csv").unlink()
    put(tmp_path, "c.csv", b"c", run_id="r3")

    record = json.loads((tmp_path / "_manifest.json").read_bytes())

    assert [(entry["path"], entry["run_id"]) for entry in record["files"]] == [
        ("b.csv", "r2"),
        ("c.csv", "r3"),
    ]
    assert record["kind"] == "directory"


def test_what_was_published_before_an_error_is_recorded_and_the_rest_removed(
    tmp_path: Path,
) -> None:
    def command() -> None:
        with DirectoryTarget(tmp_path, STAMP, run_id="r1") as target:
            target.staged("a.csv").write_bytes(b"a")
            target.publish("a.csv", rows=1, source="s", table="t", fmt="csv")
            target.staged("b.csv").write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        command()

    assert names(tmp_path) == ["_manifest.json", "a.csv"]
    assert verify_directory(tmp_path) == []


def test_verify_names_what_became_of_the_files(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", b"aaa")
    put(tmp_path, "b.csv", b"bbb")
    (tmp_path / "a.csv").write_bytes(b"aab")
    (tmp_path / "b.csv").unlink()
    (tmp_path / "mine.txt").write_bytes(b"")

    findings = verify_directory(tmp_path)

    assert [(finding.path.name, finding.problem) for finding in findings] == [
        ("a.csv", "sha256"),
        ("b.csv", "missing"),
    ]
    assert [f.problem for f in verify_directory(tmp_path / "nothing")] == ["manifest"]


def test_a_published_partition_is_no_output_directory(tmp_path: Path) -> None:
    publish(tmp_path, "r1")
    partition = tmp_path / "shop" / "orders" / "csv" / "all"

    with pytest.raises(DestConflict, match="not the record of an output directory"):
        put(partition, "x.csv", b"x")


def test_a_damaged_record_is_not_overwritten(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", b"a")
    record = tmp_path / "_manifest.json"
    record.write_bytes(record.read_bytes().replace(b"a.csv", b"b.csv"))

    with pytest.raises(IntegrityError, match="not a valid record: its checksum"):
        put(tmp_path, "c.csv", b"c")

    assert names(tmp_path) == ["_manifest.json", "a.csv"]


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".x", "_manifest.json", "a\0b", "x" * 201])
def test_a_file_name_that_is_not_plain_is_refused(tmp_path: Path, name: str) -> None:
    with (
        DirectoryTarget(tmp_path, STAMP, run_id="r1") as target,
        pytest.raises(UsageError, match="not a plain name"),
    ):
        target.staged(name)


def test_a_place_that_cannot_be_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises((DestPermission, DestConflict), match=r"/file: "):
        put(tmp_path / "file", "a.csv", b"a")
    with pytest.raises(DestPermission, match=r"/file/below: "):
        put(tmp_path / "file" / "below", "a.csv", b"a")


def test_an_error_at_any_operation_leaves_no_staging_and_no_half_file(tmp_path: Path) -> None:
    failed = set()

    for k in range(1, 100):
        out = tmp_path / str(k)
        put(out, "a.csv", b"old")
        failing = Failing(k, 28)
        try:
            with DirectoryTarget(
                out, STAMP, run_id="r2", overwrite=True, filesystem=failing
            ) as target:
                target.staged("a.csv").write_bytes(b"new!")
                target.publish("a.csv", rows=1, source="s", table="t", fmt="csv")
        except NoSpace:
            assert failing.failed != "remove_tree"
        if failing.failed is None:
            break
        failed.add(failing.failed)
        assert (out / "a.csv").read_bytes() in (b"old", b"new!")
        assert verify_directory(out) == []
        if failing.failed != "remove_tree":
            assert set(names(out)) <= {"_manifest.json", "a.csv"}

    assert {"mkdir", "fsync", "rename_new", "rename", "remove_tree"} <= failed


def test_two_commands_in_one_directory_keep_each_others_entries(tmp_path: Path) -> None:
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), f"run{number}", "10", "0"],
            stdout=subprocess.DEVNULL,
        )
        for number in range(4)
    ]

    ended = [command.wait(timeout=60) for command in commands]

    record = read_record(tmp_path)
    assert ended == [0] * 4
    assert record is not None
    assert len(record.files) == 40
    assert verify_directory(tmp_path) == []
    assert len(names(tmp_path)) == 41


def test_the_record_is_rewritten_by_one_at_a_time(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", b"a")
    (tmp_path / "a.csv").unlink()

    def rewrite() -> None:
        with directory(tmp_path) as dir_fd:
            update_record(tmp_path, dir_fd=dir_fd, filesystem=REAL)

    other = threading.Thread(target=rewrite)
    with directory(tmp_path) as dir_fd, locked(dir_fd):
        other.start()
        other.join(0.2)
        waiting = other.is_alive()
        before = read_record(tmp_path)
    other.join()
    after = read_record(tmp_path)

    assert waiting
    assert before is not None
    assert after is not None
    assert (len(before.files), len(after.files)) == (1, 0)


def test_the_staging_of_a_killed_command_is_swept_and_that_of_a_living_one_is_not(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path), "other", "0", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        put(tmp_path, "a.csv", b"a")
        living = [name for name in names(tmp_path) if name.startswith(".export_assets.other-")]
        os.kill(other.pid, signal.SIGKILL)
        other.wait()

    put(tmp_path, "b.csv", b"b")

    assert len(living) == 1
    assert names(tmp_path) == ["_manifest.json", "a.csv", "b.csv"]


def test_an_estimate_that_does_not_fit_is_refused_at_once(tmp_path: Path) -> None:
    with (
        pytest.raises(NoSpace, match=r"needs .* bytes, the disk has"),
        DirectoryTarget(tmp_path, STAMP, run_id="r1", estimated_bytes=1 << 60),
    ):
        pass

    assert names(tmp_path) == []


def test_a_directory_that_cannot_be_made_is_refused_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(DestPermission, match="file: is a file, not a directory"):
        put(tmp_path / "file", "a.csv", b"a")
    with pytest.raises(DestPermission, match="does not exist and cannot be made"):
        put(Path("/proc/no_such_place"), "a.csv", b"a")
