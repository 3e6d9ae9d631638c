"""Reading a database in place ends in time, and never goes on outside its transaction."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from export_assets.errors import NoSpace
from export_assets.sources.base import Scan, SnapshotInfo
from export_assets.sources.sqlite_limit import ReadLimit
from export_assets.sources.sqlite_open import begin_read
from export_assets.sources.sqlite_snapshot import SqliteSnapshot

ENDED = r"^shop: there was no room for a copy, and reading in place was ended: it outlasted"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table t (a integer)")
        connection.execute(
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)"
            " insert into t select i from n"
        )
    return path


@pytest.fixture
def snapshot(database: Path) -> Iterator[SqliteSnapshot]:
    info = SnapshotInfo(kind="test", id="", taken_at=datetime.now(UTC))
    with closing(begin_read(database, busy_timeout=1)) as connection:
        yield SqliteSnapshot("shop", info, connection)


def log(database: Path) -> Path:
    return database.with_name("app.db-wal")


def test_a_statement_that_runs_is_interrupted(database: Path, snapshot: SqliteSnapshot) -> None:
    snapshot.define({"slow": "select a.a from t as a, t as b, t as c"})
    started = time.monotonic()

    with ReadLimit(snapshot.end, log(database), seconds=0.3), pytest.raises(NoSpace, match=ENDED):
        snapshot.count("slow")

    assert 0.25 < time.monotonic() - started < 5


def test_what_comes_after_the_limit_fails_though_nothing_ran(
    database: Path, snapshot: SqliteSnapshot
) -> None:
    scan = Scan(table="t", schema=snapshot.describe("t"), batch_rows=1000)
    frames = snapshot.scan(scan)
    assert next(frames).height == 1000

    with ReadLimit(snapshot.end, log(database), seconds=0.1):
        time.sleep(0.3)

    for read in (lambda: next(frames), lambda: snapshot.count("t"), snapshot.check):
        with pytest.raises(NoSpace, match=ENDED):
            read()


def test_a_log_that_grows_too_far_ends_the_reading(
    database: Path, snapshot: SqliteSnapshot
) -> None:
    with (
        closing(sqlite3.connect(database, isolation_level=None)) as writer,
        ReadLimit(snapshot.end, log(database), seconds=60, growth=100_000),
    ):
        assert snapshot.count("t") == 5000
        writer.execute("create table filler as select randomblob(500) as b from t")
        time.sleep(0.6)

        with pytest.raises(NoSpace, match="let the write-ahead log grow too far"):
            snapshot.count("t")


def test_within_the_limit_nothing_happens_and_no_thread_is_left(
    database: Path, snapshot: SqliteSnapshot
) -> None:
    before = threading.active_count()

    with ReadLimit(snapshot.end, log(database), seconds=60):
        assert snapshot.count("t") == 5000

    assert threading.active_count() == before
    assert snapshot.count("t") == 5000
