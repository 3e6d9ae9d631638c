"""The queries of the refresh: raw events read into columns, and what each step has to add."""

from collections.abc import Collection

from export_assets.systems.tandem.catalogue import (
    BASAL_DELIVERY,
    BASAL_NAME_PREFIX,
    CGM_FSL2,
    CGM_G7,
    CGM_GXB,
    CGM_NAME_PREFIX,
    NOT_SET,
    PAYLOADS,
    UNKNOWN_NAME_PREFIX,
)
from export_assets.systems.tandem.expressions import (
    PATHS,
    has_offset,
    is_ambiguous,
    is_nonexistent,
    name_of_type,
    pump_wall,
    quoted,
    raw_type_id,
    type_of_name,
    utc_of_aware,
    utc_of_local,
    valid_json,
    whole_number,
)
from export_assets.systems.tandem.schema import Layout

_GLUCOSE = "currentglucosedisplayvalue"
_RATES = {
    "profile_basal_rate": "profileBasalRate",
    "algorithm_basal_rate": "algorithmRate",
    "temp_basal_rate": "tempRate",
}
# The field whose absence shows that a document was stored without its decoded payload.
_TELLING_FIELD = {type_id: (layout.names or ("",))[0] for type_id, layout in PAYLOADS.items()} | {
    CGM_GXB: _GLUCOSE,
    CGM_FSL2: _GLUCOSE,
    CGM_G7: _GLUCOSE,
    BASAL_DELIVERY: "profileBasalRate",
}
_LARGEST = {"INTEGER": 2**31 - 1, "UINTEGER": 2**32 - 1}


def parsed_raw_events(
    columns: Collection[str],
    *,
    assume_timezone: str,
    pump_timezone: str,
    rows: str = "true",
) -> str:
    """Return the query that reads raw events as `id, serial, payload, type_id, seq, utc, …`.

    Args:
        columns: Physical columns of `raw_events`.
        assume_timezone: Zone of times written without an offset.
        pump_timezone: Zone of the pump's own clock, used where no written time can be read.
        rows: Condition on `raw_events AS r`.
    """
    serial = "r.pump_serial::VARCHAR" if "pump_serial" in columns else "NULL::VARCHAR"
    stored = "r.event_timestamp::VARCHAR" if "event_timestamp" in columns else "NULL::VARCHAR"
    paths = ", ".join(quoted(path) for path in PATHS.values())
    found = ", ".join(f"f[{place}] AS {name}" for place, name in enumerate(PATHS, start=1))
    texts = ("stored_time", "json_time", "raw_time")
    readable = ", ".join(
        f"CASE WHEN try_cast({t} AS TIMESTAMP) IS NOT NULL THEN {t} END" for t in texts
    )
    aware = has_offset("time_text")
    by_source = (
        (f"time_text IS NOT NULL AND {aware}", utc_of_aware("time_text"), "UTC"),
        ("time_text IS NOT NULL", "moment", assume_timezone),
    )
    utc = " ".join(f"WHEN {when} THEN {utc_of_local(at, zone)}" for when, at, zone in by_source)
    twice = " ".join(f"WHEN {when} THEN {is_ambiguous(at, zone)}" for when, at, zone in by_source)
    gone = " ".join(f"WHEN {when} THEN {is_nonexistent(at, zone)}" for when, at, zone in by_source)
    return f"""
        WITH read AS (
            SELECT r.id, {serial} AS serial, {stored} AS stored_time,
                   {valid_json("r.raw_event_data")} AS payload
            FROM raw_events AS r WHERE {rows}),
        found AS (SELECT *, json_extract_string(payload, [{paths}]) AS f FROM read),
        named AS (SELECT * EXCLUDE (f), {found} FROM found),
        timed AS (SELECT *, coalesce({readable}) AS time_text FROM named),
        clocked AS (
            SELECT *, try_cast(time_text AS TIMESTAMP) AS moment,
                   {pump_wall("pump_seconds")} AS wall
            FROM timed)
        SELECT id, serial, payload, name, raw, params,
               {whole_number("coalesce(raw_id, named_id)")} AS type_id,
               {whole_number("coalesce(event_id, seq_num)")} AS seq,
               CASE {utc} ELSE {utc_of_local("wall", pump_timezone)} END AS utc,
               CASE {twice} ELSE {is_ambiguous("wall", pump_timezone)} END AS ambiguous,
               CASE {gone} ELSE {is_nonexistent("wall", pump_timezone)} END AS nonexistent
        FROM clocked"""


