"""Opening the pump's DuckDB file for writing, and one transaction around a step."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import duckdb

from export_assets.errors import (
    DestPermission,
    ExportError,
    NoSpace,
    SourceBusy,
    SourceCorrupt,
    SourceMissing,
)

# A refresh never reaches for the network.
_OFFLINE: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": False,
}

_MAGIC: Final = b"DUCK"
_MAGIC_AT: Final = 8

_HOLDER: Final = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")


@contextmanager
def open_for_refresh(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the DuckDB file at *path* read-write; it is closed when the block ends.

    Raises:
        SourceMissing: There is no file at *path*, or it may not be read.
        SourceBusy: Another process, or another connection of this one, holds it.
        SourceCorrupt: It is not a DuckDB database, or one that refuses what is done to it.
        DestPermission: It may not be written.
        NoSpace: The disk is full.
    """
    if not path.is_file():
        msg = f"{path}: no such file"
        raise SourceMissing(msg)
    if not _looks_like_duckdb(path):
        msg = f"{path}: not a DuckDB database"
        raise SourceCorrupt(msg)
    try:
        with closing(duckdb.connect(path, config=_OFFLINE)) as con:
            yield con
    except duckdb.Error as error:
        raise _refusal(path, error) from error


def _looks_like_duckdb(path: Path) -> bool:
    # Asked of any other file, DuckDB looks for an extension that reads it; empty is a new database.
    try:
        with path.open("rb") as file:
            head = file.read(_MAGIC_AT + len(_MAGIC))
    except PermissionError as error:
        msg = f"{path}: not readable"
        raise SourceMissing(msg) from error
    return not head or head[_MAGIC_AT:] == _MAGIC


def _refusal(path: Path, error: duckdb.Error) -> ExportError:
    text = str(error)
    holder = _HOLDER.search(text)
    if holder:
        return SourceBusy(f"{path}: held by process {holder['pid']} ({holder['program']})")
    if isinstance(error, duckdb.ConnectionException):
        return SourceBusy(f"{path}: open elsewhere in this process")
    line = text.splitlines()[0]
    if isinstance(error, duckdb.IOException):
        if "lock on file" in text:
            return SourceBusy(f"{path}: held by another process")
        if "Permission denied" in text or "Read-only file system" in text:
            return DestPermission(f"{path}: not writable, cannot be refreshed")
        if "No space left" in text:
            return NoSpace(f"{path}: no space left to refresh it")
        return SourceCorrupt(f"{path}: {line}")
    return SourceCorrupt(f"{path}: cannot be refreshed: {line}")


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
