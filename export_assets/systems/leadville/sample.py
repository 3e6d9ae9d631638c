"""Sample logs: days on a range in all dialects, with what goes wrong with real ones.

Twins, restarts, overlapping sessions, a string across midnight, rotated and gzipped files, lines
that are none and a last line not finished yet; the same arguments give the same bytes.
"""

import gzip
import json
import random
import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from export_assets.errors import UsageError
from export_assets.systems.leadville.sample_lines import (
    api_lines,
    bridge_line,
    csv_line,
    debug_line,
    ndjson_line,
)
from export_assets.systems.leadville.sample_sessions import Sessions, invent_sessions
from export_assets.systems.leadville.sample_strings import ExpectedRun, Range, invent_range

DEFAULT_SEED: Final = 20_250_901
DEFAULT_START: Final = date(2025, 9, 1)
DEFAULT_ZONE: Final = "America/Denver"
DEFAULT_STRINGS: Final = 40

HEADER: Final = b"Datetime,Type,Device,DeviceID,DevicePosition,Details\r\n"
TIMER_LOG: Final = "timer_events_backup.jsonl"
DATABASE: Final = "timer_events.db"

_BAD_JSON: Final = (b'{"datetime":"9/1/25 8:0\n', b'["not","an","object"]\n', b'{"a":1}{"b":2}\n')
_BAD_CSV: Final = b"9/1/25 8:00:00.00am,Status,half a line\r\n"
_UNFINISHED: Final = b'{"timestamp_iso":"2025-'
_NULS = 512
_CREATE: Final = """CREATE TABLE timer_events (id INTEGER PRIMARY KEY, timestamp TEXT NOT NULL,
    device_id TEXT NOT NULL, event_type TEXT NOT NULL, shot_state TEXT, current_shot INT,
    total_shots INT, current_time REAL, split_time REAL, event_detail TEXT, raw_hex TEXT,
    session_id TEXT, created_at TEXT)"""


@dataclass(kw_only=True)
class SampleLogs:
    """The files made, and what must come of them."""

    directory: Path
    zone: str
    events: dict[str, int] = field(default_factory=dict)
    """Family to events, each counted once however many twins hold it; repeats are events."""
    quarantined: dict[str, int] = field(default_factory=dict)
    """File to lines (and runs of NUL bytes) that are no records."""
    pending: dict[str, int] = field(default_factory=dict)
    """File to bytes of a last line that is not finished."""
    runs: list[ExpectedRun] = field(default_factory=list)
    """Of the event logger; their starts are on the range's clock."""
    timer_runs: list[ExpectedRun] = field(default_factory=list)
    """Of the timers; their starts are in UTC."""
    repeats: int = 0
    """Events that were logged twice."""
    orphan_shots: int = 0


