"""Dialect E: the bridge's and the API's NDJSON; no shots in it, so events but no runs."""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

import polars as pl

from export_assets.sources.logs.moments import LocalTime, Moments, read_iso_times
from export_assets.sources.logs.reading import Batch
from export_assets.systems.leadville.dialects.base import (
    Dialect,
    Normalised,
    build_events,
    integers,
    raw_texts,
    texts,
)
from export_assets.systems.leadville.model import EventType

_TYPES: Final[dict[str, EventType]] = {
    "event": "status",
    "status": "status",
    "error": "status",
    "debug": "debug",
    "request_start": "api_request",
    "request_complete": "api_request",
}
_DAY = re.compile(r"_(\d{4})(\d{2})(\d{2})(?!\d)")
# Milliseconds of the years 2000 to 2100; less counts from when the device was switched on.
_FIRST_MS, _LAST_MS = 946_684_800_000, 4_102_444_800_000
_MILLI = 0.001


class BridgeNdjson(Dialect):
    """`<prefix>_<day>.ndjson` and `api_<day>.ndjson`.

    The time is `ts_ms` where it counts from 1970, else the time of day in `hms` on the day in
    the file's name.
    """

    name = "bridge_ndjson"

    def recognises(self, line: bytes, record: Mapping[str, Any] | None) -> bool:  # noqa: ARG002 - of the seam
        """Tell objects of the bridge's types with a time of day or milliseconds."""
        if record is None or not ("hms" in record or "ts_ms" in record):
            return False
        kind = record.get("type")
        return isinstance(kind, str) and kind in _TYPES

    def normalise(self, batch: Batch, clock: LocalTime) -> Normalised:
        """Turn objects into events."""
        records, raw = batch.records, raw_texts(batch)
        kinds = texts(records, "type")
        elapsed = integers(records, "t_rel_ms")
        day = _day_of(batch.file.name)
        return build_events(
            batch,
            dialect=self.name,
            moments=_moments(records, day, clock),
            columns={
                "event_type": [_TYPES.get(kind, "unknown") for kind in kinds.fill_null("")],
                "device": ["Bridge" if "ts_ms" in one else "API" for one in records],
                "device_position": texts(records, "plate"),
                "details": texts(records, "msg"),
                "elapsed_seconds": [None if ms is None else ms * _MILLI for ms in elapsed],
                "seq": integers(records, "seq"),
            },
            contents=(pl.repeat(day, len(batch), dtype=pl.String, eager=True), raw),
            raw=raw,
            time_texts=texts(records, "hms"),
        )


def _day_of(source_file: str) -> str:
    found = _DAY.search(PurePosixPath(source_file).name)
    return "-".join(found.groups()) if found else ""


def _moments(records: Sequence[Mapping[str, Any]], day: str, clock: LocalTime) -> Moments:
    counted = [
        ms if ms is not None and _FIRST_MS <= ms < _LAST_MS else None
        for ms in integers(records, "ts_ms")
    ]
    hours = texts(records, "hms")
    walls = [
        f"{day} {hms}" if hms is not None and day and ms is None else None
        for hms, ms in zip(hours, counted, strict=True)
    ]
    read = read_iso_times(pl.Series(walls, dtype=pl.String), clock)
    epoch = (
        pl.Series(counted, dtype=pl.Int64).cast(pl.Datetime("ms", "UTC")).cast(read.instants.dtype)
    )
    return Moments(
        instants=epoch.zip_with(epoch.is_not_null(), read.instants), refused=read.refused
    )
