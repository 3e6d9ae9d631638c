"""Archives as they are written: closed, whole, readable by others, and true about odd files."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export_assets.archives.content import Content
from export_assets.archives.member_names import (
    check_portable,
    decoded_path,
    encoded_path,
    folded,
    member_names,
)
from export_assets.archives.metadata import OffloadMetadata
from export_assets.archives.zip_reader import open_archive, true_path
from export_assets.archives.zip_writer import stage_zip
from export_assets.errors import DestConflict, SourceMissing, UsageError
from export_assets.store.filesystem import Filesystem
from export_assets_tests.proof.plugin import Proven
from export_assets_tests.store.publishing import Failing, Recording

NOW = datetime(2026, 2, 8, tzinfo=UTC)
METADATA = OffloadMetadata(created_at=NOW, source_dir="logs", cutoff=NOW)
ODD_NAMES = (
    "plain.log",
    "PLAIN.log",
    "with blank and ü.log",
    "caf\u00e9.log",
    "cafe\u0301.log",
    "new\nline.log",
    "tab\t\x01.log",
    "back\\slash.log",
    "C:drive.log",
    "100%.log",
    "a%0A.log",
    "ends in dot./x ",
    b"not utf-8 \xff\xfe.log".decode("utf-8", "surrogateescape"),
    "offload_metadata.json",
    "-dash",
    "\u2028.log",
    "deep/" * 30 + "x",
    "n" * 255,
)

path_parts = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8
).filter(lambda part: part not in {".", ".."})
relative_paths = st.lists(path_parts, min_size=1, max_size=3).map("/".join)


def write(
    directory: Path,
    contents: Iterable[Content],
    *,
    name: str = "a.zip",
    filesystem: Filesystem | None = None,
) -> Path:
    fs = filesystem or Filesystem()
    with stage_zip(directory, contents, METADATA, kind="test", run_id="r", filesystem=fs) as staged:
        return staged.publish([name])


def test_odd_names_come_back_as_they_were(tmp_path: Path) -> None:
    contents = [Content(path=path, data=path.encode("utf-8", "replace")) for path in ODD_NAMES]

    archive = write(tmp_path, contents)

    with open_archive(archive) as opened:
        back = {true_path(m): b"".join(opened.read(m)) for m in opened.metadata.members}
    assert back == {one.path: one.data for one in contents}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sets(relative_paths, max_size=12))
def test_any_names_become_names_that_no_system_confuses(paths: set[str]) -> None:
    names = member_names(paths, reserved=["metadata.json"])

    assert len({folded(name) for name in (*names.values(), "metadata.json")}) == len(paths) + 1
    for path, name in names.items():
        check_portable(name, subject="x")
        assert decoded_path(encoded_path(path)) == path


def test_other_programs_can_read_it(tmp_path: Path) -> None:
    archive = write(tmp_path, [Content(path="a/ü.log", data=b"one\n" * 100)])

    with ZipFile(archive) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["a/ü.log", "offload_metadata.json"]
        assert opened.read("a/ü.log") == b"one\n" * 100
    unzip = shutil.which("unzip")
    if unzip is not None:
        assert subprocess.run([unzip, "-tqq", str(archive)], timeout=20).returncode == 0


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, (1980, 1, 1, 0, 0, 0)), (4_102_444_800 - 2, (2099, 12, 31, 23, 59, 58))],
)
def test_times_a_zip_cannot_hold_are_kept_in_the_metadata(
    tmp_path: Path, seconds: int, shown: tuple[int, ...]
) -> None:
    file = tmp_path / "x.log"
    file.write_bytes(b"x")
    os.utime(file, ns=(seconds * 10**9 + 7, seconds * 10**9 + 7))

    archive = write(tmp_path, [Content(path="x.log", data=file)])

    with open_archive(archive) as opened, ZipFile(archive) as other:
        assert opened.metadata.members[0].mtime_ns == seconds * 10**9 + 7
        assert other.getinfo("x.log").date_time == shown


def test_an_empty_file_and_no_file_at_all_are_archived_too(tmp_path: Path) -> None:
    one = write(tmp_path, [Content(path="empty", data=b"")])
    none = write(tmp_path, [], name="none.zip")

    for archive, count in ((one, 1), (none, 0)):
        with open_archive(archive) as opened:
            assert opened.verify() == count


def test_equal_content_gives_equal_bytes_whatever_its_order(tmp_path: Path) -> None:
    contents = [Content(path=f"{n}.log", data=b"x" * n) for n in range(20)]

    one = write(tmp_path, contents)
    other = write(tmp_path, reversed(contents), name="b.zip")

    assert one.read_bytes() == other.read_bytes()


@pytest.mark.suite("security")
@pytest.mark.promise("nothing-deleted-unproven")
def test_70_000_members_are_written_and_read_back(quick: Path, proven: Proven) -> None:
    contents = [Content(path=f"d/{number}.log", data=b"x") for number in range(70_000)]

    archive = write(quick, contents)

    with open_archive(archive) as opened:
        read = opened.verify()
    assert read == 70_000
    proven(read, "members of one archive", "all read back")


def test_what_packs_too_well_is_stored_so_that_it_is_no_bomb(quick: Path) -> None:
    sparse = quick / "sparse.log"
    with sparse.open("wb") as file:
        file.truncate(101_000_000)

    archive = write(quick, [Content(path="sparse.log", data=sparse)])

    assert archive.stat().st_size > 101_000_000
    with open_archive(archive) as opened:
        assert opened.verify() == 1


def test_a_path_that_is_given_twice_or_leads_out_is_refused(tmp_path: Path) -> None:
    for paths in (["a", "a"], ["../a"], ["/a"], ["a//b"], [""]):
        with pytest.raises(UsageError):
            write(tmp_path, [Content(path=path, data=b"") for path in paths])

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_missing_or_none_leaves_nothing_behind(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    before = sorted(tmp_path.iterdir())

    for name in ("gone", "pipe", "link"):
        with pytest.raises(SourceMissing, match=name):
            write(tmp_path, [Content(path=name, data=tmp_path / name)])

    assert sorted(tmp_path.iterdir()) == before


def test_an_archive_never_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"mine")

    with pytest.raises(DestConflict, match=r"a\.zip: exists already"):
        write(tmp_path, [Content(path="x", data=b"x")])

    assert (tmp_path / "a.zip").read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.suite("injected-errors")
@pytest.mark.promise("whole-or-absent")
def test_a_failure_of_any_operation_leaves_nothing_behind(tmp_path: Path, proven: Proven) -> None:
    recording = Recording()
    contents = [Content(path="x", data=os.urandom(3_000_000))]
    write(tmp_path, contents, name="measure.zip", filesystem=recording)
    (tmp_path / "measure.zip").unlink()
    operations = [one for one in recording.order if one not in {"closed", "published"}]

    for number in range(1, len(operations) + 1):
        failing = Failing(number, errno.ENOSPC)
        with pytest.raises(OSError, match="injected"):
            write(tmp_path, contents, name=f"{number}.zip", filesystem=failing)
        assert failing.failed == operations[number - 1]

    # Only where syncing the directory failed, after it got its name, is there a whole archive.
    assert [path.name for path in tmp_path.iterdir()] == [f"{len(operations)}.zip"]
    proven(len(operations), "injected errors", "nothing left")
