"""Edits of rows: inserted, changed, moved and deleted, one by one and in bulk."""

import sqlite3
from typing import Final

from export_assets.systems.labeling.live_edit import STAMP, Chance, Edit, transaction

_INSERT: Final = {
    "projects": "insert into projects (name, created_at) values (:text, :now)",
    "labels": "insert into labels (name, project_id) select :text, min(id) from projects",
    "datasets": """
        insert into datasets (id, name, project_id, created_at)
        select :id, :text, coalesce(min(id), 1), :now from projects""",
    "images": """
        insert into images (id, filename, file_path, dataset_id, is_labeled, created_at)
        select :id, :text, 'uploads/' || :text, coalesce(min(id), :id), 0, :now from datasets""",
    "annotations": """
        insert into annotations (id, image_id, class_name, x_min, y_min, x_max, y_max, created_at)
        select :id, coalesce(min(id), :id), :text, -1.5, 0, 10, 20.25, :now from images""",
}
_UPDATE: Final = (
    ("projects", "description", "edited {}"),
    ("datasets", "name", "edited {}"),
    ("images", "original_filename", "edited {}.jpg"),
    ("labels", "color", "edited {}"),
    ("training_sessions", "config_yaml", "edited: {}\n"),
    ("dev_mode_settings", "updated_at", "2026-03-02 00:00:00.{:06d}"),
)


def insert(connection: sqlite3.Connection, chance: Chance) -> Edit:
    """Insert a row, or an image together with its annotation."""
    number = chance.next_number()
    values = {
        "id": f"edit-{number:08d}",
        "text": f"neu, „{number}“",
        "now": STAMP.format(number),
    }
    tables = chance.pick((("projects",), ("labels",), ("datasets",), ("images", "annotations")))
    with transaction(connection):
        for table in tables:
            connection.execute(_INSERT[table], values)
    return Edit(kind="insert", tables=frozenset(tables), said=f"inserted {' and '.join(tables)}")


def update(connection: sqlite3.Connection, chance: Chance) -> Edit:
    """Give one column of one row a value that it never had."""
    table, column, text = chance.pick(_UPDATE)
    value = text.format(chance.next_number())
    row = chance.value(connection, f"select id from {table}")  # noqa: S608 - our names
    changed = _change(connection, f"update {table} set {column} = ? where id = ?", value, row)  # noqa: S608 - ours
    tables = {table} if changed else set()
    return Edit(kind="update", tables=frozenset(tables), said=f"{table}.{column} of {changed} row")


def update_to_same(connection: sqlite3.Connection, chance: Chance) -> Edit:
    """Change values and change them back: the file is another one, what it holds is not.

    In one step SQLite would see that there is nothing to write.
    """
    table, column = chance.pick(
        (("projects", "name"), ("images", "filename"), ("annotations", "class_name"))
    )
    with transaction(connection):
        for value in (f"{column} || '~'", f"substr({column}, 1, length({column}) - 1)"):
            connection.execute(f"update {table} set {column} = {value}")  # noqa: S608 - our names
    return Edit(kind="same_values", said=f"{table}.{column}: the same values again")


def delete(connection: sqlite3.Connection, chance: Chance) -> Edit:
    """Delete an annotation, or an image whose annotations stay and refer to nothing."""
    table = chance.pick(("annotations", "images"))
    row = chance.value(connection, f"select id from {table}")  # noqa: S608 - our names
    changed = _change(connection, f"delete from {table} where id = ?", row)  # noqa: S608 - ours
    tables = {table} if changed else set()
    return Edit(kind="delete", tables=frozenset(tables), said=f"{changed} of {table}")


def delete_many(connection: sqlite3.Connection, chance: Chance) -> Edit:
    """Delete all annotations of a class, or a dataset with all that hangs on it."""
    if chance.pick((True, False)):
        row = chance.value(connection, "select class_name from annotations")
        conditions = {"annotations": "class_name = ?"}
    else:
        row = chance.value(connection, "select id from datasets")
        conditions = {
            "annotations": "image_id in (select id from images where dataset_id = ?)",
            "images": "dataset_id = ?",
            "datasets": "id = ?",
        }
    with transaction(connection):
        changed = {
            table: connection.execute(f"delete from {table} where {condition}", (row,)).rowcount  # noqa: S608 - ours
            for table, condition in conditions.items()
        }
    tables = frozenset(table for table, rows in changed.items() if rows)
    return Edit(kind="bulk_delete", tables=tables, said=f"deleted {changed}")


def move_image(connection: sqlite3.Connection, chance: Chance) -> Edit:
    """Move an image to another dataset."""
    image = chance.value(connection, "select id from images")
    others = "select id from datasets where id <> (select dataset_id from images where id = ?)"
    dataset = chance.value(connection, others, image)
    changed = 0
    if dataset is not None:
        statement = "update images set dataset_id = ? where id = ?"
        changed = _change(connection, statement, dataset, image)
    tables = {"images"} if changed else set()
    return Edit(kind="move_image", tables=frozenset(tables), said=f"moved {changed} image")


def edit_annotation(connection: sqlite3.Connection, chance: Chance) -> Edit:
    """Move an annotation's box, and nothing else: not even `updated_at` says so."""
    row = chance.value(connection, "select id from annotations")
    value = -1_000.125 - chance.next_number()
    changed = _change(connection, "update annotations set x_min = ? where id = ?", value, row)
    tables = {"annotations"} if changed else set()
    return Edit(kind="edit_annotation", tables=frozenset(tables), said=f"{changed} annotation")


def roll_back(connection: sqlite3.Connection, chance: Chance) -> Edit:
    """Delete every annotation, and think better of it."""
    del chance
    connection.execute("begin immediate")
    connection.execute("delete from annotations")
    connection.execute("rollback")
    return Edit(kind="rolled_back", said="deleted every annotation, and rolled back")


def _change(connection: sqlite3.Connection, statement: str, *values: object) -> int:
    """Return how many rows *statement* changed; a comparison with None meets none."""
    with transaction(connection):
        return connection.execute(statement, values).rowcount
