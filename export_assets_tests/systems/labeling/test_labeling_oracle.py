"""The oracle itself, against what was worked out by hand."""

import csv
import io
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from export_assets.systems.labeling.sample import make_sample
from export_assets.systems.labeling.schema import GENERATIONS, Generation, create
from export_assets_tests.systems.labeling.oracle import (
    CSV_FILES,
    HEADERS,
    comparable,
    dangling,
    legacy_csv,
    legacy_csv_rows,
    legacy_document,
    legacy_json,
    tidy_document,
)

NOON = "2025-03-01 12:00:00"

BY_HAND = f"""
insert into projects (id, name, description, created_at) values
    (1, 'B', '', '{NOON}.000000'), (2, 'A', null, '{NOON}'), (3, 'C, "c"', 'x', null);
insert into labels (id, name, color, project_id) values (2, 'car', null, 1), (1, 'bus', '#f00', 1);
insert into datasets (id, name, project_id, total_images, auto_label_enabled, created_at) values
    ('d1', 'one', 1, 99, 1, '{NOON}'), ('d0', 'none', 1, 99, null, '{NOON}'),
    ('d9', 'lost', 9, 0, 0, '{NOON}');
insert into images (id, filename, file_path, dataset_id, is_labeled, width, created_at) values
    ('i2', 'b.jpg', 'up/b.jpg', 'd1', 1, 640, '{NOON}'),
    ('i1', 'b.jpg', '../b.jpg', 'd1', null, null, null),
    ('i3', 'a.jpg', 'up', 'd1', 0, 1, null), ('i4', 'a.jpg', '', 'd9', 1, 1, null),
    ('i9', 'a.jpg', '', 'gone', 0, 1, null);
insert into annotations (id, image_id, class_name, x_min, y_min, x_max, y_max, segmentation,
    is_auto_generated, created_at) values
    ('a1', 'i2', 'car', -1, 0.1, 1e16, 2, '[{{"x": 1, "y": 2.0}}]', 1, '{NOON}.250000'),
    ('a2', 'i2', '=x', 0, 0, 0, 0, 'null', 0, '{NOON}'),
    ('a3', 'i4', 'lone' || char(13), 0, 0, 0, 0, '[NaN]', null, null),
    ('a4', 'gone', '', 0, 0, 0, 0, null, null, '{NOON}');
"""


@pytest.fixture
def db(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "by_hand.db")) as connection:
        connection.executescript(create(15) + BY_HAND)
    return tmp_path / "by_hand.db"


def document(path: Path, **arguments: Any) -> dict[str, Any]:
    return legacy_document(path, export_timestamp="now", **arguments)


def test_projects_without_a_time_come_first_then_by_the_stored_text(db: Path) -> None:
    assert [project["id"] for project in document(db)["projects"]] == [3, 2, 1]
    assert [line[0] for line in legacy_csv_rows(db, "projects")[1:]] == ["3", "2", "1"]


def test_datasets_made_at_once_are_by_id_and_images_by_filename_and_id(db: Path) -> None:
    empty, full = document(db)["projects"][2]["datasets"]

    assert (empty["id"], empty["images"]) == ("d0", [])
    assert [image["id"] for image in full["images"]] == ["i3", "i1", "i2"]
    assert [line[0] for line in legacy_csv_rows(db, "images")[1:]] == ["i3", "i4", "i9", "i1", "i2"]


def test_statistics_count_what_is_nested_and_the_summary_whole_tables(db: Path) -> None:
    project = document(db)["projects"][2]

    assert project["statistics"] == {
        "datasets": 2,
        "total_images": 3,
        "labeled_images": 1,
        "unlabeled_images": 1,
        "annotations": 2,
    }
    assert document(db)["summary"] == {
        "total_projects": 3,
        "total_datasets": 3,
        "total_images": 5,
        "total_annotations": 4,
        "labeled_images": 2,
        "unlabeled_images": 2,
    }


def test_the_text_of_the_json_is_the_legacy_one(db: Path) -> None:
    text = legacy_json(db, export_timestamp="now", name="labeling.db")

    assert text.startswith(
        '{\n  "export_timestamp": "now",\n  "database_path": "labeling.db",\n  "projects": [\n'
        '    {\n      "id": 3,\n      "name": "C, \\"c\\"",\n      "description": "x",\n'
        '      "project_type": null,\n      "created_at": null,\n      "updated_at": null,\n'
        '      "statistics": {\n        "datasets": 0,\n        "total_images": 0,\n'
    )
    assert text.endswith('    "unlabeled_images": 2\n  }\n}')


