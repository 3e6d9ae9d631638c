"""The physical tables of a pump database: what is there, and creating what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import duckdb

RAW_EVENTS: Final = "raw_events"
EVENTS: Final = "events"
CGM_READINGS: Final = "cgm_readings"
BASAL_DELIVERIES: Final = "basal_deliveries"

TABLES: Final = (CGM_READINGS, BASAL_DELIVERIES, EVENTS, RAW_EVENTS)
"""The exported tables, in the order people ask for them."""

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


def read_layout(con: duckdb.DuckDBPyConnection) -> Layout:
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


def create_missing_tables(con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Create the tables that are not there, empty, and return their names."""
    present = read_layout(con)
    missing = tuple(table for table in _CREATE if table not in present)
    for table in missing:
        con.execute(f"CREATE SEQUENCE IF NOT EXISTS {table}_id_seq")
        con.execute(_CREATE[table])
    return missing


def next_id(con: duckdb.DuckDBPyConnection, table: str) -> int:
    """Return the first id that neither *table* nor its sequence has used."""
    query = f"SELECT coalesce(max(id), 0) FROM {table}"  # noqa: S608 - one of TABLES
    row = con.execute(query).fetchone()
    highest = int(row[0]) if row else 0
    sequence = _sequence_of(con, table)
    return max(highest, sequence.drawn if sequence else 0) + 1


def advance_sequence(con: duckdb.DuckDBPyConnection, table: str) -> None:
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


def _sequence_of(con: duckdb.DuckDBPyConnection, table: str) -> _Sequence | None:
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
