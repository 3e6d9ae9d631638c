"""SQL expressions over raw pump events: times, event ids, names.

Every time is handled as a naive timestamp in UTC, so that no result depends on the session's or
the host's time zone.
"""

from typing import Final

from export_assets.systems.tandem.catalogue import EVENT_NAMES, UNKNOWN_NAME_PREFIX
from export_assets.systems.tandem.clock import PUMP_EPOCH

PATHS: Final = {
    "json_time": "$.event_timestamp",
    "raw_time": "$.raw_event.timestamp",
    "pump_seconds": "$.raw_event.timestampRaw",
    "event_id": "$.event_id",
    "seq_num": "$.raw_event.seqNum",
    "raw_id": "$.raw_event.id",
    "named_id": "$.ID",
    "name": "$.NAME",
    "raw": "$.raw_event.raw",
    "params": "$.raw_event.eventParams",
}

# A date alone ends in what looks like an offset, so the time of day must come first.
_HAS_OFFSET: Final = r"[T ]\d{1,2}:\d{2}.*([Zz]|[+-]\d{2}(:?\d{2})?)$"


def quoted(text: str) -> str:
    """Return *text* as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def utc_of_local(local: str, zone: str) -> str:
    """Return the expression for naive *local* wall time in *zone* as naive UTC.

    Of an hour the clock showed twice the first is taken (DuckDB alone takes the last): the
    reading is tried with the offset in force a day earlier, and kept where that reads back.
    """
    if zone == "UTC":
        return local
    late, early, reads_back = _readings(local, zone)
    return f"CASE WHEN {reads_back} THEN {early} ELSE {late} END"


def is_ambiguous(local: str, zone: str) -> str:
    """Return the condition that the clock in *zone* showed naive *local* twice."""
    if zone == "UTC":
        return "false"
    late, early, reads_back = _readings(local, zone)
    return f"coalesce({reads_back} AND {early} <> {late}, false)"


def is_nonexistent(local: str, zone: str) -> str:
    """Return the condition that the clock in *zone* skipped naive *local*."""
    if zone == "UTC":
        return "false"
    at = quoted(zone)
    return f"coalesce(timezone({at}, timezone({at}, {local})) <> {local}, false)"


def _readings(local: str, zone: str) -> tuple[str, str, str]:
    at = quoted(zone)
    late = f"timezone('UTC', timezone({at}, {local}))"
    day_before = f"({local} - INTERVAL 24 HOURS)"
    early = f"({local} + (timezone('UTC', timezone({at}, {day_before})) - {day_before}))"
    reads_back = f"timezone({at}, timezone('UTC', {early})) = {local}"
    return late, early, reads_back


def local_of_utc(utc: str, zone: str) -> str:
    """Return the expression for naive *utc* as naive wall time in *zone*."""
    if zone == "UTC":
        return utc
    return f"timezone({quoted(zone)}, timezone('UTC', {utc}))"


def whole_number(text: str) -> str:
    """Return the expression for *text* as BIGINT, null where it is not a whole number."""
    whole = f"regexp_full_match({text}, '-?[0-9]+(\\.0+)?')"
    return f"CASE WHEN {whole} THEN try_cast({text} AS BIGINT) END"


def valid_json(column: str) -> str:
    """Return the expression for *column*, JSON or text, as JSON; null where it is not."""
    return f"try_cast({column} AS JSON)"


def raw_type_id(column: str) -> str:
    """Return the expression for the event id inside JSON *column*, null where there is none."""
    paths = f"[{quoted(PATHS['raw_id'])}, {quoted(PATHS['named_id'])}]"
    found = f"json_extract_string({valid_json(column)}, {paths})"
    return whole_number(f"coalesce({found}[1], {found}[2])")


def raw_time_utc(column: str, *, assume_timezone: str, pump_timezone: str) -> str:
    """Return the expression for the time inside JSON *column* as naive UTC, null without one."""
    names = ("json_time", "raw_time", "pump_seconds")
    paths = ", ".join(quoted(PATHS[name]) for name in names)
    found = f"json_extract_string({valid_json(column)}, [{paths}])"
    texts = [f"{found}[1]", f"{found}[2]"]
    readings = [_utc_of_text(text, assume_timezone) for text in texts]
    pump = utc_of_local(pump_wall(f"{found}[3]"), pump_timezone)
    # Nearly every row ends here, and DuckDB works the rest out only for those that do not.
    usual = f"json_extract_string({valid_json(column)}, {quoted(PATHS['json_time'])})"
    aware = f"CASE WHEN {has_offset(usual)} THEN {utc_of_aware(usual)} END"
    return f"coalesce({aware}, {', '.join(readings)}, {pump})"


def has_offset(text: str) -> str:
    """Return the condition that ISO *text* says how far it is from UTC."""
    return f"regexp_matches({text}, {quoted(_HAS_OFFSET)})"


def utc_of_aware(text: str) -> str:
    """Return the expression for ISO *text* with an offset as naive UTC."""
    # A cast to TIMESTAMP would drop the offset (DuckDB 2.0).
    return f"timezone('UTC', try_cast({text} AS TIMESTAMPTZ))"


def _utc_of_text(text: str, zone: str) -> str:
    local = utc_of_local(f"try_cast({text} AS TIMESTAMP)", zone)
    return f"CASE WHEN {has_offset(text)} THEN {utc_of_aware(text)} ELSE {local} END"


def pump_wall(seconds: str) -> str:
    """Return the expression for the pump's *seconds*, as text, as its naive wall time."""
    return f"make_timestamp(({whole_number(seconds)} + {PUMP_EPOCH}) * 1000000)"


def name_of_type(type_id: str, given: str) -> str:
    """Return the expression for an event's name.

    The catalogue's name where the id is known, else the name the document gives, else
    `UNKNOWN_<id>`.
    """
    cases = " ".join(f"WHEN {number} THEN {quoted(name)}" for number, name in EVENT_NAMES.items())
    unknown = f"{quoted(UNKNOWN_NAME_PREFIX)} || {type_id}"
    return f"CASE {type_id} {cases} ELSE coalesce(nullif({given}, ''), {unknown}) END"


def type_of_name(name: str) -> str:
    """Return the expression for the event id behind *name*, null where the name tells none."""
    cases = " ".join(f"WHEN {quoted(text)} THEN {number}" for number, text in EVENT_NAMES.items())
    unknown = f"regexp_extract({name}, '^{UNKNOWN_NAME_PREFIX}([0-9]+)$', 1)"
    return f"CASE {name} {cases} ELSE try_cast({unknown} AS BIGINT) END"
