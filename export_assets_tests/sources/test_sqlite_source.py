"""SQLite files in the wild: writers, locks, journals, damage; and the files left as they were."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from export_assets.errors import (
    ExportError,
    NoSpace,
    SourceBusy,
    SourceCorrupt,
    SourceMissing,
)
from export_assets.sources import sqlite_copy
from export_assets.sources.base import Scan
from export_assets.sources.sqlite import SqliteSource

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs another uid or a mount")

WRITE = """
import sqlite3, sys, os
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(f"pragma journal_mode = {sys.argv[2]}")
connection.execute("create table if not exists t(a integer)")
connection.execute("insert into t(a) values (1)")
connection.execute("begin immediate")
connection.execute("insert into t(a) values (2)")
if sys.argv[3] != "open":
    connection.execute("commit")
if sys.argv[3] == "exclusive":
    connection.execute("begin exclusive")
print("ready", flush=True)
if sys.argv[3] == "killed":
    os._exit(9)
sys.stdin.readline()
"""


@contextmanager
def process(script: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run *script* until it says that it is ready; it ends when its input does."""
    child = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "ready\n"
        yield child
    finally:
        child.stdin.close()
        child.wait(timeout=10)
        child.stdout.close()


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def source(path: Path, *, temp_dir: Path | None = None, busy_timeout: float = 1.0) -> SqliteSource:
    return SqliteSource("shop", path, busy_timeout=busy_timeout, temp_dir=temp_dir)


def total(found: SqliteSource) -> int:
    with found.snapshot() as snapshot:
        frames = snapshot.scan(Scan(table="t", schema=snapshot.describe("t")))
        return sum(int(frame["a"].sum()) for frame in frames)


def make(path: Path, journal: str = "delete", rows: int = 10) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma journal_mode = {journal}")
        connection.execute("create table t(a integer, b text)")
        connection.executemany(
            "insert into t values (?, ?)", ((i, f"text {i} " * 10) for i in range(rows))
        )
        connection.commit()
    return path


@pytest.mark.parametrize("journal", ["delete", "wal", "persist", "truncate"])
@pytest.mark.parametrize("state", ["held", "killed", "closed"])
def test_the_files_stay_as_they_are(tmp_path: Path, journal: str, state: str) -> None:
    path = tmp_path / "app" / "100% #1 ünï?.db"
    path.parent.mkdir()
    with process(WRITE, str(path), journal, state):
        if state != "held":
            with process(WRITE, str(path), journal, state) as other:
                assert other.stdin is not None
        before = files(path.parent)

        found = total(source(path, temp_dir=tmp_path))

        assert found in (3, 6)
        assert files(path.parent) == before
    assert list(tmp_path.iterdir()) == [path.parent]


def test_a_closed_wal_database_gets_no_log_and_no_index(tmp_path: Path) -> None:
    path = make(tmp_path / "app.db", "wal")
    before = files(tmp_path)

    assert total(source(path)) == 45
    source(path).fingerprint()

    assert files(tmp_path) == before
    assert set(before) == {"app.db"}


def test_a_log_without_its_index_is_read(tmp_path: Path) -> None:
    live, path = tmp_path / "live.db", tmp_path / "app" / "app.db"
    path.parent.mkdir()
    with process(WRITE, str(live), "wal", "held"):
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{live}{suffix}", f"{path}{suffix}")
    before = files(path.parent)

    assert total(source(path)) == 3

    assert files(path.parent) == before


def test_the_journal_of_a_killed_writer_is_rolled_back_in_the_copy_only(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    path = make(tmp_path / "app" / "app.db", rows=2000)
    script = WRITE.replace(
        'connection.execute("begin immediate")',
        'connection.execute("pragma cache_size = 5")\n'
        'connection.execute("begin immediate")\n'
        'connection.execute("update t set a = a + 1, b = upper(b)")',
    ).replace('sys.argv[3] != "open"', "False")
    with process(script, str(path), "delete", "killed"):
        pass
    before = files(path.parent)
    assert set(before) == {"app.db", "app.db-journal"}

    found = total(source(path))

    assert found == sum(range(2000)) + 1
    assert files(path.parent) == before


COPYING = """
import sys
sys.path.append(sys.argv[2])
from export_assets.sources.copy_process import main
main(sys.argv[1])
print(sorted(sys.modules))
"""


def test_the_copying_process_loads_only_what_it_needs(tmp_path: Path) -> None:
    path, target = tmp_path / "shop.db", tmp_path / "copy.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a)")
    request = {"name": "shop", "sqlite": str(path), "target": str(target), "busy_timeout": 1}

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", COPYING, json.dumps(request), PACKAGE],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    answer, names = done.stdout.splitlines()
    assert answer == "{}"
    assert target.is_file()
    assert not {"subprocess", "hashlib", "dataclasses", "polars"} & set(eval(names))