def test_a_file_exists_below_the_media_root_alone(db: Path, tmp_path: Path) -> None:
    media = tmp_path / "media"
    (media / "up").mkdir(parents=True)
    (media / "up" / "b.jpg").touch()
    (tmp_path / "b.jpg").touch()

    images = document(db, media_root=media)["projects"][2]["datasets"][1]["images"]

    assert {image["id"]: image["file_exists"] for image in images} == {
        "i1": False,  # it climbs out
        "i2": True,
        "i3": False,  # a directory
    }
    assert {line[16] for line in legacy_csv_rows(db, "images")[1:]} == {""}
    assert legacy_csv_rows(db, "images", media_root=media)[5][16] == "Yes"


def test_the_csv_of_projects_and_datasets_is_exact(db: Path) -> None:
    assert legacy_csv(db, "projects") == (
        f"{HEADERS['projects']}\n"
        '3,"C, ""c""",x,,,,0,0,0,0,0\n'
        f"2,A,,,{NOON},,0,0,0,0,0\n"
        f"1,B,,,{NOON}.000000,,2,3,1,1,2\n"
    )
    assert legacy_csv(db, "datasets") == (
        f"{HEADERS['datasets']}\n"
        f"d0,none,,1,B,{NOON},,0,0,0,0\n"
        f"d1,one,,1,B,{NOON},,3,1,1,2\n"
        f"d9,lost,,9,,{NOON},,1,1,0,1\n"
    )


def test_the_csv_of_images_and_annotations_is_exact(db: Path) -> None:
    assert legacy_csv(db, "images") == (
        f"{HEADERS['images']}\n"
        "i3,a.jpg,,up,B,one,1,,,,,,No,,,0,,,\n"
        "i4,a.jpg,,,,lost,1,,,,,,Yes,,,1,,,\n"
        "i9,a.jpg,,,,,1,,,,,,No,,,0,,,\n"
        "i1,b.jpg,,../b.jpg,B,one,,,,,,,,,,0,,,\n"
        f"i2,b.jpg,,up/b.jpg,B,one,640,,,,,,Yes,,,2,,{NOON},\n"
    )
    assert legacy_csv(db, "annotations") == (
        f"{HEADERS['annotations']}\n"
        'a3,i4,a.jpg,,lost,"lone\r",,,0.0,0.0,0.0,0.0,[NaN],,,,\n'
        f"a2,i2,b.jpg,B,one,=x,,,0.0,0.0,0.0,0.0,null,No,,{NOON},\n"
        f"a4,gone,,,,,,,0.0,0.0,0.0,0.0,,,,{NOON},\n"
        'a1,i2,b.jpg,B,one,car,,,-1.0,0.1,1e+16,2.0,"[{""x"": 1, ""y"": 2.0}]",Yes,,'
        f"{NOON}.250000,\n"
    )


def test_the_tidy_document_is_typed_and_nested(db: Path) -> None:
    found = tidy_document(db)

    project = found["projects"][2]
    images = {image["id"]: image for image in project["datasets"][1]["images"]}
    second, first = images["i2"]["annotations"]
    assert found["export_info"] == {
        "database": "by_hand.db",
        "projects": 3,
        "datasets": 2,
        "images": 3,
        "annotations": 2,
        "labels": 2,
    }
    assert [label["name"] for label in project["labels"]] == ["bus", "car"]
    assert [images[one]["is_labeled"] for one in ("i1", "i2", "i3")] == [None, True, False]
    assert (second["segmentation"], first["segmentation"]) == (None, [{"x": 1, "y": 2.0}])
    assert (second["is_auto_generated"], first["is_auto_generated"]) == (False, True)
    assert first["created_at"] == "2025-03-01T12:00:00.250000Z"
    assert comparable(found)["projects"][1]["created_at"] == datetime(2025, 3, 1, 12, tzinfo=UTC)


def test_what_refers_to_nothing_is_named(db: Path) -> None:
    assert dangling(db) == {
        "datasets.project_id": ["d9"],
        "images.dataset_id": ["i9"],
        "annotations.image_id": ["a4"],
    }


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_generation_has_all_documents(generation: Generation, tmp_path: Path) -> None:
    path = tmp_path / "labeling.db"
    counts = make_sample(path, generation=generation)

    found = document(path)

    assert json.loads(legacy_json(path, export_timestamp="now")) == found
    assert found["summary"]["total_annotations"] == counts["annotations"]
    sections = {
        image["split_section"]
        for project in found["projects"]
        for dataset in project["datasets"]
        for image in dataset["images"]
    }
    assert sections == ({"train"} if generation == 14 else {"train", "val", "test", None})
    for entity in CSV_FILES:
        lines = list(csv.reader(io.StringIO(legacy_csv(path, entity), newline="")))
        assert lines == [list(line) for line in legacy_csv_rows(path, entity)]
        assert len(lines) == counts[entity] + 1
    assert tidy_document(path)["export_info"]["projects"] == counts["projects"]
