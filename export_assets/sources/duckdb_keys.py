"""Rows by their keys in DuckDB: `Scan.among` as a condition and the values bound to it."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from export_assets.sources.base import KeySet
from export_assets.sources.sql import all_of, any_of, quote

_WALL_CLOCKS = frozenset({"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"})


def key_filter(keys: KeySet, declared: Mapping[str, str]) -> str:
    """Return the condition that a row has one of *keys*, their values to be bound in order.

    A value that is none of its column's type is no key of any row.
    """
    if not keys.values:
        return "false"
    casts = [f"try_cast(? as {declared[column]})" for column in keys.columns]
    if len(casts) == 1:
        return f"{quote(keys.columns[0])} in ({', '.join(casts * len(keys.values))})"
    same = all_of(
        [f"{quote(column)} = {cast}" for column, cast in zip(keys.columns, casts, strict=True)]
    )
    return any_of([same] * len(keys.values))


def key_values(keys: KeySet, declared: Mapping[str, str], zone: str) -> list[object]:
    """Return what to bind to `key_filter`: instants as the wall clock that the column holds."""
    naive = [declared[column] in _WALL_CLOCKS for column in keys.columns]
    clock = ZoneInfo(zone)
    return [
        value.astimezone(clock).replace(tzinfo=None)
        if wall and isinstance(value, datetime) and value.tzinfo is not None
        else value
        for key in keys.values
        for value, wall in zip(key, naive, strict=True)
    ]
