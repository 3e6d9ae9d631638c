"""The pump's binary payloads into `raw_events`, and the bytes of raw events back into fields."""

import base64
import binascii
from datetime import UTC, datetime

import duckdb
import msgspec
import numpy as np
import pyarrow as pa

from export_assets.systems.tandem.catalogue import PAYLOAD_BYTES
from export_assets.systems.tandem.clock import DEFAULT_PUMP_TIMEZONE, Instants, instants_of, zone_of
from export_assets.systems.tandem.connection import transaction
from export_assets.systems.tandem.payloads import Dialect, json_documents, payload_fields
from export_assets.systems.tandem.report import IngestReport
from export_assets.systems.tandem.schema import (
    RAW_EVENTS,
    advance_sequence,
    as_stored,
    create_missing_tables,
    next_id,
    read_layout,
    stored_expression,
)
from export_assets.systems.tandem.sql import arrived_raw_events, insert_raw_events
from export_assets.systems.tandem.wire import EVENT_BYTES, EventBlock, decode_base64, decode_events


def ingest_payloads(
    con: duckdb.DuckDBPyConnection,
    payload_base64: str,
    *,
    pump_serial: str | None = None,
    pump_timezone: str = DEFAULT_PUMP_TIMEZONE,
    assume_timezone: str = "UTC",
    dialect: Dialect = "plain",
    now: datetime | None = None,
) -> IngestReport:
    """Decode a base64 string of events and add those to `raw_events` that are not there yet.

    Args:
        con: A DuckDB file open for writing; the tables are created where they are missing.
        payload_base64: Concatenated 26-byte events. Trailing bytes are counted, not an error.
        pump_serial: Kept where the table has a column for it.
        pump_timezone: Zone of the pump's clock.
        assume_timezone: Zone of the naive times written.
        dialect: The form of the JSON documents.
        now: The value of `created`; the clock's where it is None.

    Raises:
        SourceCorrupt: The payload is not base64.
        ConfigError: A zone is unknown.
    """
    block = decode_events(decode_base64(payload_base64))
    instants = instants_of(block.seconds, pump_timezone=pump_timezone)
    zone = zone_of(assume_timezone)
    arrived = _arrived_rows(block, instants, dialect)
    with transaction(con):
        create_missing_tables(con)
        layout = read_layout(con)
        columns = layout[RAW_EVENTS]
        known = arrived_raw_events(layout, assume_timezone=zone.key, pump_timezone=pump_timezone)
        serial = pump_serial if "pump_serial" in columns else None
        inserted = _keep_arrived(con, arrived, known, serial=serial)
        if inserted:
            stamp = stored_expression("n.utc", columns.get("event_timestamp", ""), zone)
            given: dict[str, object] = {
                "created": as_stored(now or datetime.now(UTC), columns.get("created", ""), zone),
                "pump_serial": serial,
            }
            values = {name: value for name, value in given.items() if name in columns}
            con.execute(insert_raw_events(layout, next_id(con, RAW_EVENTS), stamp=stamp), values)
            advance_sequence(con, RAW_EVENTS)
        con.execute("DROP TABLE temp.pump_arrived")
    return IngestReport(
        read=len(block),
        inserted=inserted,
        present=len(block) - inserted,
        trailing_bytes=block.trailing_bytes,
        ambiguous=instants.ambiguous,
        nonexistent=instants.nonexistent,
    )


def _arrived_rows(block: EventBlock, instants: Instants, dialect: Dialect) -> pa.Table:
    """Return type, sequence number, instant and JSON document of every event of a payload."""
    return pa.table(
        {
            "type_id": pa.array(block.type_id.astype(np.int64)),
            "seq": pa.array(block.sequence.astype(np.int64)),
            "utc": pa.array(instants.utc_seconds.astype("datetime64[s]"), pa.timestamp("us")),
            "document": pa.array(json_documents(block, instants, dialect=dialect), pa.string()),
        }
    )


def _keep_arrived(
    con: duckdb.DuckDBPyConnection, arrived: pa.Table, known: str, *, serial: str | None
) -> int:
    """Fill `pump_arrived` with the events of *arrived* that are new, and count them."""
    con.register("pump_payload", arrived)
    try:
        con.execute(f"CREATE OR REPLACE TEMP TABLE pump_arrived AS {known}", {"serial": serial})
    finally:
        con.unregister("pump_payload")
    found = con.execute("SELECT count(*) FROM pump_arrived").fetchone()
    return int(found[0]) if found else 0


def decode_lacking_fields(con: duckdb.DuckDBPyConnection) -> None:
    """Fill `pump_decoded` with the payload fields of rows of `pump_new` stored without them."""
    rows = con.execute(
        "SELECT id, type_id, coalesce(raw, params) FROM pump_new WHERE lacking ORDER BY id"
    ).fetchall()
    ids: list[int] = []
    events = bytearray()
    for row_id, type_id, text in rows:
        event = _event_bytes(text, type_id)
        if event is not None:
            ids.append(row_id)
            events += event
    fields = payload_fields(decode_events(bytes(events)))
    documents = [msgspec.json.encode(values).decode() for values in fields]
    decoded = pa.table(
        {"id": pa.array(ids, pa.int64()), "fields": pa.array(documents, pa.string())}
    )
    con.register("pump_fields", decoded)
    con.execute(
        """CREATE OR REPLACE TEMP TABLE pump_decoded AS
           SELECT id, fields::JSON AS fields FROM pump_fields"""
    )
    con.unregister("pump_fields")


def _event_bytes(text: str | None, type_id: int) -> bytes | None:
    """Return the 26 bytes behind *text*, or None where they are not one event of *type_id*."""
    try:
        data = base64.b64decode(text or "", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(data) == PAYLOAD_BYTES:
        data = type_id.to_bytes(2, "big") + bytes(EVENT_BYTES - PAYLOAD_BYTES - 2) + data
    if len(data) != EVENT_BYTES or int.from_bytes(data[:2], "big") & 0xFFF != type_id:
        return None
    return data
