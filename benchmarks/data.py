"""The table that is exported: made once per size, the same bytes everywhere."""

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

TABLE = "measurements"
VERSION = 1
"""Part of the file name: raise it when the rows change, and old files are not used again."""

SCHEMA = f"""
create table {TABLE} (
    id integer primary key,
    device_id integer not null,
    quantity integer,
    price real,
    ratio real,
    recorded_at datetime not null,
    status text not null,
    label text not null,
    comment text,
    active boolean not null
)
"""

_STATUSES = ("new", "paid", "packed", "shipped", "returned")
_WORDS = ("amber", "basalt", "cedar", "dune", "ember", "fjord", "grove", "harbour", "isle", "jade")
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)

Row = tuple[int, int, int | None, float, float, str, str, str, str | None, int]


def rows(count: int) -> Iterator[Row]:
    """Yield *count* rows of ten columns; a smaller table is the beginning of a larger one."""
    draw = random.Random(20240101)
    for key in range(1, count + 1):
        word = _WORDS[int(draw.random() * 10)]
        recorded = _FIRST + timedelta(seconds=30 * key)
        yield (
            key,
            int(draw.random() * 500),
            int(draw.random() * 1000) if draw.random() < 0.95 else None,
            int(draw.random() * 100_000) / 100,
            draw.random(),
            recorded.strftime("%Y-%m-%d %H:%M:%S"),
            _STATUSES[int(draw.random() * 5)],
            f"{word}-{int(draw.random() * 1e12):012d}",
            f'{word}, "{_WORDS[key % 10]}" ü{key % 1000}' if draw.random() < 0.7 else None,
            int(draw.random() < 0.5),
        )


def database(work: Path, count: int) -> Path:
    """Return the SQLite file with *count* rows under *work*, made first where it is missing."""
    path = work / f"measurements-v{VERSION}-{count}.db"
    if path.exists():
        return path
    work.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.unlink(missing_ok=True)
    connection = sqlite3.connect(unfinished)
    try:
        connection.execute("pragma journal_mode = off")
        connection.execute("pragma synchronous = off")
        connection.execute(SCHEMA)
        marks = ", ".join("?" * 10)
        connection.executemany(f"insert into {TABLE} values ({marks})", rows(count))
        connection.commit()
    finally:
        connection.close()
    unfinished.rename(path)
    return path


def daily(work: Path, count: int, *, days: int, first: date) -> Path:
    """Return the SQLite file with *count* rows spread over *days*, made where it is missing."""
    path = work / f"days-{count}-{days}-{first}.db"
    if not path.exists():
        unfinished = path.with_suffix(".tmp")
        shutil.copy(database(work, count), unfinished)
        step = days * 86_400 / (count + 1)
        with closing(sqlite3.connect(unfinished)) as connection, connection:
            moment = f"datetime('{first}', (id * {step}) || ' seconds')"
            connection.execute(f"update {TABLE} set recorded_at = {moment}")
        unfinished.rename(path)
    return path
