"""Dialect B: the event logger's NDJSON, twin of its CSV."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import polars as pl

from export_assets.sources.logs.judge import judge_lines
from export_assets.sources.logs.moments import Fold, LocalTime, Moments, read_iso_times
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
from export_assets.tables.temporal import read_naive

_TYPES: Final = frozenset({"status", "string", "stringsummary"})
_READINGS: Final[tuple[Fold, Fold]] = ("earliest", "latest")
_SECOND: Final = " (second)"
# In microseconds. Clocks are changed by half an hour at least; the two times of a line are written
# within moments.
_NEAR: Final = 10 * 60 * 1_000_000


class EventNdjson(Dialect):
    """`<prefix>_main_<day>.ndjson`.

    The time is that of `datetime`, as in the CSV, so that both twins give the same events;
    `timestamp_iso`, microseconds later, stands in where it is missing and stays in `raw`. Where
    the clock showed a time twice, a `timestamp_iso` with an offset says which it was.
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
    """Return the time of each record as it is written, and as an instant.

    Where the clock showed a time twice, the text of the second is marked: it is another time.
    """
    times = texts(records, "datetime")
    moments = read_logger_times(times, clock)
    empty = moments.instants.is_null().arg_true().to_list()
    if not empty:
        return times, moments
    unread = [row for row in empty if moments.refused.get(row, "time") == "time"]
    odd = [row for row in empty if moments.refused.get(row, "time") != "time"]
    iso = texts(records, "timestamp_iso")
    times, moments = _by_iso(times, moments, iso, unread, clock=clock)
    return _by_offset(times, moments, iso, odd, clock=clock)


def _by_iso(
    times: pl.Series, moments: Moments, iso: pl.Series, rows: list[int], *, clock: LocalTime
) -> tuple[pl.Series, Moments]:
    """Take the time of *rows*, whose own is none, from *iso*."""
    iso = iso.gather(rows)
    late = read_iso_times(iso, clock)
    refused = {row: why for row, why in moments.refused.items() if row not in set(rows)}
    refused |= {rows[place]: why for place, why in late.refused.items()}
    written = iso.zip_with(late.instants.is_not_null(), times.gather(rows))
    return (
        times.scatter(rows, written),
        Moments(instants=moments.instants.scatter(rows, late.instants), refused=refused),
    )


def _by_offset(
    times: pl.Series, moments: Moments, iso: pl.Series, rows: list[int], *, clock: LocalTime
) -> tuple[pl.Series, Moments]:
    """Read the time of *rows*, in an hour when clocks are changed, as *iso* with an offset says.

    It stays that of the logger, in hundredths. A reading without an offset says nothing new, and
    one far from any that the time can mean contradicts it.
    """
    iso, own = iso.gather(rows), times.gather(rows)
    said = read_iso_times(iso, clock).instants
    said = said.set(read_naive(iso)[0].is_not_null(), None)
    first, second = (
        read_logger_times(own, replace(clock, fold=fold, gap="later")).instants
        for fold in _READINGS
    )
    is_first, is_second = (
        ((said - one).dt.total_microseconds().abs() < _NEAR).fill_null(value=False)
        for one in (first, second)
    )
    later = is_second & ~is_first
    settled = first.zip_with(is_first, second.set(~later, None))
    instants = moments.instants.scatter(rows, settled)
    marked = own.zip_with(~later, own + _SECOND)
    left = instants.is_null()
    refused = {row: why for row, why in moments.refused.items() if left[row]}
    return times.scatter(rows, marked), Moments(instants=instants, refused=refused)
