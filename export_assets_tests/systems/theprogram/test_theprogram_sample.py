"""The sample database, and the writer that keeps changing it."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from export_assets.errors import DestConflict
from export_assets.systems.theprogram.live import write_live
from export_assets.systems.theprogram.sample import make_sample
from export_assets_tests.systems.theprogram.theprogram_world import Project, read_records, state


@pytest.mark.parametrize("generation", ["earlier", "later"])
def test_the_same_sample_comes_out_every_time(
    generation: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    project: Project = request.getfixturevalue(generation)
    (tmp_path / "again").mkdir()
    again = tmp_path / "again" / "theprogram.db"

    make_sample(again, generation=2 if generation == "later" else 1)

    with closing(sqlite3.connect(again)) as one, closing(sqlite3.connect(project.db)) as other:
        assert list(one.iterdump()) == list(other.iterdump())


def test_a_sample_that_is_there_stays_untouched(earlier: Project) -> None:
    before = state(earlier.db.parent)

    rows = make_sample(earlier.db)

    assert rows["clients"] == 200
    assert state(earlier.db.parent) == before


@pytest.mark.parametrize("content", [b"", b"no database", None])
def test_what_is_no_sample_is_not_replaced(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    if content is None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("create table mine (id)")
    else:
        path.write_bytes(content)
    before = state(tmp_path)

    with pytest.raises(DestConflict, match="is no sample of generation 1"):
        make_sample(path)

    assert state(tmp_path) == before


def test_the_other_generation_is_not_replaced(later: Project) -> None:
    with pytest.raises(DestConflict, match="is no sample of generation 1"):
        make_sample(later.db)


def test_it_holds_what_makes_exports_hard(earlier: Project) -> None:
    texts = "".join(row["text_content"] for row in earlier.rows("interpretations"))
    charts = [json.loads(row["chart_data"]) for row in earlier.rows("charts")]
    params = {row["calculation_params"] for row in earlier.rows("charts")}
    with closing(sqlite3.connect(earlier.db)) as connection:
        kinds = dict(connection.execute("select type, count(*) from sqlite_schema group by type"))
        (mode,) = connection.execute("pragma journal_mode").fetchone()

    assert all(one in texts for one in ('"', ",", ";", "\n", "\r\n", "\t", "ß", "星", "🌙"))
    assert {type(chart["planets"]) for chart in charts} == {dict, list}
    assert {None, "", "null"} < params
    assert mode == "wal"
    assert kinds["trigger"] == kinds["table"] == 11
    assert kinds["view"] == 2


def test_its_triggers_keep_the_time_of_the_last_change(earlier: Project) -> None:
    (before,) = earlier.rows("user_preferences")

    earlier.sql("update user_preferences set color_scheme = 'light';")

    (after,) = earlier.rows("user_preferences")
    assert after["color_scheme"] == "light"
    assert after["updated_at"] > before["updated_at"]


@pytest.mark.parametrize("generation", ["earlier", "later"])
def test_exports_under_a_live_writer_are_never_torn(
    generation: str, request: pytest.FixtureRequest
) -> None:
    project: Project = request.getfixturevalue(generation)
    command = [sys.executable, "-m", "export_assets.systems.theprogram.live", str(project.db)]
    tables, exports = ("charts", "chart_interpretations"), 0

    with subprocess.Popen(
        [*command, "--seconds", "1.5"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as writer:
        while writer.poll() is None:
            report = project.export(tables=tables, formats=("ndjson",))
            exports += 1
            assert not report.failed
            charts, texts = (
                read_records(project.part(name, "ndjson"), "ndjson") for name in tables
            )
            pairs = {row["id"]: row["chart_name"] for row in charts if row["id"][:5] == "live-"}
            others = {row["id"]: row["ai_description"] for row in texts if row["id"][:5] == "live-"}
            assert pairs == others
        out, problems = writer.communicate()

    assert (writer.returncode, problems) == (0, "")
    assert "transactions" in out
    assert exports >= 2


def test_the_live_writer_counts_what_it_did(earlier: Project) -> None:
    done = write_live(earlier.db, seconds=0.3)

    left = [row for row in earlier.rows("charts") if row["id"].startswith("live-")]
    assert done.transactions == done.inserted + done.updated + done.deleted
    assert len(left) == done.inserted - done.deleted


def test_the_live_writer_wants_a_database(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "export_assets.systems.theprogram.live", "none.db"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "no SQLite file is there" in done.stderr
    assert list(tmp_path.iterdir()) == []
