"""Connections to DuckDB that have nothing but what they attach, and finished files for reading.

A process may have several files open, in any mode. Nothing is downloaded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from export_assets.errors import IntegrityError
from export_assets.formats.sql import text

MEMORY: Final = "512MB"
MADE: Final = "made"
"""What the database in a file is called while it is attached."""
_HEADERS: Final = 3 * 4_096
_SIZES: Final = """
select block_size, total_blocks from pragma_database_size()
where database_name = current_database()
"""


def connect(spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Return a connection to nothing, which spills to the directory *spill*, or not at all."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "memory_limit": MEMORY,
            "temp_directory": "" if spill is None else str(spill),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "arrow_large_buffer_size": True,
        },
    )
    connection.execute("set timezone = 'UTC'")
    return connection


@contextmanager
def opened(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection that reads *path*, as the database `made`, and no other file.

    Raises:
        IntegrityError: It is no whole DuckDB database, or damaged where it was read.
    """
    connection = connect()
    try:
        connection.execute(f"attach {text(str(path))} as {MADE} (read_only)")
        connection.execute(f"use {MADE}")
        connection.execute("set enable_external_access = false")
        _check_size(connection, path)
        yield connection
    except duckdb.Error as error:
        msg = f"{path.name}: not a whole DuckDB database"
        raise IntegrityError(msg) from error
    finally:
        connection.close()


def _check_size(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    [(block, blocks)] = connection.execute(_SIZES).fetchall()
    expected, found = _HEADERS + block * blocks, path.stat().st_size
    if found != expected:
        msg = f"{path.name}: has {found:,} bytes, not the {expected:,} it tells of"
        raise IntegrityError(msg)