def pending_events(layout: Layout, *, assume_timezone: str, pump_timezone: str) -> str:
    """Return the query of raw events that have no event yet, with what keeps them from one.

    `problem` is null where an event can be made; `twin` tells that the same event is there
    already, under another raw event.
    """
    largest = _LARGEST.get(layout["events"]["event_id"], 2**63 - 1)
    parsed = parsed_raw_events(
        layout["raw_events"],
        assume_timezone=assume_timezone,
        pump_timezone=pump_timezone,
        rows="NOT EXISTS (FROM events AS e WHERE e.raw_events_id = r.id)",
    )
    return f"""
        WITH parsed AS ({parsed})
        SELECT *, {name_of_type("type_id", "name")} AS event_name,
               CASE WHEN payload IS NULL THEN 'not JSON'
                    WHEN type_id IS NULL THEN 'no event id'
                    WHEN type_id < 0 THEN 'event id is negative'
                    WHEN seq IS NULL THEN 'no sequence number'
                    WHEN seq NOT BETWEEN 0 AND {largest} THEN 'sequence number does not fit'
                    WHEN utc IS NULL THEN 'no event time' END AS problem
        FROM parsed"""


def new_events(layout: Layout, *, stamp: str) -> str:
    """Return the query of pending events that are not in `events` under another raw event.

    Args:
        layout: The physical tables.
        stamp: Expression for `utc` as `events.timestamp` stores it.
    """
    serial = "r.pump_serial::VARCHAR" if "pump_serial" in layout["raw_events"] else "NULL::VARCHAR"
    type_id = raw_type_id("r.raw_event_data")
    return f"""
        WITH candidates AS (
            SELECT *, {stamp} AS stamp FROM pump_pending WHERE problem IS NULL),
        firsts AS (
            SELECT * FROM candidates
            QUALIFY row_number() OVER (PARTITION BY seq, utc, type_id, serial ORDER BY id) = 1),
        known AS (
            SELECT e.event_id, e.timestamp, {serial} AS serial,
                   coalesce({type_id}, {type_of_name("e.event_name")}) AS type_id
            FROM events AS e LEFT JOIN raw_events AS r ON r.id = e.raw_events_id
            WHERE e.event_id IN (SELECT seq FROM candidates))
        SELECT f.*, {lacks_fields("f.type_id", "f.payload")} AS lacking
        FROM firsts AS f ANTI JOIN known AS k
          ON f.seq = k.event_id AND f.stamp = k.timestamp AND f.type_id = k.type_id
         AND f.serial IS NOT DISTINCT FROM k.serial"""


def lacks_fields(type_id: str, payload: str) -> str:
    """Return the condition that a document of a known layout was stored without its fields."""
    cases = " ".join(
        f"WHEN {number} THEN NOT json_exists({payload}, {quoted('$.' + field)})"
        for number, field in _TELLING_FIELD.items()
    )
    return f"CASE {type_id} {cases} ELSE false END"


def insert_events(first_id: int) -> str:
    """Return the statement that adds the rows of `pump_new` to `events`, in order of time.

    The one parameter is the value of `created`.
    """
    return f"""
        INSERT INTO events
            (id, raw_events_id, created, timestamp, event_id, event_name, event_data)
        SELECT {first_id - 1} + row_number() OVER (ORDER BY n.utc, n.seq, n.id),
               n.id, ?, n.stamp, n.seq, n.event_name,
               json_merge_patch(json_merge_patch(n.payload, '{{"raw_event":null}}'),
                                coalesce(d.fields, '{{}}'))
        FROM pump_new AS n LEFT JOIN pump_decoded AS d USING (id)
        ORDER BY n.utc, n.seq, n.id"""


def pending_readings() -> str:
    """Return the query of glucose events without a reading, with what keeps them from one."""
    value = whole_number("found")
    return f"""
        WITH found AS (
            SELECT e.id, e.timestamp,
                   json_extract_string({valid_json("e.event_data")}, '$.{_GLUCOSE}') AS found
            FROM events AS e
            WHERE starts_with(e.event_name, {quoted(CGM_NAME_PREFIX)})
              AND NOT EXISTS (FROM cgm_readings AS c WHERE c.events_id = e.id))
        SELECT id, timestamp, {value} AS cgm_reading,
               CASE WHEN found IS NULL THEN 'no glucose value'
                    WHEN {value} IS NULL THEN 'glucose value is not a whole number'
                    WHEN {value} NOT BETWEEN 0 AND {NOT_SET} THEN 'glucose value does not fit'
               END AS problem
        FROM found"""


