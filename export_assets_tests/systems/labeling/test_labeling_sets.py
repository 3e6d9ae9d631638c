"""The sets of `labeling` against an oracle that shares no line with them."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from export_assets.errors import UsageError
from export_assets.formats.registry import FORMATS
from export_assets.store.verify import verify_partition
from export_assets.systems.labeling.sample import make_sample
from export_assets.systems.labeling.schema import GENERATIONS, Generation, catalog
from export_assets.systems.sqlite_sample import JournalMode
from export_assets_tests.systems.labeling import oracle
from export_assets_tests.systems.labeling.labeling_world import (
    Project,
    assert_legacy,
    document,
    manifest,
)
from export_assets_tests.systems.theprogram.theprogram_world import parse_csv


@pytest.mark.parametrize(
    ("generation", "journal"),
    [(14, "wal"), (15, "wal"), (15, "delete"), (16, "delete"), (17, "wal"), (18, "delete")],
)
def test_the_legacy_layout_is_what_the_oracle_says(
    tmp_path: Path, generation: Generation, journal: JournalMode
) -> None:
    project = Project(tmp_path)
    seed = generation * 7 + len(journal)
    make_sample(project.database, generation=generation, journal_mode=journal, seed=seed)
    project.export(tables=("database_export",))
    assert_legacy(project.set, project.database)
    assert_legacy(project.copy, project.database)
    tables = {path.stem for path in project.set.glob("*.parquet")}
    assert tables == set(catalog(generation))
    assert verify_partition(project.set) == []


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_tidy_document_is_what_the_oracle_says(tmp_path: Path, generation: Generation) -> None:
    project = Project(tmp_path)
    make_sample(project.database, generation=generation)
    project.export(tables=("database_export",), profile="tidy")
    found = document(project.set)
    expected = oracle.tidy_document(project.database)
    assert found["export_info"]["database"] == "labeling.db"
    for one in found["projects"]:
        for dataset in one["datasets"]:
            classes = dataset.pop("classifications")
            counted = Counter(
                (mark["class_id"], mark["class_name"])
                for image in dataset["images"]
                for mark in image["annotations"]
            )
            assert {
                (one["class_id"], one["class_name"]): one["annotations"] for one in classes
            } == counted
    assert _plain(found["projects"]) == _plain(expected["projects"])


def _plain(value: Any) -> Any:
    """Moments as moments; of JSON columns the value, in whichever form it is written."""
    value = oracle.comparable(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {
            key: _loaded(one) if key == "segmentation" else _plain(one)
            for key, one in value.items()
        }
    return value


def _loaded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=str)
    except ValueError:
        return value


def test_each_project_has_the_document_of_its_own(project: Project) -> None:
    project.export(tables=("database_export", "project_documents"), profile="tidy")
    whole = document(project.set)["projects"]
    found = {}
    for path in (project.set.parents[2] / "project_documents" / "set").iterdir():
        assert path.name.startswith("project_id=")
        (one,) = document(path, "project.json")["projects"]
        assert path.name == f"project_id={one['id']}"
        assert manifest(path).partition == str(one["id"])
        found[one["id"]] = one
    assert [found[one["id"]] for one in whole] == whole


def test_the_set_is_one_moment(project: Project) -> None:
    project.export(tables=("database_export",))
    one = manifest(project.set)
    assert one.snapshot.consistency == "snapshot"
    assert one.partition == "all"
    names = {file.path for file in one.files}
    assert names == {path.name for path in project.set.iterdir()} - {"_manifest.json"}


def test_an_empty_database_has_headers_and_an_empty_document(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.database.parent.mkdir(parents=True)
    from export_assets.systems.labeling.schema import create

    with closing(sqlite3.connect(project.database)) as connection:
        connection.executescript(create(15))
    project.export(tables=("database_export",))
    assert_legacy(project.set, project.database)
    assert document(project.set)["projects"] == []
    assert (project.set / "images.csv").read_text() == f"{oracle.HEADERS['images']}\n"


def test_files_of_images_are_looked_for_below_the_media_root(project: Project) -> None:
    root = project.home / "media"
    with closing(sqlite3.connect(project.database)) as connection:
        paths = [path for (path,) in connection.execute("select file_path from images")]
    for path in paths[::3]:
        if path and not Path(path).is_absolute() and ".." not in path:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(b"x")
    (project.home / "secret").write_bytes(b"x")
    with closing(sqlite3.connect(project.database)) as connection:
        connection.execute("update images set file_path = '../secret' where rowid = 1")
        connection.execute(
            "update images set file_path = ? where rowid = 2", (str(project.home / "secret"),)
        )
        connection.commit()
    project.configure("options: {media_root: media}\n")
    project.export(tables=("database_export",))
    assert_legacy(project.set, project.database, media_root=root)
    header, *lines = parse_csv((project.set / "images.csv").read_text(encoding="utf-8"))
    seen = Counter(line[header.index("File Exists")] for line in lines)
    assert seen["Yes"]
    assert seen["No"]


def test_what_a_table_hides_is_hidden_in_every_layout(project: Project) -> None:
    project.configure("tables: {projects: {redact: [name]}, '*': {}}\n")
    with closing(sqlite3.connect(project.database)) as connection:
        connection.execute("update projects set name = 'CANARY-' || id")
        connection.commit()
    project.export()
    project.export(tables=("database_export",), profile="tidy", export_dir=project.home / "tidy")
    for path in [
        *project.home.glob("exports/labeling/**/*"),
        *project.home.glob("tidy/*"),
        *project.copy.iterdir(),
    ]:
        if path.is_file():
            assert b"CANARY" not in path.read_bytes(), path


def test_password_hashes_are_in_no_byte(project: Project) -> None:
    with closing(sqlite3.connect(project.database)) as connection:
        rows = connection.execute(
            "select password_hash, master_password_hash from dev_mode_settings"
        )
        hashes = [one.encode() for row in rows for one in row if one]
    assert hashes
    project.export(formats=tuple(FORMATS))
    for path in [*project.home.glob("exports/**/*"), *project.copy.iterdir()]:
        if path.is_file():
            data = path.read_bytes()
            assert not any(one in data for one in hashes), path


@pytest.mark.parametrize("rule", ["redact: [id]", "exclude_columns: [id]"])
def test_a_project_that_has_no_id_to_show_is_not_published_as_another(
    project: Project, rule: str
) -> None:
    project.configure(f"tables: {{projects: {{{rule}}}, '*': {{}}}}\n")
    report = project.exporter(tables=("project_documents",)).export()
    (failed,) = report.failed
    assert "a record has no id, and a partition is called by it" in (failed.error or "")
    assert not (project.home / "exports" / "labeling").exists()


def test_a_partition_of_no_project_is_refused(project: Project) -> None:
    project.export(tables=("project_documents",))
    report = project.exporter(2, tables=("project_documents",), partitions=("99",)).export()
    assert "project_id 99: there is no such record" in (report.failed[0].error or "")
    assert not list(project.home.glob("exports/labeling/*/set/project_id=99"))


def test_a_table_is_not_shown_as_what_the_set_makes(project: Project) -> None:
    with closing(sqlite3.connect(project.database)) as connection:
        connection.executescript("""
            create table legacy_projects(a, b);
            insert into legacy_projects values (1, 2);
        """)
    project.export(tables=("database_export",))
    frame = pl.read_parquet(project.set / "legacy_projects.parquet")
    assert frame.rows() == [("1", "2")] or frame.rows() == [(1, 2)]
    with closing(sqlite3.connect(project.database)) as connection:
        connection.executescript('create table "legacy:projects"(a)')
    with pytest.raises(UsageError, match="which the set makes itself"):
        project.exporter(2, tables=("database_export",)).export()


def test_rows_without_an_id_or_with_that_of_another_are_each_shown_once(project: Project) -> None:
    with closing(sqlite3.connect(project.database)) as connection:
        connection.executescript("""
            create table p as select * from projects;
            insert into p select * from projects limit 1;
            insert into p(id, name) values (null, 'nobody');
            drop table projects;
            alter table p rename to projects;
        """)
    project.export(tables=("database_export",))
    shown = document(project.set)["projects"]
    with oracle.opened(project.database) as connection:
        assert len(shown) == len(oracle.rows(connection, "select * from projects"))
    ids = Counter(dataset["id"] for one in shown for dataset in one["datasets"])
    assert set(ids.values()) == {1}


def test_a_flag_that_is_a_text_is_what_it_says(project: Project) -> None:
    with closing(sqlite3.connect(project.database)) as connection:
        ids = [key for (key,) in connection.execute("select id from images order by id limit 4")]
        for key, text in zip(ids, ("true", "false", "no", "yes"), strict=True):
            connection.execute("update images set is_labeled = ? where id = ?", (text, key))
        connection.commit()
    project.export(tables=("database_export",))
    header, *lines = parse_csv((project.set / "images.csv").read_text(encoding="utf-8"))
    shown = {line[0]: line[header.index("Is Labeled")] for line in lines}
    assert [shown[key] for key in ids] == ["Yes", "No", "No", "Yes"]


def test_a_table_called_as_the_set_is_no_set(project: Project) -> None:
    with closing(sqlite3.connect(project.database)) as connection:
        connection.executescript("create table database_export(a)")
    with pytest.raises(UsageError, match="is called as a table is"):
        project.exporter(tables=("database_export",)).export()
