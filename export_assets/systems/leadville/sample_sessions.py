"""Invented sessions of two timers that keep their own record, at the same time of day."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from export_assets.systems.leadville.sample_strings import ExpectedRun

_TIMERS: Final = ("AA:BB:CC:DD:EE:11", "AA:BB:CC:DD:EE:12")
_SHOTS = 5


@dataclass(kw_only=True, slots=True)
class Sessions:
    """What two timers recorded, in order of time, and what must come of it."""

    records: list[dict[str, object]] = field(default_factory=list)
    runs: list[ExpectedRun] = field(default_factory=list)
    """Their starts in UTC, without saying so."""


def invent_sessions(rng: random.Random, *, start: date, days: int, strings: int) -> Sessions:
    """Invent *days* days in which both timers are used at once, *strings* strings each."""
    found = Sessions()
    for number in range(days):
        day = datetime.combine(start + timedelta(days=number), time(16), UTC)
        for index, device in enumerate(_TIMERS):
            begin = day + timedelta(seconds=7 * index)
            session = f"session_{begin:%Y%m%d_%H%M%S}"
            now = begin + timedelta(microseconds=rng.randint(0, 999_999))
            for _ in range(strings):
                records, now = _string(rng, now, device, session)
                found.records += records
                found.runs.append(
                    ExpectedRun(
                        datetime.fromisoformat(str(records[0]["timestamp"])).replace(tzinfo=None),
                        "completed",
                        "stopped",
                        sum(one["event_type"] == "shot_detected" for one in records),
                        None,
                        session,
                    )
                )
    found.records.sort(key=lambda record: str(record["timestamp"]))
    return found


def _string(
    rng: random.Random, begin: datetime, device: str, session: str
) -> tuple[list[dict[str, object]], datetime]:
    records: list[dict[str, object]] = []
    shots, elapsed, split = rng.randint(1, _SHOTS), 0.0, 0.0

    def note(name: str, state: str, shot: int, detail: str) -> None:
        at = begin + timedelta(seconds=elapsed)
        records.append(
            {
                "timestamp": at.isoformat(timespec="microseconds"),
                "device_id": device,
                "event_type": name,
                "shot_state": state,
                "current_shot": shot,
                "total_shots": _SHOTS,
                "current_time": elapsed,
                "split_time": split,
                "event_detail": detail,
                "raw_hex": f"0103{shot:04x}{round(elapsed * 100):06x}",
                "session_id": session,
            }
        )

    note("timer_start", "START", 0, "Timer started")
    for shot, step in enumerate(_steps(rng, shots), start=1):
        elapsed = round(elapsed + step, 2)
        split = step if shot > 1 else 0.0
        note("shot_detected", "ACTIVE", shot, f"Shot {shot}: {elapsed:.2f}s")
        if shot == shots:
            elapsed, split = round(elapsed + 0.5, 2), 0.0
            note("timer_active", "ACTIVE", shot, f"Timer Active: {elapsed:.2f}s")
    elapsed = round(elapsed + 1.0, 2)
    note("timer_stop", "STOPPED", shots, "Timer stopped")
    return records, begin + timedelta(seconds=elapsed + rng.randint(30, 90))


def _steps(rng: random.Random, shots: int) -> Iterator[float]:
    for _ in range(shots):
        yield rng.randint(40, 250) / 100
