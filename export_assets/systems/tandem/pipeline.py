"""Raw pump events → events → glucose readings and basal deliveries, inside one DuckDB file.

Three steps, each callable on its own, each one transaction, each idempotent: a step reads what
has no derived row yet and adds what is missing. The natural key of an event is the pump's
sequence number, its time and its type (and the pump, where the file names it), so a payload that
arrives twice changes no count. A row nothing can be made of is counted and stays where it is.

Such malformed rows are met by every refresh, and nothing is kept of which were told. They count as
new where something was inserted and they came after the last row something had been made of (ids
grow in the order of arrival), so one that stood last when it was told is told once more; and as
long as nothing could be made of any row, all of them are new to every refresh.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from export_assets.systems.tandem.catalogue import BASAL_NAME_PREFIX, CGM_NAME_PREFIX
from export_assets.systems.tandem.clock import DEFAULT_PUMP_TIMEZONE, zone_of
from export_assets.systems.tandem.connection import open_for_refresh, transaction
from export_assets.systems.tandem.ingest import decode_lacking_fields
from export_assets.systems.tandem.report import RefreshReport, StepReport
from export_assets.systems.tandem.schema import (
    BASAL_DELIVERIES,
    CGM_READINGS,
    EVENTS,
    RAW_EVENTS,
    advance_sequence,
    as_stored,
    create_missing_tables,
    next_id,
    read_layout,
    require_columns,
    stored_expression,
)
from export_assets.systems.tandem.sql import (
    insert_derived,
    insert_events,
    new_events,
    pending_deliveries,
    pending_events,
    pending_readings,
    unknown_names,
)

_EVENT_COLUMNS = (
    "id",
    "raw_events_id",
    "created",
    "timestamp",
    "event_id",
    "event_name",
    "event_data",
)


def refresh_all(
    path: Path,
    *,
    pump_timezone: str = DEFAULT_PUMP_TIMEZONE,
    assume_timezone: str = "UTC",
    now: datetime | None = None,
) -> RefreshReport:
    """Run the three steps on the file at *path*, creating derived tables that are missing.

    Args:
        path: The DuckDB file, opened read-write.
        pump_timezone: Zone of the pump's clock, for raw events that carry no readable time.
        assume_timezone: Zone of naive times, those written as well as those read.
        now: The value of `created`; the clock's where it is None.

    Raises:
        ConfigError: A zone is unknown.
        SourceMissing: There is no file, or a table or column the steps need is not in it.
        SourceBusy: Somebody else holds the file.
        SourceCorrupt: It is not a DuckDB database.
        DestPermission: It may not be written.
    """
    with open_for_refresh(path) as con:
        events = refresh_events(
            con, pump_timezone=pump_timezone, assume_timezone=assume_timezone, now=now
        )
        return RefreshReport(
            steps=(events, refresh_cgm_readings(con), refresh_basal_deliveries(con))
        )


def refresh_events(
    con: duckdb.DuckDBPyConnection,
    *,
    pump_timezone: str = DEFAULT_PUMP_TIMEZONE,
    assume_timezone: str = "UTC",
    now: datetime | None = None,
) -> StepReport:
    """Add an event for every raw event that has none.

    A document stored without its payload fields gets them from its bytes.

    Raises:
        ConfigError: A zone is unknown.
        SourceMissing: A table or a column the step needs is not there.
    """
    pump_zone, stored_zone = zone_of(pump_timezone).key, zone_of(assume_timezone)
    require_columns(read_layout(con), RAW_EVENTS, ("id", "raw_event_data"))
    with transaction(con):
        create_missing_tables(con, (EVENTS,))
        layout = read_layout(con)
        require_columns(layout, EVENTS, _EVENT_COLUMNS)
        stamp = stored_expression("utc", layout[EVENTS]["timestamp"], stored_zone)
        read = _count(con, RAW_EVENTS)
        mark = _largest(con, EVENTS, "raw_events_id")
        pending = pending_events(layout, assume_timezone=stored_zone.key, pump_timezone=pump_zone)
        _keep(con, "pump_pending", pending)
        _keep(con, "pump_new", new_events(layout, stamp=stamp))
        decode_lacking_fields(con)
        inserted, ambiguous, nonexistent = _figures(con)
        malformed = _problems(con)
        malformed_new = _new_problems(con, inserted, mark=mark)
        unknown = dict(con.execute(unknown_names("pump_new")).fetchall())
        if inserted:
            created = as_stored(now or datetime.now(UTC), layout[EVENTS]["created"], stored_zone)
            con.execute(insert_events(next_id(con, EVENTS)), [created])
            advance_sequence(con, EVENTS)
        _drop(con, ("pump_pending", "pump_new", "pump_decoded"))
    return StepReport(
        step=EVENTS,
        read=read,
        inserted=inserted,
        present=read - inserted - sum(malformed.values()),
        unknown=unknown,
        malformed=malformed,
        malformed_new=malformed_new,
        ambiguous=ambiguous,
        nonexistent=nonexistent,
    )


def refresh_cgm_readings(con: duckdb.DuckDBPyConnection) -> StepReport:
    """Add a reading for every glucose event that has none.

    Raises:
        SourceMissing: A table or a column the step needs is not there.
    """
    return _derive(
        con,
        CGM_READINGS,
        pending_readings(),
        prefix=CGM_NAME_PREFIX,
        columns=("cgm_reading",),
    )


def refresh_basal_deliveries(con: duckdb.DuckDBPyConnection) -> StepReport:
    """Add a delivery for every basal delivery event that has none.

    Raises:
        SourceMissing: A table or a column the step needs is not there.
    """
    return _derive(
        con,
        BASAL_DELIVERIES,
        pending_deliveries(),
        prefix=BASAL_NAME_PREFIX,
        columns=("profile_basal_rate", "algorithm_basal_rate", "temp_basal_rate"),
    )


def _derive(
    con: duckdb.DuckDBPyConnection,
    table: str,
    pending: str,
    *,
    prefix: str,
    columns: tuple[str, ...],
) -> StepReport:
    needed = ("id", "timestamp", "event_name", "event_data")
    require_columns(read_layout(con), EVENTS, needed)
    with transaction(con):
        create_missing_tables(con, (table,))
        require_columns(read_layout(con), table, ("id", "events_id", "timestamp", *columns))
        read = _count(con, f"{EVENTS} WHERE starts_with(event_name, '{prefix}')")
        mark = _largest(con, table, "events_id")
        _keep(con, "pump_pending", pending)
        malformed = _problems(con)
        inserted = _count(con, "pump_pending") - sum(malformed.values())
        malformed_new = _new_problems(con, inserted, mark=mark)
        if inserted:
            con.execute(insert_derived(table, next_id(con, table), columns))
            advance_sequence(con, table)
        _drop(con, ("pump_pending",))
    return StepReport(
        step=table,
        read=read,
        inserted=inserted,
        present=read - inserted - sum(malformed.values()),
        malformed=malformed,
        malformed_new=malformed_new,
    )


def _keep(con: duckdb.DuckDBPyConnection, name: str, query: str) -> None:
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")


def _drop(con: duckdb.DuckDBPyConnection, names: Collection[str]) -> None:
    for name in names:
        con.execute(f"DROP TABLE IF EXISTS temp.{name}")


def _count(con: duckdb.DuckDBPyConnection, rows: str) -> int:
    found = con.execute(f"SELECT count(*) FROM {rows}").fetchone()  # noqa: S608 - our own names
    return int(found[0]) if found else 0


def _largest(con: duckdb.DuckDBPyConnection, table: str, column: str) -> int | None:
    found = con.execute(f"SELECT max({column}) FROM {table}").fetchone()  # noqa: S608 - our own names
    return int(found[0]) if found and found[0] is not None else None


def _figures(con: duckdb.DuckDBPyConnection) -> tuple[int, int, int]:
    query = """SELECT count(*), coalesce(count_if(ambiguous), 0),
                      coalesce(count_if(nonexistent), 0) FROM pump_new"""
    found = con.execute(query).fetchone() or (0, 0, 0)
    return int(found[0]), int(found[1]), int(found[2])


def _problems(con: duckdb.DuckDBPyConnection) -> Mapping[str, int]:
    query = """SELECT problem, count(*) FROM pump_pending WHERE problem IS NOT NULL
               GROUP BY ALL ORDER BY ALL"""
    return dict(con.execute(query).fetchall())


def _new_problems(con: duckdb.DuckDBPyConnection, inserted: int, *, mark: int | None) -> int:
    """Count the malformed rows that came after *mark*, the last row something was made of."""
    if mark is None:
        return _count(con, "pump_pending WHERE problem IS NOT NULL")
    if not inserted:
        return 0
    return _count(con, f"pump_pending WHERE problem IS NOT NULL AND id > {mark}")
