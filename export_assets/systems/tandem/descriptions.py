"""What the exported tables and columns mean, their keys, and how they hang together."""

from typing import Final

from export_assets.systems.tandem.schema import BASAL_DELIVERIES, CGM_READINGS, EVENTS, RAW_EVENTS

TABLE_DESCRIPTIONS: Final[dict[str, str]] = {
    CGM_READINGS: "One row per glucose reading of the sensor, one about every five minutes.",
    BASAL_DELIVERIES: "One row per report of basal rates, one about every five minutes.",
    EVENTS: "One row per event: everything the pump logged, with its decoded payload.",
    RAW_EVENTS: "One row per entry of the pump's log as it was fetched, bytes included.",
}

COLUMN_DESCRIPTIONS: Final[dict[str, dict[str, str]]] = {
    CGM_READINGS: {
        "id": "Identifies the reading.",
        "events_id": "The event the reading was taken from (events.id).",
        "timestamp": "When the pump logged the reading, UTC.",
        "cgm_reading": "Glucose in mg/dL; null unless status is value.",
        "status": "value, high or low (beyond the sensor's range), or hidden (not to be shown).",
        "cgm_reading_raw": "The number as stored, in mg/dL; 0 for high, low and hidden readings.",
    },
    BASAL_DELIVERIES: {
        "id": "Identifies the delivery.",
        "events_id": "The event the delivery was taken from (events.id).",
        "timestamp": "When the pump logged the delivery, UTC.",
        "profile_basal_rate": "Rate of the profile in milliunits per hour; null where not set.",
        "profile_basal_rate_raw": "The profile's rate as stored; 65535 means not set.",
        "algorithm_basal_rate": "Rate the algorithm asks for, milliunits per hour; null: not set.",
        "algorithm_basal_rate_raw": "The algorithm's rate as stored; 65535 means not set.",
        "temp_basal_rate": "Temporary rate in milliunits per hour; null where not set.",
        "temp_basal_rate_raw": "The temporary rate as stored; 65535 means not set.",
    },
    EVENTS: {
        "id": "Identifies the event.",
        "raw_events_id": "The raw event this was decoded from (raw_events.id).",
        "created": "When the row was made, UTC.",
        "timestamp": "When the pump logged the event, UTC.",
        "event_id": "The pump's sequence number, under the name the application gives it.",
        "event_type_id": "What kind of event it is: 0 to 4095.",
        "seq_num": "The pump's sequence number, growing with every log entry.",
        "event_name": "The pump's name of the kind; UNKNOWN_<id> where it is not known.",
        "event_data": "The decoded payload, JSON; fields ending in _raw are codes or scaled.",
    },
    RAW_EVENTS: {
        "id": "Identifies the raw event.",
        "created": "When the row was fetched, UTC.",
        "pump_serial": "Serial number of the pump, where the application keeps it.",
        "event_timestamp": "When the pump logged the event, UTC.",
        "raw_event_data": "The log entry as fetched, JSON, with the event's bytes in base64.",
    },
}

PRIMARY_KEYS: Final[dict[str, tuple[str, ...]]] = dict.fromkeys(
    (CGM_READINGS, BASAL_DELIVERIES, EVENTS, RAW_EVENTS), ("id",)
)

RELATIONS: Final[tuple[tuple[str, str], ...]] = (
    (f"{EVENTS}.raw_events_id", f"{RAW_EVENTS}.id"),
    (f"{CGM_READINGS}.events_id", f"{EVENTS}.id"),
    (f"{BASAL_DELIVERIES}.events_id", f"{EVENTS}.id"),
)
"""Pairs of `table.column`: the one that refers and the one referred to."""
