"""What the machine needs for the bytes alone, as a command.

python raw.py read FILE           every byte of a file
python raw.py scan DB TABLE       every value of a SQLite table, looked at by SQLite
python raw.py fetch URL TABLE     every row of a PostgreSQL table, as its server sends it
python raw.py write FILE          as many bytes as OUTPUT_BYTES says, and until they are on disk
"""

import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

BLOCK = 1 << 20


def read(path: str) -> None:
    """Read a file."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - pathlib is not small
        block = bytearray(BLOCK)
        while file.readinto(block):
            pass


def scan(database: str, table: str) -> None:
    """Look at every value of a table of SQLite, in SQLite itself and one thread."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    columns = [name for _, name, *_ in connection.execute(f"pragma table_info({table})")]
    highest = ", ".join(f"max({name})" for name in columns)
    # Each in one pass; an index would answer a single one without.
    connection.execute(f"select {highest} from {table} not indexed").fetchone()
    connection.close()


def fetch(url: str, table: str) -> None:
    """Take a table of PostgreSQL off its connection."""
    import psycopg

    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        statement = f"copy (select * from {table}) to stdout (format binary)"
        with cursor.copy(statement.encode()) as copy:
            for _ in copy:
                pass


def write(path: str) -> None:
    """Write bytes that nothing can make less, and sync them."""
    left = int(os.environ["OUTPUT_BYTES"])
    block = memoryview(os.urandom(BLOCK))
    with Path(path).open("wb", buffering=0) as file:
        while left > 0:
            left -= file.write(block[:left])
        os.fsync(file.fileno())


COMMANDS: dict[str, Callable[..., None]] = {
    "read": read,
    "scan": scan,
    "fetch": fetch,
    "write": write,
}


if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
