"""Sample data: a pump database of invented events that came in the way real ones do.

The events are encoded in the pump's binary format, ingested as base64 payloads and refreshed
into the derived tables, so that the sample exercises every step of the real path.
"""

import base64
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from export_assets.errors import DestConflict, SourceBusy, UsageError
from export_assets.systems.tandem.clock import DEFAULT_PUMP_TIMEZONE, instants_of
from export_assets.systems.tandem.ingest import ingest_payloads
from export_assets.systems.tandem.payloads import Dialect
from export_assets.systems.tandem.pipeline import (
    refresh_basal_deliveries,
    refresh_cgm_readings,
    refresh_events,
)
from export_assets.systems.tandem.sample_log import invent_log
from export_assets.systems.tandem.schema import (
    BASAL_DELIVERIES,
    CGM_READINGS,
    EVENTS,
    RAW_EVENTS,
    create_missing_tables,
)
from export_assets.systems.tandem.wire import EventBlock, encode_events

DEFAULT_SEED: Final = 20_260_701
DEFAULT_START: Final = date(2026, 7, 1)

# Where in the log another version of the fetching program was in use, which wrote `named`.
_NAMED_FROM, _NAMED_TO = 0.3, 0.45


@dataclass(frozen=True, kw_only=True)
class SampleReport:
    """The sample file and how many rows each of its tables has."""

    path: Path
    rows: dict[str, int]
    written: bool
    """False where the same sample was there already."""


def make_sample(
    path: Path,
    *,
    days: int = 92,
    seed: int = DEFAULT_SEED,
    start: date = DEFAULT_START,
    pump_timezone: str = DEFAULT_PUMP_TIMEZONE,
) -> SampleReport:
    """Write a pump database of about 2,250 events a day to *path*, whole or not at all.

    The same arguments give the same rows. A file that was made with the same arguments is left
    as it is, one made with others is replaced.

    Args:
        path: The DuckDB file; its directory is created.
        days: Days of events, at least 1.
        seed: Of the random numbers.
        start: First day, on the pump's wall clock.
        pump_timezone: Zone of the pump's wall clock.

    Raises:
        UsageError: *days* is less than 1.
        DestConflict: There is a file at *path* that is no sample.
        SourceBusy: Somebody has the file at *path* open for writing.
    """
    if days < 1:
        msg = f"sample: days must be at least 1, not {days}"
        raise UsageError(msg)
    mark = f"sample data: days={days} seed={seed} start={start} zone={pump_timezone}"
    if path.exists() and _mark_of(path) == mark:
        with closing(duckdb.connect(path, read_only=True)) as con:
            return SampleReport(path=path, rows=_rows(con), written=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    log = invent_log(days=days, seed=seed, start=start, pump_timezone=pump_timezone)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with closing(duckdb.connect(temporary)) as con:
            _fill(con, log, pump_timezone=pump_timezone)
            con.execute(f"COMMENT ON TABLE {RAW_EVENTS} IS '{mark}'")
            rows = _rows(con)
        _sync(temporary)
        temporary.replace(path)
    finally:
        for leftover in (temporary, temporary.with_name(temporary.name + ".wal")):
            leftover.unlink(missing_ok=True)
    return SampleReport(path=path, rows=rows, written=True)


def _fill(con: duckdb.DuckDBPyConnection, log: EventBlock, *, pump_timezone: str) -> None:
    create_missing_tables(con)
    now = datetime.now(UTC)
    for part, dialect in _parts(log):
        now = _day_after(part, pump_timezone)
        payload = base64.b64encode(encode_events(part)).decode("ascii")
        ingest_payloads(con, payload, pump_timezone=pump_timezone, dialect=dialect, now=now)
    refresh_events(con, pump_timezone=pump_timezone, now=now)
    refresh_cgm_readings(con)
    refresh_basal_deliveries(con)


def _parts(log: EventBlock) -> Iterator[tuple[EventBlock, Dialect]]:
    one, other = int(len(log) * _NAMED_FROM), int(len(log) * _NAMED_TO)
    for begin, end, dialect in (
        (0, one, "plain"),
        (one, other, "named"),
        (other, len(log), "plain"),
    ):
        rows = slice(begin, end)
        part = replace(
            log,
            source=log.source[rows],
            type_id=log.type_id[rows],
            seconds=log.seconds[rows],
            sequence=log.sequence[rows],
            payload=log.payload[rows],
        )
        yield part, "named" if dialect == "named" else "plain"


def _day_after(part: EventBlock, pump_timezone: str) -> datetime:
    """Return the midnight (UTC) after the last event: when the payload was fetched."""
    last = instants_of(part.seconds[-1:], pump_timezone=pump_timezone).utc_seconds[0]
    day = datetime.fromtimestamp(int(last), UTC) + timedelta(days=1)
    return day.replace(hour=0, minute=0, second=0)


def _mark_of(path: Path) -> str:
    """Return the comment that a sample file carries.

    Raises:
        DestConflict: The file is no sample.
        SourceBusy: Somebody has it open for writing.
    """
    try:
        with closing(duckdb.connect(path, read_only=True)) as con:
            row = con.execute(
                "SELECT comment FROM duckdb_tables() WHERE table_name = ?", [RAW_EVENTS]
            ).fetchone()
    except duckdb.Error as error:
        if isinstance(error, duckdb.ConnectionException) or "lock on file" in str(error):
            msg = f"{path}: in use, cannot be looked at"
            raise SourceBusy(msg) from error
        row = None
    mark = str(row[0]) if row and row[0] else ""
    if not mark.startswith("sample data: "):
        msg = f"{path}: exists and is no sample data; move it away or choose another path"
        raise DestConflict(msg)
    return mark


def _rows(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    rows = {}
    for table in (CGM_READINGS, BASAL_DELIVERIES, EVENTS, RAW_EVENTS):
        found = con.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - our tables
        rows[table] = int(found[0]) if found else 0
    return rows


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
