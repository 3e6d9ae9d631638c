"""A process that snapshots a SQLite database again and again, as the copying process does.

python busy_reader.py DATABASE TARGET SECONDS

It prints one line of JSON: copies and reads in place, and the sums that were not 2 * 200 * 1000.
"""

import json
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from export_assets.sources.sqlite_copy import copy_moment, is_wal
from export_assets.sources.sqlite_open import begin_read

WHOLE = 2 * 200 * 1000


def main(database: Path, target: Path, seconds: float) -> None:
    """Snapshot for *seconds*, in WAL mode every other time in place."""
    copies, in_place, torn = 0, 0, []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        copy_moment("shop", database, target, busy_timeout=5)
        with closing(sqlite3.connect(target)) as connection:
            torn.append(_sum(connection))
        target.unlink()
        copies += 1
        if is_wal(database):
            with closing(begin_read(database, busy_timeout=5)) as connection:
                torn.append(_sum(connection))
            in_place += 1
    odd = [total for total in torn if total != WHOLE]
    print(json.dumps({"copies": copies, "in_place": in_place, "torn": odd}), flush=True)  # noqa: T201 - the answer


def _sum(connection: sqlite3.Connection) -> int:
    """Add up both tables in statements of their own, with time for a writer between them."""
    (left,) = connection.execute("select sum(amount) from left_side").fetchone()
    time.sleep(0.002)
    (right,) = connection.execute("select sum(amount) from right_side").fetchone()
    return int(left) + int(right)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
