"""Dialect C: the debug log, what the devices sent and how it was understood.

It tells of the same shots and impacts as the event log beside it, so all of it is `debug`.
"""

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from export_assets.sources.logs.moments import LocalTime, read_iso_times
from export_assets.sources.logs.reading import Batch
from export_assets.systems.leadville.dialects.base import (
    Dialect,
    Normalised,
    build_events,
    integers,
    raw_texts,
    texts,
)

_BEGINNINGS: Final = ("amg_", "bt50_", "connection_")
_KNOWN: Final = rf"^(?:{'|'.join(_BEGINNINGS)})"


class DebugNdjson(Dialect):
    """`<prefix>_debug_<stamp>.ndjson`; its lines have no details, the type stands there."""

    name = "debug_ndjson"

    def recognises(self, line: bytes, record: Mapping[str, Any] | None) -> bool:  # noqa: ARG002 - of the seam
        """Tell objects with the debug log's types."""
        if record is None or "timestamp_iso" not in record or "details" in record:
            return False
        kind = record.get("type")
        return isinstance(kind, str) and kind.startswith(_BEGINNINGS)

    def normalise(self, batch: Batch, clock: LocalTime) -> Normalised:
        """Turn objects into events."""
        records = batch.records
        times, raw = texts(records, "timestamp_iso"), raw_texts(batch)
        return build_events(
            batch,
            dialect=self.name,
            moments=read_iso_times(times, clock),
            columns={
                "event_type": ["debug"] * len(batch),
                "device": texts(records, "device"),
                "device_id": texts(records, "device_id"),
                "details": texts(records, "type"),
                "seq": integers(records, "seq"),
            },
            contents=(raw,),
            raw=raw,
            time_texts=times,
        )

    def doubts(self, events: pl.DataFrame) -> pl.Series:
        """Tell which are not of the debug log's types, all being `debug`."""
        return ~events["details"].str.contains(_KNOWN).fill_null(value=False)
