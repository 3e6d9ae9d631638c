"""Dialect D: the timer's own record as JSONL, and its SQLite twin.

Impacts are not in it: they are unknown, not none.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from export_assets.sources.logs.moments import LocalTime, read_iso_times
from export_assets.sources.logs.reading import Batch
from export_assets.systems.leadville.dialects.base import (
    Dialect,
    Normalised,
    build_events,
    floats,
    integers,
    raw_objects,
    raw_texts,
    texts,
)
from export_assets.systems.leadville.event_texts import timer_type
from export_assets.systems.leadville.model import DialectName

_NUMBERS: Final = ("current_time", "split_time")
_PLAIN: Final = (
    "device_id",
    "event_type",
    "shot_state",
    "current_shot",
    "total_shots",
    "event_detail",
    "raw_hex",
    "session_id",
)
SQLITE_TABLE: Final = "timer_events"
SQLITE_COLUMNS: Final = ("id", "timestamp", *_PLAIN, *_NUMBERS, "created_at")
SQLITE_NEEDED: Final = ("id", "timestamp", "event_type")
"""Columns without which rows of the table are no events."""


class TimerJsonl(Dialect):
    """`timer_events_backup.jsonl`."""

    name = "timer_jsonl"

    def recognises(self, line: bytes, record: Mapping[str, Any] | None) -> bool:  # noqa: ARG002 - of the seam
        """Tell objects with a timestamp, an event type and one of the timer's own keys."""
        if record is None or "timestamp" not in record or "event_type" not in record:
            return False
        return any(key in record for key in ("raw_hex", "shot_state", "session_id", "device_id"))

    def normalise(self, batch: Batch, clock: LocalTime) -> Normalised:
        """Turn objects into events."""
        return _normalise(batch, clock, dialect=self.name, raw=raw_texts(batch))


def normalise_sqlite_rows(batch: Batch, clock: LocalTime) -> Normalised:
    """Turn rows of the table `timer_events`, given as objects by column, into events.

    *batch* has the rows' ids as offsets and numbers, and no lines.
    """
    return _normalise(batch, clock, dialect="timer_sqlite", raw=raw_objects(batch.records))


def _normalise(
    batch: Batch, clock: LocalTime, *, dialect: DialectName, raw: pl.Series | Sequence[str]
) -> Normalised:
    records = batch.records
    times, types = texts(records, "timestamp"), texts(records, "event_type")
    moments = read_iso_times(times, clock)
    return build_events(
        batch,
        dialect=dialect,
        moments=moments,
        columns={
            "event_type": [timer_type(name) for name in types.to_list()],
            "device": ["Timer"] * len(batch),
            "device_id": texts(records, "device_id"),
            "details": texts(records, "event_detail"),
            "shot_number": _shot_numbers(records, types.to_list()),
            "split_seconds": floats(records, "split_time"),
            "elapsed_seconds": floats(records, "current_time"),
            "session_id": texts(records, "session_id"),
        },
        contents=_contents(records, moments.instants),
        raw=raw,
        time_texts=times,
    )


def _shot_numbers(
    records: Sequence[Mapping[str, Any]], types: Sequence[str | None]
) -> list[int | None]:
    numbers = integers(records, "current_shot")
    return [
        number if kind == "shot_detected" else None
        for number, kind in zip(numbers, types, strict=True)
    ]


def _contents(records: Sequence[Mapping[str, Any]], instants: pl.Series) -> list[pl.Series]:
    # SQLite holds 2 as 2.0 in a column of reals, and may write the time in another form.
    numbers = (pl.Series([str(one) for one in floats(records, key)]) for key in _NUMBERS)
    return [
        instants.dt.epoch("us").cast(pl.String),
        *(texts(records, key) for key in _PLAIN),
        *numbers,
    ]
