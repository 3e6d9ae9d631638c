"""The live writer, and that single edits tell the truth of what they changed."""

import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from export_assets.systems.labeling.live import write_live
from export_assets.systems.labeling.live_edit import Kind
from export_assets.systems.labeling.live_edits import KINDS, Editor, edits
from export_assets.systems.labeling.sample import make_sample
from export_assets.systems.labeling.schema import GENERATIONS, Generation
from export_assets.systems.sqlite_sample import JournalMode

Contents = dict[str, tuple[tuple[str, ...], Counter[tuple[str, ...]]]]

TOUCH_NOTHING: tuple[Kind, ...] = (
    "same_values",
    "rolled_back",
    "vacuum",
    "checkpoint",
    "switch_journal",
)


def contents(path: Path) -> Contents:
    """Return by table its columns and its rows, each value as SQLite writes it."""
    found = {}
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("select name from sqlite_schema where type = 'table'").fetchall()
        for (name,) in names:
            info = connection.execute(f"pragma table_info({name})").fetchall()
            columns = tuple(row[1] for row in info)
            quoted = ", ".join(f"quote({column})" for column in columns)
            rows = Counter(connection.execute(f"select {quoted} from {name}").fetchall())
            found[name] = (columns, rows)
    return found


def different(before: Contents, after: Contents) -> set[str]:
    names = before.keys() | after.keys()
    return {name for name in names if before.get(name) != after.get(name)}


@pytest.fixture(params=["wal", "delete"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    mode: JournalMode = request.param
    make_sample(tmp_path / "labeling.db", journal_mode=mode, projects=3, images=6)
    return tmp_path / "labeling.db"


@pytest.mark.parametrize("seed", [1, 2])
def test_every_edit_names_the_tables_that_it_changed(db: Path, seed: int) -> None:
    kinds = set()
    with Editor(db, older=db.parent / "older", seed=seed) as editor:
        before = contents(db)
        for _ in range(60):
            edit = editor.edit()

            after = contents(db)
            kinds.add(edit.kind)
            assert edit.tables == different(before, after), edit
            before = after
    assert len(kinds) > len(KINDS) / 2


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_of_every_kind_can_be_asked_for(db: Path, kind: Kind) -> None:
    with Editor(db, older=db.parent / "older") as editor:
        editor.edit("edit_annotation")
        before = contents(db)

        edit = editor.edit(kind)

        assert edit.kind == kind
        assert edit.said
        assert edit.tables == different(before, contents(db))
        # The sample is of today's generation already: an upgrade has nothing to do.
        assert bool(edit.tables) == (kind not in {*TOUCH_NOTHING, "upgrade"})
        with closing(sqlite3.connect(db)) as connection:
            assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]


def test_the_same_seed_makes_the_same_edits(tmp_path: Path) -> None:
    done = []
    for name in ("one", "other"):
        path = tmp_path / name / "labeling.db"
        make_sample(path, projects=3, images=6)
        made = list(islice(edits(path, older=tmp_path / name / "older", seed=7), 40))
        done.append((made, contents(path)))

    assert done[0] == done[1]
    assert Counter(edit.kind for edit in done[0][0]).most_common(1)[0][1] < 20


@pytest.mark.parametrize("generation", GENERATIONS)
def test_an_upgrade_brings_every_generation_to_today_s(
    generation: Generation, tmp_path: Path
) -> None:
    make_sample(tmp_path / "labeling.db", generation=generation)
    before = contents(tmp_path / "labeling.db")

    with Editor(tmp_path / "labeling.db", older=tmp_path / "older") as editor:
        edit = editor.edit("upgrade")

        after = contents(tmp_path / "labeling.db")
        assert len(after) == 15
        assert edit.tables == different(before, after)
        assert editor.edit("upgrade").tables == set()


def test_a_commit_in_wal_mode_leaves_the_main_file_alone(tmp_path: Path) -> None:
    make_sample(tmp_path / "labeling.db")
    with Editor(tmp_path / "labeling.db", older=tmp_path / "older") as editor:
        editor.edit("insert")
        before = (tmp_path / "labeling.db").read_bytes()

        editor.edit("edit_annotation")

        assert (tmp_path / "labeling.db").read_bytes() == before


def test_the_same_values_again_change_the_file_but_not_what_it_holds(tmp_path: Path) -> None:
    make_sample(tmp_path / "labeling.db", journal_mode="delete")
    before = (tmp_path / "labeling.db").read_bytes(), contents(tmp_path / "labeling.db")

    with Editor(tmp_path / "labeling.db", older=tmp_path / "older") as editor:
        editor.edit("same_values")

    assert (tmp_path / "labeling.db").read_bytes() != before[0]
    assert contents(tmp_path / "labeling.db") == before[1]


def test_a_restored_file_is_an_earlier_one_with_a_time_of_long_ago(db: Path) -> None:
    before = contents(db)
    changed = db.stat().st_mtime
    with Editor(db, older=db.parent / "older") as editor:
        editor.edit("bulk_delete")
        editor.edit("restore")

        assert contents(db) == before
        assert db.stat().st_mtime < changed - 86_400


def test_edits_go_on_when_hardly_anything_is_left(db: Path) -> None:
    with closing(sqlite3.connect(db)) as connection, connection:
        for table in ("annotations", "images", "datasets", "projects", "labels"):
            connection.execute(f"delete from {table}")

    with Editor(db, older=db.parent / "older", seed=4) as editor:
        for kind in (*KINDS, *KINDS):
            before = contents(db)
            edit = editor.edit(kind)
            assert edit.tables == different(before, contents(db)), edit


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_live_writer_counts_what_it_did(generation: Generation, tmp_path: Path) -> None:
    make_sample(tmp_path / "labeling.db", generation=generation)

    done = write_live(tmp_path / "labeling.db", seconds=0.2, pause=0)

    with closing(sqlite3.connect(tmp_path / "labeling.db")) as connection:
        images, annotations = (
            connection.execute(f"select id, {text} from {table} where id like 'live-%'").fetchall()
            for table, text in (("images", "original_filename"), ("annotations", "class_name"))
        )
    assert done.transactions == done.inserted + done.updated + done.deleted
    assert len(images) == done.inserted - done.deleted
    assert sorted(images) == sorted(annotations)


def test_a_reader_beside_the_live_writer_never_sees_half_a_pair(tmp_path: Path) -> None:
    make_sample(tmp_path / "labeling.db")
    command = [sys.executable, "-m", "export_assets.systems.labeling.live", "labeling.db"]
    seen = set()

    with subprocess.Popen([*command, "--seconds", "0.5"], cwd=tmp_path) as writer:
        while writer.poll() is None:
            with closing(sqlite3.connect(tmp_path / "labeling.db")) as connection:
                connection.execute("begin")
                images = "select id, original_filename from images where id like 'live-%'"
                annotations = "select id, class_name from annotations where id like 'live-%'"
                pairs = set(connection.execute(images))
                assert pairs == set(connection.execute(annotations))
            seen |= pairs

    assert writer.returncode == 0
    assert len(seen) > 2
