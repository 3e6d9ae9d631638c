"""Dialect A: the event logger's CSV, local time to the centisecond."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from export_assets.sources.logs.csv_judge import csv_fields, csv_judge
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


class EventCsv(Dialect):
    """`<prefix>_main_<day>.csv`, with or without its header: rotation may have taken it."""

    name = "event_csv"

    @property
    def judge(self) -> Judge:
        """What tells its records from other lines."""
        return csv_judge(HEADER)

    def recognises(self, line: bytes, record: Mapping[str, Any] | None) -> bool:
        """Tell the header, and lines of six fields that begin with the logger's time."""
        fields = csv_fields(line) if record is None else None
        if fields is None or len(fields) != len(HEADER):
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
