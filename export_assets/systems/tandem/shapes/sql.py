"""The SELECT statements of the exported tables, built from the physical columns present."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from export_assets.systems.tandem.catalogue import CGM_FSL2, NOT_SET, STATUSES
from export_assets.systems.tandem.expressions import (
    quoted,
    raw_time_utc,
    raw_type_id,
    type_of_name,
    valid_json,
    whole_number,
)
from export_assets.systems.tandem.schema import BASAL_DELIVERIES, CGM_READINGS, EVENTS, RAW_EVENTS

ColumnsOf = Mapping[str, Sequence[str]]

_IDS: Final = frozenset({"id", "raw_events_id", "events_id", "event_id"})
_RATES: Final = ("profile_basal_rate", "algorithm_basal_rate", "temp_basal_rate")
_STATUS_PATHS: Final = ("$.glucosevaluestatus_raw", "$.glucoseValueStatus_raw")
# Where a 26-byte event in hex holds the status: two bytes from byte 12, FSL2 the second alone.
_RAW_STATUS: Final = (25, 4)
_RAW_STATUS_FSL2: Final = (27, 2)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _columns(names: Sequence[str], replaced: Mapping[str, str], *, table: str) -> str:
    """Return the select list: every physical column, ids widened, some replaced or followed."""
    items: list[str] = []
    for name in names:
        column = f"{table}.{_identifier(name)}"
        if name in replaced:
            items.append(replaced[name])
        elif name in _IDS:
            items.append(f"{column}::BIGINT AS {_identifier(name)}")
        else:
            items.append(f"{column} AS {_identifier(name)}")
    return ", ".join(items)


def _has(columns_of: ColumnsOf, table: str, needed: Collection[str]) -> bool:
    return set(needed) <= set(columns_of.get(table, ()))


def select_raw_events(columns_of: ColumnsOf, *, assume_timezone: str, pump_timezone: str) -> str:
    """Return the statement of `raw_events`, whose time is a column of its own or in the JSON."""
    columns = columns_of[RAW_EVENTS]
    if "event_timestamp" in columns or "raw_event_data" not in columns:
        return f"SELECT {_columns(columns, {}, table='r')} FROM raw_events AS r"
    utc = raw_time_utc(
        "r.raw_event_data", assume_timezone=assume_timezone, pump_timezone=pump_timezone
    )
    # A filter does not reach below an unnest, so the JSON is read once a row, not once per bound.
    time = f"unnest([timezone('UTC', {utc})]) AS event_timestamp"
    data = f"{time}, r.raw_event_data AS raw_event_data"
    return f"SELECT {_columns(columns, {'raw_event_data': data}, table='r')} FROM raw_events AS r"


def select_events(columns_of: ColumnsOf) -> str:
    """Return the statement of `events`, with the type and the sequence number by their names."""
    columns = columns_of[EVENTS]
    types = []
    joined = ""
    if "raw_events_id" in columns and _has(columns_of, RAW_EVENTS, ("id", "raw_event_data")):
        types.append(raw_type_id("r.raw_event_data"))
        joined = "LEFT JOIN raw_events AS r ON r.id = e.raw_events_id"
    if "event_name" in columns:
        types.append(type_of_name("e.event_name"))
    type_id = f"coalesce({', '.join(types)}, NULL::BIGINT)"
    numbers = (
        f"e.event_id::BIGINT AS event_id, {type_id} AS event_type_id, e.event_id::BIGINT AS seq_num"
    )
    return f"SELECT {_columns(columns, {'event_id': numbers}, table='e')} FROM events AS e {joined}"


def select_basal_deliveries(columns_of: ColumnsOf) -> str:
    """Return the statement of `basal_deliveries`, with rates null where they are not set."""
    columns = columns_of[BASAL_DELIVERIES]
    rates = {
        rate: f"nullif(b.{rate}::BIGINT, {NOT_SET}) AS {rate}, b.{rate}::BIGINT AS {rate}_raw"
        for rate in _RATES
    }
    return f"SELECT {_columns(columns, rates, table='b')} FROM basal_deliveries AS b"


def select_cgm_readings(columns_of: ColumnsOf) -> str:
    """Return the statement of `cgm_readings`, with a status and no number where it says so."""
    columns = columns_of[CGM_READINGS]
    code, joined = _status_code(columns_of)
    stored = "c.cgm_reading::BIGINT"
    cases = " ".join(f"WHEN {number} THEN '{word}'" for number, word in STATUSES.items())
    status = f"""CASE {code} {cases}
        ELSE CASE WHEN {code} IS NULL AND c.cgm_reading <> 0 THEN 'value' ELSE 'hidden' END END"""
    reading = (
        f"CASE WHEN {status} = 'value' THEN {stored} END AS cgm_reading, "
        f"{status} AS status, {stored} AS cgm_reading_raw"
    )
    shape = _columns(columns, {"cgm_reading": reading}, table="c")
    return f"SELECT {shape} FROM cgm_readings AS c {joined}"


def _status_code(columns_of: ColumnsOf) -> tuple[str, str]:
    """Return the expression for the status code of reading `c`, and the joins it needs."""
    if not _has(columns_of, EVENTS, ("id", "event_data")) or not _has(
        columns_of, CGM_READINGS, ("events_id",)
    ):
        return "NULL::BIGINT", ""
    paths = ", ".join(quoted(path) for path in _STATUS_PATHS)
    found = f"json_extract_string({valid_json('e.event_data')}, [{paths}])"
    code = whole_number(f"coalesce({found}[1], {found}[2])")
    joined = "LEFT JOIN events AS e ON e.id = c.events_id"
    if not _has(columns_of, EVENTS, ("raw_events_id",)) or not _has(
        columns_of, RAW_EVENTS, ("id", "raw_event_data")
    ):
        return code, joined
    # Only readings in doubt look at the raw events, which are by far the widest table.
    doubtful = f"""
        SELECT r.id, {_status_in_bytes("r.raw_event_data")} AS code FROM raw_events AS r
        WHERE r.id IN (
            SELECT e.raw_events_id FROM events AS e JOIN cgm_readings AS c ON c.events_id = e.id
            WHERE c.cgm_reading = 0 AND {code} IS NULL)"""
    joined += f" LEFT JOIN ({doubtful}) AS d ON d.id = e.raw_events_id"
    return f"coalesce({code}, CASE WHEN c.cgm_reading = 0 THEN d.code END)", joined


def _status_in_bytes(column: str) -> str:
    text = f"json_extract_string({valid_json(column)}, '$.raw_event.raw')"
    # 26 bytes are 35 base64 characters and one '=': anything else is no event.
    whole = f"regexp_full_match({text}, '[A-Za-z0-9+/]{{35}}=')"
    digits = f"hex(from_base64({text}))"
    start, length = _RAW_STATUS
    start_fsl2, length_fsl2 = _RAW_STATUS_FSL2
    return f"""CASE WHEN {whole} THEN try_cast('0x' ||
        CASE WHEN {raw_type_id(column)} = {CGM_FSL2}
             THEN substring({digits}, {start_fsl2}, {length_fsl2})
             ELSE substring({digits}, {start}, {length}) END AS BIGINT) END"""
