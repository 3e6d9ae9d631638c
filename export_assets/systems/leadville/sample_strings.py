"""Invented days on a range: strings of shots, how each ends, and what must come of them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final, Literal

Ending = Literal["summary", "stopped", "superseded", "idle", "open"]

TIMER: Final = ("Timer", "AA:BB:CC:DD:EE:01", "Bay 1")
BRIDGE: Final = ("Bridge", "", "")
_PLATES: Final = 4
_ENDINGS: Final[tuple[Ending, ...]] = ("summary", "stopped", "superseded", "idle")
_WEIGHTS: Final = (80, 9, 7, 4)
_REPEATED = 0.01
_HIT = 0.9
MIDNIGHT_DAYS: Final = 7
"""Of so many days one has a string across midnight."""


@dataclass(frozen=True, slots=True)
class Line:
    """What the event logger says at one moment, on the range's clock."""

    at: datetime
    kind: str
    device: tuple[str, str, str]
    details: str
    repeated: bool = False
    """The logger wrote it twice."""
    restarts: bool = False
    """The logging process began here: its numbers start anew."""


@dataclass(frozen=True, slots=True)
class ExpectedRun:
    """What a string must come out as."""

    start: datetime
    """On the range's clock."""
    status: str
    end_reason: str | None
    shots: int
    impacts: int | None
    session_id: str | None = None


@dataclass(kw_only=True, slots=True)
class Range:
    """All that happened on the range, in order of time, and what must come of it."""

    lines: list[Line] = field(default_factory=list)
    runs: list[ExpectedRun] = field(default_factory=list)
    repeats: int = 0
    orphan_shots: int = 0


def invent_range(rng: random.Random, *, start: date, days: int, strings: int) -> Range:
    """Invent *days* days with about *strings* strings each; the last one is left open."""
    found = Range()
    for number in range(days):
        day = start + timedelta(days=number)
        now = datetime.combine(day, time(8)) + _hundredths(rng, 6_000)
        for index in range(strings):
            if index in {0, strings // 2}:
                now = _boot(found, rng, now)
            if index == strings // 3 and number % 2:
                # A shot that nobody started.
                found.lines.append(Line(now, "String", TIMER, "Shot detected"))
                found.orphan_shots += 1
            now += timedelta(seconds=2)
            # Before a pause, and before the shot that is of no run, a string comes to its end.
            whole = index + 1 in {strings, strings // 2, strings // 3}
            ending = "summary" if whole else rng.choices(_ENDINGS, _WEIGHTS)[0]
            now = _string(found, rng, now, ending)
        last = number == days - 1
        if number % MIDNIGHT_DAYS == MIDNIGHT_DAYS - 1 and not last:
            late = datetime.combine(day, time(23, 59, 55)) + _hundredths(rng, 300)
            _string(found, rng, late, "summary", least=4)
        if last:
            _string(found, rng, now, "open")
    return found


def _boot(found: Range, rng: random.Random, now: datetime) -> datetime:
    words = (
        (BRIDGE, "Bridge Initialized (MAC 00:11:22:33:44:55, 4 plates)"),
        (BRIDGE, "BLE Scanning"),
        (BRIDGE, "Devices Located"),
        (TIMER, "Connected"),
        *((_sensor(plate), "Connected") for plate in range(_PLATES)),
        *((_sensor(plate), "Sensor data streaming") for plate in range(_PLATES)),
    )
    # Long after the string before, which may have been left to go idle.
    now += timedelta(seconds=400)
    for number, (device, text) in enumerate(words):
        found.lines.append(Line(now, "Status", device, text, restarts=number == 0))
        now += _hundredths(rng, 50)
    return now


def _sensor(plate: int) -> tuple[str, str, str]:
    return "Sensor", f"BB:BB:CC:DD:EE:{plate + 1:02d}", f"Plate {plate + 1}"


def _hundredths(rng: random.Random, most: int) -> timedelta:
    return timedelta(milliseconds=10 * rng.randint(1, most))


def _string(
    found: Range, rng: random.Random, begin: datetime, ending: Ending, *, least: int = 1
) -> datetime:
    """Invent one string and return when the next may begin."""
    beep = begin + _hundredths(rng, 300)
    countdown = (beep - begin).total_seconds()
    lines = [
        Line(
            begin,
            "String",
            TIMER,
            f"Timer Start Button pressed, Random countdown: {countdown:.2f}s",
        ),
        Line(beep, "String", TIMER, "Timer Start Beep"),
        Line(beep + timedelta(milliseconds=10), "String", TIMER, "Timer Started"),
    ]
    now, shots, impacts = beep, rng.randint(least, 7), 0
    for number in range(1, shots + 1):
        now += timedelta(milliseconds=10 * rng.randint(60, 220))
        repeated = rng.random() < _REPEATED
        found.repeats += repeated
        lines.append(Line(now, "String", TIMER, "Shot detected", repeated))
        elapsed = (now - beep).total_seconds()
        lines.append(Line(now, "String", TIMER, f"Shot {number}: {elapsed:.2f}s"))
        if rng.random() < _HIT:
            now += timedelta(milliseconds=10 * rng.randint(10, 50))
            impacts += 1
            sensor = _sensor(rng.randrange(_PLATES))
            lines.append(Line(now, "String", sensor, "Sensor Impact detected"))
    end, gap = list(_ends(ending, now, (now - beep).total_seconds(), shots, impacts)), 60.0
    if ending == "superseded":
        gap = 20.0
    elif ending == "idle":
        gap = 330.0
    status = {"superseded": "incomplete", "idle": "incomplete", "open": "active"}
    reason = None if ending == "open" else ending
    found.lines += [*lines, *end]
    found.runs.append(ExpectedRun(begin, status.get(ending, "completed"), reason, shots, impacts))
    return found.lines[-1].at + timedelta(seconds=gap) + _hundredths(rng, 9_000)


def _ends(
    ending: Ending, now: datetime, seconds: float, shots: int, impacts: int
) -> Iterator[Line]:
    if ending not in {"summary", "stopped"}:
        return
    now += timedelta(milliseconds=1_500)
    yield Line(now, "String", TIMER, "Timer stop button pressed")
    if ending == "summary":
        text = f"String Time: {seconds:.2f}s; Shots Detected: {shots}; Impacts Detected: {impacts}"
        yield Line(now + timedelta(milliseconds=20), "StringSummary", BRIDGE, text)
