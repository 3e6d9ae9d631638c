"""Single edits of every kind that happens to the application's database, and what each changed.

    with Editor(path, older=directory) as editor:
        edit = editor.edit("move_image")

Chance decides on the kind where none is asked for, and on the rows; the same seed makes the same
edits. The connection stays open between edits, as the application's does, so that what is
committed in WAL mode stays in the `-wal`.
"""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from export_assets.systems.labeling import live_files, live_rows, live_tables
from export_assets.systems.labeling.live_edit import Chance, Edit, Kind

_COPY_EVERY: Final = 5
"""Edits between two copies of the file that may be restored later."""
_COPIES: Final = 3

_EDITS: Final[dict[Kind, Callable[[sqlite3.Connection, Chance], Edit]]] = {
    "insert": live_rows.insert,
    "update": live_rows.update,
    "same_values": live_rows.update_to_same,
    "delete": live_rows.delete,
    "bulk_delete": live_rows.delete_many,
    "move_image": live_rows.move_image,
    "edit_annotation": live_rows.edit_annotation,
    "rolled_back": live_rows.roll_back,
    "add_column": live_tables.add_column,
    "upgrade": live_tables.upgrade_to_current,
    "vacuum": live_files.vacuum,
    "checkpoint": live_files.checkpoint,
    "switch_journal": live_files.switch_journal,
}

KINDS: Final[tuple[Kind, ...]] = (*_EDITS, "restore")


class Editor:
    """Edits the database at *path*, and keeps copies of it in the directory *older*."""

    def __init__(self, path: Path, *, older: Path, seed: int = 1) -> None:
        self._path = path
        self._older = older
        self._chance = Chance(random.Random(seed))  # noqa: S311 - sample data, no secret
        self._connection = self._open()
        self._copies: list[Path] = []
        self._edits = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def edit(self, kind: Kind | None = None) -> Edit:
        """Make one edit, of *kind* where it is given.

        Raises:
            sqlite3.Error: Somebody was in the way for longer than five seconds.
        """
        if self._edits % _COPY_EVERY == 0:
            self._copies = [*self._copies[1 - _COPIES :], self._copy()]
        self._edits += 1
        chosen: Kind = kind if kind is not None else self._chance.pick(KINDS)
        if chosen == "restore":
            return self._restore(self._chance.pick(self._copies))
        return _EDITS[chosen](self._connection, self._chance)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, timeout=5)

    def _copy(self) -> Path:
        self._older.mkdir(parents=True, exist_ok=True)
        copy = self._older / f"{self._edits // _COPY_EVERY % _COPIES}-{self._path.name}"
        with closing(sqlite3.connect(copy)) as target:
            self._connection.backup(target)
        return copy

    def _restore(self, copy: Path) -> Edit:
        tables = live_files.differing(self._connection, copy)
        self._connection.close()
        live_files.put_back(copy, self._path)
        self._connection = self._open()
        return Edit(kind="restore", tables=tables, said=f"restored {copy.name}")


def edits(path: Path, *, older: Path, seed: int = 1) -> Iterator[Edit]:
    """Edit the database at *path* without end, one edit each time the next is asked for."""
    with Editor(path, older=older, seed=seed) as editor:
        while True:
            yield editor.edit()
