"""What an edit of a live database says of itself, and the chance that decides on it."""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

Kind = Literal[
    "insert",
    "update",
    "same_values",
    "delete",
    "bulk_delete",
    "move_image",
    "edit_annotation",
    "rolled_back",
    "add_column",
    "upgrade",
    "vacuum",
    "checkpoint",
    "switch_journal",
    "restore",
]

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One edit."""

    kind: Kind
    tables: frozenset[str] = frozenset()
    """The tables whose rows or columns are others than before, also made and dropped ones."""
    said: str
    """What was done, in a line."""


STAMP: Final = "2026-03-01 12:00:00.{:06d}"
"""When an edit is made, by its number: never the time it is."""


class Chance:
    """Decides, and numbers the edits so that every edited value is a new one."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._number = 0

    def next_number(self) -> int:
        """Return a number that was not returned before."""
        self._number += 1
        return self._number

    def pick(self, among: Sequence[Item]) -> Item:
        """Return one of *among*."""
        return self._chance.choice(among)

    def value(
        self, connection: sqlite3.Connection, query: str, *values: object
    ) -> str | int | float | None:
        """Return one of the values that *query* gives, None where it gives none."""
        (count,) = connection.execute(f"select count(*) from ({query})", values).fetchone()  # noqa: S608 - ours
        if not count:
            return None
        place = self._chance.randrange(count)
        (found,) = connection.execute(f"{query} limit 1 offset {place}", values).fetchone()
        return found if isinstance(found, str | int | float) else None


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what is done within, or undo it where that fails."""
    connection.execute("begin immediate")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")
