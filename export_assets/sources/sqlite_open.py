"""Opening SQLite files for reading."""

import sqlite3
from pathlib import Path
from urllib.parse import quote as percent

from export_assets.sources.files import sidecar


def database_files(path: Path) -> tuple[Path, ...]:
    """Return the files that hold the content of the database at *path*."""
    return path, sidecar(path, "-wal"), sidecar(path, "-journal")


def uri(path: Path, **options: str) -> str:
    """Return the SQLite URI of *path*, whatever characters it holds."""
    absolute = percent(str(path.absolute()), safe="/")
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
    return connection


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
