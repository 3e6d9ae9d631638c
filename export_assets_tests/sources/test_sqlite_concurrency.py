"""SQLite databases that are written, migrated, replaced or locked while they are exported."""

import json
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from export_assets.errors import SourceBusy, SourceCorrupt
from export_assets.sources import sqlite
from export_assets.sources.base import Scan
from export_assets.sources.sqlite import SqliteSource
from export_assets_tests.effort import effort
from export_assets_tests.engine.engine_world import World
from export_assets_tests.proof.plugin import Proven

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WHOLE = 2 * 200 * 1000
SECONDS = float(effort(3, soak=45))
WRITERS = (pytest.mark.suite("sqlite-writers"), pytest.mark.promise("one-moment"))


@contextmanager
def helper(script: str, *arguments: object) -> Iterator["subprocess.Popen[str]"]:
    """Run a module beside this one as a process of its own."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=PATHS)
    try:
        yield child
    finally:
        child.wait(timeout=60)
        assert child.stdout is not None
        child.stdout.close()


PATHS = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}


def answer(child: "subprocess.Popen[str]") -> dict[str, Any]:
    assert child.stdout is not None
    found: dict[str, Any] = json.loads(child.stdout.readline())
    return found


def source(path: Path, **options: Any) -> SqliteSource:
    return SqliteSource("shop", path, busy_timeout=options.pop("busy_timeout", 5.0), **options)


def make(path: Path, journal: str = "delete", rows: int = 2000) -> Path:
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma journal_mode = {journal}")
        connection.execute("create table t (a integer, b text)")
        connection.executemany("insert into t values (?, ?)", ((i, "x" * 50) for i in range(rows)))
        connection.commit()
    return path


def total(found: SqliteSource) -> int:
    with found.snapshot() as snapshot:
        frames = snapshot.scan(Scan(table="t", schema=snapshot.describe("t")))
        return sum(int(frame["a"].sum()) for frame in frames)


@pytest.mark.parametrize(
    ("journal", "kind"),
    [
        pytest.param("wal", "sqlite-backup", marks=WRITERS),
        # As where no copy fits. Without a WAL that is refused: its writer would have to wait.
        pytest.param("wal", "sqlite-read-transaction", marks=WRITERS),
        pytest.param("delete", "sqlite-backup", marks=WRITERS),
    ],
)
@pytest.mark.promise("source-left-alone")
def test_snapshots_under_a_writer_are_never_torn(
    tmp_path: Path, journal: str, kind: str, proven: Proven, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "sqlite-read-transaction":
        monkeypatch.setattr(sqlite, "copy_sqlite", lambda *_, **__: False)
    app, scratch = tmp_path / "app", tmp_path / "scratch"
    app.mkdir()
    scratch.mkdir()
    path, seen = app / "app.db", []
    with helper("busy_writer.py", path, journal, SECONDS) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        with helper("busy_reader.py", path, scratch / "copy.db", SECONDS - 0.5) as reader:
            end = time.monotonic() + SECONDS - 1
            while time.monotonic() < end:
                with source(path, temp_dir=scratch).snapshot() as snapshot:
                    assert snapshot.info.kind == kind
                    sides = [
                        sum(
                            int(frame["amount"].sum())
                            for frame in snapshot.scan(
                                Scan(table=table, schema=snapshot.describe(table))
                            )
                        )
                        for table in ("left_side", "right_side")
                    ]
                seen.append(sum(sides))
            read = answer(reader)
        written = answer(writer)

    figures = {"snapshots": len(seen), **read, **written}
    assert set(seen) == {WHOLE}, figures
    assert read["torn"] == []
    snapshots = len(seen) + read["copies"] + read["in_place"]
    assert len(seen) >= 2, figures
    assert snapshots >= effort(15, soak=200), figures
    assert written["errors"] == []
    assert written["commits"] > 100, figures
    assert written["stall"] < 1.0, figures
    # What a clean end of the writer leaves, and nothing of ours.
    assert {one.name for one in app.iterdir()} == {"app.db"}
    assert list(scratch.iterdir()) == []
    torn = sum(total != WHOLE for total in seen) + len(read["torn"])
    result = (
        f"{torn} torn; the writer: {written['commits']} commits, {len(written['errors'])} errors, "
    )
    result += f"longest {written['stall'] * 1000:.0f} ms"
    proven(snapshots, f"snapshots in mode {journal}, by {kind}", result)


@pytest.mark.suite("sqlite-writers")
@pytest.mark.promise("one-moment")
def test_exports_by_command_under_a_writer_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with helper("busy_writer.py", path, "wal", SECONDS) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        for number in range(2):
            out = tmp_path / f"out{number}"
            command = "from export_assets.cli.app import main; main()"
            done = subprocess.run(
                [sys.executable, "-c", command, "export", str(path), "--output-dir", str(out)],
                cwd=tmp_path,
                env=PATHS,
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.returncode == 0, done.stderr
            frames = [pl.read_parquet(file) for file in out.glob("*.parquet")]
            assert len(frames) == 2
            assert sum(int(frame["amount"].sum()) for frame in frames) == WHOLE
        written = answer(writer)

    assert written["errors"] == []


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_an_exclusive_lock_is_waited_for_as_long_as_allowed(tmp_path: Path, journal: str) -> None:
    path = make(tmp_path / "app.db", journal)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as holder:
        # In WAL mode only this keeps readers out, from the first write on.
        holder.execute("select 1 from t").fetchone()
        holder.execute("pragma locking_mode = exclusive")
        holder.execute("begin exclusive")
        holder.execute("insert into t values (0, '')")
        begun = time.monotonic()

        with pytest.raises(SourceBusy, match=r"^shop: locked by another process"):
            total(source(path, busy_timeout=0.4))

        assert 0.3 < time.monotonic() - begun < 5

        def release() -> None:
            holder.execute("commit")
            holder.execute("pragma locking_mode = normal")
            holder.execute("select 1 from t").fetchone()

        timer = threading.Timer(0.4, release)
        timer.start()
        found = total(source(path, busy_timeout=10))
        timer.join()

    assert found == sum(range(2000))


def test_a_log_whose_index_is_in_its_owners_memory_is_read_to_the_last_commit(
    tmp_path: Path,
) -> None:
    path = make(tmp_path / "app" / "app.db", "wal")
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("pragma locking_mode = exclusive")
        holder.execute("insert into t values (1000000, '')")
        holder.execute("begin exclusive")
        holder.execute("insert into t values (5, '')")
        before = {one.name for one in path.parent.iterdir()}
        assert before == {"app.db", "app.db-wal"}

        assert total(source(path)) == sum(range(2000)) + 1000000

        assert {one.name for one in path.parent.iterdir()} == before
        holder.execute("commit")


def test_a_database_that_is_migrated_meanwhile_keeps_its_old_schema(tmp_path: Path) -> None:
    path = make(tmp_path / "app.db", "wal")
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as writer,
        source(path).snapshot() as snapshot,
    ):
        scan = Scan(table="t", schema=snapshot.describe("t"), batch_rows=500)
        frames = snapshot.scan(scan)
        first = next(frames)
        writer.execute("alter table t add column c integer default 7")
        writer.execute("alter table t drop column b")
        writer.execute("create table later (n integer)")
        writer.execute("delete from t")
        rest = list(frames)

        assert sum(int(frame["a"].sum()) for frame in (first, *rest)) == sum(range(2000))
        assert {tuple(frame.columns) for frame in (first, *rest)} == {("a", "b")}
        assert snapshot.tables() == ("t",)

    with source(path).snapshot() as snapshot:
        assert snapshot.describe("t").names == ("a", "c")
        assert snapshot.count("t") == 0


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_database_that_is_replaced_meanwhile_is_the_old_or_the_new_one(
    tmp_path: Path, journal: str
) -> None:
    path, other = make(tmp_path / "app.db", journal), make(tmp_path / "new.db", journal, rows=10)
    with source(path).snapshot() as snapshot:
        stamp = snapshot.info.id
        other.replace(path)

        frames = snapshot.scan(Scan(table="t", schema=snapshot.describe("t")))
        assert sum(frame.height for frame in frames) == 2000

    with source(path).snapshot() as snapshot:
        assert snapshot.count("t") == 10
        assert snapshot.info.id != stamp


@pytest.mark.parametrize("journal", ["wal", "delete"])
@pytest.mark.parametrize(
    "name", [b"a?b=c&mode=rw.db", b"#1.db", b"100%25.db", b" blank .db", b"caf\xe9.db", b"it's.db"]
)
def test_odd_paths_are_only_paths(tmp_path: Path, name: bytes, journal: str) -> None:
    real = make(tmp_path / "app" / "plain.db", journal)
    odd = real.with_name(name.decode("utf-8", "surrogateescape"))
    real.rename(odd)
    before = {path.name: path.read_bytes() for path in odd.parent.iterdir()}

    assert total(source(odd)) == sum(range(2000))

    assert {path.name: path.read_bytes() for path in odd.parent.iterdir()} == before


def damage(path: Path, manner: str) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        if manner.startswith("cut"):
            file.truncate(int(manner.removeprefix("cut at ")) * size // 100)
        elif manner == "empty":
            file.truncate(0)
        elif manner == "text":
            file.truncate(0)
            file.write(b"id,name\n" * 2000)
        else:
            page = random.Random(manner).randrange(2, size // 4096)
            file.seek(page * 4096)
            file.write(random.Random(manner).randbytes(4096))


@pytest.mark.parametrize(
    "manner",
    [*("empty", "text", "cut at 1", "cut at 30", "cut at 60", "cut at 99"), "page 1", "page 2"],
)
@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_damaged_database_publishes_nothing(tmp_path: Path, manner: str, journal: str) -> None:
    world = World(tmp_path)
    world.config("source: shop\nurl: shop.db\n")
    make(world.db, journal)
    world.export()
    before = {path: path.read_bytes() for path in world.exports.rglob("part-*")}
    assert len(before) == 1
    damage(world.db, manner)

    try:
        report = world.export()
    except SourceCorrupt as error:
        code = error.exit_code
    else:
        code = report.exit_code

    assert code == SourceCorrupt.exit_code == 12
    assert {path: path.read_bytes() for path in world.exports.rglob("part-*")} == before
