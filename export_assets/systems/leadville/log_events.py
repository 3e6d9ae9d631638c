"""The events of one file, whatever its dialect: a log in text, or a database of timer events."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from export_assets.errors import SourceMissing
from export_assets.sources.logs.framing import BLOCK_BYTES, Framer, Lines
from export_assets.sources.logs.moments import LocalTime
from export_assets.sources.logs.quarantine import Quarantined
from export_assets.sources.logs.reading import Account, LogFile, LogReader
from export_assets.sources.logs.streams import open_stream
from export_assets.systems.leadville.dialects.base import Dialect
from export_assets.systems.leadville.dialects.mixed import normalise_each
from export_assets.systems.leadville.dialects.registry import recognise
from export_assets.systems.leadville.dialects.timer_jsonl import normalise_sqlite_rows
from export_assets.systems.leadville.identity import number_repeats
from export_assets.systems.leadville.model import EVENTS
from export_assets.systems.leadville.timer_database import quarantine_row, read_database_rows

_HEAD: Final = 64 << 10
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
        SourceMissing: There is no such file, or a database without a table of timer events.
        SourceCorrupt: The database cannot be read.
        SourceChanged: The file was cut while it was read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        msg = f"{name}: {error.strerror}"
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
        normalised = normalise_each(batch, clock, dialect=dialect)
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
    for rows in read_database_rows(path, name):
        normalised = normalise_sqlite_rows(rows.batch, clock)
        frames.append(normalised.events)
        quarantine += rows.refused
        quarantine += [
            quarantine_row(
                rows.batch.records[one.index],
                rows.batch.file,
                reason=one.reason,
                detail=one.detail,
            )
            for one in normalised.rejected
        ]
    events = number_repeats(pl.concat(frames))
    account.exported = events.height
    for record in quarantine:
        account.quarantine(record)
    return LogEvents(dialect="timer_sqlite", events=events, quarantine=quarantine, account=account)


def _no_events() -> pl.DataFrame:
    return pl.DataFrame(schema=EVENTS.polars)
