"""Copying a SQLite database whose application comes and goes."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

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
