"""The event log that is ingested: made once per size, the same bytes everywhere."""

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

VERSION = 1
"""Part of the directory's name: raise it when the lines change, and old ones are not used again."""
NAME = "range_main_20240101.ndjson"
FACTS = "facts.json"

_BAD_EVERY = 25_000
_BLANK_EVERY = 40_000
_FIRST = datetime(2024, 1, 1, 8)  # noqa: DTZ001 - the wall clock of the range
_EVENING = 20
_TIMER = ("Timer", "AA:BB:CC:DD:EE:01", "Bay 1")
_BRIDGE = ("Bridge", "", "")
_SENSORS = [("Sensor", f"BB:BB:CC:DD:EE:{plate:02d}", f"Plate {plate}") for plate in range(1, 5)]
_BAD = (
    b'{"datetime":"1/1/24 8:00:00.00am","type":"Str',  # a writer that was killed
    b"\xff\xfe garbage \x80",
    b'{"type":"String","type":"Status","details":"a key twice"}',
    b'["no", "object"]',
)

Event = tuple[datetime, str, tuple[str, str, str], str]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What whoever reads the log must come to."""

    lines: int
    events: int
    bad: int
    blank: int
    bytes: int
    seq: int
    """Sum of the numbers that the events carry."""
    details: int
    """Sum of the lengths of their details."""


def log_directory(work: Path, count: int) -> Path:
    """Return a log directory below *work* with one log of *count* lines, made where missing."""
    path = work / f"logs-v{VERSION}-{count}"
    if path.exists():
        return path
    unfinished = path.with_suffix(".tmp")
    (unfinished / "logs").mkdir(parents=True, exist_ok=True)
    totals = dict.fromkeys(Facts.__dataclass_fields__, 0) | {"lines": count}
    with (unfinished / "logs" / NAME).open("wb") as file:
        for line, seq, details in _lines(count):
            totals["bytes"] += file.write(line)
            if details:
                totals["events"] += 1
                totals["seq"] += seq
                totals["details"] += details
            else:
                totals["blank" if line == b"\n" else "bad"] += 1
    facts = json.dumps(asdict(Facts(**totals)), indent=2) + "\n"
    (unfinished / FACTS).write_text(facts, encoding="utf-8")
    unfinished.rename(path)
    return path


def read_facts(directory: Path) -> Facts:
    """Return what is known of the log in *directory*, as `log_directory` returns it."""
    return Facts(**json.loads((directory / FACTS).read_bytes()))


def _lines(count: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield lines, the number each carries and the length of its details, 0 of those that are none.

    A smaller log is the beginning of a larger one.
    """
    draw = random.Random(20240101)
    events, seq = _events(draw), 0
    for number in range(1, count + 1):
        if number % _BLANK_EVERY == 0:
            yield b"\n", 0, 0
        elif number % _BAD_EVERY == 0:
            yield _BAD[number // _BAD_EVERY % len(_BAD)] + b"\n", 0, 0
        else:
            at, kind, (device, device_id, position), details = next(events)
            # The logging process begins anew each morning.
            seq = 0 if details.startswith("Bridge Initialized") else seq + 1
            lag = int(draw.random() * 900)
            yield (
                f'{{"datetime":"{_logger_time(at)}","type":"{kind}","device":"{device}",'
                f'"device_id":"{device_id}","device_position":"{position}","details":"{details}",'
                f'"timestamp_iso":"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond + lag:06d}",'
                f'"seq":{seq}}}\n'.encode(),
                seq,
                len(details),
            )


def _logger_time(at: datetime) -> str:
    hour, half = at.hour % 12 or 12, "am" if at.hour < 12 else "pm"
    clock = f"{hour}:{at.minute:02d}:{at.second:02d}.{at.microsecond // 10_000:02d}{half}"
    return f"{at.month}/{at.day}/{at.year % 100:02d} {clock}"


def _events(draw: random.Random) -> Iterator[Event]:
    day = _FIRST
    while True:
        now = day
        yield now, "Status", _BRIDGE, "Bridge Initialized (MAC 00:11:22:33:44:55, 4 plates)"
        for device in (_TIMER, *_SENSORS):
            now += timedelta(milliseconds=200)
            yield now, "Status", device, "Connected"
        while now.hour < _EVENING:
            for event in _string(draw, now + timedelta(milliseconds=10 * draw.randint(500, 4_000))):
                now = event[0]
                yield event
        day += timedelta(days=1)


def _string(draw: random.Random, begin: datetime) -> Iterator[Event]:
    beep = begin + timedelta(milliseconds=10 * draw.randint(50, 300))
    wait = (beep - begin).total_seconds()
    yield begin, "String", _TIMER, f"Timer Start Button pressed, Random countdown: {wait:.2f}s"
    yield beep, "String", _TIMER, "Timer Start Beep"
    yield beep + timedelta(milliseconds=10), "String", _TIMER, "Timer Started"
    now, shots, impacts = beep, draw.randint(4, 8), 0
    for number in range(1, shots + 1):
        now += timedelta(milliseconds=10 * draw.randint(30, 180))
        elapsed = (now - beep).total_seconds()
        yield now, "String", _TIMER, "Shot detected"
        yield now, "String", _TIMER, f"Shot {number}: {elapsed:.2f}s"
        if draw.random() < 0.9:
            now += timedelta(milliseconds=10 * draw.randint(5, 25))
            impacts += 1
            yield now, "String", _SENSORS[int(draw.random() * 4)], "Sensor Impact detected"
    seconds = (now - beep).total_seconds()
    now += timedelta(milliseconds=1_500)
    yield now, "String", _TIMER, "Timer stop button pressed"
    text = f"String Time: {seconds:.2f}s; Shots Detected: {shots}; Impacts Detected: {impacts}"
    yield now + timedelta(milliseconds=20), "StringSummary", _BRIDGE, text
