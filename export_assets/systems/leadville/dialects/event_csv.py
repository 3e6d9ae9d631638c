"""Dialect A: the event logger's CSV, local time to the centisecond.

The logger does not put details into quotes, and some hold a comma: `Timer Start Button pressed,
Random countdown: 2.25s`. As details come last, what follows the sixth field is theirs, comma and
all, wherever the first field is a time of the logger.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from export_assets.sources.logs.csv_judge import csv_fields, csv_judge
from export_assets.sources.logs.judge import Judged
from export_assets.sources.logs.moments import LocalTime
from export_assets.sources.logs.reading import Batch, Judge
from export_assets.systems.leadville.dialects.base import (
    Dialect,
    Normalised,
    build_events,
    raw_objects,
    without_empty,
)
from export_assets.systems.leadville.event_texts import meanings_of
from export_assets.systems.leadville.local_time import read_logger_times, read_logger_wall

HEADER: Final = ("Datetime", "Type", "Device", "DeviceID", "DevicePosition", "Details")
_DETAILS: Final = HEADER.index("Details")
_SIX_FIELDS: Final = csv_judge(HEADER)


class EventCsv(Dialect):
    """`<prefix>_main_<day>.csv`, with or without its header: rotation may have taken it."""

    name = "event_csv"
    of_objects = False

    @property
    def judge(self) -> Judge:
        """What tells its records from other lines."""
        return _judge

    def recognises(self, line: bytes, record: Mapping[str, Any] | None) -> bool:
        """Tell the header, and lines of six fields or more that begin with the logger's time."""
        fields = csv_fields(line) if record is None else None
        if fields is None or len(fields) < len(HEADER):
            return False
        return tuple(fields) == HEADER or read_logger_wall(pl.Series(fields[:1]))[0] is not None

    def normalise(self, batch: Batch, clock: LocalTime) -> Normalised:
        """Turn rows into events."""
        rows: Sequence[Sequence[str]] = batch.records
        times, kinds, devices, ids, positions, details = (
            pl.Series(column, dtype=pl.String) for column in zip(*rows, strict=True)
        )
        return build_events(
            batch,
            dialect=self.name,
            moments=read_logger_times(times, clock),
            columns={
                **meanings_of(kinds, details),
                "device": without_empty(devices),
                "device_id": without_empty(ids),
                "device_position": without_empty(positions),
                "details": without_empty(details),
            },
            contents=(times, kinds, devices, ids, positions, details),
            raw=raw_objects([dict(zip(HEADER, row, strict=True)) for row in rows]),
            time_texts=times,
        )


def _judge(lines: Sequence[bytes]) -> Judged:
    """Judge *lines* by the header, details with commas taken together."""
    judged = _SIX_FIELDS(lines)
    longer = {
        one.index: fields
        for one in judged.rejected
        if one.reason == "columns" and (fields := csv_fields(lines[one.index]))
        if len(fields) > len(HEADER)
    }
    if not longer:
        return judged
    times = read_logger_wall(pl.Series([fields[0] for fields in longer.values()]))
    joined = {
        index: [*fields[:_DETAILS], ",".join(fields[_DETAILS:])]
        for (index, fields), time in zip(longer.items(), times, strict=True)
        if time is not None
    }
    records = dict(zip(judged.kept, judged.records, strict=True)) | joined
    judged.kept = sorted(records)
    judged.records = [records[index] for index in judged.kept]
    judged.rejected = [one for one in judged.rejected if one.index not in joined]
    return judged
