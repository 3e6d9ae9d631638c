"""The tidy layout: every column under its own name and with its type, everything nested."""

from collections.abc import Mapping
from typing import Any, Final

from export_assets.engine.sets.spec import Moment, SetDocument, SetView
from export_assets.formats.nesting.layout import Level
from export_assets.systems.labeling.sql import (
    ANNOTATIONS,
    DATASETS,
    IMAGES,
    PROJECTS,
    Entities,
    Shown,
    origins,
    select,
    summary,
)

LABELS: Final = "labels"
CLASSIFICATIONS: Final = "classifications"
LAYOUT: Final = 1
"""Told in `export_info`; raised when members change their names or meanings."""

_VIEWS: Final = {
    name: f"tidy:{name}"
    for name in (PROJECTS, LABELS, DATASETS, CLASSIFICATIONS, IMAGES, ANNOTATIONS)
}
SUMMARY: Final = "tidy:summary"


def views(entities: Entities) -> dict[str, SetView]:
    """Return the views of the document's levels by name."""
    found = {_VIEWS[table]: _entity(entities, table) for table in (PROJECTS, DATASETS, IMAGES)}
    found[_VIEWS[ANNOTATIONS]] = _annotations(entities)
    found[_VIEWS[CLASSIFICATIONS]] = _classifications(entities)
    if entities.columns_of.get(LABELS):
        found[_VIEWS[LABELS]] = _labels(entities)
    found[SUMMARY] = SetView(query=summary())
    return found


def document(entities: Entities, name: str, *, pretty: bool) -> SetDocument:
    """Return the document called *name*."""
    annotations = Level(name=ANNOTATIONS, table=_VIEWS[ANNOTATIONS])
    images = Level(name=IMAGES, table=_VIEWS[IMAGES], children=(annotations,))
    classes = Level(name=CLASSIFICATIONS, table=_VIEWS[CLASSIFICATIONS])
    datasets = Level(name=DATASETS, table=_VIEWS[DATASETS], children=(classes, images))
    labels = Level(name=LABELS, table=_VIEWS[LABELS])
    inside = (labels, datasets) if entities.columns_of.get(LABELS) else (datasets,)
    projects = Level(name=PROJECTS, table=_VIEWS[PROJECTS], children=inside)
    return SetDocument(name=name, root=projects, head=_head, summary=SUMMARY, pretty=pretty)


def _head(moment: Moment) -> Mapping[str, Any]:
    return {
        "export_info": {
            "layout": LAYOUT,
            "exported_at": moment.taken_at.isoformat(),
            "source": moment.source,
            "database": moment.file,
            **moment.summary,
        }
    }


def _entity(has: Entities, table: str) -> SetView:
    places, rest = has.placed(table)
    shown = [*places, *has.every(table)]
    return SetView(query=select(shown, rest), order_by=("_position",), origins=origins(shown))


def _annotations(has: Entities) -> SetView:
    shown = [_parent(), *has.every(ANNOTATIONS)]
    rest = f"from annotations t join ({has.ranked(IMAGES)}) r on r._id = t.image_id"
    order = tuple(
        name for name in ("_parent", "created_at", "id") if name in {one.name for one in shown}
    )
    return SetView(query=select(shown, rest), order_by=order, origins=origins(shown))


def _labels(has: Entities) -> SetView:
    shown = [_parent(), *has.every(LABELS)]
    rest = f"from labels t join ({has.ranked(PROJECTS)}) r on r._id = t.project_id"
    return SetView(query=select(shown, rest), order_by=("_parent", "id"), origins=origins(shown))


def _classifications(has: Entities) -> SetView:
    """Return how often each class was found in the images of a dataset."""
    shown = [
        _parent(),
        has.column(ANNOTATIONS, "class_id"),
        has.column(ANNOTATIONS, "class_name"),
        Shown(sql="cast(count(*) as integer)", name="annotations"),
    ]
    rest = (
        f"from annotations t join images i on i.id = t.image_id join ({has.ranked(DATASETS)}) r "
        "on r._id = i.dataset_id group by r._position, t.class_id, t.class_name"
    )
    order = ("_parent", "class_id", "class_name")
    return SetView(query=select(shown, rest), order_by=order, origins=origins(shown))


def _parent() -> Shown:
    return Shown(sql="cast(r._position as integer)", name="_parent")
