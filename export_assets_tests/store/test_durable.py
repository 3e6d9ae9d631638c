"""Writing a file so that the old or the new content survives, and swapping directories."""

import errno
import os
import signal
from pathlib import Path

import pytest

from export_assets.store.durable import (
    current_umask,
    exchange,
    rename_new,
    sync_directory,
    sync_file,
    write_durably,
)
from export_assets.store.filesystem import Filesystem
from export_assets_tests.store.publishing import Failing, Recording, ShortWrites


class KilledBeforeRename(Filesystem):
    def rename(self, old: str, new: str, *, dir_fd: int, from_fd: int | None = None) -> None:
        del old, new, dir_fd, from_fd
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def no_renameat2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export_assets.store.filesystem._libc_renameat2", lambda: None)


def test_a_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "record.json"

    write_durably(path, b"x" * 100_000, filesystem=ShortWrites())
    write_durably(path, b"new")

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640 & ~current_umask()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_an_error_at_any_operation_keeps_the_old_content(tmp_path: Path, code: int) -> None:
    path = tmp_path / "record.json"
    write_durably(path, b"old")
    failed = []

    for k in range(1, 7):
        failing = Failing(k, code)
        with pytest.raises(OSError, match="injected") as caught:
            write_durably(path, b"new", filesystem=failing)
        assert caught.value.errno == code
        # Once renamed, only syncing the directory can fail.
        assert path.read_bytes() == (b"new" if k == 6 else b"old")
        assert list(tmp_path.iterdir()) == [path]
        failed.append(failing.failed)

    assert failed == ["open", "write", "chmod", "fsync", "rename", "fsync"]


def test_what_a_killed_writer_left_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    pid = os.fork()
    if pid == 0:
        write_durably(path, b"torn" * 1000, filesystem=KilledBeforeRename())
    os.waitpid(pid, 0)
    left = [entry.name for entry in tmp_path.iterdir()]

    write_durably(path, b"new")

    assert left == [".record.json.tmp"]
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_writers_at_the_same_time_leave_one_whole_content(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    contents = [bytes([65 + number]) * 50_000 for number in range(4)]

    pids = []
    for content in contents:
        pid = os.fork()
        if pid == 0:
            try:
                for _ in range(25):
                    write_durably(path, content)
            except BaseException:  # noqa: BLE001 - a child says it by its status
                os._exit(1)
            os._exit(0)
        pids.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]

    assert codes == [0, 0, 0, 0]
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_fsync_is_not_tried_again(tmp_path: Path) -> None:
    class Dying(Recording):
        def fsync(self, fd: int) -> None:
            self.at("fsync")
            raise OSError(errno.EIO, f"injected for {fd}")

    dying = Dying()

    with pytest.raises(OSError, match="injected"):
        write_durably(tmp_path / "record.json", b"new", filesystem=dying)

    assert dying.points["fsync"] == 1
    assert list(tmp_path.iterdir()) == []


def test_two_directories_are_swapped(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b" / "inner").mkdir(parents=True)

    done = exchange(tmp_path / "a", tmp_path / "b")

    if not done:
        pytest.skip("this file system cannot exchange")
    assert (tmp_path / "a" / "inner").is_dir()
    assert not (tmp_path / "b" / "inner").exists()


@pytest.mark.usefixtures("no_renameat2")
def test_without_the_call_nothing_is_swapped_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    assert exchange(tmp_path / "a", tmp_path / "b") is False


def rename_refuses_what_exists(directory: Path) -> None:
    (directory / "old").write_bytes(b"old")
    (directory / "taken").write_bytes(b"taken")
    (directory / "folder").mkdir()
    (directory / "empty").mkdir()

    with pytest.raises(FileExistsError):
        rename_new(directory / "old", directory / "taken")
    with pytest.raises(FileExistsError):
        rename_new(directory / "folder", directory / "empty")
    rename_new(directory / "old", directory / "new")
    rename_new(directory / "folder", directory / "renamed")

    assert sorted(path.name for path in directory.iterdir()) == ["empty", "new", "renamed", "taken"]
    assert (directory / "taken").read_bytes() == b"taken"


def test_renaming_to_a_new_name_refuses_what_exists(tmp_path: Path) -> None:
    rename_refuses_what_exists(tmp_path)


@pytest.mark.usefixtures("no_renameat2")
def test_renaming_by_hand_refuses_what_exists(tmp_path: Path) -> None:
    rename_refuses_what_exists(tmp_path)


def test_syncing_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "file")

    sync_file(tmp_path / "file")
    sync_directory(tmp_path)

    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        sync_file(tmp_path / "link")


def test_the_umask_is_read_without_being_set() -> None:
    before = os.umask(0o031)
    try:
        assert current_umask() == 0o031
    finally:
        os.umask(before)
    assert current_umask() == before
