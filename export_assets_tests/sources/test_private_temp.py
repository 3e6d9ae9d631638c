"""Private directories: nobody else's, gone with the work, swept after a kill."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from export_assets.sources.private_temp import private_directory

OWNER = """
import os, sys
from pathlib import Path
from export_assets.sources.private_temp import private_directory
with private_directory(Path(sys.argv[1])) as directory:
    (directory / "copy").write_bytes(b"x" * 1000)
    print(directory, flush=True)
    sys.stdin.readline()
    os._exit(9)
"""


def test_a_directory_is_only_for_its_owner_and_goes_away(tmp_path: Path) -> None:
    with private_directory(tmp_path) as directory:
        (directory / "deep").mkdir()
        assert directory.stat().st_mode & 0o777 == 0o700

    assert list(tmp_path.iterdir()) == []


def test_an_error_that_passes_leaves_no_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink, failed = os.unlink, list[str]()

    def failing_once(path: str, *, dir_fd: int | None = None) -> None:
        if not failed:
            failed.append(path)
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        unlink(path, dir_fd=dir_fd)

    with private_directory(tmp_path) as directory:
        (directory / "copy").write_bytes(b"x")
        monkeypatch.setattr(os, "unlink", failing_once)

    assert failed
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_swept_but_never_a_live_one(tmp_path: Path) -> None:
    (tmp_path / "bystander").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdin is not None
        left = Path(owner.stdout.readline().strip())
        with private_directory(tmp_path):
            assert (left / "copy").exists()
        owner.stdin.close()

    assert left.exists()
    with private_directory(tmp_path):
        assert not left.exists()

    assert [path.name for path in tmp_path.iterdir()] == ["bystander"]


def test_what_was_left_without_a_lock_is_swept_once_nobody_can_be_making_it(
    tmp_path: Path,
) -> None:
    old, young = (tmp_path / f"export-assets-snapshot-{name}" for name in ("old", "young"))
    for directory in (old, young):
        directory.mkdir()
        (directory / "copy").touch()
    long_ago = time.time() - 120
    os.utime(old, (long_ago, long_ago))

    with private_directory(tmp_path):
        pass

    assert [path.name for path in tmp_path.iterdir()] == [young.name]
