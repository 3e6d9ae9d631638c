"""Dialect B: the event logger's NDJSON, twin of its CSV."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import polars as pl

from export_assets.sources.logs.judge import judge_lines
from export_assets.sources.logs.moments import LocalTime, Moments, read_iso_times
from export_assets.sources.logs.reading import Batch, Judge
from export_assets.systems.leadville.dialects.base import (
    Dialect,
    Normalised,
    build_events,
    integers,
    raw_texts,
    texts,
)
from export_assets.systems.leadville.event_texts import meanings_of
from export_assets.systems.leadville.local_time import read_logger_times

_TYPES: Final = frozenset({"status", "string", "stringsummary"})


class EventNdjson(Dialect):
    """`<prefix>_main_<day>.ndjson`.

    The time is that of `datetime`, as in the CSV, so that both twins give the same events;
    `timestamp_iso`, microseconds later, stands in where it is missing and stays in `raw`.
    """

    name = "event_ndjson"

    @property
    def judge(self) -> Judge:
        """What tells its records from other lines."""
        return partial(judge_lines, columns=True)

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
        times, moments = _moments(records, clock)
        return build_events(
            batch,
            dialect=self.name,
            moments=moments,
            columns={
                **meanings_of(kinds, details),
                "device": devices,
                "device_id": ids,
                "device_position": positions,
                "details": details,
                "seq": integers(records, "seq"),
            },
            contents=(times, kinds, devices, ids, positions, details),
            raw=raw_texts(batch),
            time_texts=times,
        )


def _moments(records: Sequence[Any], clock: LocalTime) -> tuple[pl.Series, Moments]:
    """Return the time of each record as it is written, and as an instant."""
    times = texts(records, "datetime")
    moments = read_logger_times(times, clock)
    unread = [
        row
        for row in moments.instants.is_null().arg_true().to_list()
        if moments.refused.get(row, "time") == "time"
    ]
    if not unread:
        return times, moments
    iso = texts(records, "timestamp_iso").gather(unread)
    late = read_iso_times(iso, clock)
    refused = {row: why for row, why in moments.refused.items() if row not in set(unread)}
    refused |= {unread[place]: why for place, why in late.refused.items()}
    written = iso.zip_with(late.instants.is_not_null(), times.gather(unread))
    return (
        times.scatter(unread, written),
        Moments(instants=moments.instants.scatter(unread, late.instants), refused=refused),
    )
