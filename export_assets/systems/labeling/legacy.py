"""The legacy layout: four CSVs under headers in title case, and the document that nests them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from export_assets.engine.sets.spec import Moment, SetDocument, SetView
from export_assets.formats.nesting.layout import Level
from export_assets.systems.labeling.sql import (
    ANNOTATIONS,
    DATASETS,
    IMAGES,
    LABELED,
    PROJECTS,
    Entities,
    Shown,
    counted,
    counts_of,
    counts_of_images,
    origins,
    select,
    summary,
)

CSV: Final = {table: f"legacy:{table}" for table in (PROJECTS, DATASETS, IMAGES, ANNOTATIONS)}
"""The views of the CSVs, by what they show."""
DOCUMENT: Final = {table: f"nested:{table}" for table in (PROJECTS, DATASETS, IMAGES)}
SUMMARY: Final = "nested:summary"
FILE: Final = "database_export.json"

_COUNTS: Final = [*(name for name, _ in LABELED), "annotations"]
_TITLES: Final = [(name, name.replace("_", " ").title()) for name in _COUNTS]
_MEMBERS: Final = [(name, f"statistics.{name}") for name in _COUNTS]
_BY_PROJECT: Final = counts_of_images(PROJECTS)
_BY_DATASET: Final = counts_of_images(DATASETS)
_DATASETS: Final = counts_of(DATASETS)
_ANNOTATIONS: Final = counts_of(ANNOTATIONS)

_STORED: Final = frozenset({"Created", "Updated", "created_at", "updated_at", "Segmentation"})
"""Columns that show the stored text, whatever it means."""


def csv_views(entities: Entities) -> dict[str, SetView]:
    """Return the views of the four CSVs by name."""
    return {
        CSV[PROJECTS]: _view(*_projects(entities), order=("Created", "ID")),
        CSV[DATASETS]: _view(*_datasets(entities), order=("Created", "ID")),
        CSV[IMAGES]: _view(*_images(entities), order=("Filename", "ID")),
        CSV[ANNOTATIONS]: _view(*_annotations(entities), order=("Created", "ID")),
    }


def document_views(entities: Entities) -> dict[str, SetView]:
    """Return the views of the document's levels by name."""
    return {
        DOCUMENT[PROJECTS]: _view(*_nested_projects(entities), order=("_position",)),
        DOCUMENT[DATASETS]: _view(*_nested_datasets(entities), order=("_position",)),
        DOCUMENT[IMAGES]: _view(*_nested_images(entities), order=("_parent", "filename", "id")),
        SUMMARY: SetView(query=summary(labeled=True)),
    }


def document(*, pretty: bool) -> SetDocument:
    """Return the document `database_export.json`."""
    images = Level(name="images", table=DOCUMENT[IMAGES])
    datasets = Level(
        name="datasets", table=DOCUMENT[DATASETS], groups=("statistics",), children=(images,)
    )
    projects = Level(
        name="projects", table=DOCUMENT[PROJECTS], groups=("statistics",), children=(datasets,)
    )
    return SetDocument(
        name=FILE, root=projects, head=_head, tail=_tail, summary=SUMMARY, pretty=pretty
    )


def _head(moment: Moment) -> Mapping[str, Any]:
    return {"export_timestamp": moment.taken_at.isoformat(), "database_path": moment.file}


def _tail(moment: Moment) -> Mapping[str, Any]:
    return {"summary": moment.summary}


def _view(shown: Sequence[Shown], rest: str, *, order: tuple[str, ...]) -> SetView:
    types = {one.name: "text" for one in shown if one.name in _STORED}
    types |= {one.name: "boolean" for one in shown if one.name in _FLAGS}
    return SetView(query=select(shown, rest), order_by=order, origins=origins(shown), types=types)


_FLAGS: Final = frozenset({"is_labeled", "is_auto_labeled", "is_verified", "file_exists"})


def _projects(has: Entities) -> tuple[list[Shown], str]:
    columns = [
        has.column(PROJECTS, "id", "ID"),
        has.column(PROJECTS, "name", "Name"),
        has.column(PROJECTS, "description", "Description"),
        has.column(PROJECTS, "project_type", "Type"),
        has.column(PROJECTS, "created_at", "Created"),
        has.column(PROJECTS, "updated_at", "Updated"),
        *counted("d", [("n", "Datasets")]),
        *counted("i", _TITLES),
    ]
    return columns, f"from projects t {_joined_to_project()}"


def _joined_to_project() -> str:
    return f"left join ({_DATASETS}) d on d.key = t.id left join ({_BY_PROJECT}) i on i.key = t.id"


def _datasets(has: Entities) -> tuple[list[Shown], str]:
    columns = [
        has.column(DATASETS, "id", "ID"),
        has.column(DATASETS, "name", "Name"),
        has.column(DATASETS, "description", "Description"),
        has.column(DATASETS, "project_id", "Project ID"),
        has.column(PROJECTS, "name", "Project Name", of="p"),
        has.column(DATASETS, "created_at", "Created"),
        has.column(DATASETS, "updated_at", "Updated"),
        *counted("i", _TITLES),
    ]
    rest = (
        f"left join projects p on p.id = t.project_id left join ({_BY_DATASET}) i on i.key = t.id"
    )
    return columns, f"from datasets t {rest}"


