"""The table of the backfill reaches over all its days."""

import sqlite3
from contextlib import closing
from pathlib import Path

from benchmarks.backfill import DAYS, FIRST
from benchmarks.data import TABLE, daily


def test_rows_lie_on_every_day_of_the_backfill_and_on_no_other(tmp_path: Path) -> None:
    path = daily(tmp_path, 5_000, days=DAYS, first=FIRST)

    with closing(sqlite3.connect(path)) as connection:
        day = "date(recorded_at)"
        query = f"select count(*), count(distinct {day}), min({day}) from {TABLE}"
        found = connection.execute(query).fetchone()

    assert found == (5_000, DAYS, str(FIRST))
