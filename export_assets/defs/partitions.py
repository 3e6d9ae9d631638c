"""Partitions of a table as Dagster's: the same keys, the same windows, in UTC."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal

import dagster as dg

from export_assets.tables.partitions import UNDATED, TimePartitions

_CRON = {"hour": "0 * * * *", "day": "0 0 * * *", "month": "0 0 1 * *", "year": "0 0 1 1 *"}
Place = Literal["offered", "undated", "before", "after"]
"""Where a partition lies, seen from those Dagster offers."""

_KEYS = {"hour": "%Y-%m-%d-%H:%M", "day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}


def build_partitions(partitions: TimePartitions) -> dg.TimeWindowPartitionsDefinition:
    """Return the windows from the one that holds `start` to the one that holds the present.

    The present window is offered although it is not over: people want today's rows, and exporting
    it again later replaces it.
    """
    return dg.TimeWindowPartitionsDefinition(
        start=_first(partitions),
        fmt=_KEYS[partitions.every],
        cron_schedule=_CRON[partitions.every],
        timezone="UTC",
        end_offset=1,
    )


def place_of(partitions: TimePartitions, key: str, *, now: datetime) -> Place:
    """Return whether Dagster offers the partition *key* at the moment *now*, or why not.

    Raises:
        UsageError: *key* is no key of *partitions*.
    """
    if key == UNDATED:
        return "undated"
    start = partitions.window(key).start or now
    if start < _first(partitions):
        return "before"
    return "after" if start > now else "offered"


def _first(partitions: TimePartitions) -> datetime:
    """Return where the first partition starts."""
    start = partitions.start or date(2000, 1, 1)
    midnight = datetime(start.year, start.month, start.day, tzinfo=UTC)
    return partitions.window(partitions.key_of(midnight)).start or midnight


def keys_between(partitions: TimePartitions, start: datetime, end: datetime) -> list[str]:
    """Return the keys of the windows that hold a moment of `start <= t < end`, in order.

    None of them lies before the first partition.
    """
    last = end - timedelta(microseconds=1)
    if partitions.start is not None:
        begin = partitions.start
        start = max(start, datetime(begin.year, begin.month, begin.day, tzinfo=UTC))
    if start > last:
        return []
    return list(partitions.keys(partitions.key_of(start), partitions.key_of(last)))
