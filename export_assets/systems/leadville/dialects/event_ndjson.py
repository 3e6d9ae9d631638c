"""Dialect B: the event logger's NDJSON, twin of its CSV."""

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from export_assets.sources.logs.reading import Batch
from export_assets.systems.leadville.dialects.base import (
    Dialect,
    Normalised,
    build_events,
    integers,
    raw_texts,
    texts,
)
from export_assets.systems.leadville.event_texts import meaning_of
from export_assets.systems.leadville.local_time import (
    LocalTime,
    Moments,
    read_iso_times,
    read_logger_times,
)

_TYPES: Final = frozenset({"status", "string", "stringsummary"})


class EventNdjson(Dialect):
    """`<prefix>_main_<day>.ndjson`.

    The time is that of `datetime`, as in the CSV, so that both twins give the same events;
    `timestamp_iso`, microseconds later, stands in where it is missing and stays in `raw`.
    """

    name = "event_ndjson"

    def recognises(self, line: bytes, record: Mapping[str, Any] | None) -> bool:  # noqa: ARG002 - of the seam
        """Tell objects with the logger's types, or with its `datetime` and `details`."""
        if record is None:
            return False
        timed = "datetime" in record or "timestamp_iso" in record
        kind = record.get("type")
        known = isinstance(kind, str) and kind.casefold() in _TYPES
        return timed and (known or ("details" in record and "type" in record))

    def normalise(self, batch: Batch, clock: LocalTime) -> Normalised:
        """Turn objects into events."""
        records = batch.records
        kinds, details = texts(records, "type"), texts(records, "details")
        devices, ids = texts(records, "device"), texts(records, "device_id")
        positions = texts(records, "device_position")
        meanings = [meaning_of(*pair) for pair in zip(kinds, details, strict=True)]
        times, moments = _moments(records, clock)
        contents = [
            [part or "" for part in parts]
            for parts in zip(times, kinds, devices, ids, positions, details, strict=True)
        ]
        return build_events(
            batch,
            dialect=self.name,
            moments=moments,
            columns={
                "event_type": [meaning.event_type for meaning in meanings],
                "device": devices,
                "device_id": ids,
                "device_position": positions,
                "details": details,
                "shot_number": [meaning.shot_number for meaning in meanings],
                "elapsed_seconds": [meaning.elapsed_seconds for meaning in meanings],
                "seq": integers(records, "seq"),
            },
            contents=contents,
            raw=raw_texts(batch),
            time_texts=times,
        )


def _moments(records: list[dict[str, Any]], clock: LocalTime) -> tuple[list[str | None], Moments]:
    times = texts(records, "datetime")
    moments = read_logger_times(pl.Series(times, dtype=pl.String), clock)
    unread = [
        row
        for row in moments.instants.is_null().arg_true()
        if moments.refused.get(row, "time") == "time"
    ]
    if not unread:
        return times, moments
    iso = texts([records[row] for row in unread], "timestamp_iso")
    late = read_iso_times(pl.Series(iso, dtype=pl.String), clock)
    refused = {row: why for row, why in moments.refused.items() if row not in set(unread)}
    for place, row in enumerate(unread):
        if late.instants[place] is not None:
            times[row] = iso[place]
        else:
            times[row] = times[row] or iso[place]
            refused[row] = late.refused.get(place, "time")
    return times, Moments(instants=moments.instants.scatter(unread, late.instants), refused=refused)
