"""A large sample, made by SQLite itself: what exports are measured with."""

import sqlite3
from pathlib import Path
from typing import Final

from export_assets.systems.labeling.sample import sample_kind
from export_assets.systems.labeling.schema import CURRENT, REVISIONS, create
from export_assets.systems.sqlite_sample import JournalMode, count_rows

PROJECTS: Final = 20
DATASETS: Final = 200
_PER_IMAGE: Final = 10
"""Annotations for each image."""

_SCATTERED: Final = "(n * 2654435761 % 1000003)"
"""A number below a million that looks like chance."""


def _uuid(kind: str, number: str) -> str:
    return f"printf('%08x-0000-4000-8000-{kind * 4}%08x', {number}, {number})"


def _stamp(seconds: str) -> str:
    """Return SQL for a time, of which every third has no fraction of a second."""
    moment = f"datetime(1735689600 + {seconds}, 'unixepoch')"
    return f"({moment} || iif(n % 3 = 0, '', printf('.%06d', {_SCATTERED} % 1000000)))"


_VALUES: Final = {
    "projects": f"""n + 1, 'Projekt ' || n, nullif('Straße ' || n, 'Straße 3'),
        'object_detection', null, 0.5, 0.45, {_stamp("n * 86400")}, {_stamp("n * 86400")}""",
    "datasets": f"""{_uuid("d", "n")}, 'Dataset ' || n, '', n % {PROJECTS} + 1, 0, 0, 0, n % 2,
        null, {_stamp("n * 3600")}, {_stamp("n * 3600")}""",
    "images": f"""{_uuid("a", "n")}, 'img_' || {_SCATTERED} || '.jpg', 'größe ' || n,
        'uploads/' || n || '.jpg', {_SCATTERED} * 7, 640, 480, 'jpg',
        {_uuid("d", f"n % {DATASETS}")}, nullif(n % 3, 2), n % 2, n % 5 = 0,
        iif(n % 4 = 0, 'annotating', 'dataset'),
        iif(n % 5 = 0, 'val', 'train'), {_stamp("n * 60")}, {_stamp("n * 60")}""",
    "annotations": f"""{_uuid("b", "n")}, {_uuid("a", f"n / {_PER_IMAGE}")}, 'class ' || (n % 17),
        n % 17, {_SCATTERED} / 1000003.0, {_SCATTERED} / 997.0 - 40, n % 613 - 20.5,
        {_SCATTERED} / 997.0 + 30, n % 613 + 60.25,
        iif(n % 4 = 0, printf('[{{"x": %d.5, "y": 12.25}}, {{"x": 3, "y": 4}}]', n % 640), null),
        n % 2, n % 3 = 0, null, {_stamp("n * 6")}, {_stamp("n * 6")}""",
}
"""By table, what its columns hold in the row of number `n`."""


def make_large(
    path: Path, *, annotations: int = 1_000_000, journal_mode: JournalMode = "wal"
) -> dict[str, int]:
    """Make a database of today's generation at *path*; return rows by table.

    There are 20 projects, 200 datasets, an image for every ten annotations, and nothing in the
    other tables. A sample of today's generation that is there already stays as it is.

    Raises:
        DestConflict: There is a file at *path* that is no sample of today's generation.
    """

    def fill(connection: sqlite3.Connection) -> dict[str, int]:
        connection.execute("pragma journal_mode = off")
        connection.execute("pragma synchronous = off")
        connection.execute("pragma cache_size = -200000")
        connection.executescript(create(CURRENT))
        connection.execute("begin")
        connection.execute("insert into alembic_version values (?)", (REVISIONS[CURRENT],))
        wanted = {"projects": PROJECTS, "datasets": DATASETS, "annotations": annotations}
        wanted["images"] = -(-annotations // _PER_IMAGE)
        for table, rows in wanted.items():
            connection.execute(_insert(table), (rows, rows))
        connection.execute("commit")
        connection.execute(f"pragma journal_mode = {journal_mode}")
        return {name: count_rows(connection, name) for name in sample_kind(CURRENT).tables}

    return sample_kind(CURRENT).make(path, fill)


def _insert(table: str) -> str:
    """Return the statement that inserts as many rows as it is told twice."""
    return f"""
        insert into {table} with recursive numbers (n) as (
            select 0 where ? > 0 union all select n + 1 from numbers where n < ? - 1)
        select {_VALUES[table]} from numbers
    """  # noqa: S608 - nothing comes from outside
