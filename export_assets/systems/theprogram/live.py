"""A live application: keeps changing the rows of a sample while others read it.

    python -m export_assets.systems.theprogram.live sqlite:///data/theprogram.db --seconds 5

Every transaction leaves what belongs together consistent: each chart inserted comes with exactly
one interpretation, both carrying the number of the transaction, and both are changed and deleted
together. A reader that sees one without the other has a torn copy.
"""

import argparse
import random
import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from export_assets.config.urls import parse_url

PREFIX: Final = "live-"
"""Ids of the pairs start so: the chart and its interpretation share what follows."""
_MOST_PAIRS: Final = 50


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a live writer did."""

    transactions: int
    inserted: int
    updated: int
    deleted: int


def write_live(path: Path, *, seconds: float, seed: int = 1, pause: float = 0.001) -> Written:
    """Insert, update and delete pairs in the database at *path* for so many *seconds*.

    Raises:
        sqlite3.Error: A reader was in the way for longer than five seconds, or there is no sample.
    """
    chance = random.Random(seed)  # noqa: S311 - sample data, no secret
    done = {"insert": 0, "update": 0, "delete": 0}
    ends = time.monotonic() + seconds
    with closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as connection:
        connection.execute("pragma journal_mode = wal")
        pairs = [str(row[0]) for row in connection.execute(_LIVE_CHARTS, (f"{PREFIX}%",))]
        number = 0
        while number == 0 or time.monotonic() < ends:
            number += 1
            step = _choose(chance, len(pairs))
            pair = f"{PREFIX}{seed}-{number}" if step == "insert" else chance.choice(pairs)
            connection.execute("begin immediate")
            _STEPS[step](connection, pair, number)
            connection.execute("commit")
            done[step] += 1
            if step == "insert":
                pairs.append(pair)
            elif step == "delete":
                pairs.remove(pair)
            time.sleep(pause)
    return Written(
        transactions=number,
        inserted=done["insert"],
        updated=done["update"],
        deleted=done["delete"],
    )


_LIVE_CHARTS: Final = "select id from charts where id like ?"
_INSERT_CHART: Final = """
insert or replace into charts (id, birth_data_id, chart_name, chart_type, astro_system,
    zodiac_type, chart_data, created_at, updated_at)
select ?, min(id), ?, 'natal', 'western', 'tropical', '{}', ?, ? from birth_data
"""
_INSERT_TEXT: Final = """
insert or replace into chart_interpretations (id, chart_id, element_type, {element},
    ai_description, created_at, updated_at)
values (?, ?, 'planet', 'sun', ?, ?, ?)
"""


def _choose(chance: random.Random, pairs: int) -> str:
    if not pairs:
        return "insert"
    if pairs >= _MOST_PAIRS:
        return "delete"
    return chance.choice(("insert", "update", "delete"))


def _insert(connection: sqlite3.Connection, pair: str, number: int) -> None:
    columns = {row[1] for row in connection.execute("pragma table_info(chart_interpretations)")}
    element = "element_key" if "element_key" in columns else "element_id"
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000000", time.gmtime())
    connection.execute(_INSERT_CHART, (pair, f"live {number}", now, now))
    text = _INSERT_TEXT.format(element=element)
    connection.execute(text, (pair, pair, f"live {number}", now, now))


def _update(connection: sqlite3.Connection, pair: str, number: int) -> None:
    text = f"live {number}"
    connection.execute("update charts set chart_name = ? where id = ?", (text, pair))
    connection.execute(
        "update chart_interpretations set ai_description = ? where id = ?", (text, pair)
    )


def _delete(connection: sqlite3.Connection, pair: str, number: int) -> None:
    del number
    connection.execute("delete from chart_interpretations where id = ?", (pair,))
    connection.execute("delete from charts where id = ?", (pair,))


_STEPS: Final = {"insert": _insert, "update": _update, "delete": _delete}


def main(arguments: list[str] | None = None) -> int:
    """Write for a while, and print what was done."""
    parser = argparse.ArgumentParser(description="Keep changing a sample database.")
    parser.add_argument("url", help="The sample, as sqlite:///path or a path.")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    url = parse_url(chosen.url, base=Path.cwd())
    if url.kind != "sqlite" or url.path is None or not url.path.is_file():
        parser.error(f"{url}: no SQLite file is there")
    done = write_live(url.path, seconds=chosen.seconds, seed=chosen.seed)
    sys.stdout.write(
        f"{done.transactions} transactions: {done.inserted} pairs inserted, "
        f"{done.updated} updated, {done.deleted} deleted\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
