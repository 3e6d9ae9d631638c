"""A live application: keeps changing the rows of a sample while others read it.

    python -m export_assets.systems.theprogram.live sqlite:///data/theprogram.db --seconds 5

A pair is a chart and its one interpretation; see `systems.live_pairs`.
"""

import sqlite3
import sys
import time
from pathlib import Path
from typing import Final

from export_assets.systems.live_pairs import Pairs, Written, run_writer, write_pairs

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


PAIRS: Final = Pairs(
    table="charts", steps={"insert": _insert, "update": _update, "delete": _delete}
)


def write_live(path: Path, *, seconds: float, seed: int = 1, pause: float = 0.001) -> Written:
    """Insert, update and delete pairs in the database at *path* for so many *seconds*.

    Raises:
        sqlite3.Error: A reader was in the way for longer than five seconds, or there is no sample.
    """
    return write_pairs(path, PAIRS, seconds=seconds, seed=seed, pause=pause)


if __name__ == "__main__":
    sys.exit(run_writer(PAIRS))
