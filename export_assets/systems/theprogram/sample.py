"""Sample data: an invented database of the application, left as a running application leaves it.

The file is in WAL mode, and a part of the rows lies in the `-wal` file alone, as it does while the
application runs: nothing is seen of them without it.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from export_assets.errors import DestConflict
from export_assets.systems.theprogram.sample_rows import Inventor, Row
from export_assets.systems.theprogram.schema import CREATE, Generation, catalog, create_triggers

DEFAULT_SEED: Final = 20_260_301
_LATE: Final = 10
"""Every so manieth row is committed last, and not checkpointed."""
_MARKS: Final[dict[Generation, int]] = {1: 0x7E50_0001, 2: 0x7E50_0002}
"""SQLite's `user_version` of a sample, which tells it from anybody's data."""
_MARK_AT: Final = 60
"""Where in the file's header it is, as four bytes."""


def make_sample(
    path: Path, *, generation: Generation = 1, seed: int = DEFAULT_SEED
) -> dict[str, int]:
    """Make a database of *generation* at *path*, whole or not at all; return rows by table.

    The same arguments give the same rows. A sample of the same generation that is there already
    stays as it is.

    Raises:
        DestConflict: There is a file at *path* that is no sample of *generation*.
    """
    if path.exists():
        return _present(path, generation)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as directory:
        made = Path(directory) / path.name
        with closing(sqlite3.connect(made, isolation_level=None)) as connection:
            rows = _fill(connection, generation, seed)
            # Closing would checkpoint: the files are taken as they are while it is open.
            # The log first: without it the database lacks rows, without the database it is nothing.
            shutil.copyfile(f"{made}-wal", f"{path}-wal")
            kept = Path(directory) / "kept"
            shutil.copyfile(made, kept)
            kept.replace(path)
    return rows


def _fill(connection: sqlite3.Connection, generation: Generation, seed: int) -> dict[str, int]:
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = off")
    connection.execute("pragma wal_autocheckpoint = 0")
    connection.executescript(CREATE[generation] + create_triggers(generation))
    connection.execute(f"pragma user_version = {_MARKS[generation]}")
    late: list[tuple[str, list[Row]]] = []
    counts = {}
    connection.execute("begin")
    for table, rows in Inventor(seed).tables():
        if table in catalog(generation):
            insert(connection, generation, table, [r for n, r in enumerate(rows) if n % _LATE])
            late.append((table, rows[::_LATE]))
            counts[table] = len(rows)
    connection.execute("commit")
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.execute("begin")
    for table, rows in late:
        insert(connection, generation, table, rows)
    connection.execute("commit")
    return counts


def insert(
    connection: sqlite3.Connection, generation: Generation, table: str, rows: Sequence[Row]
) -> None:
    """Insert *rows*, of which only the columns that *generation* has are taken."""
    columns = [column.name for column in catalog(generation)[table].columns]
    places = ", ".join("?" * len(columns))
    connection.executemany(
        f"insert into {table} ({', '.join(columns)}) values ({places})",  # noqa: S608 - our names
        [[row[column] for column in columns] for row in rows],
    )


def _present(path: Path, generation: Generation) -> dict[str, int]:
    """Count the rows of the sample at *path*.

    Raises:
        DestConflict: It is no sample of *generation*.
    """
    if _mark_of(path) != _MARKS[generation]:
        msg = f"{path}: exists and is no sample of generation {generation}; move it away, or "
        msg += "choose another path"
        raise DestConflict(msg)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as directory:
        # Opening the database itself would leave a -shm beside it, or take its -wal away.
        copy = Path(directory) / path.name
        for suffix in ("", "-wal"):
            if Path(f"{path}{suffix}").exists():
                shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
        with closing(sqlite3.connect(copy)) as connection:
            names = [name for name, one in catalog(generation).items() if one.kind == "table"]
            return {name: _count(connection, name) for name in names}


def _count(connection: sqlite3.Connection, table: str) -> int:
    (rows,) = connection.execute(f"select count(*) from {table}").fetchone()  # noqa: S608 - ours
    return int(rows)


def _mark_of(path: Path) -> int:
    """Return the `user_version` in the header of the file at *path*, 0 of what is no database."""
    with path.open("rb") as file:
        head = file.read(_MARK_AT + 4)
    return int.from_bytes(head[_MARK_AT:], "big") if head.startswith(b"SQLite format 3") else 0
