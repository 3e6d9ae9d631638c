"""Leadville through the whole flow: the same tables, however the same events come in."""

import gzip
import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from export_assets.sources.base import Scan
from export_assets.systems.leadville.sample import DATABASE, TIMER_LOG, SampleLogs, make_logs
from export_assets_tests.effort import effort
from export_assets_tests.engine.logs.log_world import LogWorld, statuses

RANGE = """
source: leadville
url: logs
assume_timezone: America/Denver
formats: [parquet]
"""
OF_FILES = ("source_files", "first_event_id")
"""Columns of runs that say which files they are from."""


def make(world: LogWorld, days: int = 4) -> SampleLogs:
    return make_logs(world.logs, days=days, seed=7, start=date(2025, 9, 1), strings=8)


@pytest.fixture
def make_world(tmp_path: Path) -> Callable[[str], LogWorld]:
    return lambda name: LogWorld(tmp_path / name, yaml=RANGE)


def keep(world: LogWorld, wanted: Callable[[str], bool]) -> None:
    for path in world.logs.rglob("*"):
        if path.is_file() and not wanted(path.name):
            path.unlink()


def runs_of(world: LogWorld) -> pl.DataFrame:
    return world.rows("runs").drop(OF_FILES).sort("run_id")


def test_every_event_is_exported_once_and_every_line_accounted_for(
    make_world: Callable[[str], LogWorld],
) -> None:
    world = make_world("all")
    sample = make(world)

    report = world.export()

    events = world.rows()
    by_family = {
        "event": events.filter(pl.col("dialect").is_in(["event_csv", "event_ndjson"])).height,
        "timer": events.filter(pl.col("dialect").is_in(["timer_jsonl", "timer_sqlite"])).height,
        "debug": events.filter(dialect="debug_ndjson").height,
        "bridge": events.filter(dialect="bridge_ndjson").height,
    }
    assert report.exit_code == 3
    assert by_family == sample.events
    assert events["event_id"].is_unique().all()
    assert world.rows("quarantine").height == sum(sample.quarantined.values())
    assert world.rows("runs").height == len(sample.runs) + len(sample.timer_runs)
    pending = sum(record.pending_bytes for record in world.segments)
    assert pending == sum(sample.pending.values())
    sessions = world.rows("session_statistics")
    assert sessions["runs"].sum() == world.rows("runs").height


def test_the_twins_give_the_same_runs_alone_and_together(
    make_world: Callable[[str], LogWorld],
) -> None:
    found = {}
    for name, suffix in (("csv", ".csv"), ("ndjson", ".ndjson"), ("both", "")):
        world = make_world(name)
        make(world)
        keep(world, lambda file, suffix=suffix: "_main_" in file and suffix in file)  # type: ignore[misc]  # a default
        world.export()
        found[name] = runs_of(world)

    assert found["both"].height > 30
    assert found["csv"].equals(found["both"])
    assert found["ndjson"].equals(found["both"])


@pytest.mark.parametrize("kept", ["", ".ndjson"], ids=["twins", "no twins"])
def test_events_are_counted_alike_before_and_after_they_were_read(
    make_world: Callable[[str], LogWorld], kept: str
) -> None:
    world = make_world("counted")
    make(world)
    keep(world, lambda file: file.endswith(kept))

    with world.source().logs.snapshot() as snapshot:
        scan = Scan(table="events", schema=snapshot.describe("events"))
        counted = [snapshot.count("events")]
        next(snapshot.scan(scan))
        counted.append(snapshot.count("events"))
        read = sum(frame.height for frame in snapshot.scan(scan))
        counted.append(snapshot.count("events"))
        rows = snapshot.view.rows

    assert counted == [read] * 3
    assert (read < rows) == (not kept)


