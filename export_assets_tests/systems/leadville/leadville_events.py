"""Events made by hand, and runs as a plain state machine finds them: the measure of ours."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from export_assets.sources.logs.moments import LocalTime
from export_assets.systems.leadville.identity import content_ids, number_repeats
from export_assets.systems.leadville.log_events import LogEvents, read_events
from export_assets.systems.leadville.model import EVENTS

TEN = datetime(2025, 9, 14, 10, tzinfo=UTC)
ROLES = {
    "button": ("timer_start_button", "Timer", "Timer Start Button pressed"),
    "beep": ("timer_start_beep", "Timer", "Timer Start Beep"),
    "started": ("timer_started", "Timer", "Timer Started"),
    "shot": ("shot_detected", "Timer", "Shot detected"),
    "impact": ("impact_detected", "Sensor", "Sensor Impact detected"),
    "stop": ("timer_stopped", "Timer", "Timer stop button pressed"),
    "frame": ("status", "Timer", "Timer Active: 1.00s"),
    "status": ("status", "Bridge", "BLE Scanning"),
}
STARTS = ("timer_start_button", "timer_start_beep", "timer_started")


def event(
    word: str,
    at: float,
    *,
    session: str | None = None,
    timer: str | None = "AA:01",
    file: str = "x_main_20250914.ndjson",
    dialect: str = "event_ndjson",
    **columns: Any,
) -> dict[str, Any]:
    """An event *at* seconds after ten; a word not among `ROLES` is the text of a summary."""
    kind, device, details = ROLES.get(word, ("run_summary", "Bridge", word))
    return {
        "event_id": None,
        "occurred_at": TEN + timedelta(seconds=at),
        "event_type": kind,
        "dialect": dialect,
        "device": device,
        "device_id": timer if device == "Timer" else "BB:02",
        "details": details,
        "elapsed_seconds": 1.0 if word == "frame" else None,
        "session_id": session,
        "raw": "{}",
        "source_file": file,
        **columns,
    }


def events_frame(events: list[dict[str, Any]]) -> pl.DataFrame:
    """The rows of `events`, numbered by place where they say nothing else, ids by content."""
    rows = [
        {"seq": index, "source_offset": 100 * index, "source_line": index + 1} | one
        for index, one in enumerate(events)
    ]
    frame = pl.DataFrame(rows, schema=EVENTS.polars)
    said = [
        frame["occurred_at"].dt.epoch("us").cast(pl.String),
        *(frame[name] for name in ("event_type", "device_id", "details", "session_id")),
    ]
    ids = pl.Series(content_ids(said, family="event", logger=""), dtype=pl.String)
    return number_repeats(frame.with_columns(ids.alias("event_id")))


def sequence(words: str, *, step: float = 10.0, **columns: Any) -> list[dict[str, Any]]:
    """Events, *step* seconds apart, from words parted by commas."""
    names = [word.strip() for word in words.split(",")]
    return [event(word, step * index, **columns) for index, word in enumerate(names)]


def read_all(directory: Path, *, zone: str, only: str = "*") -> dict[str, LogEvents]:
    """What is in each file below *directory*."""
    clock = LocalTime(zone=zone)
    names = sorted(path for path in directory.rglob(only) if path.is_file())
    return {
        name: read_events(path, name=name, clock=clock)
        for path in names
        for name in [path.relative_to(directory).as_posix()]
    }


@dataclass
class OracleRun:
    """One run as the state machine finds it."""

    start: datetime
    lane: str
    shots: int = 0
    impacts: int = 0
    copies: int = 0
    beep: datetime | None = None
    last: datetime | None = None
    end: datetime | None = None
    status: str = "active"
    reason: str | None = None
    summary: str | None = None
    active: bool = False


@dataclass
class Oracle:
    """The rules of runs, one event after the other."""

    timeout: float = 300.0
    runs: list[OracleRun] = field(default_factory=list)
    open: dict[str, OracleRun] = field(default_factory=dict)
    seen: dict[str, datetime] = field(default_factory=dict)
    orphans: int = 0
    speaker: str = ""

    def feed(self, rows: list[dict[str, Any]]) -> list[OracleRun]:
        copies: dict[str, int] = {}
        kept: dict[str, dict[str, Any]] = {}
        for row in sorted(rows, key=lambda one: len(one["event_id"])):
            said = row["event_id"].split(".")[0]
            copies[said] = copies.get(said, -1) + 1
            kept.setdefault(said, row)
        order = sorted(
            kept.values(), key=lambda r: (r["occurred_at"], r["seq"], r["source_offset"])
        )
        for row in order:
            self._one(row, copies[row["event_id"].split(".")[0]])
        end = max(row["occurred_at"] for row in rows)
        for lane, run in self.open.items():
            if run.status == "active" and (end - self.seen[lane]).total_seconds() > self.timeout:
                self._give_up(run, "idle")
        return sorted(self.runs, key=lambda run: (run.start, run.lane))

    def _one(self, row: dict[str, Any], copies: int) -> None:  # noqa: C901 - a machine's states
        kind, at = row["event_type"], row["occurred_at"]
        if kind == "status" and row["elapsed_seconds"] is None:
            return
        if kind not in {"impact_detected", "run_summary"} and row["device_id"]:
            self.speaker = row["device_id"]
        lane = row["session_id"] or self.speaker
        run = self.open.get(lane)
        if lane in self.seen and (at - self.seen[lane]).total_seconds() > self.timeout and run:
            if run.status == "active":
                self._give_up(run, "idle")
            run = None
            del self.open[lane]
        self.seen[lane] = at
        if kind in STARTS:
            if run is None or run.active or run.status != "active":
                if run is not None and run.status == "active":
                    self._give_up(run, "superseded")
                run = OracleRun(start=at, lane=lane)
                self.runs.append(run)
                self.open[lane] = run
            if kind == "timer_start_beep" and run.beep is None:
                run.beep = at
            run.last, run.copies = at, run.copies + copies
        elif kind in {"shot_detected", "impact_detected"}:
            self._count(run, kind, at, copies)
        elif run is not None:
            self._sign(run, kind, row, copies)

    def _count(self, run: OracleRun | None, kind: str, at: datetime, copies: int) -> None:
        if run is None or run.status != "active":
            self.orphans += 1
            return
        run.shots += kind == "shot_detected"
        run.impacts += kind == "impact_detected"
        run.active, run.last, run.copies = True, at, run.copies + copies

    def _sign(self, run: OracleRun, kind: str, row: dict[str, Any], copies: int) -> None:
        at, lane = row["occurred_at"], run.lane
        if kind == "status":
            if run.status == "active":
                run.last, run.copies = at, run.copies + copies
            return
        if run.summary is not None:
            return
        if kind == "run_summary":
            run.status, run.reason, run.end = "completed", "summary", at
            run.summary = row["details"]
            run.copies += copies
            self.open.pop(lane)
        elif run.status == "active":
            run.status, run.reason, run.end = "completed", "stopped", at
            run.copies += copies

    @staticmethod
    def _give_up(run: OracleRun, reason: str) -> None:
        run.status, run.reason, run.end = "incomplete", reason, run.last
