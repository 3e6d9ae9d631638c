"""The sample databases of every generation, and the large one."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from export_assets.errors import DestConflict
from export_assets.systems.labeling.sample import make_sample
from export_assets.systems.labeling.sample_large import make_large
from export_assets.systems.labeling.schema import (
    CURRENT,
    GENERATIONS,
    Generation,
    catalog,
    create,
    known_columns,
    upgrade,
)
from export_assets.systems.sqlite_sample import JournalMode
from export_assets_tests.systems.labeling.oracle import dangling

every_generation = pytest.mark.parametrize("generation", GENERATIONS)


def asked(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


@every_generation
def test_a_generation_has_as_many_tables_as_its_name_says(
    generation: Generation, tmp_path: Path
) -> None:
    rows = make_sample(tmp_path / "labeling.db", generation=generation)

    tables = asked(tmp_path / "labeling.db", "select name from sqlite_schema where type = 'table'")
    assert len(tables) == generation
    assert {name for (name,) in tables} == rows.keys() == catalog(generation).keys()
    assert all(rows.values())
    for table, count in rows.items():
        assert asked(tmp_path / "labeling.db", f"select count(*) from {table}") == [(count,)]
    assert asked(tmp_path / "labeling.db", "pragma integrity_check") == [("ok",)]


@every_generation
@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_the_same_sample_comes_out_every_time(
    generation: Generation, journal_mode: JournalMode, tmp_path: Path
) -> None:
    one, other = tmp_path / "one" / "labeling.db", tmp_path / "other" / "labeling.db"

    make_sample(one, generation=generation, journal_mode=journal_mode)
    make_sample(other, generation=generation)

    assert asked(one, "pragma journal_mode") == [(journal_mode,)]
    assert dump(one) == dump(other)


def test_another_seed_is_another_sample(tmp_path: Path) -> None:
    make_sample(tmp_path / "one.db", seed=1)
    make_sample(tmp_path / "two.db", seed=2)

    assert dump(tmp_path / "one.db") != dump(tmp_path / "two.db")


def test_in_wal_mode_a_part_of_every_table_is_in_the_log_alone(tmp_path: Path) -> None:
    rows = make_sample(tmp_path / "labeling.db")
    (tmp_path / "labeling.db-wal").unlink()

    (seen,) = asked(tmp_path / "labeling.db", "select count(*) from annotations")[0]

    assert 0 < seen < rows["annotations"]


def test_a_sample_that_is_there_stays_untouched(tmp_path: Path) -> None:
    rows = make_sample(tmp_path / "labeling.db")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    again = make_sample(tmp_path / "labeling.db", seed=2)

    assert again == rows
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_is_no_sample_of_that_generation_is_not_replaced(tmp_path: Path) -> None:
    make_sample(tmp_path / "labeling.db", generation=14)
    (tmp_path / "own.db").write_bytes(b"mine")

    for name in ("labeling.db", "own.db"):
        with pytest.raises(DestConflict, match="is no sample of a database of 15 tables"):
            make_sample(tmp_path / name)
    assert (tmp_path / "own.db").read_bytes() == b"mine"


@every_generation
def test_rows_refer_to_what_was_deleted(generation: Generation, tmp_path: Path) -> None:
    make_sample(tmp_path / "labeling.db", generation=generation, journal_mode="delete")

    assert dangling(tmp_path / "labeling.db").keys() >= {
        "datasets.project_id",
        "images.dataset_id",
        "annotations.image_id",
        "labels.project_id",
    }


def test_it_holds_what_makes_exports_hard(tmp_path: Path) -> None:
    path = tmp_path / "labeling.db"
    make_sample(path)

    def column(table: str, name: str) -> set[Any]:
        return {value for (value,) in asked(path, f"select {name} from {table}")}

    names = "".join(column("projects", "name") | column("datasets", "name"))
    assert all(one in names for one in ('"', "'", ",", ";", "\n", "ß", "🚦"))
    assert any(name.startswith("=") for name in column("images", "filename"))
    assert {None, ""} < column("projects", "description") | column("datasets", "description")
    assert column("images", "is_labeled") == {0, 1, None}
    assert column("images", "split_section") == {"train", "val", "test", None}
    assert column("images", "split_type") == {"unassigned", "annotating", "dataset"}
    assert {None, "null", "", "[]", 12} < column("annotations", "segmentation")
    assert min(column("annotations", "x_min")) < 0
    assert max(column("annotations", "y_max")) > 4_032
    assert {type(one) for one in column("training_sessions", "progress_pct")} == {
        int,
        float,
        type(None),
    }
    assert {len(one) for one in column("annotations", "created_at") if one} == {19, 26}
    assert all(
        one is None or "invented" in one
        for one in column("dev_mode_settings", "password_hash")
        | column("dev_mode_settings", "master_password_hash")
    )


@pytest.mark.parametrize("table", ["projects", "datasets", "images", "annotations"])
def test_times_tie_or_are_missing(table: str, tmp_path: Path) -> None:
    make_sample(tmp_path / "labeling.db")

    times = [one for (one,) in asked(tmp_path / "labeling.db", f"select created_at from {table}")]

    assert None in times
    assert len(set(times)) < len(times)


def test_some_projects_and_datasets_are_empty(tmp_path: Path) -> None:
    make_sample(tmp_path / "labeling.db", projects=3)
    empty = "select count(*) from {} where id not in (select {} from {})"

    datasets = asked(tmp_path / "labeling.db", empty.format("datasets", "dataset_id", "images"))
    projects = asked(tmp_path / "labeling.db", empty.format("projects", "project_id", "datasets"))

    assert datasets[0][0] > 0
    assert projects[0][0] > 0


@pytest.mark.parametrize(("projects", "images"), [(1, 0), (1, 1), (9, 3)])
def test_it_comes_in_other_sizes(projects: int, images: int, tmp_path: Path) -> None:
    rows = make_sample(tmp_path / "labeling.db", projects=projects, images=images)

    assert rows["projects"] == projects
    assert all(rows.values())


def test_earlier_generations_lack_columns() -> None:
    def columns(generation: Generation, table: str) -> set[str]:
        return {column.name for column in catalog(generation)[table].columns}

    assert len(columns(15, "training_sessions")) == 36
    assert columns(15, "images") - columns(14, "images") == {"split_section", "is_verified"}
    assert "confidence_threshold" not in columns(14, "projects")
    assert "master_password_hash" not in columns(17, "dev_mode_settings")
    assert all(
        known_columns()[table] >= columns(one, table)
        for one in GENERATIONS
        for table in catalog(one)
    )
    assert all(
        columns(one, table) <= columns(CURRENT, table)
        for one in GENERATIONS
        for table in catalog(one).keys() & catalog(CURRENT).keys()
    )


@every_generation
def test_an_upgrade_leads_to_what_a_new_database_has(generation: Generation) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(create(generation))
        for statements in upgrade(generation).values():
            for statement in statements:
                connection.execute(statement)
        found = {
            table: {row[1:3] for row in connection.execute(f"pragma table_info({table})")}
            for (table,) in connection.execute(
                "select name from sqlite_schema where type = 'table'"
            ).fetchall()
        }

    assert found == {
        name: {(column.name, column.declared) for column in table.columns}
        for name, table in catalog(CURRENT).items()
    }


def test_the_large_sample_has_as_many_annotations_as_asked(tmp_path: Path) -> None:
    one, other = tmp_path / "one.db", tmp_path / "other.db"

    rows = make_large(one, annotations=3_333)
    make_large(other, annotations=3_333, journal_mode="delete")

    assert {table: count for table, count in rows.items() if count} == {
        "alembic_version": 1,
        "projects": 20,
        "datasets": 200,
        "images": 334,
        "annotations": 3_333,
    }
    assert dump(one) == dump(other)
    assert asked(one, "pragma foreign_key_check") == []
    assert asked(one, "pragma integrity_check") == [("ok",)]
    (segmented,) = asked(
        one, "select sum(json_valid(segmentation)), count(segmentation) from annotations"
    )
    assert segmented[0] == segmented[1] > 0
