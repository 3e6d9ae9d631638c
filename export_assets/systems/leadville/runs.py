"""Runs out of events, without a loop over them: every rule is a cumulative sum over sorted rows.

A lane's events are cut into stretches: at each start that follows something else, and wherever
nothing happened for longer than the idle timeout. A stretch that begins with a start is a run, up
to its first stop or summary; what is outside is counted as orphaned.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from export_assets.systems.leadville.model import RUNS, Family
from export_assets.systems.leadville.run_lanes import (
    ACTIVITY,
    SIGN,
    START,
    STOP,
    SUMMARY,
    lanes_of,
)
from export_assets.systems.leadville.run_rows import finish_runs

IDLE_TIMEOUT: Final = timedelta(seconds=300)

_SHOT, _IMPACT = "shot_detected", "impact_detected"
_FIRST: Final = ("run", "lane_name", "logger", "closed_before", "event_id", "session_id")
"""What the first row of a stretch says for all of it."""
_BOUNDARY = 9  # a kind of its own: a stretch begins here without a start


@dataclass(kw_only=True)
class RunReport:
    """What is to be told about the runs besides their rows."""

    orphan_shots: int = 0
    """Shots outside any run."""
    orphan_impacts: int = 0
    orphan_summaries: int = 0
    duplicate_events: int = 0
    """Repeats of an event that were not counted again."""
    more_impacts_than_shots: list[str] = field(default_factory=list)
    """Runs with a correlation rate above 1."""
    summary_mismatches: list[str] = field(default_factory=list)
    """Runs whose summary counts otherwise than we."""
    frame_mismatches: list[str] = field(default_factory=list)
    """Runs whose timer numbered more or fewer shots than were counted."""

    def take(self, other: "RunReport") -> None:
        """Add what is to be told of other runs."""
        self.orphan_shots += other.orphan_shots
        self.orphan_impacts += other.orphan_impacts
        self.orphan_summaries += other.orphan_summaries
        self.duplicate_events += other.duplicate_events
        self.more_impacts_than_shots += other.more_impacts_than_shots
        self.summary_mismatches += other.summary_mismatches
        self.frame_mismatches += other.frame_mismatches

    @property
    def figures(self) -> dict[str, int]:
        """Return all of it as counts."""
        return {
            "orphan_shots": self.orphan_shots,
            "orphan_impacts": self.orphan_impacts,
            "orphan_summaries": self.orphan_summaries,
            "duplicate_events": self.duplicate_events,
            "more_impacts_than_shots": len(self.more_impacts_than_shots),
            "summary_mismatches": len(self.summary_mismatches),
            "frame_mismatches": len(self.frame_mismatches),
        }

    def told(self) -> list[str]:
        """Say each of it in a line, where there is anything to say."""
        facts = (
            (self.orphan_shots, "shots outside any run"),
            (self.orphan_impacts, "impacts outside any run"),
            (self.orphan_summaries, "summaries of no run"),
            (self.duplicate_events, "repeated events counted once"),
            (len(self.more_impacts_than_shots), "runs with more impacts than shots"),
            (len(self.summary_mismatches), "runs whose summary counts otherwise"),
            (len(self.frame_mismatches), "runs of which the timer numbers other shots"),
        )
        return [f"runs: {count:,} {what}" for count, what in facts if count]

    def add(self, runs: pl.DataFrame) -> None:
        """Note the runs that are to be looked at."""
        rate, frames = pl.col("correlation_success_rate"), pl.col("numbered_shots")
        for noted, odd in (
            (self.more_impacts_than_shots, rate > 1),
            (self.summary_mismatches, pl.col("summary_mismatch")),
            (self.frame_mismatches, frames != pl.col("shots_detected")),
        ):
            noted.extend(runs.filter(odd)["run_id"].to_list())


@dataclass(frozen=True, kw_only=True)
class Runs:
    """The runs of some events."""

    frame: pl.DataFrame
    """Of the schema `RUNS`, in order of start."""
    report: RunReport


def aggregate_runs(
    events: pl.DataFrame | pl.LazyFrame,
    *,
    idle_timeout: timedelta = IDLE_TIMEOUT,
    as_of: Mapping[Family, datetime] | None = None,
) -> Runs:
    """Aggregate *events*, in whatever order they come, into runs.

    Args:
        events: Rows of the table `events`; twins may both be there.
        idle_timeout: An open run ends when nothing happened for longer than this.
        as_of: The end of the logs by family, for runs still open; that of the last event of the
            family where it is not said.
    """
    report = RunReport()
    frames = [pl.DataFrame(schema=RUNS.polars)]
    for lanes in lanes_of(events.lazy(), idle_timeout=idle_timeout):
        report.duplicate_events += int(lanes.events["copies"].sum())
        rows = _cut(lanes.events, idle_timeout)
        stretches = _gather(rows, lanes.family)
        end = (as_of or {}).get(lanes.family, lanes.end_of_logs)
        closed = _close(stretches, idle_timeout, end)
        runs = finish_runs(closed, rows, family=lanes.family)
        report.add(runs)
        _count_orphans(rows, stretches, report)
        frames.append(runs.select(RUNS.names))
    frame = pl.concat(frames).sort("start_time", "run_id")
    return Runs(frame=frame, report=report)


def _cut(events: pl.DataFrame, idle_timeout: timedelta) -> pl.DataFrame:
    """Number the stretches, and tell which rows belong to the run that a stretch may be.

    Adds `stretch` (from 0), `closed_before` (what ended the stretch before: `lane`, `idle` or
    `start`, only where a stretch begins), `ended` (there was a stop or a summary in the stretch
    before this row or at it), `run` (the stretch begins with a start), `belongs` (the
    row is of that run).
    """
    role, lane, time = pl.col("role"), pl.col("lane"), pl.col("occurred_at")
    other_lane = (lane != lane.shift(1)).fill_null(value=True)
    idle = (time - time.shift(1) > idle_timeout).fill_null(value=False)
    rows = events.with_columns(_other_lane=other_lane, _boundary=other_lane | idle)
    boundary = pl.col("_boundary")
    # Signs of life do not come between the start signals of one string.
    spoken = pl.when(role != SIGN).then(role).when(boundary).then(pl.lit(_BOUNDARY, pl.Int8))
    before = spoken.shift(1).forward_fill()
    first = boundary | ((role == START) & (before != START))
    rows = rows.with_columns(
        _first=first, _ends=role.is_in([STOP, SUMMARY]).cum_sum(), _sums=(role == SUMMARY).cum_sum()
    )
    heads = rows.filter("_first")
    stretch = rows["_first"].cum_sum().cast(pl.Int64) - 1
    ends_before = heads["_ends"] - heads["role"].is_in([STOP, SUMMARY]).cast(pl.UInt32)
    sums_before = heads["_sums"] - (heads["role"] == SUMMARY).cast(pl.UInt32)
    ends = rows["_ends"] - ends_before.gather(stretch)
    first_sum = (rows["role"] == SUMMARY) & (rows["_sums"] - sums_before.gather(stretch) == 1)
    first_stop = (rows["role"] == STOP) & (ends == 1)
    ended = ends > 0
    run = (heads["role"] == START).gather(stretch)
    return rows.with_columns(
        stretch=stretch,
        closed_before=pl.when(pl.col("_first") & pl.col("_other_lane"))
        .then(pl.lit("lane"))
        .when(pl.col("_first") & boundary)
        .then(pl.lit("idle"))
        .when("_first")
        .then(pl.lit("start")),
        ended=ended,
        run=run,
        belongs=run & (~ended | first_stop | first_sum),
    ).drop("_other_lane", "_boundary", "_first", "_ends", "_sums")


def _gather(rows: pl.DataFrame, family: Family) -> pl.DataFrame:
    """Return one row per stretch, runs and others, in order of lane and time."""
    time, kind, ended = pl.col("occurred_at"), pl.col("event_type"), pl.col("ended")
    shot, impact = (kind == _SHOT) & ~ended, (kind == _IMPACT) & ~ended
    role = pl.col("role")
    gathered = rows.group_by("stretch", maintain_order=True).agg(
        pl.col(_FIRST).first(),
        pl.col("device").first().alias("start_device"),
        pl.col("device_id").first().alias("start_device_id"),
        kind.first().alias("start_type"),
        pl.col("details").first().alias("start_details"),
        time.first().alias("start_time"),
        pl.when(kind == "timer_start_beep").then(time).min().alias("beep_time"),
        pl.when(shot).then(time).max().alias("last_shot_time"),
        pl.when(impact).then(time).max().alias("last_impact_time"),
        pl.when(role == STOP).then(time).min().alias("stop_time"),
        pl.when(role == SUMMARY).then(time).min().alias("summary_time"),
        time.last().alias("last_time"),
        shot.sum().cast(pl.Int64).alias("shots_detected"),
        impact.sum().cast(pl.Int64).alias("impacts_detected"),
        pl.when(~ended).then("shot_number").max().alias("numbered_shots"),
        pl.when("belongs").then("copies").sum().cast(pl.Int64).alias("duplicate_events"),
    )
    if family == "timer":  # which cannot sense impacts
        unknown = pl.lit(None, dtype=pl.Int64)
        gathered = gathered.with_columns(unknown.alias("impacts_detected"))
    return gathered


def _close(stretches: pl.DataFrame, idle_timeout: timedelta, as_of: datetime) -> pl.DataFrame:
    """Say of each run how it ended, and when."""
    stopped, summed = pl.col("stop_time"), pl.col("summary_time")
    following = pl.col("closed_before").shift(-1).fill_null("lane")
    silent = pl.lit(as_of) - pl.col("last_time") > idle_timeout
    reason = (
        pl.when(summed.is_not_null())
        .then(pl.lit("summary"))
        .when(stopped.is_not_null())
        .then(pl.lit("stopped"))
        .when(following == "start")
        .then(pl.lit("superseded"))
        .when((following == "idle") | silent)
        .then(pl.lit("idle"))
    )
    status = (
        pl.when(pl.col("end_reason").is_in(["summary", "stopped"]))
        .then(pl.lit("completed"))
        .when(pl.col("end_reason").is_null())
        .then(pl.lit("active"))
        .otherwise(pl.lit("incomplete"))
    )
    end = pl.when(pl.col("end_reason").is_not_null()).then(
        pl.coalesce("summary_time", "stop_time", "last_time")
    )
    closed = stretches.with_columns(end_reason=reason).with_columns(status=status, end_time=end)
    return closed.filter("run")


def _count_orphans(rows: pl.DataFrame, stretches: pl.DataFrame, report: RunReport) -> None:
    outside = ~pl.col("run") | pl.col("ended")
    kinds = rows.filter(outside & (pl.col("role") == ACTIVITY))["event_type"]
    report.orphan_shots += int((kinds == _SHOT).sum())
    report.orphan_impacts += int((kinds == _IMPACT).sum())
    summaries = int((rows["role"] == SUMMARY).sum())
    taken = stretches.filter(pl.col("run") & pl.col("summary_time").is_not_null()).height
    report.orphan_summaries += summaries - taken