def make_logs(
    directory: Path,
    *,
    days: int = 14,
    seed: int = DEFAULT_SEED,
    start: date = DEFAULT_START,
    zone: str = DEFAULT_ZONE,
    strings: int = DEFAULT_STRINGS,
) -> SampleLogs:
    """Write logs of *days* days into *directory*, which is created.

    Args:
        directory: Where; files of the same names are replaced.
        days: Days of events, at least 1.
        seed: Of the random numbers.
        start: First day, on the range's clock.
        zone: Zone of the range's clock.
        strings: Strings a day, of the event logger; the timers record a quarter of that.

    Raises:
        UsageError: *days* or *strings* is less than 1.
    """
    if days < 1 or strings < 1:
        msg = f"sample logs: days and strings must be at least 1, not {days} and {strings}"
        raise UsageError(msg)
    rng = random.Random(seed)  # noqa: S311 - invented data
    found = invent_range(rng, start=start, days=days, strings=strings)
    sessions = invent_sessions(rng, start=start, days=days, strings=max(1, strings // 4))
    logs = SampleLogs(
        directory=directory,
        zone=zone,
        runs=found.runs,
        timer_runs=sessions.runs,
        repeats=found.repeats,
        orphan_shots=found.orphan_shots,
    )
    logs.events["event"] = len(found.lines) + found.repeats
    logs.events["timer"] = len(sessions.records)
    files = _event_files(found, rng, logs)
    files |= _bridge_files(found, logs)
    files |= _timer_files(sessions)
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    _write_database(directory / DATABASE, sessions)
    return logs


def _event_files(found: Range, rng: random.Random, logs: SampleLogs) -> dict[str, bytes]:
    table: dict[date, list[bytes]] = defaultdict(list)
    objects: dict[date, list[bytes]] = defaultdict(list)
    sent: dict[date, list[bytes]] = defaultdict(list)
    seq = 0
    for line in found.lines:
        day = line.at.date()
        seq = 0 if line.restarts else seq
        for _ in range(1 + line.repeated):
            table[day].append(csv_line(line))
            objects[day].append(ndjson_line(line, seq=seq, lag=rng.randint(1, 400)))
        seq += 1
        if line.kind == "String":
            sent[day].append(debug_line(line, seq=seq))
            seq += 1
    logs.events["debug"] = sum(map(len, sent.values()))
    files: dict[str, bytes] = {}
    for number, day in enumerate(sorted(table)):
        stem = f"range_main_{day:%Y%m%d}"
        _insert(objects[day], _BAD_JSON[number % len(_BAD_JSON)], rng)
        logs.quarantined[f"{stem}.ndjson"] = 1
        _insert(table[day], _BAD_CSV, rng)
        files |= _rotated(f"{stem}.csv", table[day], turn=number % 5 == 4)  # noqa: PLR2004 - some
        files[f"{stem}.ndjson"] = b"".join(objects[day])
        name = f"range_debug_{day:%Y%m%d}_080000.ndjson"
        if number % 3 == 1:
            files[f"old/{name}.gz"] = gzip.compress(b"".join(sent[day]), 1, mtime=0)
        elif number % 3 == 2:  # noqa: PLR2004 - the others
            sent[day].insert(len(sent[day]) // 2, b"\0" * _NULS)
            logs.quarantined[name] = 1
            files[name] = b"".join(sent[day])
        else:
            files[name] = b"".join(sent[day])
            if number:
                logs.pending[name] = len(_UNFINISHED)
                files[name] += _UNFINISHED
    for name, content in files.items():
        if b"half a line" in content:
            logs.quarantined[name] = 1
    return files


def _insert(lines: list[bytes], line: bytes, rng: random.Random) -> None:
    lines.insert(rng.randint(1, len(lines)), line)


def _rotated(name: str, lines: list[bytes], *, turn: bool) -> dict[str, bytes]:
    """Return a CSV file, or the two that came of it when it was renamed within the day."""
    if not turn:
        return {name: HEADER + b"".join(lines)}
    half = len(lines) // 2
    return {f"{name}.1": HEADER + b"".join(lines[:half]), name: b"".join(lines[half:])}


def _bridge_files(found: Range, logs: SampleLogs) -> dict[str, bytes]:
    zone = ZoneInfo(logs.zone)
    bridge: dict[date, list[bytes]] = defaultdict(list)
    requests: dict[date, list[bytes]] = defaultdict(list)
    for seq, line in enumerate(found.lines):
        if line.kind == "StringSummary":
            day = line.at.date()
            since = round(line.at.replace(tzinfo=zone).timestamp() * 1_000)
            message = "string finished"
            bridge[day].append(bridge_line(line.at, seq=seq, epoch_ms=since, message=message))
            requests[day] += api_lines(line.at, path=f"/strings/{seq}")
    logs.events["bridge"] = sum(len(each) for days in (bridge, requests) for each in days.values())
    files = {f"range_{day:%Y%m%d}.ndjson": b"".join(lines) for day, lines in bridge.items()}
    return files | {f"api_{day:%Y%m%d}.ndjson": b"".join(all_) for day, all_ in requests.items()}


def _timer_files(sessions: Sessions) -> dict[str, bytes]:
    """Return the timers' record, whose older half was rotated away and compressed."""
    lines = [json.dumps(record).encode() + b"\n" for record in sessions.records]
    half = len(lines) // 2
    old = gzip.compress(b"".join(lines[:half]), 1, mtime=0)
    return {f"{TIMER_LOG}.1.gz": old, TIMER_LOG: b"".join(lines[half:])}


def _write_database(path: Path, sessions: Sessions) -> None:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(_CREATE)
        rows = [
            (number, *record.values(), _created(str(record["timestamp"])))
            for number, record in enumerate(sessions.records, start=1)
        ]
        marks = ", ".join("?" * 13)
        connection.executemany(f"INSERT INTO timer_events VALUES ({marks})", rows)  # noqa: S608 - marks
        connection.commit()


def _created(timestamp: str) -> str:
    return datetime.fromisoformat(timestamp).strftime("%Y-%m-%d %H:%M:%S")