def test_names_of_files_and_the_order_of_lines_change_no_run(
    make_world: Callable[[str], LogWorld],
) -> None:
    rng = random.Random(3)
    plain = make_world("plain")
    make(plain)
    keep(plain, lambda file: "_main_" in file and file.endswith(".ndjson"))
    lines = [
        line
        for path in sorted(plain.logs.glob("*.ndjson"))
        for line in path.read_bytes().splitlines(keepends=True)
    ]
    plain.export()
    renamed, shuffled = make_world("renamed"), make_world("shuffled")
    names = [f"{rng.randrange(10**6):06d}.log" for _ in plain.logs.glob("*.ndjson")]
    for path, name in zip(sorted(plain.logs.glob("*.ndjson")), names, strict=True):
        shutil.copy(path, renamed.logs / name)
    rng.shuffle(lines)
    for number in range(5):
        (shuffled.logs / f"{number}.ndjson").write_bytes(b"".join(lines[number::5]))

    renamed.export()
    shuffled.export()

    assert runs_of(renamed).equals(runs_of(plain))
    # A line that is repeated in another file is a twin, which nobody calls a repeat.
    assert (
        runs_of(shuffled).drop("duplicate_events").equals(runs_of(plain).drop("duplicate_events"))
    )


def test_logs_that_come_bit_by_bit_and_late_end_as_if_they_had_come_at_once(
    make_world: Callable[[str], LogWorld],
) -> None:
    whole, pieces = make_world("whole"), make_world("pieces")
    make(whole)
    whole.export()

    for _ in come_bit_by_bit(whole.logs, pieces.logs, random.Random(5)):
        pieces.export(tables=("events", "runs"))
    pieces.export()

    for table in ("events", "runs", "session_statistics", "quarantine"):
        assert pieces.days(table) == whole.days(table)
        for day in whole.days(table):
            mine, theirs = pieces.manifest(day, table), whole.manifest(day, table)
            assert mine.rows == theirs.rows, (table, day)
            if table in {"runs", "session_statistics"}:
                assert mine.row_digest == theirs.row_digest, (table, day)
    once = [world.rows().select("event_id", "occurred_at", "raw") for world in (pieces, whole)]
    assert once[0].sort("event_id").equals(once[1].sort("event_id"))


def come_bit_by_bit(source: Path, target: Path, rng: random.Random) -> Iterator[None]:
    """Let logs grow, several at once and none in the order of its days; others come whole."""
    files = [path for path in sorted(source.rglob("*")) if path.is_file()]
    left = {path.relative_to(source): path.read_bytes() for path in files}
    while left:
        for name in rng.sample(sorted(left), min(effort(50, soak=6), len(left))):
            whole = name.suffix in {".gz", ".db"}
            cut = len(left[name]) if whole else rng.randint(1, max(1, len(left[name])))
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            with (target / name).open("ab") as file:
                file.write(left[name][:cut])
            left[name] = left[name][cut:]
            if not left[name]:
                del left[name]
        yield


def test_a_late_event_changes_its_run_and_republishes_that_day_alone(
    make_world: Callable[[str], LogWorld],
) -> None:
    world = make_world("late")
    make(world)
    world.export()
    run = world.rows("runs").filter(pl.col("impacts_detected") > 2).row(3, named=True)
    start: datetime = run["start_time"]
    impact = {
        "datetime": "",
        "type": "String",
        "device": "Sensor",
        "device_id": "BB:99",
        "device_position": "Plate 9",
        "details": "Sensor Impact detected",
        "timestamp_iso": (run["last_shot_time"] + timedelta(milliseconds=1)).isoformat(),
        "seq": 1,
    }
    (world.logs / "range_main_20250901_late.ndjson").write_text(json.dumps(impact) + "\n")

    report = world.export(tables=("events", "runs"))

    days = {
        partition for (table, partition), state in statuses(report).items() if state == "success"
    }
    after = world.rows("runs").filter(run_id=run["run_id"]).row(0, named=True)
    assert days == {f"{start:%F}"}
    assert after["impacts_detected"] == run["impacts_detected"] + 1
    assert "range_main_20250901_late.ndjson" in after["source_files"]


