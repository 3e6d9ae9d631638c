"""How a table is sliced: partition keys, their half-open UTC windows, their directory names."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal

from export_assets.errors import UsageError

Every = Literal["hour", "day", "month", "year"]

ALL = "all"
"""The one partition of an unpartitioned table."""

UNDATED = "__HIVE_DEFAULT_PARTITION__"
"""Rows whose partition column is null: Hive's own name for that partition."""

# The minutes are written and never read: a key names the start of its hour.
KEY_FORMATS: dict[str, str] = {
    "hour": "%Y-%m-%d-%H:00",
    "day": "%Y-%m-%d",
    "month": "%Y-%m",
    "year": "%Y",
}
"""How keys are written, by length of the partitions."""

# A colon in a path is refused or converted by several tools, so only the key carries it.
_DIRECTORY_FORMATS: dict[str, str] = KEY_FORMATS | {"hour": "%Y-%m-%dT%H"}

_KEYS = 16_384
"""Keys to keep, read and written."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """A half-open range of time, `start <= t < end`, aware and in UTC; None is unbounded."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def bounded(self) -> bool:
        """Whether either side is bounded."""
        return self.start is not None or self.end is not None

    def holds(self, other: "Window") -> bool:
        """Whether *other* lies wholly inside."""
        after = self.start is None or (other.start is not None and other.start >= self.start)
        before = self.end is None or (other.end is not None and other.end <= self.end)
        return after and before


@dataclass(frozen=True, kw_only=True)
class TimePartitions:
    """Slices of a table by the hour, day, month or year of one timestamp or date column, in UTC."""

    column: str
    every: Every = "day"
    start: date | None = None
    """First partition offered in Dagster; earlier rows are still exported by the command line."""

    def key_of(self, moment: datetime) -> str:
        """Return the key of the partition that holds *moment* (aware)."""
        return _written(moment.astimezone(UTC), KEY_FORMATS[self.every])

    def window(self, key: str) -> Window:
        """Return the window of *key*.

        Raises:
            UsageError: *key* is no key of these partitions.
        """
        start = self._parse(key)
        return Window(start=start, end=self._next(start))

    def directory(self, key: str) -> str:
        """Return the hive-style directory name of *key*, e.g. `day=2026-02-08`."""
        if key == UNDATED:
            return f"{self.every}={UNDATED}"
        return f"{self.every}={_written(self._parse(key), _DIRECTORY_FORMATS[self.every])}"

    def key_of_directory(self, directory: str) -> str | None:
        """Return the key that `directory` stands for, or None where it is not one of ours."""
        prefix, _, value = directory.partition("=")
        if prefix != self.every:
            return None
        if value == UNDATED:
            return UNDATED
        try:
            moment = _read(value, _DIRECTORY_FORMATS[self.every])
        except ValueError:
            return None
        key = self.key_of(moment)
        return key if self.directory(key) == directory else None

    def keys(self, first: str, last: str) -> Iterator[str]:
        """Yield every key from *first* to *last*, both included."""
        moment: datetime | None
        moment, end = self._parse(first), self._parse(last)
        while moment is not None and moment <= end:
            yield self.key_of(moment)
            moment = self._next(moment)

    def _parse(self, key: str) -> datetime:
        try:
            moment = _read(key, KEY_FORMATS[self.every])
        except ValueError as error:
            msg = f"partition {key!r}: not a key of partitions by {self.every}"
            raise UsageError(msg) from error
        # `2026-2-8` would be a second name of a partition, under which it has no rows.
        if self.key_of(moment) != key:
            msg = f"partition {key!r}: is written {self.key_of(moment)!r}"
            raise UsageError(msg)
        return moment

    def _next(self, start: datetime) -> datetime | None:
        """Return where the next partition starts, None at the end of the calendar."""
        try:
            if self.every == "hour":
                return start + timedelta(hours=1)
            if self.every == "day":
                return start + timedelta(days=1)
            if self.every == "month":
                return (start.replace(day=1) + timedelta(days=32)).replace(day=1)
            return start.replace(year=start.year + 1)
        except (OverflowError, ValueError):
            return None


# A run asks for the same keys over and over: of every format, of paths, windows and manifests.
@lru_cache(_KEYS)
def _read(text: str, form: str) -> datetime:
    return datetime.strptime(text, form).replace(tzinfo=UTC)


@lru_cache(_KEYS)
def _written(moment: datetime, form: str) -> str:
    """Write *moment*; strftime alone leaves out the zeros before the year 1000."""
    return moment.strftime(form.replace("%Y", f"{moment.year:04d}"))


@dataclass(frozen=True, kw_only=True)
class NoPartitions:
    """The whole table is one partition: `all`, or that of the present of `ExportPartitions`."""

    key: str = ALL
    place: str = ALL
    """Name of its directory."""
    window: Window | None = None
    """The time in which an export belongs to it; None for any time."""

    def directory(self, key: str) -> str:
        """Return the directory of *key*.

        Raises:
            UsageError: *key* is that of no partition a run can publish.
        """
        if key == self.key:
            return self.place
        if self.window is None:
            msg = f"partition {key!r}: the table is not partitioned"
        else:
            msg = f"partition {key!r}: is sliced by the time of the export, and what the table was "
            msg += f"like at another time cannot be read; a run now publishes {self.key!r}"
        raise UsageError(msg)

    def key_of_directory(self, directory: str) -> str | None:
        """Return the key where *directory* is its place, else None."""
        return self.key if directory == self.place else None


@dataclass(frozen=True, kw_only=True)
class ExportPartitions(TimePartitions):
    """The whole table once an hour, day, month or year, by the time of the export, in UTC.

    What is published of other times than the present is history: no run replaces it.
    """

    column: str = ""

    def at(self, now: datetime) -> NoPartitions:
        """Return the one partition that a run at *now* (aware) publishes."""
        key = self.key_of(now)
        return NoPartitions(key=key, place=self.directory(key), window=self.window(key))


Partitions = TimePartitions | NoPartitions
