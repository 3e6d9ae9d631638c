"""Opening SQLite files for reading."""

import re
import sqlite3
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote as percent

from export_assets.sources.files import sidecar

# A name in a comment or a text is taken for one, too, which does no harm.
_COLLATE = re.compile(
    r"\bcollate\s+(?:\"((?:[^\"]|\"\")+)\"|\[([^\]]+)\]|`([^`]+)`|'([^']+)'|([^\W\d][\w$]*))",
    re.IGNORECASE,
)


def database_files(path: Path) -> tuple[Path, ...]:
    """Return the files that hold the content of the database at *path*."""
    return path, sidecar(path, "-wal"), sidecar(path, "-journal")


def uri(path: Path, **options: str) -> str:
    """Return the SQLite URI of *path*, whatever characters it holds."""
    # By its bytes: a name need not be text.
    absolute = percent(bytes(path.absolute()), safe="/")
    return f"file:{absolute}?" + "&".join(f"{key}={value}" for key, value in options.items())


def connect(path: Path, *, busy_timeout: float, **options: str) -> sqlite3.Connection:
    """Open *path* read-only with autocommit; one connection may be used by several threads."""
    connection = sqlite3.connect(
        uri(path, mode="ro", **options),
        uri=True,
        timeout=busy_timeout,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("pragma query_only = on")
    # A file that cannot be read says so where it is read first.
    with suppress(sqlite3.Error):
        _stand_in(connection)
    return connection


def foreign_collations(sql: str) -> frozenset[str]:
    """Return the names, in lower case, of collations in *sql* that SQLite itself does not have."""
    names = {next(filter(None, found)).replace('""', '"') for found in _COLLATE.findall(sql)}
    return frozenset(name.lower() for name in names) - {"binary", "nocase", "rtrim"}


def _stand_in(connection: sqlite3.Connection) -> None:
    """Put binary order in the place of collations that only the application has."""
    statement = "select sql from sqlite_schema where sql like '%collate%'"
    found = [foreign_collations(str(row[0])) for row in connection.execute(statement).fetchall()]
    for name in frozenset().union(*found):
        connection.create_collation(name, _binary)


def _binary(left: str, right: str) -> int:
    return (left > right) - (left < right)


def begin_read(path: Path, *, busy_timeout: float, **options: str) -> sqlite3.Connection:
    """Open *path* and start the one read transaction that a snapshot lives in.

    Raises:
        sqlite3.Error: It is locked, not a database, damaged, or not to be opened this way.
    """
    connection = connect(path, busy_timeout=busy_timeout, **options)
    try:
        connection.execute("begin")
        connection.execute("select count(*) from sqlite_schema").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection
