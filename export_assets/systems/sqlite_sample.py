"""A sample that is a SQLite file: made whole or not at all, and told from anybody's data."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from export_assets.errors import DestConflict
from export_assets.sources.sql import quote

_MARK_AT: Final = 60
"""Where `user_version` is in the file's header, as four bytes."""

Row = dict[str, object]
Fill = Callable[[sqlite3.Connection], dict[str, int]]
"""Creates and fills a database, and returns rows by table; what it left in the `-wal` stays."""

JournalMode = Literal["wal", "delete"]

_LATE: Final = 10
"""Every so manieth row is committed last, and not checkpointed."""


@dataclass(frozen=True, kw_only=True)
class SampleKind:
    """Samples that may stand for one another: those of a generation of an application."""

    what: str
    """As in "exists and is no …"."""
    mark: int
    """SQLite's `user_version` of such a sample, which tells it from anybody's data."""
    tables: Sequence[str]

    def make(self, path: Path, fill: Fill) -> dict[str, int]:
        """Make a sample at *path* and return rows by table; one that is there already stays.

        Raises:
            DestConflict: There is a file at *path* that is no such sample.
        """
        if path.exists():
            return self._present(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as directory:
            made = Path(directory) / path.name
            with closing(sqlite3.connect(made, isolation_level=None)) as connection:
                connection.execute(f"pragma user_version = {self.mark}")
                rows = fill(connection)
                # Closing would checkpoint: the files are taken as they are while it is open.
                # The log first: without it the database lacks rows, without the database it is
                # nothing.
                wal = Path(f"{made}-wal")
                if wal.exists():
                    shutil.copyfile(wal, f"{path}-wal")
                kept = Path(directory) / "kept"
                shutil.copyfile(made, kept)
                kept.replace(path)
        return rows

    def _present(self, path: Path) -> dict[str, int]:
        if _mark_of(path) != self.mark:
            msg = f"{path}: exists and is no {self.what}; move it away, or choose another path"
            raise DestConflict(msg)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as directory:
            # Opening the database itself would leave a -shm beside it, or take its -wal away.
            copy = Path(directory) / path.name
            for suffix in ("", "-wal"):
                if Path(f"{path}{suffix}").exists():
                    shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
            with closing(sqlite3.connect(copy)) as connection:
                return {name: count_rows(connection, name) for name in self.tables}


def fill_tables(
    connection: sqlite3.Connection,
    script: str,
    tables: Iterable[tuple[str, Sequence[str], Sequence[Row]]],
    *,
    journal_mode: JournalMode = "wal",
) -> dict[str, int]:
    """Run *script*, insert into *tables* (name, columns, rows), and return rows by table.

    In WAL mode a part of the rows of every table is left in the `-wal` file alone, as a running
    application leaves it: nothing is seen of them without it.
    """
    connection.execute(f"pragma journal_mode = {journal_mode}")
    connection.execute("pragma synchronous = off")
    connection.execute("pragma wal_autocheckpoint = 0")
    connection.executescript(script)
    late: list[tuple[str, Sequence[str], Sequence[Row]]] = []
    counts = {}
    connection.execute("begin")
    for table, columns, rows in tables:
        insert_rows(connection, table, columns, [r for n, r in enumerate(rows) if n % _LATE])
        late.append((table, columns, rows[::_LATE]))
        counts[table] = len(rows)
    connection.execute("commit")
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.execute("begin")
    for table, columns, rows in late:
        insert_rows(connection, table, columns, rows)
    connection.execute("commit")
    return counts


def insert_rows(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], rows: Sequence[Row]
) -> None:
    """Insert *rows*, of which only *columns* are taken."""
    names, places = ", ".join(map(quote, columns)), ", ".join("?" * len(columns))
    connection.executemany(
        f"insert into {quote(table)} ({names}) values ({places})",  # noqa: S608 - quoted
        [[row[column] for column in columns] for row in rows],
    )


def count_rows(connection: sqlite3.Connection, table: str) -> int:
    """Return how many rows *table* has."""
    (rows,) = connection.execute(f"select count(*) from {quote(table)}").fetchone()  # noqa: S608 - quoted
    return int(rows)


def _mark_of(path: Path) -> int:
    """Return the `user_version` in the header of the file at *path*, 0 of what is no database."""
    with path.open("rb") as file:
        head = file.read(_MARK_AT + 4)
    return int.from_bytes(head[_MARK_AT:], "big") if head.startswith(b"SQLite format 3") else 0
