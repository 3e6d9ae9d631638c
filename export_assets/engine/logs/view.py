"""The published segments of a source as they were at one moment, read in stretches of time."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Final

import polars as pl

from export_assets.engine.ingest.segments import SEGMENTS, TIME, Segment
from export_assets.errors import IntegrityError
from export_assets.store.contents import ColumnRecord
from export_assets.store.hashing import hash_file
from export_assets.store.manifest import SegmentRecord
from export_assets.tables.partitions import Window

CHUNK_ROWS: Final = 32_768
"""Rows of segments that are held at once, about."""

_DAY = timedelta(days=1)
_SHORT_SPAN = 40
"""Days of a segment that are taken to have rows without a look."""


@dataclass(frozen=True, kw_only=True)
class SegmentFiles:
    """One segment and its files, which stay as they are whatever is published meanwhile."""

    record: SegmentRecord
    parts: tuple[Path, ...]
    quarantine: Path | None
    rows: int
    refused: int
    """Lines in quarantine."""
    version: str
    first: datetime | None
    """Time of its earliest row; None where it has no rows."""
    last: datetime | None
    hashes: Mapping[Path, str]
    """SHA-256 of each file."""

    @property
    def stamp(self) -> int:
        """A number for its rows, the same whenever and wherever they are made again."""
        own = self.record
        text = f"{own.identity}:{own.start}:{own.end}:{own.prefix}:{own.file}:{self.version}"
        return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "little")

    def overlaps(self, window: Window) -> bool:
        """Whether it may have rows of *window*."""
        if self.first is None or self.last is None:
            return False
        early = window.end is not None and self.first >= window.end
        late = window.start is not None and self.last < window.start
        return not early and not late


def files_of(segment: Segment, at: Mapping[str, Path]) -> SegmentFiles:
    """Return the files of *segment*, each of which lies where *at* says."""
    manifest, record = segment.manifest, segment.record
    times = next((column for column in manifest.columns if column.name == TIME), None)
    return SegmentFiles(
        record=record,
        parts=tuple(at[part.path] for part in manifest.files),
        quarantine=at[record.quarantine.path] if record.quarantine else None,
        rows=manifest.rows,
        refused=record.quarantine.rows if record.quarantine else 0,
        version=manifest.config_hash,
        first=_bound(times, "min"),
        last=_bound(times, "max"),
        hashes={at[one.path]: one.sha256 for one in manifest.listed},
    )


def files_in_place(segment: Segment) -> SegmentFiles:
    """Return the files of *segment* where it is published, and may be replaced."""
    return files_of(segment, {one.path: segment.path / one.path for one in segment.manifest.listed})


def _bound(column: ColumnRecord | None, end: str) -> datetime | None:
    text = getattr(column, end) if column is not None else None
    return datetime.fromisoformat(text) if isinstance(text, str) else None


@dataclass(frozen=True)
class SegmentView:
    """All segments of one source at one moment."""

    segments: tuple[SegmentFiles, ...]
    _proven: set[Path] = field(default_factory=set, compare=False, repr=False)
    """Files that were found to be what their manifests say."""

    @property
    def rows(self) -> int:
        """Rows of all segments."""
        return sum(segment.rows for segment in self.segments)

    @property
    def refused(self) -> int:
        """Lines in quarantine."""
        return sum(segment.refused for segment in self.segments)

    @cached_property
    def stamp(self) -> str:
        """A stamp of all there is."""
        total = sum(segment.stamp for segment in self.segments) % 2**64
        return f"{total:016x}"

    @cached_property
    def day_stamps(self) -> Mapping[date, int]:
        """By day in UTC, a number that changes with the segments that may have rows of it."""
        found: dict[date, int] = {}
        for segment in self.segments:
            stamp = segment.stamp
            for day in self._days_of(segment):
                found[day] = (found.get(day, 0) + stamp) % 2**64
        return found

    def _days_of(self, segment: SegmentFiles) -> Iterable[date]:
        """Return the days that a segment may have rows of: all of a short span, else its own."""
        if segment.first is None or segment.last is None:
            return ()
        first, last = segment.first.toordinal(), segment.last.toordinal()
        if last - first <= _SHORT_SPAN:
            return map(date.fromordinal, range(first, last + 1))
        # One line with a clock gone wrong must not make a thousand years of days.
        self.prove(segment, segment.parts)
        rows = pl.scan_parquet(list(segment.parts), hive_partitioning=False, glob=False)
        days = rows.select(pl.col(TIME).dt.date().unique()).collect(engine="streaming")
        return days[TIME].to_list()

    def scan(self, window: Window, columns: Sequence[str]) -> pl.LazyFrame | None:
        """Return *columns* of the rows of *window* in no order; None where there are none."""
        concerned = [segment for segment in self.segments if segment.overlaps(window)]
        parts = [part for segment in concerned for part in segment.parts]
        if not parts:
            return None
        for segment in concerned:
            self.prove(segment, segment.parts)
        rows = pl.scan_parquet(
            parts, hive_partitioning=False, glob=False, missing_columns="insert",
            extra_columns="ignore", low_memory=True,
        )  # fmt: skip
        time = pl.col(TIME)
        if window.start is not None and any(_starts_before(one, window) for one in concerned):
            rows = rows.filter(time >= window.start)
        if window.end is not None and any(_ends_after(one, window) for one in concerned):
            rows = rows.filter(time < window.end)
        return rows.select(columns)

    def prove(self, segment: SegmentFiles, files: Iterable[Path]) -> None:
        """Compare *files* of a segment with its manifest, once: rotten bytes may decode to rows.

        Raises:
            IntegrityError: One is damaged.
        """
        for path in files:
            if path in self._proven:
                continue
            if hash_file(path)[1] != segment.hashes[path]:
                own = segment.record
                msg = f"{SEGMENTS}/{own.identity}-{own.start} ({own.file}): {path.name} is not what"
                msg += " its manifest says; `repair` reads the log again where it is still there"
                raise IntegrityError(msg)
            self._proven.add(path)

    def read(self, window: Window, columns: Sequence[str]) -> pl.DataFrame | None:
        """Return *columns* of the rows of *window* in no order; None where there are none."""
        rows = self.scan(window, columns)
        found = None if rows is None else rows.collect()
        return None if found is None or found.is_empty() else found

    def count(self, window: Window) -> int:
        """Count the rows of *window*, by their times alone."""
        rows = self.scan(window, [TIME])
        return 0 if rows is None else int(rows.select(pl.len()).collect(engine="streaming").item())

    def chunks(self, window: Window, *, rows: int = CHUNK_ROWS) -> Iterator[Window]:
        """Cut *window* into stretches with about *rows* rows of segments each, in order of time.

        A minute is never cut.
        """
        concerned = [segment for segment in self.segments if segment.overlaps(window)]
        if not concerned:
            return
        if sum(segment.rows for segment in concerned) <= rows:
            yield window
            return
        minutes = self.minutes(window)
        start, held = window.start, 0
        for minute, count in zip(minutes["minute"], minutes["rows"], strict=True):
            if held and held + count > rows:
                yield Window(start=start, end=minute)
                start, held = minute, 0
            held += count
        yield Window(start=start, end=window.end)

    def minutes(self, window: Window, among: pl.Expr | None = None) -> pl.DataFrame:
        """Count the rows by minute, those that are *among* alone: `minute`, `rows`, in order."""
        empty = pl.Schema({"minute": pl.Datetime("us", "UTC"), "rows": pl.Int64()})
        needed = sorted({TIME, *(among.meta.root_names() if among is not None else ())})
        rows = self.scan(window, needed)
        if rows is None:
            return pl.DataFrame(schema=empty)
        if among is not None:
            rows = rows.filter(among)
        minute = pl.col(TIME).dt.truncate("1m").alias("minute")
        counted = rows.group_by(minute).agg(pl.len().cast(pl.Int64).alias("rows"))
        return counted.sort("minute").collect(engine="streaming")


def _starts_before(segment: SegmentFiles, window: Window) -> bool:
    return segment.first is None or window.start is None or segment.first < window.start


def _ends_after(segment: SegmentFiles, window: Window) -> bool:
    return segment.last is None or window.end is None or segment.last >= window.end
