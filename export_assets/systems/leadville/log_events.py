"""The events of one file, whatever its dialect: a log in text, or a database of timer events."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import numpy as np
import polars as pl

from export_assets.errors import SourceCorrupt, SourceMissing
from export_assets.sources.logs.framing import BLOCK_BYTES, Framer, Lines
from export_assets.sources.logs.judge import Rejected
from export_assets.sources.logs.moments import LocalTime
from export_assets.sources.logs.quarantine import Quarantined, quarantine_line
from export_assets.sources.logs.reading import Account, Batch, LogFile, LogReader
from export_assets.sources.logs.streams import open_stream
from export_assets.systems.leadville.dialects.base import Dialect, raw_objects
from export_assets.systems.leadville.dialects.registry import recognise
from export_assets.systems.leadville.dialects.timer_jsonl import (
    SQLITE_COLUMNS,
    SQLITE_TABLE,
    normalise_sqlite_rows,
)
from export_assets.systems.leadville.identity import number_repeats
from export_assets.systems.leadville.model import EVENTS

_HEAD: Final = 64 << 10
_ROWS: Final = 10_000
_SQLITE_MAGIC: Final = b"SQLite format 3\0"


@dataclass(frozen=True, kw_only=True)
class LogEvents:
    """What is in one file."""

    dialect: str | None
    """None where no line is of any dialect; then nothing was consumed."""
    events: pl.DataFrame
    """Of the schema `EVENTS`, repeats numbered."""
    quarantine: list[Quarantined]
    account: Account


def read_events(
    path: Path, *, name: str, clock: LocalTime, sealed: bool = False, block_bytes: int = BLOCK_BYTES
) -> LogEvents:
    """Read all events of the file at *path*.

    Args:
        path: A log, plain or gzip, or a SQLite database of timer events.
        name: How the rows name the file.
        clock: How local times are read.
        sealed: Nothing will be appended any more: a last line without its end counts.
        block_bytes: How much is read at once.

    Raises:
        SourceMissing: There is no such file, or a database without the table `timer_events`.
        SourceCorrupt: The database cannot be read.
        SourceChanged: The file was cut while it was read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        msg = f"{path}: {error.strerror}"
        raise SourceMissing(msg) from error
    try:
        if os.pread(descriptor, len(_SQLITE_MAGIC), 0) == _SQLITE_MAGIC:
            return _read_database(path, name, clock)
        end = os.fstat(descriptor).st_size
        dialect = recognise_file(descriptor, end=end, name=name)
        if dialect is None:
            return LogEvents(dialect=None, events=_no_events(), quarantine=[], account=Account())
        reader = LogReader(
            open_stream(descriptor, end=end, name=name),
            LogFile(name=name),
            judge=dialect.judge,
            sealed=sealed,
            block_bytes=block_bytes,
        )
        frames = [_no_events(), *events_of(reader, dialect, clock)]
    finally:
        os.close(descriptor)
    return LogEvents(
        dialect=dialect.name,
        events=number_repeats(pl.concat(frames)),
        quarantine=reader.take_quarantine(),
        account=reader.account,
    )


def events_of(reader: LogReader, dialect: Dialect, clock: LocalTime) -> Iterator[pl.DataFrame]:
    """Give out the events of *reader*, batch by batch; records that are none are quarantined."""
    for batch in reader:
        normalised = dialect.normalise(batch, clock)
        reader.refuse(batch, normalised.rejected)
        yield normalised.events


def recognise_file(descriptor: int, *, end: int, name: str = "log") -> Dialect | None:
    """Return the dialect of an open file by its first lines, None where it is of none."""
    stream = open_stream(descriptor, end=end, name=name)
    framer = Framer(stream, max_line_bytes=_HEAD, block_bytes=_HEAD)
    for record in framer:
        if isinstance(record, Lines) and (dialect := recognise(record.split()[0])):
            return dialect
        if framer.offset > _HEAD:
            break
    return None


def _read_database(path: Path, name: str, clock: LocalTime) -> LogEvents:
    frames, account, quarantine = [_no_events()], Account(), list[Quarantined]()
    uri = f"file:{quote(str(path))}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            for batch in _database_batches(connection, name):
                normalised = normalise_sqlite_rows(batch, clock)
                frames.append(normalised.events)
                quarantine += [_quarantine_row(batch, one) for one in normalised.rejected]
    except sqlite3.Error as error:
        msg = f"{path}: {error}"
        missing = "no such table" in str(error) or "no such column" in str(error)
        raise (SourceMissing if missing else SourceCorrupt)(msg) from error
    events = number_repeats(pl.concat(frames))
    account.exported = events.height
    for record in quarantine:
        account.quarantine(record)
    return LogEvents(dialect="timer_sqlite", events=events, quarantine=quarantine, account=account)


def _database_batches(connection: sqlite3.Connection, name: str) -> Iterator[Batch]:
    # Quoted, for current_time alone is the clock of SQLite.
    columns = ", ".join(f'"{column}"' for column in SQLITE_COLUMNS)
    cursor = connection.execute(f"SELECT {columns} FROM {SQLITE_TABLE} ORDER BY id")  # noqa: S608 - ours
    while rows := cursor.fetchmany(_ROWS):
        numbers = np.array([row["id"] for row in rows], dtype=np.int64)
        yield Batch(
            file=LogFile(name=name),
            lines=[b""] * len(rows),
            records=[dict(row) for row in rows],
            offsets=numbers,
            lengths=np.zeros_like(numbers),
            numbers=numbers,
        )


def _quarantine_row(batch: Batch, rejected: Rejected) -> Quarantined:
    (content,) = raw_objects([batch.records[rejected.index]])
    return quarantine_line(
        content.encode("utf-8"),
        file=batch.file.name,
        identity=batch.file.identity,
        offset=int(batch.offsets[rejected.index]),
        line=int(batch.numbers[rejected.index]),
        reason=rejected.reason,
        detail=rejected.detail,
    )


def _no_events() -> pl.DataFrame:
    return pl.DataFrame(schema=EVENTS.polars)