def _images(has: Entities) -> tuple[list[Shown], str]:
    columns = [
        has.column(IMAGES, "id", "ID"),
        has.column(IMAGES, "filename", "Filename"),
        has.column(IMAGES, "original_filename", "Original Filename"),
        has.column(IMAGES, "file_path", "File Path"),
        has.column(PROJECTS, "name", "Project", of="p"),
        has.column(DATASETS, "name", "Dataset", of="d"),
        has.column(IMAGES, "width", "Width"),
        has.column(IMAGES, "height", "Height"),
        has.column(IMAGES, "format", "Format"),
        has.column(IMAGES, "file_size", "File Size"),
        has.column(IMAGES, "split_type", "Split Type"),
        has.column(IMAGES, "split_section", "Split Section"),
        has.word(IMAGES, "is_labeled", "Is Labeled"),
        has.word(IMAGES, "is_auto_labeled", "Is Auto Labeled"),
        has.word(IMAGES, "is_verified", "Is Verified"),
        *counted("a", [("n", "Annotations")]),
        has.file_exists("File Exists", words=True),
        has.column(IMAGES, "created_at", "Created"),
        has.column(IMAGES, "updated_at", "Updated"),
    ]
    return columns, (
        "from images t left join datasets d on d.id = t.dataset_id "
        f"left join projects p on p.id = d.project_id left join ({_ANNOTATIONS}) a on a.key = t.id"
    )


def _annotations(has: Entities) -> tuple[list[Shown], str]:
    columns = [
        has.column(ANNOTATIONS, "id", "ID"),
        has.column(ANNOTATIONS, "image_id", "Image ID"),
        has.column(IMAGES, "filename", "Filename", of="i"),
        has.column(PROJECTS, "name", "Project", of="p"),
        has.column(DATASETS, "name", "Dataset", of="d"),
        has.column(ANNOTATIONS, "class_name", "Class"),
        has.column(ANNOTATIONS, "class_id", "Class ID"),
        has.column(ANNOTATIONS, "confidence", "Confidence"),
        has.column(ANNOTATIONS, "x_min", "X Min"),
        has.column(ANNOTATIONS, "y_min", "Y Min"),
        has.column(ANNOTATIONS, "x_max", "X Max"),
        has.column(ANNOTATIONS, "y_max", "Y Max"),
        has.column(ANNOTATIONS, "segmentation", "Segmentation"),
        has.word(ANNOTATIONS, "is_auto_generated", "Is Auto Generated"),
        has.word(ANNOTATIONS, "is_verified", "Is Verified"),
        has.column(ANNOTATIONS, "created_at", "Created"),
        has.column(ANNOTATIONS, "updated_at", "Updated"),
    ]
    return columns, (
        "from annotations t left join images i on i.id = t.image_id "
        "left join datasets d on d.id = i.dataset_id left join projects p on p.id = d.project_id"
    )


def _nested_projects(has: Entities) -> tuple[list[Shown], str]:
    places, source = has.placed(PROJECTS)
    columns = [
        *places,
        *(has.column(PROJECTS, name) for name in ("id", "name", "description", "project_type")),
        *(has.column(PROJECTS, name) for name in ("created_at", "updated_at")),
        *counted("d", [("n", "statistics.datasets")]),
        *counted("i", _MEMBERS),
    ]
    return columns, f"{source} {_joined_to_project()}"


def _nested_datasets(has: Entities) -> tuple[list[Shown], str]:
    names = ("id", "name", "description", "created_at", "updated_at")
    places, source = has.placed(DATASETS)
    columns = [
        *places,
        *(has.column(DATASETS, name) for name in names),
        *counted("i", _MEMBERS),
    ]
    return columns, f"{source} left join ({_BY_DATASET}) i on i.key = t.id"


def _nested_images(has: Entities) -> tuple[list[Shown], str]:
    before = ("id", "filename", "original_filename", "file_path", "width", "height", "format")
    columns = [
        Shown(sql="cast(r._position as integer)", name="_parent"),
        *(has.column(IMAGES, name) for name in (*before, "file_size", "split_type")),
        has.column(IMAGES, "split_section"),
        *(has.flag(IMAGES, name) for name in ("is_labeled", "is_auto_labeled", "is_verified")),
        *counted("a", [("n", "annotation_count")]),
        has.column(IMAGES, "created_at"),
        has.column(IMAGES, "updated_at"),
        has.file_exists("file_exists", words=False),
    ]
    return columns, (
        f"from images t join ({has.ranked(DATASETS)}) r on r._id = t.dataset_id "
        f"left join ({_ANNOTATIONS}) a on a.key = t.id"
    )
