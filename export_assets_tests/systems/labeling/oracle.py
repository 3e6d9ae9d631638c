"""What an export of a labelling database must hold, read with sqlite3 and json alone.

Slow and plain on purpose: one query per project, dataset and image, so that nothing here can
share a mistake with the code under test. It reads a file of any generation, with its `-wal`.

Decided where the contract leaves a choice, for the legacy layout:

- Order is SQLite's own: `ORDER BY created_at, id` compares the stored texts byte by byte and puts
  NULL first, as the legacy exporter's queries did. So `… 10:00:00` comes before
  `… 10:00:00.000000`, the same moment: to consumers a timestamp is the stored text.
- Each CSV is in the order of its own entity over the whole table, not nested: `images.csv` by
  filename and id whatever the dataset; `datasets.csv` by created_at and id whatever the project.
  `annotations.csv`, which the contract gives no order, is by created_at and id like those two.
- Every row of a table is in its CSV, orphans too. What an orphan refers to and is not there leaves
  its fields empty: `Project` and `Dataset` of an image, `Filename` of an annotation as well. An
  image of a dataset that is there, whose project is gone, has a Dataset and no Project. `Project
  ID` and `Image ID` are what is stored, dangling or not.
- The JSON is nested, so an orphan (and what hangs on one) is not in it. The statistics of a
  project and a dataset count what the document holds below it. The summary counts rows of the
  whole tables, orphans too: the difference is how a consumer sees that there are some.
- Counts come from rows; `datasets.total_images` and its like, kept by the application, are not
  read. An annotation counts once for its image, a labeled image once for its dataset.
- `is_labeled` is labeled where it is true to SQLite (a number other than 0), unlabeled where it is
  0, neither where it is NULL.
- Flags are true / false / null in the JSON, `Yes` / `No` / empty in the CSV: a NULL is not a No.
- A column that the file lacks is null and empty; only `split_section` is `train` then. A NULL in a
  `split_section` that is there stays null.
- `file_exists` is null, and `File Exists` empty, without a media root. With one it is whether the
  stored path, below that root, is a regular file that does not lie outside it: false for a path
  that climbs out, for an absolute path that is not below the root, and for a NULL or empty path.
- `database_path` is the file's name; a copy of the file is read under `name`.
- The JSON ends without a line end, as `json.dump` writes it.
- CSV fields are quoted only where RFC 4180 wants it, lines end in LF, NULL and the empty string
  are both an empty field, a leading `=` stays. Numbers are as stored: an INTEGER in digits, a REAL
  as Python's shortest form that reads back (`1e+16`, `1e-07`, `640.0`), also in a column declared
  otherwise; SQLite itself keeps no `-0.0`. `Segmentation` is the stored text (of `12`, which a
  JSON column turns into a number, that number).

And for the tidy document:

- All columns of projects, datasets, images, annotations and labels are there under their names, in
  the order of the table, those that only this file has too; one that it lacks is not there.
- The same order as in the legacy document; annotations of an image by created_at and id, labels of
  a project by id. Orphans are not in it.
- Flags that are 0 or 1 are booleans, others stay. Timestamps are ISO 8601 with `T` and `Z`, to be
  compared as moments (`comparable`); what is no timestamp stays as it is.
- `segmentation` is the JSON value; the JSON text `null` and SQL NULL are both null. What is no
  strict JSON (`NaN` is not) stays the text.
- There is no table of classifications: what classifies is `class_name` and `class_id` of an
  annotation, and the project's labels.
- `export_info` here is only what the content determines: the file's name and what is nested.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

Record = dict[str, Any]

CSV_FILES = ("projects", "datasets", "images", "annotations")
TIMES = frozenset({"created_at", "updated_at"})
FLAGS = frozenset(
    {"auto_label_enabled", "is_labeled", "is_auto_labeled", "is_auto_generated", "is_verified"}
)


class Legacy:
    """The legacy layout of an open database."""

    def __init__(self, connection: sqlite3.Connection, media_root: Path | None) -> None:
        self._connection = connection
        self._media_root = media_root

    def document(self, export_timestamp: str, name: str) -> Record:
        images = rows(self._connection, "select * from images")
        return {
            "export_timestamp": export_timestamp,
            "database_path": name,
            "projects": [self._project(one) for one in in_order(self._connection, "projects")],
            "summary": {
                "total_projects": len(rows(self._connection, "select id from projects")),
                "total_datasets": len(rows(self._connection, "select id from datasets")),
                "total_images": len(images),
                "total_annotations": len(rows(self._connection, "select id from annotations")),
                **labeled(images),
            },
        }

    def _project(self, project: Record) -> Record:
        datasets = in_order(self._connection, "datasets", "project_id", project["id"])
        images = [one for dataset in datasets for one in self._images(dataset)]
        return {
            **taken(project, "id", "name", "description", "project_type"),
            **taken(project, "created_at", "updated_at"),
            "statistics": {
                "datasets": len(datasets),
                "total_images": len(images),
                **labeled(images),
                "annotations": sum(len(self._annotations(image)) for image in images),
            },
            "datasets": [self._dataset(one) for one in datasets],
        }

    def _dataset(self, dataset: Record) -> Record:
        images = self._images(dataset)
        return {
            **taken(dataset, "id", "name", "description", "created_at", "updated_at"),
            "statistics": {
                "total_images": len(images),
                **labeled(images),
                "annotations": sum(len(self._annotations(image)) for image in images),
            },
            "images": [self._image(one) for one in images],
        }

    def _image(self, image: Record) -> Record:
        return {
            **taken(image, "id", "filename", "original_filename", "file_path", "width", "height"),
            **taken(image, "format", "file_size", "split_type"),
            "split_section": image.get("split_section", "train"),
            "is_labeled": truth(image.get("is_labeled")),
            "is_auto_labeled": truth(image.get("is_auto_labeled")),
            "is_verified": truth(image.get("is_verified")),
            "annotation_count": len(self._annotations(image)),
            **taken(image, "created_at", "updated_at"),
            "file_exists": self._exists(image["file_path"]),
        }

    def _images(self, dataset: Record) -> list[Record]:
        return in_order(self._connection, "images", "dataset_id", dataset["id"])

    def _annotations(self, image: Record) -> list[Record]:
        return in_order(self._connection, "annotations", "image_id", image["id"])

    def _exists(self, path: str | None) -> bool | None:
        if self._media_root is None:
            return None
        root = self._media_root.resolve()
        file = (root / (path or "")).resolve()
        return file.is_relative_to(root) and file.is_file()

    def csv_rows(self, entity: str) -> list[Record]:
        """Return the rows of `<entity>.csv` by header, before they are text."""
        line = {
            "projects": self._project_line,
            "datasets": self._dataset_line,
            "images": self._image_line,
            "annotations": self._annotation_line,
        }[entity]
        return [line(row) for row in in_order(self._connection, entity)]

    def _project_line(self, row: Record) -> Record:
        statistics = self._project(row)["statistics"]
        return {
            "ID": row["id"],
            "Name": row["name"],
            "Description": row["description"],
            "Type": row["project_type"],
            "Created": row["created_at"],
            "Updated": row["updated_at"],
            "Datasets": statistics["datasets"],
            **counted(statistics),
        }

    def _dataset_line(self, row: Record) -> Record:
        project = self._one("projects", row["project_id"])
        return {
            "ID": row["id"],
            "Name": row["name"],
            "Description": row["description"],
            "Project ID": row["project_id"],
            "Project Name": project.get("name"),
            "Created": row["created_at"],
            "Updated": row["updated_at"],
            **counted(self._dataset(row)["statistics"]),
        }

    def _image_line(self, row: Record) -> Record:
        shown, dataset = self._image(row), self._one("datasets", row["dataset_id"])
        return {
            "ID": shown["id"],
            "Filename": shown["filename"],
            "Original Filename": shown["original_filename"],
            "File Path": shown["file_path"],
            "Project": self._one("projects", dataset.get("project_id")).get("name"),
            "Dataset": dataset.get("name"),
            "Width": shown["width"],
            "Height": shown["height"],
            "Format": shown["format"],
            "File Size": shown["file_size"],
            "Split Type": shown["split_type"],
            "Split Section": shown["split_section"],
            "Is Labeled": shown["is_labeled"],
            "Is Auto Labeled": shown["is_auto_labeled"],
            "Is Verified": shown["is_verified"],
            "Annotations": shown["annotation_count"],
            "File Exists": shown["file_exists"],
            "Created": shown["created_at"],
            "Updated": shown["updated_at"],
        }

    def _annotation_line(self, row: Record) -> Record:
        image = self._one("images", row["image_id"])
        dataset = self._one("datasets", image.get("dataset_id"))
        return {
            "ID": row["id"],
            "Image ID": row["image_id"],
            "Filename": image.get("filename"),
            "Project": self._one("projects", dataset.get("project_id")).get("name"),
            "Dataset": dataset.get("name"),
            "Class": row["class_name"],
            "Class ID": row["class_id"],
            "Confidence": row["confidence"],
            "X Min": row["x_min"],
            "Y Min": row["y_min"],
            "X Max": row["x_max"],
            "Y Max": row["y_max"],
            "Segmentation": row["segmentation"],
            "Is Auto Generated": truth(row.get("is_auto_generated")),
            "Is Verified": truth(row.get("is_verified")),
            "Created": row["created_at"],
            "Updated": row["updated_at"],
        }

    def _one(self, table: str, key: object) -> Record:
        """Return the row of that id, nothing where there is none."""
        found = rows(self._connection, f"select * from {table} where id = ?", key)
        return found[0] if found else {}


HEADERS = {
    "projects": (
        "ID,Name,Description,Type,Created,Updated,Datasets,Total Images,Labeled Images,"
        "Unlabeled Images,Annotations"
    ),
    "datasets": (
        "ID,Name,Description,Project ID,Project Name,Created,Updated,Total Images,Labeled Images,"
        "Unlabeled Images,Annotations"
    ),
    "images": (
        "ID,Filename,Original Filename,File Path,Project,Dataset,Width,Height,Format,File Size,"
        "Split Type,Split Section,Is Labeled,Is Auto Labeled,Is Verified,Annotations,File Exists,"
        "Created,Updated"
    ),
    "annotations": (
        "ID,Image ID,Filename,Project,Dataset,Class,Class ID,Confidence,X Min,Y Min,X Max,Y Max,"
        "Segmentation,Is Auto Generated,Is Verified,Created,Updated"
    ),
}
"""Word for word from the contract: what is said above is held against it, also without rows."""


def legacy_document(
    path: Path, *, export_timestamp: str, media_root: Path | None = None, name: str | None = None
) -> Record:
    with opened(path) as connection:
        return Legacy(connection, media_root).document(export_timestamp, name or path.name)


def legacy_json(
    path: Path, *, export_timestamp: str, media_root: Path | None = None, name: str | None = None
) -> str:
    """Return the exact text of `database_export.json`."""
    document = legacy_document(
        path, export_timestamp=export_timestamp, media_root=media_root, name=name
    )
    return json.dumps(document, indent=2, ensure_ascii=False)


def legacy_csv_rows(
    path: Path, entity: str, *, media_root: Path | None = None
) -> list[tuple[str, ...]]:
    """Return header and fields of `<entity>.csv` as text."""
    with opened(path) as connection:
        lines = Legacy(connection, media_root).csv_rows(entity)
    header = tuple(HEADERS[entity].split(","))
    assert all(tuple(line) == header for line in lines)
    return [header, *(tuple(shown(value) for value in line.values()) for line in lines)]


def legacy_csv(path: Path, entity: str, *, media_root: Path | None = None) -> str:
    """Return the exact text of `<entity>.csv`."""
    lines = legacy_csv_rows(path, entity, media_root=media_root)
    return "".join(",".join(map(quoted, line)) + "\n" for line in lines)


def tidy_document(path: Path, *, name: str | None = None) -> Record:
    with opened(path) as connection:
        projects = []
        for project in in_order(connection, "projects"):
            labels = rows(
                connection, "select * from labels where project_id = ? order by id", project["id"]
            )
            datasets = []
            for dataset in in_order(connection, "datasets", "project_id", project["id"]):
                images = []
                for image in in_order(connection, "images", "dataset_id", dataset["id"]):
                    found = in_order(connection, "annotations", "image_id", image["id"])
                    images.append({**typed(image), "annotations": [typed(one) for one in found]})
                datasets.append({**typed(dataset), "images": images})
            projects.append(
                {**typed(project), "labels": [typed(one) for one in labels], "datasets": datasets}
            )
    datasets = [one for project in projects for one in project["datasets"]]
    images = [one for dataset in datasets for one in dataset["images"]]
    counts = {
        "projects": len(projects),
        "datasets": len(datasets),
        "images": len(images),
        "annotations": sum(len(image["annotations"]) for image in images),
        "labels": sum(len(project["labels"]) for project in projects),
    }
    return {"export_info": {"database": name or path.name, **counts}, "projects": projects}


def comparable(value: Any) -> Any:
    """Return a tidy document whose timestamps are moments, however they are written."""
    if isinstance(value, list):
        return [comparable(one) for one in value]
    if isinstance(value, dict):
        return {key: moment(one) if key in TIMES else comparable(one) for key, one in value.items()}
    return value


def dangling(path: Path) -> dict[str, list[object]]:
    """Return by `table.column` the ids of rows that refer to what is not there."""
    found: dict[str, list[object]] = {}
    with opened(path) as connection:
        for (table,) in connection.execute(
            "select name from sqlite_schema where type = 'table'"
        ).fetchall():
            for key in connection.execute(f"pragma foreign_key_list({table})").fetchall():
                target, column, referred = key[2], key[3], key[4]
                present = {row[referred] for row in rows(connection, f"select * from {target}")}
                lost = [
                    row["id"]
                    for row in rows(connection, f"select * from {table}")
                    if row[column] is not None and row[column] not in present
                ]
                if lost:
                    found[f"{table}.{column}"] = sorted(lost, key=str)
    return found


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database for reading only, as it is with its `-wal`."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("begin")  # one snapshot
        yield connection


def rows(connection: sqlite3.Connection, query: str, *values: object) -> list[Record]:
    cursor = connection.execute(query, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def in_order(
    connection: sqlite3.Connection, table: str, column: str | None = None, value: object = None
) -> list[Record]:
    first = "filename" if table == "images" else "created_at"
    if column is None:
        return rows(connection, f"select * from {table} order by {first}, id")
    query = f"select * from {table} where {column} = ? order by {first}, id"
    return rows(connection, query, value)


def taken(row: Record, *columns: str) -> Record:
    return {column: row.get(column) for column in columns}


def truth(value: Any) -> bool | None:
    return None if value is None else bool(value)


def labeled(images: list[Record]) -> Record:
    states = [truth(image.get("is_labeled")) for image in images]
    return {"labeled_images": states.count(True), "unlabeled_images": states.count(False)}


def counted(statistics: Record) -> Record:
    names = ("Total Images", "Labeled Images", "Unlabeled Images", "Annotations")
    return {name: statistics[name.lower().replace(" ", "_")] for name in names}


def shown(value: Any) -> str:
    """Return *value* as the text of a CSV field."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return value if isinstance(value, str) else repr(value)


def quoted(field: str) -> str:
    # Not by csv.writer, which leaves a lone CR unquoted where lines end in LF.
    needed = any(one in field for one in '",\r\n')
    return '"' + field.replace('"', '""') + '"' if needed else field


def typed(row: Record) -> Record:
    return {name: typed_value(name, value) for name, value in row.items()}


def typed_value(name: str, value: Any) -> Any:
    if name in FLAGS and value in (0, 1):
        return bool(value)
    if name in TIMES:
        found = moment(value)
        return f"{found:%Y-%m-%dT%H:%M:%S.%f}Z" if isinstance(found, datetime) else value
    if name == "segmentation" and isinstance(value, str):
        try:
            return json.loads(value, parse_constant=_refuse)
        except ValueError:
            return value
    return value


def moment(value: Any) -> Any:
    """Return a timestamp's moment; what is none stays."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
