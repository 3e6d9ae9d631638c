"""The pump's clock: seconds since 2008 on a wall that does not know its zone, as UTC instants."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl
from numpy.typing import NDArray

from export_assets.errors import ConfigError

PUMP_EPOCH: Final = 1_199_145_600
"""2008-01-01 00:00, counted in seconds since 1970 as if the wall clock were UTC."""

DEFAULT_PUMP_TIMEZONE: Final = "America/Los_Angeles"


@dataclass(frozen=True, kw_only=True, eq=False)
class Instants:
    """Wall-clock readings as instants."""

    utc_seconds: NDArray[np.int64]
    """Since 1970-01-01 UTC."""
    wall_seconds: NDArray[np.int64]
    """The readings themselves, counted as if the wall clock were UTC."""
    ambiguous: int
    """Readings in an hour the clock showed twice; the first occurrence is taken."""
    nonexistent: int
    """Readings in an hour the clock skipped; the offset before the skip is taken."""

    def iso(self) -> list[str]:
        """Return ISO 8601 with the zone's offset: `2024-01-15T10:00:00-08:00`."""
        wall = np.datetime_as_string(self.wall_seconds.astype("datetime64[s]")).tolist()
        offsets = (self.wall_seconds - self.utc_seconds) // 60
        known = {minutes: _offset(minutes) for minutes in np.unique(offsets).tolist()}
        return [text + known[minutes] for text, minutes in zip(wall, offsets.tolist(), strict=True)]


def _offset(minutes: int) -> str:
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"


def zone_of(name: str) -> ZoneInfo:
    """Return the zone called *name*.

    Raises:
        ConfigError: There is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = f"time zone {name!r}: unknown"
        raise ConfigError(msg) from error


def instants_of(seconds: NDArray[np.uint32], *, pump_timezone: str) -> Instants:
    """Read pump clock *seconds* in *pump_timezone*, independently of the host's zone.

    Raises:
        ConfigError: There is no such zone.
    """
    zone = zone_of(pump_timezone)
    wall = seconds.astype(np.int64) + PUMP_EPOCH
    naive = pl.Series(wall).cast(pl.Int64) * 1_000
    naive = naive.cast(pl.Datetime("ms"))
    first = naive.dt.replace_time_zone(zone.key, ambiguous="earliest", non_existent="null")
    last = naive.dt.replace_time_zone(zone.key, ambiguous="latest", non_existent="null")
    utc = first.dt.epoch("s").fill_null(0).to_numpy().copy()
    skipped = np.flatnonzero(first.is_null().to_numpy())
    for row in skipped.tolist():
        utc[row] = _instant_in_gap(int(wall[row]), zone)
    return Instants(
        utc_seconds=utc,
        wall_seconds=wall,
        ambiguous=int((first != last).sum()),
        nonexistent=len(skipped),
    )


def _instant_in_gap(wall: int, zone: ZoneInfo) -> int:
    # fold=0 in a gap is the offset before it: 02:30 becomes what 02:30 would have been.
    reading = datetime.fromtimestamp(wall, UTC).replace(tzinfo=zone, fold=0)
    return int(reading.timestamp())
