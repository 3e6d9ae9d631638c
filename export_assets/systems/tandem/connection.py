"""Opening the pump's DuckDB file for writing, and one transaction around a step."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from export_assets.errors import (
    DestPermission,
    SourceBusy,
    SourceCorrupt,
    SourceError,
    SourceMissing,
)

_HOLDER: Final = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")


@contextmanager
def open_for_refresh(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the DuckDB file at *path* read-write; it is closed when the block ends.

    Raises:
        SourceMissing: There is no file at *path*.
        SourceBusy: Another process, or another connection of this one, holds it.
        SourceCorrupt: It is not a DuckDB database.
        DestPermission: It may be read but not written.
    """
    if not path.is_file():
        msg = f"{path}: no such file"
        raise SourceMissing(msg)
    try:
        con = duckdb.connect(path)
    except duckdb.Error as error:
        raise _refusal(path, error) from error
    try:
        yield con
    finally:
        con.close()


def _refusal(path: Path, error: duckdb.Error) -> SourceError | DestPermission:
    text = str(error)
    holder = _HOLDER.search(text)
    if holder:
        return SourceBusy(f"{path}: held by process {holder['pid']} ({holder['program']})")
    if isinstance(error, duckdb.ConnectionException) or "lock" in text:
        return SourceBusy(f"{path}: already open in this process or held by another")
    if "ermission denied" in text or "read-only" in text.lower():
        return DestPermission(f"{path}: not writable, cannot be refreshed")
    return SourceCorrupt(f"{path}: not a DuckDB database: {text.splitlines()[0]}")


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what the block does, or nothing of it."""
    con.begin()
    try:
        yield
    except BaseException:
        con.rollback()
        raise
    con.commit()
