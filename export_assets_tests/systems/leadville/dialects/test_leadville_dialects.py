"""The five dialects: how a file's is told, and what its lines become."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from export_assets.errors import SourceCorrupt, SourceMissing
from export_assets.sources.logs.moments import LocalTime
from export_assets.systems.leadville.dialects.registry import recognise
from export_assets.systems.leadville.event_texts import canonical_types, meaning_of
from export_assets.systems.leadville.identity import logger_of, number_repeats, without_twins
from export_assets.systems.leadville.log_events import LogEvents, read_events
from export_assets.systems.leadville.model import EVENTS
from export_assets.systems.leadville.runs import aggregate_runs

HEADER = b"Datetime,Type,Device,DeviceID,DevicePosition,Details"
ROW = b"9/14/25 10:00:00.00am,String,Timer,AA:01,Bay 1,Timer Start Beep"
TWIN = (
    b'{"datetime":"9/14/25 10:00:00.00am","type":"String","device":"Timer","device_id":"AA:01",'
    b'"device_position":"Bay 1","details":"Timer Start Beep",'
    b'"timestamp_iso":"2025-09-14T10:00:00.000123","seq":17}'
)
DEBUG = (
    b'{"timestamp_iso":"2025-09-14T10:00:00.5","device":"Sensor","device_id":"BB:02",'
    b'"type":"bt50_raw","data":{"raw_values":[],"x":{}},"seq":18}'
)
TIMER = (
    b'{"timestamp":"2025-09-14T10:00:02.340000+00:00","device_id":"AA:BB:CC:DD:EE:01",'
    b'"event_type":"shot_detected","shot_state":"ACTIVE","current_shot":1,"total_shots":5,'
    b'"current_time":2.34,"split_time":0.0,"event_detail":"Shot 1: 2.34s",'
    b'"raw_hex":"010300010234","session_id":"session_20250914_100000"}'
)
BRIDGE = (
    b'{"seq":3,"type":"event","ts_ms":1757865600123,"msg":"hit","t_rel_ms":1500,"plate":"P1",'
    b'"data":{},"hms":"10:00:00.123"}'
)
API = b'{"seq":1,"type":"request_start","hms":"10:00:00","msg":"GET /","data":{}}'
LINES = {
    "event_csv": ROW,
    "event_ndjson": TWIN,
    "debug_ndjson": DEBUG,
    "timer_jsonl": TIMER,
    "bridge_ndjson": BRIDGE,
}
PLACES = ("source_file", "source_offset", "source_line")
UTC_CLOCK = LocalTime(zone="UTC")


def read(tmp_path: Path, *lines: bytes, name: str = "x_main_20250914.log", **how: Any) -> LogEvents:
    path = tmp_path / name
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return read_events(path, name=name, clock=how.get("clock", UTC_CLOCK))


@pytest.mark.parametrize("name", LINES)
def test_a_dialect_is_told_by_content_and_not_by_suffix(name: str, tmp_path: Path) -> None:
    found = read(tmp_path, b"{broken", b"", b"[1]", LINES[name], name="anything.txt")

    assert found.dialect == name
    assert found.events.height == 1
    assert found.events.schema == EVENTS.polars


def test_lines_of_no_dialect_are_of_none(tmp_path: Path) -> None:
    found = read(tmp_path, b'{"a":1}', b"hello", b"a,b,c,d,e,f")

    assert found.dialect is None
    assert recognise([]) is None


def test_most_lines_decide() -> None:
    dialect = recognise([TWIN, DEBUG, DEBUG])

    assert dialect is not None
    assert dialect.name == "debug_ndjson"


def test_the_twins_give_the_same_event(tmp_path: Path) -> None:
    table = read(tmp_path, HEADER + b"\r", ROW + b"\r", name="r_main_20250914.csv").events
    objects = read(tmp_path, TWIN, name="r_main_20250914.ndjson").events

    same = [name for name in table.columns if not name.startswith("source_")]
    same = [name for name in same if name not in {"dialect", "raw", "seq"}]
    assert table.select(same).equals(objects.select(same))
    assert table["occurred_at"].to_list() == [datetime(2025, 9, 14, 10, tzinfo=UTC)]
    assert objects["seq"].to_list() == [17]
    both = without_twins(table.vstack(objects))
    assert both["dialect"].to_list() == ["event_ndjson"]


def test_details_with_a_comma_are_the_same_in_both_twins(tmp_path: Path) -> None:
    pressed = b"Timer Start Button pressed, Random countdown: 2.25s"
    row, twin = (line.replace(b"Timer Start Beep", pressed) for line in (ROW, TWIN))
    more = row.replace(b"00.00am", b"01.00am") + b', and "so", on'
    quoted = ROW.replace(b"Timer Start Beep", b'"' + pressed + b'"')

    table = read(tmp_path, HEADER, more, ROW, row, quoted, name="r_main_20250914.csv")
    objects = read(tmp_path, twin, name="r_main_20250914.ndjson").events

    assert table.events["details"].to_list() == [
        f'{pressed.decode()}, and "so", on', "Timer Start Beep", pressed.decode(), pressed.decode()
    ]  # fmt: skip
    assert table.events["event_type"][0] == "timer_start_button"
    assert table.events["source_line"].to_list() == [2, 3, 4, 5]
    assert table.events["event_id"][2] == objects["event_id"].item()
    assert json.loads(table.events["raw"][2])["Details"] == pressed.decode()
    assert table.quarantine == []


def test_longer_lines_that_begin_with_no_time_are_quarantined(tmp_path: Path) -> None:
    lines = [b"a,b,c,d,e,f,g", ROW + b",more", b"9/14/25,x,,,,,", HEADER + b",More", ROW[:40]]

    found = read(tmp_path, *lines, name="x.csv")

    assert found.dialect == "event_csv"
    assert found.events["details"].to_list() == ["Timer Start Beep,more"]
    assert [(one.line, one.reason) for one in found.quarantine] == [
        (number, "columns") for number in (1, 3, 4, 5)
    ]


def test_the_original_object_is_kept(tmp_path: Path) -> None:
    assert read(tmp_path, TWIN).events["raw"].to_list() == [TWIN.decode()]
    (row,) = read(tmp_path, ROW, name="x.csv").events["raw"]
    assert row == (
        '{"Datetime":"9/14/25 10:00:00.00am","Type":"String","Device":"Timer",'
        '"DeviceID":"AA:01","DevicePosition":"Bay 1","Details":"Timer Start Beep"}'
    )


@pytest.mark.parametrize(
    ("details", "text"),
    [("null", None), ("5", "5"), ("[1,2]", "[1, 2]"), ('""', None), ("true", "true")],
)
def test_odd_details_become_text_and_nothing_after_them_is_lost(
    details: str, text: str | None, tmp_path: Path
) -> None:
    odd = TWIN.replace(b'"Timer Start Beep"', details.encode()).replace(b"00.00am", b"01.00am")
    summary = TWIN.replace(b'"String"', b'"StringSummary"').replace(b"00.00am", b"02.00am")
    summary = summary.replace(b"Timer Start Beep", b"String Time: 2.00s; Shots Detected: 0")

    found = read(tmp_path, TWIN, odd, summary)

    assert found.events["details"].to_list()[1] == text
    assert found.events["event_type"].to_list() == ["timer_start_beep", "unknown", "run_summary"]
    assert aggregate_runs(found.events).frame["duration_seconds"].to_list() == [2.0]


def test_a_list_among_the_lines_is_quarantined_and_the_rest_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, TWIN, b'["x"]', DEBUG.replace(b"bt50_raw", b"Status"))

    assert found.events.height == 2
    assert [(one.reason, one.offset) for one in found.quarantine] == [("not_object", len(TWIN) + 1)]


@pytest.mark.parametrize("main", [name for name in LINES if name != "event_csv"])
def test_each_line_of_a_mixed_log_is_read_by_its_own_dialect(main: str, tmp_path: Path) -> None:
    names = [name for name in LINES if name != "event_csv"]
    alone = {name: read(tmp_path, LINES[name]).events for name in names}
    mixed = [main, *names, main, *names, main]

    found = read(tmp_path, *(LINES[name] for name in mixed))

    own = [name for name in EVENTS.polars if name not in {"event_id", *PLACES}]
    assert found.dialect == main
    assert found.events["dialect"].to_list() == mixed
    assert found.events["source_line"].to_list() == list(range(1, len(mixed) + 1))
    assert found.events.select(own).equals(pl.concat([alone[name] for name in mixed]).select(own))
    assert found.quarantine == []


def test_a_line_of_another_dialect_is_refused_for_that_ones_reason(tmp_path: Path) -> None:
    spoiled = DEBUG.replace(b"2025-09-14T10", b"later")
    lost = b'{"seq":1,"type":"Status"}'

    found = read(tmp_path, TWIN, spoiled, TIMER, lost, TWIN)

    assert found.events["source_line"].to_list() == [1, 3, 5]
    assert [(one.line, one.detail) for one in found.quarantine] == [
        (2, "time later:00:00.5"),
        (4, "time missing"),
    ]
    assert found.account.bytes_seen == (tmp_path / "x_main_20250914.log").stat().st_size


def test_what_no_dialect_knows_stays_with_that_of_its_log(tmp_path: Path) -> None:
    strange = TWIN.replace(b'"String"', b'"Novel"')

    found = read(tmp_path, DEBUG, strange.replace(b'"details"', b'"detail"'), DEBUG)

    assert found.events["dialect"].to_list() == ["debug_ndjson"] * 3


def test_lines_without_a_time_are_quarantined(tmp_path: Path) -> None:
    lost = TWIN.replace(b"9/14/25", b"soon").replace(b"2025-09-14T10", b"later")
    late = TWIN.replace(b'"9/14/25 10:00:00.00am"', b"null")
    missing = b'{"type":"String","details":"Shot detected","timestamp_iso":null}'

    found = read(tmp_path, lost, TWIN, late, missing)

    assert [one.reason for one in found.quarantine] == ["time", "time"]
    assert found.events["occurred_at"].dt.microsecond().to_list() == [0, 123]
    assert found.account.exported == 2
    assert found.account.bytes_seen == (tmp_path / "x_main_20250914.log").stat().st_size


def test_the_hour_shown_twice_is_quarantined_unless_told_otherwise(tmp_path: Path) -> None:
    line = TWIN.replace(b"9/14/25 10:00", b"11/2/25 1:30")

    strict = read(tmp_path, line, clock=LocalTime(zone="America/New_York"))
    first = read(tmp_path, line, clock=LocalTime(zone="America/New_York", fold="earliest"))

    assert [one.reason for one in strict.quarantine] == ["ambiguous_time"]
    assert first.events["occurred_at"].to_list() == [datetime(2025, 11, 2, 5, 30, tzinfo=UTC)]


def test_a_time_shown_twice_is_settled_by_one_with_an_offset(tmp_path: Path) -> None:
    line = TWIN.replace(b"9/14/25 10:00", b"11/2/25 1:30")
    said = [
        b"2025-11-02T01:30:00.000123-04:00", b"2025-11-02T01:30:00.000123-05:00",
        b"2025-11-02T06:30:00.000123Z", b"2025-11-02T01:30:00.000123",
        b"2025-11-02T03:30:00.000123", b"2025-11-02T09:30:00.000123Z", b"soon",
    ]  # fmt: skip
    lines = [line.replace(b"2025-09-14T10:00:00.000123", one) for one in said]

    found = read(tmp_path, *lines, clock=LocalTime(zone="America/New_York"))

    first, second = (datetime(2025, 11, 2, hour, 30, tzinfo=UTC) for hour in (5, 6))
    assert found.events["occurred_at"].to_list() == [first, second, second]
    assert [(one.line, one.reason) for one in found.quarantine] == [
        (number, "ambiguous_time") for number in (4, 5, 6, 7)
    ]


def test_the_same_at_both_times_that_a_clock_showed_is_two_events(tmp_path: Path) -> None:
    line = TWIN.replace(b"9/14/25 10:00", b"11/2/25 1:30")
    lines = [
        line.replace(b"2025-09-14T10:00:00.000123", b"2025-11-02T01:30:00" + offset)
        for offset in (b"-04:00", b"-05:00")
    ]

    found = read(tmp_path, *lines, clock=LocalTime(zone="America/New_York"))
    strict = read(tmp_path, line, clock=LocalTime(zone="America/New_York", fold="earliest"))

    ids = found.events["event_id"].to_list()
    assert len({one.split(".")[0] for one in ids}) == 2
    assert ids[0] == strict.events["event_id"].item()


def test_a_time_the_clock_never_showed_is_settled_by_one_with_an_offset(tmp_path: Path) -> None:
    line = TWIN.replace(b"9/14/25 10:00", b"3/9/25 2:30")
    aware = line.replace(b"2025-09-14T10:00:00.000123", b"2025-03-09T07:30:00Z")

    found = read(tmp_path, line, aware, clock=LocalTime(zone="America/New_York"))

    assert found.events["occurred_at"].to_list() == [datetime(2025, 3, 9, 7, 30, tzinfo=UTC)]
    assert [(one.line, one.reason) for one in found.quarantine] == [(1, "skipped_time")]


def test_one_other_line_among_thousands_changes_none_of_them(tmp_path: Path) -> None:
    lines = [TWIN.replace(b"17}", b"%d}" % n) for n in range(3_000)]
    other = TWIN.replace(b'"seq":17', b'"seq":17,"more":{"a":[1]}')

    found = read(tmp_path, *lines[:2_000], other, *lines[2_000:]).events

    assert found["seq"].to_list() == [*range(2_000), 17, *range(2_000, 3_000)]
    assert found["event_id"].str.extract(r"^([^.]*)").n_unique() == 1


def test_a_debug_line_is_debug_whatever_it_tells(tmp_path: Path) -> None:
    (row,) = read(tmp_path, DEBUG).events.to_dicts()

    assert (row["event_type"], row["details"], row["seq"]) == ("debug", "bt50_raw", 18)
    assert row["occurred_at"] == datetime(2025, 9, 14, 10, 0, 0, 500_000, tzinfo=UTC)


def test_a_timer_line_has_shot_split_and_session(tmp_path: Path) -> None:
    (row,) = read(tmp_path, TIMER).events.to_dicts()

    assert (row["shot_number"], row["split_seconds"], row["elapsed_seconds"]) == (1, 0.0, 2.34)
    assert (row["session_id"], row["device"]) == ("session_20250914_100000", "Timer")


@pytest.mark.parametrize(
    ("line", "at", "kind", "device"),
    [
        (BRIDGE, 123_000, "status", "Bridge"),
        (BRIDGE.replace(b"1757865600123", b"99"), 123_000, "status", "Bridge"),
        (API, 0, "api_request", "API"),
    ],
    ids=["epoch", "since switched on", "time of day"],
)
def test_the_bridge_has_its_day_in_the_file_name(
    line: bytes, at: int, kind: str, device: str, tmp_path: Path
) -> None:
    clock = LocalTime(zone="America/Denver")

    (row,) = read(tmp_path, line, name="api_20250914.ndjson", clock=clock).events.to_dicts()

    moment = datetime(2025, 9, 14, 16, 0, 0, at, tzinfo=UTC)
    assert (row["occurred_at"], row["event_type"], row["device"]) == (moment, kind, device)


def test_a_time_of_day_without_a_day_is_quarantined(tmp_path: Path) -> None:
    found = read(tmp_path, API, name="api.ndjson")

    assert [one.reason for one in found.quarantine] == ["time"]


COLUMNS = (
    "id INTEGER PRIMARY KEY, timestamp TEXT, device_id TEXT, event_type TEXT, shot_state TEXT,"
    " current_shot INT, total_shots INT, current_time REAL, split_time REAL, event_detail TEXT,"
    " raw_hex TEXT, session_id TEXT, created_at TEXT"
)


def make_database(path: Path, *rows: tuple[Any, ...], columns: str = COLUMNS) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE timer_events ({columns})")
        marks = ",".join("?" * (columns.count(",") + 1))
        connection.executemany(f"INSERT INTO timer_events VALUES ({marks})", rows)
        connection.commit()
    return path


SHOT = (
    7, "2025-09-14 12:00:02.340+02:00", "AA:BB:CC:DD:EE:01", "shot_detected", "ACTIVE", 1, 5,
    2.34, 0, "Shot 1: 2.34s", "010300010234", "session_20250914_100000", "2025-09-14 10:00:02",
)  # fmt: skip


def test_the_database_gives_the_same_event_as_the_log(tmp_path: Path) -> None:
    path = make_database(tmp_path / "timer_events.db", SHOT)

    row = read_events(path, name="timer_events.db", clock=UTC_CLOCK).events
    line = read(tmp_path, TIMER, name="timer_events_backup.jsonl").events

    assert row["event_id"].to_list() == line["event_id"].to_list()
    assert row["source_offset"].to_list() == [7]
    assert '"current_time":2.34' in row["raw"][0]


def test_a_whole_number_is_the_same_in_log_and_database(tmp_path: Path) -> None:
    path = make_database(tmp_path / "timer_events.db", (*SHOT[:7], 2, *SHOT[8:]))

    row = read_events(path, name="timer_events.db", clock=UTC_CLOCK).events
    line = read(tmp_path, TIMER.replace(b"2.34,", b"2,"), name="timer.jsonl").events

    assert row["event_id"].to_list() == line["event_id"].to_list()


def test_repeats_are_numbered_by_place_whatever_the_order_of_rows(tmp_path: Path) -> None:
    events = read(tmp_path, TWIN, DEBUG.replace(b"bt50_raw", b"Status"), TWIN, TWIN).events
    base = events.with_columns(events["event_id"].str.extract(r"^([^.]*)"))

    numbered = number_repeats(base.reverse()).reverse()

    assert numbered["event_id"].equals(events["event_id"])
    assert events["event_id"].str.extract(r"(\..)$").to_list() == [None, None, ".2", ".3"]


def test_rows_of_the_database_that_are_no_events_are_quarantined(tmp_path: Path) -> None:
    odd = (8, "never", *SHOT[2:9], b"\xff", *SHOT[10:])
    path = make_database(tmp_path / "x.db", SHOT, odd)

    found = read_events(path, name="x.db", clock=UTC_CLOCK)

    assert found.events.height == 1
    assert [(one.offset, one.reason) for one in found.quarantine] == [(8, "time")]


def test_columns_that_the_database_lacks_are_none_and_not_their_names(tmp_path: Path) -> None:
    few = "id INTEGER PRIMARY KEY, timestamp TEXT, event_type TEXT, current_shot INT"
    path = make_database(tmp_path / "x.db", (1, SHOT[1], "shot_detected", 3), columns=few)

    (row,) = read_events(path, name="x.db", clock=UTC_CLOCK).events.to_dicts()

    absent = ("device_id", "details", "session_id", "elapsed_seconds", "split_seconds")
    assert [row[name] for name in absent] == [None] * len(absent)
    assert json.loads(row["raw"]) == {
        "id": 1, "timestamp": SHOT[1], "event_type": "shot_detected", "current_shot": 3,
    }  # fmt: skip


def test_columns_that_only_this_database_has_are_kept_in_raw(tmp_path: Path) -> None:
    more = COLUMNS.replace("device_id", "Device_ID") + ', "odd ""name]" TEXT, lane INT'
    path = make_database(tmp_path / "x.db", (*SHOT, "kept", 4), columns=more)

    (row,) = read_events(path, name="x.db", clock=UTC_CLOCK).events.to_dicts()

    raw = json.loads(row["raw"])
    assert (raw['odd "name]'], raw["lane"], row["device_id"]) == ("kept", 4, SHOT[2])


@pytest.mark.parametrize("lost", ["id", "timestamp", "event_type"])
def test_a_table_without_what_makes_an_event_is_none_of_events(lost: str, tmp_path: Path) -> None:
    columns = COLUMNS.replace(f"{lost} ", f"other_{lost} ", 1)
    path = make_database(tmp_path / "x.db", SHOT, columns=columns)

    with pytest.raises(SourceMissing, match=rf"^logs/x\.db: timer_events has no column {lost}$"):
        read_events(path, name="logs/x.db", clock=UTC_CLOCK)


def test_a_text_that_is_no_utf8_costs_its_own_row_alone(tmp_path: Path) -> None:
    rows = [(number, *SHOT[1:]) for number in (1, 2, 3)]
    path = make_database(tmp_path / "x.db", *rows)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE timer_events SET event_detail = CAST(x'53c3ff' AS TEXT) WHERE id = 2"
        )

    found = read_events(path, name="x.db", clock=UTC_CLOCK)

    assert found.events["source_offset"].to_list() == [1, 3]
    (refused,) = found.quarantine
    assert (refused.file, refused.offset, refused.reason) == ("x.db", 2, "bad_utf8")
    assert refused.detail == "no UTF-8 in event_detail"
    assert json.loads(refused.head)["event_detail"] == "53c3ff"


def test_a_row_whose_id_is_no_number_is_quarantined(tmp_path: Path) -> None:
    columns = COLUMNS.replace("id INTEGER PRIMARY KEY", "id")
    path = make_database(tmp_path / "x.db", ("seven", *SHOT[1:]), SHOT, columns=columns)

    found = read_events(path, name="x.db", clock=UTC_CLOCK)

    assert found.events["source_offset"].to_list() == [7]
    assert [(one.reason, one.detail) for one in found.quarantine] == [
        ("number", "id is no integer")
    ]


def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    spoiled = tmp_path / "spoiled.db"
    spoiled.write_bytes(b"SQLite format 3\0" + b"x" * 5_000)
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE other (a)")
        connection.commit()

    with pytest.raises(SourceCorrupt, match=r"^logs/x: "):
        read_events(spoiled, name="logs/x", clock=UTC_CLOCK)
    with pytest.raises(SourceMissing, match=r"^logs/x: no such table: timer_events$"):
        read_events(tmp_path / "other.db", name="logs/x", clock=UTC_CLOCK)
    with pytest.raises(SourceMissing, match=r"^logs/x: No such file"):
        read_events(tmp_path / "none.log", name="logs/x", clock=UTC_CLOCK)


@pytest.mark.parametrize(
    ("kind", "details", "expected"),
    [
        ("String", "Timer Start Button pressed, Random countdown: 2.25s", "timer_start_button"),
        ("String", "TIMER STARTED", "timer_started"),
        ("String", "Timer stop button pressed", "timer_stopped"),
        ("String", "Shot Sequence 2/5: 3.10s", "status"),
        ("Status", "Timer Start Beep", "status"),
        ("StringSummary", "String Time: 4.60s", "run_summary"),
        ("Other", None, "unknown"),
        (None, "Shot detected", "unknown"),
    ],
)
def test_words_have_one_meaning(kind: str | None, details: str | None, expected: str) -> None:
    assert meaning_of(kind, details).event_type == expected


def test_frames_tell_number_and_time() -> None:
    sequence, shot = (
        meaning_of("String", t) for t in ("Shot Sequence 2/5: 3.10s", "Shot 3: 4.56s")
    )

    assert (sequence.shot_number, sequence.elapsed_seconds) == (2, 3.1)
    assert (shot.shot_number, shot.elapsed_seconds) == (3, 4.56)
    assert meaning_of("String", "Timer Active: 7.00s").elapsed_seconds == 7.0


def test_filters_know_canonical_names_and_those_of_the_dialects() -> None:
    assert canonical_types("shot_detected") == ("shot_detected",)
    assert canonical_types("Sensor Impact detected") == ("impact_detected",)
    assert canonical_types("StringSummary") == ("run_summary",)
    assert canonical_types("timer_start")[0] == "timer_start_button"
    assert canonical_types("connection_lost") == ("debug",)
    assert canonical_types("nonsense") == ()


@pytest.mark.parametrize(
    ("name", "logger"),
    [
        ("logs/range1_main_20250914.csv", "range1"),
        ("range1_main_20250914.csv.1.gz", "range1"),
        ("a_main_b_main_20250914.ndjson", "a_main_b"),
        ("timer_events_backup.jsonl", ""),
    ],
)
def test_the_logger_is_in_the_file_name(name: str, logger: str) -> None:
    assert logger_of(name) == logger