def test_two_loggers_in_one_directory_give_the_runs_that_each_gives_alone(
    make_world: Callable[[str], LogWorld], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = {}
    for name, seed in (("bay1", 7), ("bay2", 8)):
        world = make_world(name)
        make_logs(world.logs, days=2, seed=seed, start=date(2025, 9, 1), strings=8)
        keep(world, lambda file: file.startswith("range_main_") and ".ndjson" in file)
        for path in world.logs.glob("range_main_*"):
            # Each bay has its own timer.
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
            text = text.replace('"device_id":"AA:', f'"device_id":"{name}:AA:')
            text = text.replace('"device_id": "AA:', f'"device_id": "{name}:AA:')
            named = path.with_name(path.name.replace("range", name))
            named.write_text(text, encoding="utf-8", errors="surrogateescape")
            path.unlink()
        world.export(tables=("runs",))
        alone[name] = world
    both, pieces = make_world("both"), make_world("pieces")
    for world in (both, pieces):
        for one in alone.values():
            shutil.copytree(one.logs, world.logs, dirs_exist_ok=True)

    both.export(tables=("runs",))
    monkeypatch.setattr("export_assets.systems.leadville.run_table.STRETCH_EVENTS", 10)
    pieces.export(tables=("runs",))

    each = pl.concat([world.rows("runs") for world in alone.values()]).sort("run_id")
    assert each.height > 20
    assert both.rows("runs").sort("run_id").equals(each)
    assert pieces.rows("runs").sort("run_id").equals(each)


def test_the_timers_database_and_its_log_hold_each_event_once(
    make_world: Callable[[str], LogWorld],
) -> None:
    found = {}
    for name, wanted in (("log", TIMER_LOG), ("database", DATABASE), ("both", "")):
        world = make_world(name)
        make(world)
        keep(world, lambda file, wanted=wanted: "timer_events" in file and wanted in file)  # type: ignore[misc]  # a default
        world.export()
        found[name] = world.rows().sort("event_id")

    for name in ("log", "database"):
        assert found[name]["event_id"].equals(found["both"]["event_id"]), name
    assert set(found["both"]["dialect"]) == {"timer_jsonl"}
    assert set(found["database"]["dialect"]) == {"timer_sqlite"}


def test_events_that_left_the_database_stay_what_they_were(
    make_world: Callable[[str], LogWorld],
) -> None:
    world = make_world("database")
    make(world)
    keep(world, lambda file: file == DATABASE)
    world.export()
    before = world.rows()["event_id"].sort()
    with closing(sqlite3.connect(world.logs / DATABASE)) as connection, connection:
        connection.execute("delete from timer_events where id % 2 = 0")
        connection.execute(
            "insert into timer_events (timestamp, device_id, event_type)"
            " values ('2025-09-02T00:00:00+00:00', 'new', 'timer_start')"
        )

    world.export()
    segments = len(world.segments)
    again = world.export()

    after = world.rows()["event_id"].sort()
    assert set(before) < set(after)
    assert len(after) == len(before) + 1
    assert segments == 2
    assert set(statuses(again).values()) <= {"unchanged", "empty"}


def test_a_database_that_only_grew_has_one_segment(
    make_world: Callable[[str], LogWorld],
) -> None:
    world = make_world("database")
    make(world)
    keep(world, lambda file: file == DATABASE)
    world.export()
    with closing(sqlite3.connect(world.logs / DATABASE)) as connection, connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute(
            "insert into timer_events (timestamp, device_id, event_type)"
            " values ('2025-09-02T00:00:00+00:00', 'new', 'timer_start')"
        )
        connection.commit()

        world.export()  # while its application has it open

    assert len(world.segments) == 1
    assert world.rows().filter(device_id="new").height == 1


def test_a_run_across_midnight_is_in_the_day_of_its_start(
    make_world: Callable[[str], LogWorld],
) -> None:
    world = LogWorld(make_world("x").home, yaml=RANGE.replace("America/Denver", "UTC"))

    def said(clock: str, kind: str, device: str, details: str) -> str:
        return f"9/1/25 {clock},{kind},{device},AA:01,Bay 1,{details}\r\n"

    world.log(
        "range_main_20250901.csv",
        b"Datetime,Type,Device,DeviceID,DevicePosition,Details\r\n",
        said("11:59:58.00pm", "String", "Timer", "Timer Start Beep").encode(),
        said("11:59:59.00pm", "String", "Timer", "Shot detected").encode(),
    )
    first = world.export(tables=("runs",))
    active = world.rows("runs").row(0, named=True)
    world.log(
        "range_main_20250902.csv",
        b"Datetime,Type,Device,DeviceID,DevicePosition,Details\r\n",
        said("12:00:01.00am", "String", "Timer", "Shot detected").replace("9/1", "9/2").encode(),
        b"9/2/25 12:00:02.00am,StringSummary,Bridge,,,"
        b"String Time: 4.00s; Shots Detected: 2; Impacts Detected: 0\r\n",
    )

    second = world.export(tables=("runs",))

    (run,) = world.rows("runs").to_dicts()
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert (active["status"], active["shots_detected"]) == ("active", 1)
    assert world.days("runs") == ["day=2025-09-01"]
    assert (run["run_id"], run["status"], run["shots_detected"]) == (
        active["run_id"],
        "completed",
        2,
    )
    assert run["duration_seconds"] == 4.0


def test_a_rotated_compressed_log_beside_its_first_half_gives_nothing_twice(
    make_world: Callable[[str], LogWorld],
) -> None:
    world = make_world("rotated")
    make(world)
    keep(world, lambda file: file == "range_main_20250901.ndjson")
    path = world.logs / "range_main_20250901.ndjson"
    content = path.read_bytes()
    half = content[: content.index(b"\n", len(content) // 2) + 1]
    path.write_bytes(half)
    world.export()
    path.write_bytes(content)
    world.export()
    (world.logs / "range_main_20250901.ndjson.1.gz").write_bytes(gzip.compress(content))
    path.write_bytes(half)

    world.export()

    events = world.rows()
    assert events["event_id"].is_unique().all()
    assert sum(record.exported_bytes for record in world.segments) + sum(
        record.quarantined_bytes for record in world.segments
    ) == len(content)


def test_keys_that_are_there_twice_are_refused_or_the_last_one_wins_as_configured(
    make_world: Callable[[str], LogWorld],
) -> None:
    world = make_world("twice")
    world.log(
        "range_main_20250901.ndjson",
        b'{"datetime":"9/1/25 8:00:00.00am","type":"Status","device":"Bridge","device_id":"",'
        b'"device_position":"","details":"one","details":"two","seq":1}\n',
    )
    world.export(tables=("events", "quarantine"))
    refused = world.rows("quarantine")["reason"].to_list()

    world.configure(world.yaml + "log: {duplicate_keys: last_wins}\n")
    world.export(tables=("events", "quarantine"))

    assert refused == ["duplicate_key"]
    assert world.rows()["details"].to_list() == ["two"]
    assert world.rows("quarantine").height == 0


def test_statistics_are_by_match_told_by_days_by_logs_or_by_its_directory(
    make_world: Callable[[str], LogWorld],
) -> None:
    world = make_world("matches")
    make(world)
    keep(world, lambda file: file.startswith("range_main_") and file.endswith(".ndjson"))
    (world.logs / "match_cup").mkdir()
    second = "range_main_20250902.ndjson"
    (world.logs / second).rename(world.logs / "match_cup" / second)
    world.configure(
        world.yaml
        + "log:\n  matches:\n"
        + "    opening: {start: 2025-09-01}\n"
        + "    third: {files: ['*_20250903.ndjson']}\n"
        + "    winter: {start: 2025-12-01, end: 2025-12-03}\n"
    )

    world.export()

    runs = world.rows("runs")
    found = {row["match_id"]: row for row in world.rows("match_statistics").to_dicts()}
    by_file = runs.with_columns(of=pl.col("source_files").str.extract(r"_main_(\d+)\."))
    assert set(found) == {"opening", "third", "winter", "cup"}
    assert (
        found["opening"]["runs"]
        == runs.filter(pl.col("start_time").dt.date() == date(2025, 9, 1)).height
    )
    assert found["third"]["runs"] == by_file.filter(of="20250903").height
    assert found["cup"]["runs"] == by_file.filter(of="20250902").height > 3
    assert found["cup"]["shots"] == by_file.filter(of="20250902")["shots_detected"].sum()
    assert (found["winter"]["runs"], found["winter"]["shots"]) == (0, 0)


def test_a_new_match_changes_its_statistics_and_nothing_else(
    make_world: Callable[[str], LogWorld],
) -> None:
    world = make_world("matches")
    make(world)
    keep(world, lambda file: file.startswith("range_main_") and file.endswith(".ndjson"))
    world.export()
    world.configure(world.yaml + "log: {matches: {opening: {start: 2025-09-01}}}\n")

    report = world.export()

    changed = {table for (table, _), state in statuses(report).items() if state == "success"}
    assert changed == {"match_statistics"}
    assert world.rows("match_statistics")["match_id"].to_list() == ["opening"]