AS_NOBODY = """
import os, shutil, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from export_assets.errors import ExportError
from export_assets.sources.sqlite import SqliteSource
import export_assets.sources.copy_process
import export_assets.sources.sqlite_copy
# The copying process must be able to start as that user, too.
sys.executable = sys.argv[4]
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    with SqliteSource("shop", Path(sys.argv[2]), temp_dir=Path(sys.argv[3])).snapshot() as found:
        print(found.count("t"))
except ExportError as error:
    print(type(error).__name__, error)
"""
PUBLIC_PYTHON = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")
PACKAGE = str(Path(__file__).parents[2])


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """A directory that other users may enter, which `tmp_path` is not."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    scratch = directory / "scratch"
    scratch.mkdir()
    scratch.chmod(0o777)
    yield directory
    shutil.rmtree(directory)


def as_nobody(path: Path) -> str:
    if PUBLIC_PYTHON is None:
        pytest.skip("no Python that another user may start")
    scratch = path.parents[1] / "scratch"
    command = [sys.executable, "-c", AS_NOBODY, PACKAGE, str(path), str(scratch), PUBLIC_PYTHON]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@as_root
@pytest.mark.parametrize("state", ["held", "closed", "killed"])
def test_a_directory_that_cannot_be_written_is_enough(public_directory: Path, state: str) -> None:
    live = public_directory / "app" / "app.db"
    live.parent.mkdir()
    with process(WRITE, str(live), "wal", "held"):
        keep = public_directory / "keep"
        shutil.copytree(live.parent, keep)
        (keep / "app.db-shm").unlink()
        if state == "held":
            live.parent.chmod(0o555)
            before = files(live.parent)
            assert as_nobody(live) == "2"
            assert files(live.parent) == before
    path = {"closed": live, "killed": keep / "app.db"}.get(state)
    if path is not None:
        path.parent.chmod(0o555)
        before = files(path.parent)
        assert as_nobody(path) == "2"
        assert files(path.parent) == before


@as_root
def test_a_file_that_may_not_be_read_is_missing_by_permission(public_directory: Path) -> None:
    (public_directory / "app").mkdir()
    path = make(public_directory / "app" / "app.db")
    path.chmod(0)

    assert as_nobody(path) == f"SourceMissing shop: permission denied: {path}"


def test_an_exclusive_lock_is_waited_for_and_then_reported(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with process(WRITE, str(path), "delete", "exclusive"):
        begun = time.monotonic()

        with pytest.raises(SourceBusy, match=r"^shop: locked by another process"):
            total(source(path, busy_timeout=0.4))

        assert 0.3 < time.monotonic() - begun < 5
    assert total(source(path)) == 3


def test_a_transaction_that_is_still_open_is_not_seen(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with process(WRITE, str(path), "wal", "open"):
        assert total(source(path)) == 1


PAIRS = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)
connection.execute(f"pragma journal_mode = {sys.argv[2]}")
connection.execute("pragma synchronous = off")
connection.execute("create table a(n integer)")
connection.execute("create table b(n integer)")
print("ready", flush=True)
end = time.monotonic() + 1.6
count = 0
while time.monotonic() < end:
    connection.execute("begin immediate")
    connection.execute("insert into a values (1)")
    connection.execute("insert into b values (1)")
    connection.execute("commit")
    count += 1
print(count, flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_busy_writer_sees_no_error_and_pairs_are_never_torn(tmp_path: Path, journal: str) -> None:
    path = tmp_path / "app.db"
    with process(PAIRS, str(path), journal) as writer:
        assert writer.stdout is not None
        seen = []
        end = time.monotonic() + 1.3
        while time.monotonic() < end:
            with source(path, busy_timeout=5).snapshot() as snapshot:
                seen.append((snapshot.count("a"), snapshot.count("b")))
        written = writer.stdout.readline()

    assert int(written) > 10
    assert len(seen) > 1
    assert all(left == right for left, right in seen)
    assert seen == sorted(seen)


def test_the_locks_of_this_process_survive_a_snapshot(tmp_path: Path) -> None:
    path = make(tmp_path / "app.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as ours:
        ours.execute("begin immediate")
        ours.execute("insert into t values (100, '')")

        source(path).fingerprint()
        assert total(source(path)) == 45

        other = (
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=0.1);"
            "c.execute('begin immediate')"
        )
        done = subprocess.run(
            [sys.executable, "-c", other, str(path)], capture_output=True, text=True
        )
        assert "database is locked" in done.stderr
        ours.execute("rollback")


def test_the_fingerprint_moves_with_every_commit_and_only_then(tmp_path: Path) -> None:
    path = make(tmp_path / "app.db", "wal")
    found = source(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("insert into t values (1, '')")
        stamp, main = found.fingerprint(), path.read_bytes()
        assert found.fingerprint() == stamp
        total(found)
        assert found.fingerprint() == stamp

        writer.execute("insert into t values (2, '')")

        assert path.read_bytes() == main
        assert found.fingerprint() != stamp


def test_a_transaction_that_commits_nothing_does_not_move_the_fingerprint(tmp_path: Path) -> None:
    path = make(tmp_path / "app.db")
    found = source(path)
    stamp = found.fingerprint()
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("begin immediate")
        writer.execute("insert into t values (1, '')")
        assert (tmp_path / "app.db-journal").exists()

        assert found.fingerprint() == stamp

        writer.execute("rollback")
    assert found.fingerprint() == stamp


def test_two_commits_within_one_step_of_the_clock_are_told_apart(tmp_path: Path) -> None:
    path = make(tmp_path / "app.db")
    found, seen = source(path), set()
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        for value in range(20):
            writer.execute("update t set a = ? where rowid = 1", (value,))
            seen.add(found.fingerprint())

    assert len(seen) == 20


def test_a_link_to_the_database_is_followed(tmp_path: Path) -> None:
    real = tmp_path / "app" / "app.db"
    real.parent.mkdir()
    link = tmp_path / "current"
    link.symlink_to(real)
    with process(WRITE, str(real), "wal", "held"):
        assert total(source(link)) == 3
        stamp = source(link).fingerprint()
        with closing(sqlite3.connect(real, isolation_level=None)) as writer:
            writer.execute("insert into t values (5)")
            assert source(link).fingerprint() != stamp


def test_the_snapshot_says_what_it_is(tmp_path: Path) -> None:
    path = make(tmp_path / "app.db")
    with source(path).snapshot() as snapshot:
        assert snapshot.info.kind == "sqlite-backup"
        assert snapshot.info.consistency == "snapshot"
        assert snapshot.info.id == source(path).fingerprint()
        assert snapshot.info.taken_at.tzinfo is not None


def test_the_copy_is_private_and_goes_away_with_the_snapshot(tmp_path: Path) -> None:
    path = make(tmp_path / "app.db")
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def fail_inside() -> None:
        with source(path, temp_dir=scratch).snapshot():
            (private,) = scratch.iterdir()
            assert private.stat().st_mode & 0o777 == 0o700
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()

    assert list(scratch.iterdir()) == []
    assert threading.active_count() == 1


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Path]:
    """A place for temporary files with one megabyte of room."""
    small = tmp_path / "small"
    small.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no mounts here")
    yield small
    left = list(small.iterdir())
    subprocess.run(["umount", str(small)], check=True)
    assert left == []


def test_a_wal_database_is_read_in_place_when_no_copy_fits(tmp_path: Path, crowded: Path) -> None:
    path = make(tmp_path / "app.db", "wal", rows=20_000)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("insert into t values (-5, '')")
        main = path.read_bytes()
        with source(path, temp_dir=crowded).snapshot() as snapshot:
            assert snapshot.info.kind == "sqlite-read-transaction"
            writer.execute("insert into t values (100, '')")
            scan = Scan(table="t", schema=snapshot.describe("t"), batch_rows=1000)
            assert sum(frame["a"].sum() for frame in snapshot.scan(scan)) == sum(range(20_000)) - 5
            snapshot.define({"v": "select max(a) as top from t"})
            assert snapshot.describe("v").names == ("top",)
            snapshot.check()
        assert path.read_bytes() == main


def test_without_a_wal_a_copy_that_does_not_fit_is_refused(tmp_path: Path, crowded: Path) -> None:
    path = make(tmp_path / "app.db", rows=20_000)

    with pytest.raises(NoSpace, match=r"shop: a copy needs \d+ bytes in .*, \d+ are free"):
        total(source(path, temp_dir=crowded))


@pytest.mark.parametrize("state", ["live", "left"])
def test_a_disk_that_fills_up_on_the_way_is_reported(
    tmp_path: Path, crowded: Path, state: str
) -> None:
    path = make(tmp_path / "app.db", "delete" if state == "live" else "wal", rows=20_000)

    with pytest.raises((NoSpace, OSError), match=r"does not fit in|No space left"):
        sqlite_copy.copy_moment("shop", path, crowded / "copy.db", busy_timeout=1)

    for leftover in crowded.iterdir():
        leftover.unlink()


def damaged(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / "app.db"
    if kind == "a directory":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("id,name\n1,shop\n" * 100, encoding="utf-8")
    elif kind == "a truncated file":
        make(path, rows=2000)
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2 + 100)
    elif kind == "a page overwritten":
        make(path, rows=2000)
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2 // 4096 * 4096)
            file.write(b"\xff" * 4096)
    return path


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("missing", SourceMissing),
        ("a directory", SourceCorrupt),
        ("empty", SourceCorrupt),
        ("text", SourceCorrupt),
        ("a truncated file", SourceCorrupt),
        ("a page overwritten", SourceCorrupt),
    ],
)
def test_what_is_no_sound_database_is_refused_in_one_line(
    tmp_path: Path, kind: str, expected: type[ExportError]
) -> None:
    path = damaged(tmp_path, kind)

    with pytest.raises(expected) as refusal:
        total(source(path))

    assert str(refusal.value).startswith("shop: ")
    assert "\n" not in str(refusal.value)
    assert type(refusal.value) is expected


def test_damage_outside_the_rows_read_is_found_before_anything_is_published(
    tmp_path: Path,
) -> None:
    path = make(tmp_path / "app.db", rows=2000)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table small(n integer)")
        connection.commit()
    damaged_page = path.stat().st_size // 2 // 4096 * 4096
    with path.open("r+b") as file:
        file.seek(damaged_page)
        file.write(b"\xff" * 4096)

    def look_at_another_table(*, checked: bool) -> None:
        with source(path).snapshot() as snapshot:
            assert snapshot.count("small") == 0
            if checked:
                snapshot.check()

    for checked in (True, False):
        with pytest.raises(SourceCorrupt, match=r"^shop: the database is damaged"):
            look_at_another_table(checked=checked)


def test_rows_that_break_their_own_constraints_are_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table t(a integer check (a > 0))")
        connection.execute("pragma ignore_check_constraints = on")
        connection.execute("insert into t values (-5)")
        connection.commit()

    assert total(source(path)) == -5


def test_a_copy_of_a_file_that_keeps_changing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "app.db")
    real = shutil.copyfile

    def write_meanwhile(one: Path, other: Path) -> None:
        real(one, other)
        with closing(sqlite3.connect(path)) as writer:
            writer.execute("insert into t values (1, '')")
            writer.commit()

    monkeypatch.setattr("export_assets.sources.sqlite_copy.copyfile", write_meanwhile)

    with pytest.raises(SourceBusy, match="kept changing while it was copied"):
        sqlite_copy.copy_files("shop", path, tmp_path / "copy.db")


def test_a_writer_in_this_process_is_not_disturbed(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with (
        process(WRITE, str(path), "wal", "held"),
        source(path).snapshot() as snapshot,
        closing(sqlite3.connect(path, isolation_level=None)) as ours,
    ):
        ours.execute("insert into t values (10)")

        assert snapshot.count("t") == 2
        assert total(source(path)) == 13
