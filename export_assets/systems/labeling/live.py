"""A live application: keeps changing the rows of a sample while others read it.

    python -m export_assets.systems.labeling.live sqlite:///data/labeling.db --seconds 5

A pair is an image and its one annotation; see `systems.live_pairs`. The image's original filename
and the annotation's class are the same text. Single edits of every kind are in `live_edits`.
"""

import sqlite3
import sys
import time
from pathlib import Path
from typing import Final

from export_assets.systems.live_pairs import Pairs, Written, run_writer, write_pairs

_INSERT_IMAGE: Final = """
insert or replace into images (id, filename, original_filename, file_path, file_size, width,
    height, format, dataset_id, is_labeled, is_auto_labeled, split_type, created_at, updated_at)
select ?, ?, ?, 'uploads/live.jpg', 1024, 640, 480, 'jpg', min(id), 1, 0, 'dataset', ?, ?
from datasets
"""
_INSERT_ANNOTATION: Final = """
insert or replace into annotations (id, image_id, class_name, class_id, confidence, x_min, y_min,
    x_max, y_max, is_auto_generated, created_at, updated_at)
values (?, ?, ?, 0, 1.0, 0.0, 0.0, 10.0, 10.0, 0, ?, ?)
"""


def _insert(connection: sqlite3.Connection, pair: str, number: int) -> None:
    now = time.strftime("%Y-%m-%d %H:%M:%S.000000", time.gmtime())
    text = f"live {number}"
    connection.execute(_INSERT_IMAGE, (pair, f"{pair}.jpg", text, now, now))
    connection.execute(_INSERT_ANNOTATION, (pair, pair, text, now, now))


def _update(connection: sqlite3.Connection, pair: str, number: int) -> None:
    text = f"live {number}"
    connection.execute("update images set original_filename = ? where id = ?", (text, pair))
    connection.execute("update annotations set class_name = ? where id = ?", (text, pair))


def _delete(connection: sqlite3.Connection, pair: str, number: int) -> None:
    del number
    connection.execute("delete from annotations where id = ?", (pair,))
    connection.execute("delete from images where id = ?", (pair,))


PAIRS: Final = Pairs(
    table="images", steps={"insert": _insert, "update": _update, "delete": _delete}
)


def write_live(path: Path, *, seconds: float, seed: int = 1, pause: float = 0.001) -> Written:
    """Insert, update and delete pairs in the database at *path* for so many *seconds*.

    Raises:
        sqlite3.Error: A reader was in the way for longer than five seconds, or there is no sample.
    """
    return write_pairs(path, PAIRS, seconds=seconds, seed=seed, pause=pause)


if __name__ == "__main__":
    sys.exit(run_writer(PAIRS))
