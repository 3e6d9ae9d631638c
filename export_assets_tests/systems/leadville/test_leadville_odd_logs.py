"""Logs that are not as they should be, through the whole flow: what can be read of them is."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from export_assets_tests.engine.logs.log_world import LogWorld

RANGE = """
source: leadville
url: logs
assume_timezone: UTC
formats: [parquet]
log: {matches: {cup: {files: ["range*"]}}}
"""


@pytest.fixture
def world(tmp_path: Path) -> LogWorld:
    return LogWorld(tmp_path, yaml=RANGE)


def twin(second: int, details: str, *, kind: str = "String", device: str = "Timer") -> str:
    return json.dumps(
        {
            "datetime": f"9/14/25 10:00:{second:02d}.00am",
            "type": kind,
            "device": device,
            "device_id": "AA:01" if device == "Timer" else "",
            "device_position": "Bay 1",
            "details": details,
            "timestamp_iso": f"2025-09-14T10:00:{second:02d}.000050",
            "seq": second,
        }
    )


def test_a_log_with_lines_of_other_dialects_gives_the_events_of_each(world: LogWorld) -> None:
    world.log(
        "range_main_20250914.ndjson",
        twin(1, "Timer Start Beep"),
        {"timestamp_iso": "2025-09-14T10:00:02", "type": "amg_raw", "data": {}, "seq": 2},
        twin(3, "Shot detected"),
        {"timestamp": "2025-09-14T10:00:04Z", "event_type": "timer_start", "session_id": "s"},
        twin(5, "String Time: 3.00s", kind="StringSummary", device="Bridge"),
    )

    report = world.export()

    events, runs = world.rows().sort("source_line"), world.rows("runs").sort("start_time")
    assert report.exit_code == 0
    assert events["event_type"].to_list() == [
        "timer_start_beep", "debug", "shot_detected", "timer_started", "run_summary",
    ]  # fmt: skip
    assert runs.select("status", "shots_detected", "session_id").rows() == [
        ("completed", 1, None),
        ("active", 0, "s"),
    ]
    assert world.rows("quarantine").is_empty()


def test_a_log_with_a_line_feed_in_its_name_is_of_its_match(world: LogWorld) -> None:
    world.log("range\n\tone.ndjson", twin(1, "Timer Start Beep"), twin(3, "Shot detected"))

    report = world.export()

    assert report.exit_code == 0
    assert world.rows("match_statistics").select("match_id", "runs").rows() == [("cup", 1)]


def test_a_database_with_a_spoiled_text_and_few_columns_gives_its_other_rows(
    world: LogWorld,
) -> None:
    with closing(sqlite3.connect(world.logs / "timer_events.db")) as connection, connection:
        connection.execute(
            "CREATE TABLE timer_events"
            " (id INTEGER PRIMARY KEY, timestamp TEXT, event_type TEXT, note TEXT)"
        )
        connection.execute(
            "INSERT INTO timer_events VALUES (1, '2025-09-14T10:00:00Z', 'timer_start', 'kept'),"
            " (2, '2025-09-14T10:00:01Z', 'shot_detected', CAST(x'ff' AS TEXT))"
        )

    world.export()

    (row,) = world.rows().to_dicts()
    (refused,) = world.rows("quarantine").to_dicts()
    assert (row["device_id"], row["session_id"], json.loads(row["raw"])["note"]) == (
        None, None, "kept",
    )  # fmt: skip
    assert (refused["file"], refused["reason"]) == ("timer_events.db", "bad_utf8")
    assert world.rows("runs")["session_id"].to_list() == [None]


def test_a_database_of_other_tables_and_columns_is_passed_by(world: LogWorld) -> None:
    world.log("range.ndjson", twin(1, "Timer Start Beep"))
    for name, columns in (("a.db", "id, timestamp"), ("b.db", "event_type, id")):
        with closing(sqlite3.connect(world.logs / name)) as connection, connection:
            connection.execute(f"CREATE TABLE timer_events ({columns})")

    report = world.export()

    assert report.exit_code == 0
    assert world.rows().height == 1
