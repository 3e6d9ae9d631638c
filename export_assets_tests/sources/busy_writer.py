"""A process that moves value between two tables of a SQLite database, without pause.

python busy_writer.py DATABASE JOURNAL_MODE SECONDS

It prints `ready`, and at the end one line of JSON: commits, errors and the longest commit.
"""

import json
import random
import sqlite3
import sys
import time
from contextlib import closing

ACCOUNTS = 200


def main(path: str, journal: str, seconds: float) -> None:
    """Write for *seconds*; the sum over both tables never changes."""
    commits, errors, stall = 0, [], 0.0
    with closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as connection:
        connection.execute(f"pragma journal_mode = {journal}")
        connection.execute("pragma synchronous = normal")
        for table in ("left_side", "right_side"):
            connection.execute(f"create table {table} (id integer primary key, amount integer)")
            connection.execute(
                "with recursive n(i) as (select 1 union all select i + 1 from n where i < ?)"
                f" insert into {table} select i, 1000 from n",
                (ACCOUNTS,),
            )
        print("ready", flush=True)  # noqa: T201 - part of the answer
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begun = time.monotonic()
            try:
                _move(connection)
                commits += 1
            except sqlite3.Error as error:
                errors.append(str(error))
            stall = max(stall, time.monotonic() - begun)
            time.sleep(0.001)
        found = {"commits": commits, "errors": errors, "stall": stall}
        print(json.dumps(found), flush=True)  # noqa: T201 - the answer


def _move(connection: sqlite3.Connection) -> None:
    amount, one, other = random.randint(1, 9), *random.sample(range(1, ACCOUNTS + 1), 2)
    connection.execute("begin immediate")
    try:
        take = "update left_side set amount = amount - ? where id = ?"
        connection.execute(take, (amount, one))
        give = "update right_side set amount = amount + ? where id = ?"
        connection.execute(give, (amount, other))
        connection.execute("commit")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
