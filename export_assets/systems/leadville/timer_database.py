"""The rows of the timer's SQLite table, whatever columns it has, and those that are no text."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from export_assets.errors import SourceCorrupt, SourceMissing
from export_assets.sources.logs.quarantine import Quarantined, quarantine_line
from export_assets.sources.logs.reading import Batch, LogFile
from export_assets.systems.leadville.dialects.base import raw_objects
from export_assets.systems.leadville.dialects.timer_jsonl import (
    SQLITE_COLUMNS,
    SQLITE_NEEDED,
    SQLITE_TABLE,
)

_ROWS: Final = 10_000


class Undecoded(bytes):
    """A text of the database that is no UTF-8."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class DatabaseRows:
    """Some rows of the table."""

    batch: Batch
    """Objects by column, their ids as offsets and numbers; no lines."""
    refused: list[Quarantined]
    """Rows that cannot be read as such."""


def read_database_rows(path: Path, name: str) -> Iterator[DatabaseRows]:
    """Yield the rows of the table `timer_events` of the database at *path*, in order of id.

    Args:
        path: The database.
        name: What messages and records call it.

    Raises:
        SourceMissing: It has no such table, or one without the columns that make an event.
        SourceCorrupt: It cannot be read.
    """
    file = LogFile(name=name)
    try:
        uri = f"file:{quote(str(path))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.text_factory = _text
            columns = _columns(connection, name)
            named = ", ".join(map(_quoted, columns.values()))
            query = f"SELECT {named} FROM {SQLITE_TABLE} ORDER BY {_quoted(columns['id'])}"  # noqa: S608 - its own names
            cursor = connection.execute(query)
            while rows := cursor.fetchmany(_ROWS):
                yield _judged([dict(zip(columns, row, strict=True)) for row in rows], file)
    except sqlite3.Error as error:
        msg = f"{name}: {error}"
        raise SourceCorrupt(msg) from error


def _text(content: bytes) -> str | Undecoded:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return Undecoded(content)


def _columns(connection: sqlite3.Connection, name: str) -> dict[str, str]:
    """Return the table's columns, first those we know, by the key they have in objects.

    SQLite takes a name that it does not know for a text, so only those that are there are asked
    for.
    """
    told = connection.execute(f"PRAGMA table_xinfo({SQLITE_TABLE})").fetchall()
    # Of the kinds of columns, 1 is that of hidden ones, which belong to virtual tables.
    own = [column for _, column, *_, hidden in told if hidden != 1]
    if not own:
        msg = f"{name}: no such table: {SQLITE_TABLE}"
        raise SourceMissing(msg)
    if any(isinstance(column, Undecoded) for column in own):
        msg = f"{name}: a column of {SQLITE_TABLE} has a name that is no UTF-8"
        raise SourceCorrupt(msg)
    by_key = {
        key if (key := column.lower()) in SQLITE_COLUMNS else column: column for column in own
    }
    missing = [key for key in SQLITE_NEEDED if key not in by_key]
    if missing:
        msg = f"{name}: {SQLITE_TABLE} has no column {', '.join(missing)}"
        raise SourceMissing(msg)
    known = {key: by_key.pop(key) for key in SQLITE_COLUMNS if key in by_key}
    return known | by_key


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _judged(records: Sequence[dict[str, Any]], file: LogFile) -> DatabaseRows:
    """Part the rows that can be read from those that cannot."""
    kept, refused = list[dict[str, Any]](), list[Quarantined]()
    for record in records:
        spoiled = [key for key, value in record.items() if type(value) is Undecoded]
        if spoiled:
            detail = f"no UTF-8 in {', '.join(spoiled)}"
            refused.append(quarantine_row(record, file, reason="bad_utf8", detail=detail))
        elif type(record["id"]) is not int:
            refused.append(quarantine_row(record, file, reason="number", detail="id is no integer"))
        else:
            kept.append(record)
    numbers = np.array([record["id"] for record in kept], dtype=np.int64)
    batch = Batch(
        file=file,
        lines=[b""] * len(kept),
        records=kept,
        offsets=numbers,
        lengths=np.zeros_like(numbers),
        numbers=numbers,
    )
    return DatabaseRows(batch=batch, refused=refused)


def quarantine_row(
    record: dict[str, Any], file: LogFile, *, reason: str, detail: str
) -> Quarantined:
    """Return the record for a row that is refused: an object, with what is no text in hex."""
    readable = {
        key: value.hex() if isinstance(value, Undecoded) else value for key, value in record.items()
    }
    (content,) = raw_objects([readable])
    place = record["id"] if type(record["id"]) is int else 0
    return quarantine_line(
        content.encode("utf-8"),
        file=file.name,
        identity=file.identity,
        offset=place,
        line=place,
        reason=reason,
        detail=detail,
    )
