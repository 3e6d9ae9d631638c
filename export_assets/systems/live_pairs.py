"""A live application: keeps changing pairs of rows in a sample while others read it.

Every transaction leaves what belongs together consistent: the rows of a pair, which lie in two
tables, are inserted, changed and deleted together, and carry the number of the transaction. A
reader that sees one without the other has a torn copy.
"""

import argparse
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from export_assets.config.urls import parse_url

PREFIX: Final = "live-"
"""Ids of the pairs start so; both rows of a pair have the same."""
_MOST_PAIRS: Final = 50

Step = Literal["insert", "update", "delete"]
Change = Callable[[sqlite3.Connection, str, int], None]
"""Changes the pair with this id in the transaction of this number."""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """The pairs of an application."""

    table: str
    """One of the two tables; its `id` says which pairs there are."""
    steps: Mapping[Step, Change]


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a live writer did."""

    transactions: int
    inserted: int
    updated: int
    deleted: int


def write_pairs(
    path: Path, pairs: Pairs, *, seconds: float, seed: int = 1, pause: float = 0.001
) -> Written:
    """Insert, update and delete *pairs* in the database at *path* for so many *seconds*.

    Raises:
        sqlite3.Error: A reader was in the way for longer than five seconds, or there is no sample.
    """
    chance = random.Random(seed)  # noqa: S311 - sample data, no secret
    done: dict[Step, int] = {"insert": 0, "update": 0, "delete": 0}
    ends = time.monotonic() + seconds
    with closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as connection:
        connection.execute("pragma journal_mode = wal")
        query = f"select id from {pairs.table} where id like ?"  # noqa: S608 - our tables
        present = [str(row[0]) for row in connection.execute(query, (f"{PREFIX}%",))]
        number = 0
        while number == 0 or time.monotonic() < ends:
            number += 1
            step = _choose(chance, len(present))
            pair = f"{PREFIX}{seed}-{number}" if step == "insert" else chance.choice(present)
            connection.execute("begin immediate")
            pairs.steps[step](connection, pair, number)
            connection.execute("commit")
            done[step] += 1
            if step == "insert":
                present.append(pair)
            elif step == "delete":
                present.remove(pair)
            time.sleep(pause)
    return Written(
        transactions=number,
        inserted=done["insert"],
        updated=done["update"],
        deleted=done["delete"],
    )


def _choose(chance: random.Random, pairs: int) -> Step:
    if not pairs:
        return "insert"
    if pairs >= _MOST_PAIRS:
        return "delete"
    steps: tuple[Step, ...] = ("insert", "update", "delete")
    return chance.choice(steps)


def run_writer(pairs: Pairs, arguments: list[str] | None = None) -> int:
    """Write for a while as the command line says, and print what was done."""
    parser = argparse.ArgumentParser(description="Keep changing a sample database.")
    parser.add_argument("url", help="The sample, as sqlite:///path or a path.")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    url = parse_url(chosen.url, base=Path.cwd())
    if url.kind != "sqlite" or url.path is None or not url.path.is_file():
        parser.error(f"{url}: no SQLite file is there")
    done = write_pairs(url.path, pairs, seconds=chosen.seconds, seed=chosen.seed)
    sys.stdout.write(
        f"{done.transactions} transactions: {done.inserted} pairs inserted, "
        f"{done.updated} updated, {done.deleted} deleted\n"
    )
    return 0
