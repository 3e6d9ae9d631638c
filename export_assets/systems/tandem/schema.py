"""The physical tables of a pump database: what is there, and creating what is missing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from export_assets.errors import SourceMissing
from export_assets.systems.tandem.expressions import local_of_utc

if TYPE_CHECKING:  # every command looks here for names of tables, few for rows
    import duckdb

RAW_EVENTS: Final = "raw_events"
EVENTS: Final = "events"
CGM_READINGS: Final = "cgm_readings"
BASAL_DELIVERIES: Final = "basal_deliveries"

TABLES: Final = (CGM_READINGS, BASAL_DELIVERIES, EVENTS, RAW_EVENTS)
"""The exported tables, in the order people ask for them."""

ZONED: Final = "TIMESTAMP WITH TIME ZONE"
"""How DuckDB names the type that holds instants."""

_REFERENCES_EVENTS: Final = " REFERENCES events (id)"

_CREATE: Final[dict[str, str]] = {
    RAW_EVENTS: """
        CREATE TABLE raw_events (
            id INTEGER PRIMARY KEY DEFAULT nextval('raw_events_id_seq'),
            created TIMESTAMP NOT NULL,
            raw_event_data JSON NOT NULL)""",
    EVENTS: """
        CREATE TABLE events (
            id INTEGER PRIMARY KEY DEFAULT nextval('events_id_seq'),
            raw_events_id INTEGER NOT NULL UNIQUE,
            created TIMESTAMP NOT NULL,
            timestamp TIMESTAMP NOT NULL,
            event_id INTEGER NOT NULL,
            event_name TEXT NOT NULL,
            event_data JSON)""",
    CGM_READINGS: """
        CREATE TABLE cgm_readings (
            id INTEGER PRIMARY KEY DEFAULT nextval('cgm_readings_id_seq'),
            events_id INTEGER NOT NULL UNIQUE REFERENCES events (id),
            timestamp TIMESTAMP NOT NULL,
            cgm_reading INTEGER NOT NULL)""",
    BASAL_DELIVERIES: """
        CREATE TABLE basal_deliveries (
            id INTEGER PRIMARY KEY DEFAULT nextval('basal_deliveries_id_seq'),
            events_id INTEGER NOT NULL UNIQUE REFERENCES events (id),
            timestamp TIMESTAMP NOT NULL,
            profile_basal_rate INTEGER,
            algorithm_basal_rate INTEGER,
            temp_basal_rate INTEGER)""",
}

Layout = Mapping[str, Mapping[str, str]]
"""Table to column to declared type, of the tables present."""


@dataclass(frozen=True, kw_only=True)
class _Sequence:
    name: str
    drawn: int
    """The last value drawn, or what comes just before the first."""
    step: int


def read_layout(con: "duckdb.DuckDBPyConnection") -> Layout:
    """Return the columns of the pump tables present in the database *con* is attached to."""
    rows = con.execute(
        """SELECT table_name, column_name, data_type FROM duckdb_columns()
           WHERE database_name = current_database() AND schema_name = 'main'
             AND table_name IN (SELECT unnest(?)) ORDER BY table_name, column_index""",
        [list(TABLES)],
    ).fetchall()
    layout: dict[str, dict[str, str]] = {}
    for table, column, declared in rows:
        layout.setdefault(table, {})[column] = declared
    return layout


def create_missing_tables(
    con: "duckdb.DuckDBPyConnection", tables: Collection[str] = TABLES
) -> tuple[str, ...]:
    """Create those of *tables* that are not there, empty, and return their names.

    Readings and deliveries refer to `events` by a foreign key where its id is declared unique.
    """
    present = read_layout(con)
    missing = tuple(table for table in _CREATE if table in tables and table not in present)
    for table in missing:
        con.execute(f"CREATE SEQUENCE IF NOT EXISTS {table}_id_seq")
        statement = _CREATE[table]
        if not _has_unique_id(con, EVENTS):
            statement = statement.replace(_REFERENCES_EVENTS, "")
        con.execute(statement)
    return missing


def require_columns(layout: Layout, table: str, needed: Collection[str]) -> None:
    """Check that *table* has the columns *needed*.

    Raises:
        SourceMissing: The table or one of the columns is not there.
    """
    present = layout.get(table)
    if present is None:
        msg = f"{table}: there is no such table"
        raise SourceMissing(msg)
    missing = [column for column in needed if column not in present]
    if missing:
        msg = f"{table}: has no column {', '.join(missing)}"
        raise SourceMissing(msg)


def _has_unique_id(con: "duckdb.DuckDBPyConnection", table: str) -> bool:
    row = con.execute(
        """SELECT count(*) FROM duckdb_constraints()
           WHERE database_name = current_database() AND schema_name = 'main'
             AND table_name = ? AND constraint_type IN ('PRIMARY KEY', 'UNIQUE')
             AND constraint_column_names = ['id']""",
        [table],
    ).fetchone()
    return row is not None and row[0] > 0


def as_stored(moment: datetime, declared: str, zone: ZoneInfo) -> datetime:
    """Return the aware *moment* as a column *declared* so holds it: naive ones in *zone*."""
    return moment if declared == ZONED else moment.astimezone(zone).replace(tzinfo=None)


def stored_expression(utc: str, declared: str, zone: ZoneInfo) -> str:
    """Return the expression for naive *utc* as a column *declared* so holds it."""
    return f"timezone('UTC', {utc})" if declared == ZONED else local_of_utc(utc, zone.key)


def next_id(con: "duckdb.DuckDBPyConnection", table: str) -> int:
    """Return the first id that neither *table* nor its sequence has used."""
    query = f"SELECT coalesce(max(id), 0) FROM {table}"  # noqa: S608 - one of TABLES
    row = con.execute(query).fetchone()
    highest = int(row[0]) if row else 0
    sequence = _sequence_of(con, table)
    return max(highest, sequence.drawn if sequence else 0) + 1


def advance_sequence(con: "duckdb.DuckDBPyConnection", table: str) -> None:
    """Draw from the id sequence of *table* until it has passed every id in the table.

    Ids are given out by us, in the order of time; the application that owns the file goes on
    drawing from the sequence and must not meet them again.
    """
    sequence = _sequence_of(con, table)
    if sequence is None:
        return
    behind = next_id(con, table) - 1 - sequence.drawn
    if behind > 0:
        draws = -(-behind // sequence.step)
        name = sequence.name.replace("'", "''")
        con.execute(f"SELECT count(nextval('{name}')) FROM range({draws})")  # noqa: S608 - quoted


def _sequence_of(con: "duckdb.DuckDBPyConnection", table: str) -> _Sequence | None:
    row = con.execute(
        """SELECT s.sequence_name, coalesce(s.last_value, s.start_value - 1), s.increment_by
           FROM duckdb_columns() AS c, duckdb_sequences() AS s
           WHERE c.database_name = current_database() AND c.schema_name = 'main'
             AND c.table_name = ? AND c.column_name = 'id' AND s.increment_by > 0
             AND s.database_name = c.database_name AND s.schema_name = c.schema_name
             AND contains(c.column_default, 'nextval')
             AND regexp_extract(c.column_default, '''([^'']+)''', 1)
                 IN (s.sequence_name, s.schema_name || '.' || s.sequence_name,
                     '"' || s.sequence_name || '"')""",
        [table],
    ).fetchone()
    return None if row is None else _Sequence(name=row[0], drawn=int(row[1]), step=int(row[2]))
