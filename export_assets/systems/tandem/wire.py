"""The pump's binary log: 26-byte events, decoded and encoded in bulk.

    0   u16   source (4 bits) | event id (12 bits)
    2   u32   seconds since 2008-01-01 00:00 on the pump's wall clock, whatever its zone
    6   u32   sequence number
    10  16 B  payload, laid out by event id (see `catalogue`)

Everything is big-endian. The pump knows no zone: `export_assets.systems.tandem.clock` turns its
wall clock into instants.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from export_assets.errors import SourceCorrupt
from export_assets.systems.tandem.catalogue import PAYLOAD_BYTES, PAYLOADS

EVENT_BYTES: Final = 26
MAX_SOURCE: Final = 0xF
MAX_TYPE_ID: Final = 0xFFF

_EVENT: Final = np.dtype(
    [
        ("source_id", ">u2"),
        ("seconds", ">u4"),
        ("sequence", ">u4"),
        ("payload", f"V{PAYLOAD_BYTES}"),
    ]
)


@dataclass(frozen=True, kw_only=True, eq=False)
class EventBlock:
    """Some events, one array element each, in the order of the log."""

    source: NDArray[np.uint16]
    type_id: NDArray[np.uint16]
    seconds: NDArray[np.uint32]
    """Since 2008-01-01 00:00 on the pump's wall clock."""
    sequence: NDArray[np.uint32]
    payload: NDArray[np.void]
    """16 bytes each."""
    trailing_bytes: int = 0
    """Bytes after the last whole event."""

    def __len__(self) -> int:
        return len(self.type_id)

    def fields(self, type_id: int, rows: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        """Return the payload fields of *rows*, read as events of *type_id*.

        Returns:
            Field name to values in native byte order; empty for an id with no known layout.
        """
        layout = PAYLOADS.get(type_id)
        if layout is None:
            return {}
        payload = self.payload[rows].view(layout)
        names = layout.names or ()
        return {name: payload[name].astype(payload[name].dtype.newbyteorder("=")) for name in names}


def decode_events(data: bytes) -> EventBlock:
    """Decode concatenated events; bytes that are no whole event are counted, not an error."""
    whole, trailing = divmod(len(data), EVENT_BYTES)
    events = np.frombuffer(data, dtype=_EVENT, count=whole)
    source_id = events["source_id"].astype(np.uint16)
    return EventBlock(
        source=(source_id >> 12).astype(np.uint16),
        type_id=(source_id & MAX_TYPE_ID).astype(np.uint16),
        seconds=events["seconds"].astype(np.uint32),
        sequence=events["sequence"].astype(np.uint32),
        payload=np.ascontiguousarray(events["payload"]),
        trailing_bytes=trailing,
    )


def encode_events(block: EventBlock) -> bytes:
    """Return the bytes `decode_events` turns into *block*, without trailing bytes.

    Raises:
        ValueError: A source exceeds 4 bits or an event id 12.
    """
    if len(block) and (block.source.max() > MAX_SOURCE or block.type_id.max() > MAX_TYPE_ID):
        msg = f"event: source exceeds {MAX_SOURCE} or id exceeds {MAX_TYPE_ID}"
        raise ValueError(msg)
    events = np.empty(len(block), dtype=_EVENT)
    events["source_id"] = (block.source.astype(np.uint16) << 12) | block.type_id
    events["seconds"] = block.seconds
    events["sequence"] = block.sequence
    events["payload"] = block.payload
    return events.tobytes()


def encode_payload(type_id: int, **fields: NDArray[Any] | float) -> NDArray[np.void]:
    """Return payloads of *type_id* with *fields* filled in and every other byte zero.

    Raises:
        ValueError: *type_id* has no such field, or a value does not fit it.
    """
    layout = PAYLOADS[type_id]
    unknown = sorted(set(fields) - set(layout.names or ()))
    if unknown:
        msg = f"event {type_id}: has no field {', '.join(unknown)}"
        raise ValueError(msg)
    shape = np.broadcast_shapes((1,), *(np.shape(values) for values in fields.values()))
    payload = np.zeros(shape, dtype=layout)
    for name, values in fields.items():
        given = np.asarray(values)
        fitted = given.astype(layout[name])
        # A cast wraps silently what does not fit.
        if fitted.dtype.kind != "f" and np.any(fitted != given):
            msg = f"event {type_id}: a value of {name} is no {layout[name].name}"
            raise ValueError(msg)
        payload[name] = fitted
    return payload.view(f"V{PAYLOAD_BYTES}")


def decode_base64(payload: str) -> bytes:
    """Return the bytes of a base64 *payload*; blanks and line ends in it are ignored.

    Raises:
        SourceCorrupt: It is not base64.
    """
    try:
        return base64.b64decode("".join(payload.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        msg = f"pump payload: not base64: {error}"
        raise SourceCorrupt(msg) from error
