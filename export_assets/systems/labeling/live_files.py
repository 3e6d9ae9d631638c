"""Edits of the file that leave its rows alone, and the file replaced by an earlier copy."""

import os
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Final

from export_assets.sources.sql import quote
from export_assets.systems.labeling.live_edit import Chance, Edit

_LONG_AGO: Final = 1_577_880_000
"""When a restored file says it was last changed: 2020-01-01, 12:00 UTC."""


def vacuum(connection: sqlite3.Connection, chance: Chance) -> Edit:
    """Write the whole file anew."""
    del chance
    connection.execute("vacuum")
    return Edit(kind="vacuum", said="vacuumed")


def checkpoint(connection: sqlite3.Connection, chance: Chance) -> Edit:
    """Take what is in the `-wal` into the file, as far as readers let it."""
    mode = chance.pick(("passive", "full", "truncate"))
    row = connection.execute(f"pragma wal_checkpoint({mode})").fetchone()
    return Edit(kind="checkpoint", said=f"checkpoint, {mode}: {row}")


def switch_journal(connection: sqlite3.Connection, chance: Chance) -> Edit:
    """Go from rollback journal to WAL or back."""
    del chance
    (mode,) = connection.execute("pragma journal_mode").fetchone()
    wanted = "delete" if mode == "wal" else "wal"
    (mode,) = connection.execute(f"pragma journal_mode = {wanted}").fetchone()
    return Edit(kind="switch_journal", said=f"journal mode {mode}")


def put_back(copy: Path, path: Path) -> None:
    """Replace the database at *path* by *copy*, with a time of long ago.

    What lay in its `-wal` is gone with it, as it is when a person restores a backup.
    """
    made = path.with_name(f".{path.name}.restored")
    shutil.copyfile(copy, made)
    os.utime(made, (_LONG_AGO, _LONG_AGO))
    for suffix in ("-wal", "-shm", "-journal"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    made.replace(path)


def differing(connection: sqlite3.Connection, copy: Path) -> frozenset[str]:
    """Return the tables that are not the same in the database of *connection* and in *copy*.

    All of both is read and held: a large sample takes half a minute.
    """
    with closing(sqlite3.connect(copy)) as other:
        before, after = _contents(connection), _contents(other)
    return frozenset(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )


def _contents(connection: sqlite3.Connection) -> dict[str, tuple[tuple[str, ...], Counter[str]]]:
    """Return by table its columns and how often it has each row."""
    found = {}
    for (name,) in connection.execute(
        "select name from sqlite_schema where type = 'table'"
    ).fetchall():
        rows = connection.execute(f"select * from {quote(name)}")  # noqa: S608 - quoted
        columns = tuple(column[0] for column in rows.description)
        # 1 and 1.0 are equal to Python and are not the same value.
        found[name] = (columns, Counter(map(repr, rows)))
    return found
