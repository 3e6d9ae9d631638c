"""Decoded pump events as the JSON documents that `raw_events` keeps, in either dialect."""

import base64
import math
from typing import Any, Final, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from export_assets.systems.tandem.catalogue import EVENT_NAMES, PAYLOAD_BYTES
from export_assets.systems.tandem.clock import Instants
from export_assets.systems.tandem.wire import EVENT_BYTES, EventBlock, encode_events

Dialect = Literal["plain", "named"]
"""`plain` keeps the whole event as base64 in `raw_event.raw`; `named` adds `ID` and `NAME` and
keeps the 16 payload bytes in `raw_event.eventParams`."""

_encode: Final = msgspec.json.Encoder().encode


def payload_fields(block: EventBlock) -> list[dict[str, Any]]:
    """Return the decoded payload fields of every event, empty for ids with no known layout.

    A float that is no number (NaN, infinity) becomes None, which JSON can carry.
    """
    fields: list[dict[str, Any]] = [{} for _ in range(len(block))]
    for type_id in np.unique(block.type_id).tolist():
        rows = np.flatnonzero(block.type_id == type_id)
        columns = block.fields(type_id, rows)
        names = tuple(columns)
        lists = [_plain_values(values) for values in columns.values()]
        for row, values in zip(rows.tolist(), zip(*lists, strict=True), strict=False):
            fields[row] = dict(zip(names, values, strict=True))
    return fields


def _plain_values(values: NDArray[Any]) -> list[Any]:
    if values.dtype.kind != "f":
        return list(values.tolist())
    # The shortest text of a 32-bit float, not that of the 64-bit float it widens to.
    shortest = (float(str(value)) for value in values)
    return [value if math.isfinite(value) else None for value in shortest]


class _Event(NamedTuple):
    source: int
    type_id: int
    seconds: int
    sequence: int
    raw: bytes
    moment: str
    fields: dict[str, Any]


def json_documents(block: EventBlock, instants: Instants, *, dialect: Dialect) -> list[str]:
    """Return one JSON document per event, as `raw_events.raw_event_data` holds them."""
    data = encode_events(block)
    events = zip(
        block.source.tolist(),
        block.type_id.tolist(),
        block.seconds.tolist(),
        block.sequence.tolist(),
        (data[start : start + EVENT_BYTES] for start in range(0, len(data), EVENT_BYTES)),
        instants.iso(),
        payload_fields(block),
        strict=True,
    )
    build = _plain if dialect == "plain" else _named
    return [_encode(build(_Event(*event))).decode() for event in events]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _plain(event: _Event) -> dict[str, Any]:
    raw_event = {
        "source": event.source,
        "id": event.type_id,
        "timestampRaw": event.seconds,
        "seqNum": event.sequence,
        "raw": _base64(event.raw),
    }
    head = {"raw_event": raw_event, "event_timestamp": event.moment, "event_id": event.sequence}
    return head | event.fields


def _named(event: _Event) -> dict[str, Any]:
    raw_event = {
        "id": event.type_id,
        "event_len": EVENT_BYTES,
        "timestamp": event.moment,
        "seqNum": event.sequence,
        "eventParams": _base64(event.raw[-PAYLOAD_BYTES:]),
    }
    known = event.type_id in EVENT_NAMES
    return {
        "ID": event.type_id,
        **({"NAME": EVENT_NAMES[event.type_id]} if known else {}),
        "raw_event": raw_event,
        "event_timestamp": event.moment,
        "event_id": event.sequence,
        **event.fields,
    }
