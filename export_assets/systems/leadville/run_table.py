"""The table `runs`, made of events stretch by stretch: cut where nothing happened for long."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import polars as pl

from export_assets.engine.logs.kind import LogTable
from export_assets.engine.logs.view import SegmentView
from export_assets.systems.leadville.event_table import read_events_once
from export_assets.systems.leadville.model import EVENTS, FAMILY_OF, RUNS, Family
from export_assets.systems.leadville.run_lanes import NEEDED, matters
from export_assets.systems.leadville.runs import RunReport, Runs, aggregate_runs
from export_assets.tables.partitions import Window
from export_assets.tables.schema import TableSchema

STRETCH_EVENTS: Final = 300_000
"""Events that are aggregated at once, about; more where they follow each other without a pause."""

_MINUTE = timedelta(minutes=1)
_LAST_MINUTE = datetime.max.replace(tzinfo=UTC) - _MINUTE


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Time between two pauses that no run lasts across."""

    start: datetime
    end: datetime
    events: int

    @property
    def window(self) -> Window:
        """The same as a window."""
        return Window(start=self.start, end=self.end)

    def overlaps(self, window: Window) -> bool:
        """Whether runs of it may start in *window*."""
        early = window.end is not None and self.start >= window.end
        late = window.start is not None and self.end <= window.start
        return not early and not late


@dataclass(frozen=True, kw_only=True)
class StretchOfRuns:
    """The runs of one stretch, with the events they were made of."""

    runs: Runs
    events: pl.DataFrame


class RunTable(LogTable):
    """Runs of all segments."""

    name = RUNS.name
    time_column = "start_time"
    depends_on = (EVENTS.name,)

    def __init__(self, idle_timeout: timedelta) -> None:
        self._idle_timeout = idle_timeout
        self._reports: dict[datetime, RunReport] = {}

    def schema(self, view: SegmentView) -> TableSchema:
        """Return the columns of runs."""
        del view
        return RUNS

    def declared(self) -> TableSchema:
        """Return the columns of runs."""
        return RUNS

    def frames(
        self, view: SegmentView, window: Window, columns: Sequence[str]
    ) -> Iterator[pl.DataFrame]:
        """Yield the runs that start in *window*."""
        del columns
        for found in self.stretches(view, window):
            runs = found.runs.frame
            if window.start is not None:
                runs = runs.filter(pl.col("start_time") >= window.start)
            if window.end is not None:
                runs = runs.filter(pl.col("start_time") < window.end)
            if runs.height:
                yield runs

    def stretches(self, view: SegmentView, window: Window) -> Iterator[StretchOfRuns]:
        """Yield the runs of every stretch that may have runs of *window*, in order of time."""
        ends = ends_of_logs(view)
        for stretch in self.cut(view):
            if not stretch.overlaps(window):
                continue
            events = read_events_once(view, stretch.window, NEEDED)
            if events is None:
                continue
            runs = aggregate_runs(events, idle_timeout=self._idle_timeout, as_of=ends)
            self._reports[stretch.start] = runs.report
            yield StretchOfRuns(runs=runs, events=events)

    def cut(self, view: SegmentView) -> list[Stretch]:
        """Cut all time at pauses longer than any run can bear, into stretches of some size."""
        minutes = view.minutes(Window(), matters())
        found: list[Stretch] = []
        for minute, events in zip(minutes["minute"], minutes["rows"], strict=True):
            last = found[-1] if found else None
            pause = last is None or minute - last.end > self._idle_timeout
            if last is None or (pause and last.events + events > STRETCH_EVENTS):
                found.append(Stretch(start=minute, end=_after(minute), events=events))
            else:
                found[-1] = Stretch(
                    start=last.start, end=_after(minute), events=last.events + events
                )
        return found

    def stamps(self, view: SegmentView) -> Mapping[date, int]:
        """Return, by day, a number for all days that runs of it are made of."""
        days = view.day_stamps
        ends = ends_of_logs(view)
        found: dict[date, int] = {}
        for start, end in self._busy(view):
            span = list(_days(start, end))
            open_until = [at for at in ends.values() if at - end <= self._idle_timeout]
            told = repr(([days.get(day, 0) for day in span], open_until))
            number = int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "little")
            for day in span:
                found[day] = (found.get(day, 0) + number) % 2**64
        return found

    def figures(self) -> Mapping[str, int]:
        """Count what the rows do not tell; nothing where no runs were made."""
        return self._told().figures if self._reports else {}

    def notes(self) -> Sequence[str]:
        """Say what the rows do not."""
        return self._told().told()

    def _told(self) -> RunReport:
        total = RunReport()
        for report in self._reports.values():
            total.take(report)
        return total

    def _busy(self, view: SegmentView) -> Iterator[tuple[datetime, datetime]]:
        """Yield the stretches between any two pauses."""
        minutes = view.minutes(Window(), matters())["minute"].to_list()
        start = before = None
        for minute in minutes:
            if start is None or before is None:
                start = minute
            elif minute - before > self._idle_timeout:
                yield start, before
                start = minute
            before = _after(minute)
        if start is not None and before is not None:
            yield start, before


def ends_of_logs(view: SegmentView) -> dict[Family, datetime]:
    """Return when each family logged last, of whatever it logs."""
    rows = view.scan(Window(), ["dialect", "occurred_at"])
    if rows is None:
        return {}
    last = rows.group_by("dialect").agg(pl.col("occurred_at").max()).collect(engine="streaming")
    found: dict[Family, datetime] = {}
    for dialect, moment in last.iter_rows():
        family = FAMILY_OF[dialect]
        found[family] = max(found.get(family, moment), moment)
    return found


def _after(minute: datetime) -> datetime:
    """Return the minute after *minute*, or the end of the calendar."""
    return min(minute, _LAST_MINUTE) + _MINUTE


def _days(start: datetime, end: datetime) -> Iterator[date]:
    last = (end - timedelta(microseconds=1)).toordinal()
    return map(date.fromordinal, range(start.toordinal(), last + 1))