def pending_deliveries() -> str:
    """Return the query of basal events without a delivery, with what keeps them from one."""
    fields = ", ".join(
        f"json_extract_string({valid_json('e.event_data')}, '$.{field}') AS {column}_text"
        for column, field in _RATES.items()
    )
    rates = ", ".join(f"{whole_number(f'{column}_text')} AS {column}" for column in _RATES)
    absent = " AND ".join(f"{column}_text IS NULL" for column in _RATES)
    broken = " OR ".join(f"({column}_text IS NOT NULL AND {column} IS NULL)" for column in _RATES)
    outside = " OR ".join(f"{column} NOT BETWEEN 0 AND {NOT_SET}" for column in _RATES)
    return f"""
        WITH found AS (
            SELECT e.id, e.timestamp, {fields} FROM events AS e
            WHERE starts_with(e.event_name, {quoted(BASAL_NAME_PREFIX)})
              AND NOT EXISTS (FROM basal_deliveries AS b WHERE b.events_id = e.id)),
        rates AS (SELECT *, {rates} FROM found)
        SELECT id, timestamp, {", ".join(_RATES)},
               CASE WHEN {absent} THEN 'no rate'
                    WHEN {broken} THEN 'rate is not a whole number'
                    WHEN {outside} THEN 'rate does not fit' END AS problem
        FROM rates"""


def insert_derived(table: str, first_id: int, columns: Collection[str]) -> str:
    """Return the statement that adds the sound rows of `pump_pending` to *table*."""
    names = ", ".join(columns)
    return f"""
        INSERT INTO {table} (id, events_id, timestamp, {names})
        SELECT {first_id - 1} + row_number() OVER (ORDER BY timestamp, id), id, timestamp, {names}
        FROM pump_pending WHERE problem IS NULL ORDER BY timestamp, id"""


def insert_raw_events(layout: Layout, first_id: int, *, stamp: str) -> str:
    """Return the statement that adds the rows of `pump_arrived` to `raw_events`, unless known.

    The parameters are `created` and `pump_serial`, as far as the table has them.

    Args:
        layout: The physical tables.
        first_id: The id of the first row added.
        stamp: Expression for `utc` as `raw_events.event_timestamp` stores it.
    """
    columns = layout["raw_events"]
    values = {
        "id": f"{first_id - 1} + row_number() OVER (ORDER BY n.utc, n.seq, n.type_id)",
        "raw_event_data": "n.document",
    }
    if "created" in columns:
        values["created"] = "$created"
    if "pump_serial" in columns:
        values["pump_serial"] = "$pump_serial"
    if "event_timestamp" in columns:
        values["event_timestamp"] = stamp
    return f"""
        INSERT INTO raw_events ({", ".join(values)})
        SELECT {", ".join(values.values())} FROM pump_arrived AS n
        ORDER BY n.utc, n.seq, n.type_id"""


def unknown_names(table: str) -> str:
    """Return the query that counts the unknown event names in *table*."""
    return f"""
        SELECT event_name, count(*) FROM {table}
        WHERE starts_with(event_name, {quoted(UNKNOWN_NAME_PREFIX)}) GROUP BY ALL ORDER BY ALL"""


def arrived_raw_events(layout: Layout, *, assume_timezone: str, pump_timezone: str) -> str:
    """Return the query of `pump_payload` rows that are not in `raw_events` yet, each once.

    The one parameter is the pump's serial number.
    """
    known = parsed_raw_events(
        layout["raw_events"], assume_timezone=assume_timezone, pump_timezone=pump_timezone
    )
    return f"""
        WITH firsts AS (
            SELECT * FROM pump_payload
            QUALIFY row_number() OVER (PARTITION BY seq, utc, type_id) = 1),
        known AS ({known})
        SELECT f.* FROM firsts AS f ANTI JOIN known AS k
          ON f.seq = k.seq AND f.utc = k.utc AND f.type_id = k.type_id
         AND k.serial IS NOT DISTINCT FROM $serial"""
