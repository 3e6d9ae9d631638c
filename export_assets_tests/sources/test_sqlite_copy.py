"""Copying a SQLite database whose application comes and goes."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from shutil import copyfileobj
from typing import IO

import pytest

from export_assets.errors import SourceBusy
from export_assets.sources import sqlite_copy
from export_assets.systems.theprogram.sample import make_sample


def test_an_application_that_starts_while_the_files_are_copied_is_read_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, target = tmp_path / "data" / "app.db", tmp_path / "copy.db"
    make_sample(path)
    command = [sys.executable, "-m", "export_assets.systems.theprogram.live", str(path)]
    started: list[subprocess.Popen[bytes]] = []
    copy_once = sqlite_copy._copy_once

    def starting(one: Path, other: Path) -> None:
        copy_once(one, other)
        if not started:
            started.append(subprocess.Popen([*command, "--seconds", "60"], stdout=-3))
            while not list(path.parent.glob("*-shm")):
                time.sleep(0.01)

    monkeypatch.setattr(sqlite_copy, "_copy_once", starting)
    try:
        sqlite_copy.copy_moment("app", path, target, busy_timeout=5.0)

        assert started[0].poll() is None
    finally:
        for process in started:
            process.kill()
            process.wait()
    with closing(sqlite3.connect(target)) as connection:
        torn = "select count(*) from charts where id like 'live-%' and id not in"
        (torn_pairs,) = connection.execute(
            f"{torn} (select id from chart_interpretations)"
        ).fetchone()
        (clients,) = connection.execute("select count(*) from clients").fetchone()
    assert (clients, torn_pairs) == (200, 0)


def made(path: Path, rows: int, *, journal: str = "delete") -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"pragma journal_mode = {journal}").fetchone()
        connection.execute("create table t(n integer primary key, padding text)")
        counted = "with recursive s(n) as (select 1 union all select n + 1 from s where n < ?)"
        statement = f"{counted} insert into t select n, hex(zeroblob(500)) from s"
        connection.execute(statement, (rows,))
    return path


def rows_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        return int(connection.execute("select count(*) from t").fetchone()[0])


def test_nobody_writes_into_a_database_while_its_bytes_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, target = made(tmp_path / "app.db", 1000), tmp_path / "copy.db"
    copy_bytes = copyfileobj
    refused: list[str] = []

    def meanwhile(one: IO[bytes], other: IO[bytes], block: int) -> None:
        other.write(one.read(100_000))
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as writer:
            # More than fits into its memory, so that it wants to write before its end, too.
            writer.execute("pragma cache_size = 10")
            for statement in ("begin immediate", "update t set padding = 'changed'", "commit"):
                try:
                    writer.execute(statement)
                except sqlite3.OperationalError as error:
                    refused.append(f"{statement.split()[0]}: {error}")
        copy_bytes(one, other, block)

    monkeypatch.setattr(sqlite_copy, "copyfileobj", meanwhile)

    sqlite_copy.copy_moment("app", path, target, busy_timeout=0)

    assert refused == ["commit: database is locked"]
    assert rows_of(target) == 1000
    with closing(sqlite3.connect(target)) as connection:
        found = connection.execute("select count(*) from t where padding = 'changed'").fetchone()
    assert found == (0,)


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_database_replaced_before_it_is_copied_is_copied_as_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal: str
) -> None:
    path, target = made(tmp_path / "app.db", 1000), tmp_path / "copy.db"
    other, begin = made(tmp_path / "other.db", 10, journal=journal), sqlite_copy._begin
    held: list[sqlite3.Connection | None] = []

    def replaced(*values: Path, busy_timeout: float, wal: bool) -> sqlite3.Connection | None:
        connection = begin(*values, busy_timeout=busy_timeout, wal=wal)
        if not held:
            held.append(connection)
            other.replace(path)
        return connection

    monkeypatch.setattr(sqlite_copy, "_begin", replaced)

    sqlite_copy.copy_moment("app", path, target, busy_timeout=5.0)

    assert rows_of(target) == 10


def test_a_database_replaced_again_and_again_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, begin = made(tmp_path / "app.db", 10), sqlite_copy._begin

    def replaced(*values: Path, busy_timeout: float, wal: bool) -> sqlite3.Connection | None:
        connection = begin(*values, busy_timeout=busy_timeout, wal=wal)
        made(tmp_path / "other.db", 10).replace(path)
        return connection

    monkeypatch.setattr(sqlite_copy, "_begin", replaced)

    with pytest.raises(SourceBusy, match=r"app: .*app\.db kept changing while it"):
        sqlite_copy.copy_moment("app", path, tmp_path / "copy.db", busy_timeout=5.0)
