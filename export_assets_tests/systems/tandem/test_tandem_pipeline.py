"""Raw events to events to readings and deliveries: complete, once only, whatever the rows hold."""

import base64
import hashlib
import json
import signal
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from export_assets.errors import ConfigError, SourceCorrupt, SourceMissing
from export_assets.systems.tandem.ingest import ingest_payloads
from export_assets.systems.tandem.pipeline import (
    refresh_all,
    refresh_basal_deliveries,
    refresh_cgm_readings,
    refresh_events,
)
from export_assets.systems.tandem.schema import create_missing_tables
from export_assets_tests.systems.tandem.tandem_events import (
    MORNING,
    base64_of,
    counts,
    database,
    delivery,
    document,
    event,
    named_document,
    reading,
    rows,
)

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
PAYLOAD = base64_of(
    reading(120),
    delivery(850, 1_150, 65_535, seconds=MORNING + 10),
    event(3, seconds=MORNING + 20, sequence=3, payload="3f59999a3f4ccccd40400000"),
    event(4001, seconds=MORNING + 30, sequence=4),
    reading(0, status=2, seconds=MORNING + 300, sequence=5),
)


def ingest(path: Path, payload: str = PAYLOAD, **options: Any) -> Any:
    with closing(duckdb.connect(path)) as con:
        return ingest_payloads(con, payload, **{"now": NOW, **options})


def run(path: Path, *statements: str) -> None:
    with closing(duckdb.connect(path)) as con:
        for statement in statements:
            con.execute(statement)


def test_a_payload_becomes_events_readings_and_deliveries(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"

    arrived = ingest(path)
    report = refresh_all(path, now=NOW)

    assert (arrived.read, arrived.inserted, arrived.present) == (5, 5, 0)
    assert counts(path) == {
        "raw_events": 5,
        "events": 5,
        "cgm_readings": 2,
        "basal_deliveries": 1,
    }
    assert report.step("events").unknown == {"UNKNOWN_4001": 1}
    assert rows(path, "SELECT timestamp, event_id, event_name FROM events ORDER BY id LIMIT 2") == [
        (datetime(2024, 1, 15, 18), 1, "LID_CGM_DATA_G7"),  # noqa: DTZ001 - as stored
        (datetime(2024, 1, 15, 18, 0, 10), 2, "LID_BASAL_DELIVERY"),  # noqa: DTZ001 - as stored
    ]
    assert rows(path, "SELECT cgm_reading FROM cgm_readings ORDER BY id") == [(120,), (0,)]
    assert rows(path, "SELECT * EXCLUDE (id, timestamp) FROM basal_deliveries") == [
        (2, 850, 1_150, 65_535)
    ]


@pytest.mark.parametrize("again", ["plain", "named"])
def test_the_same_payload_twice_changes_no_count(tmp_path: Path, again: str) -> None:
    path = tmp_path / "pump.duckdb"
    ingest(path)
    refresh_all(path)
    before = counts(path)

    arrived = ingest(path, dialect=again)
    report = refresh_all(path)

    assert (arrived.inserted, arrived.present) == (0, 5)
    assert report.inserted == 0
    assert [step.present for step in report.steps] == [5, 2, 1]
    assert counts(path) == before


def test_a_payload_that_repeats_itself_is_kept_once(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"

    arrived = ingest(path, base64_of(reading(120), reading(120), reading(120)))

    assert (arrived.read, arrived.inserted, arrived.present) == (3, 1, 2)


def test_only_what_is_new_in_an_overlapping_payload_is_added(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"
    ingest(path)
    refresh_all(path)

    ingest(path, base64_of(reading(120), reading(131, seconds=MORNING + 600, sequence=6)))
    report = refresh_all(path)

    assert [step.inserted for step in report.steps] == [1, 1, 0]
    assert rows(path, "SELECT cgm_reading FROM cgm_readings ORDER BY id") == [(120,), (0,), (131,)]


@pytest.mark.parametrize(
    "other",
    [
        reading(120, sequence=2),
        reading(120, seconds=MORNING + 1),
        event(256, payload="000100000078"),
    ],
    ids=["sequence number", "time", "type"],
)
def test_events_that_differ_in_one_part_of_the_key_are_two(tmp_path: Path, other: bytes) -> None:
    path = tmp_path / "pump.duckdb"

    ingest(path, base64_of(reading(120), other))
    refresh_all(path)

    assert counts(path)["events"] == 2


def test_raw_events_the_application_stored_twice_are_one_event(tmp_path: Path) -> None:
    one = document(currentglucosedisplayvalue=99)
    path = database(tmp_path / "pump.duckdb", [one, one])

    first = refresh_all(path)
    path_with_third = tmp_path / "pump.duckdb"
    run(
        path_with_third,
        "INSERT INTO raw_events (created, raw_event_data)"
        " SELECT created, raw_event_data FROM raw_events LIMIT 1",
    )
    second = refresh_all(path)

    assert (first.step("events").inserted, first.step("events").present) == (1, 1)
    assert (second.step("events").inserted, second.step("events").present) == (0, 3)
    assert counts(path)["cgm_readings"] == 1


def test_a_twin_known_under_another_name_is_not_added(tmp_path: Path) -> None:
    path = database(tmp_path / "pump.duckdb", [document(type_id=4001)] * 2)
    run(
        path,
        """INSERT INTO events (raw_events_id, created, timestamp, event_id, event_name)
                 VALUES (1, '2024-01-16', '2024-01-15 18:00:00', 1, 'LID_NAMED_LATER')""",
    )

    report = refresh_all(path)

    assert (report.step("events").inserted, report.step("events").present) == (0, 2)


def test_a_refresh_with_nothing_to_do_leaves_the_file_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"
    ingest(path)
    refresh_all(path)
    before = hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns

    refresh_all(path)

    assert (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) == before
    assert [file.name for file in tmp_path.iterdir()] == ["pump.duckdb"]


def test_both_dialects_are_read(tmp_path: Path) -> None:
    documents = [
        document(currentglucosedisplayvalue=120, glucosevaluestatus_raw=0),
        named_document(198, "LID_CGM_DATA_READING", sequence=2, currentglucosedisplayvalue=125),
        named_document(
            279, "LID_BASAL_DELIVERY", sequence=3, profileBasalRate=850, algorithmRate=65535
        ),
    ]
    path = database(tmp_path / "pump.duckdb", documents)

    report = refresh_all(path)

    assert rows(path, "SELECT event_name, event_data ->> '$.NAME' FROM events ORDER BY id") == [
        ("LID_CGM_DATA_G7", None),
        ("LID_CGM_DATA_READING", "LID_CGM_DATA_READING"),
        ("LID_BASAL_DELIVERY", "LID_BASAL_DELIVERY"),
    ]
    assert rows(path, "SELECT cgm_reading FROM cgm_readings ORDER BY id") == [(120,), (125,)]
    assert rows(path, "SELECT * EXCLUDE (id, timestamp) FROM basal_deliveries") == [
        (3, 850, 65_535, None)
    ]
    assert report.step("events").unknown == {}


def test_event_data_is_the_document_without_the_raw_event(tmp_path: Path) -> None:
    path = database(
        tmp_path / "pump.duckdb",
        [document(currentglucosedisplayvalue=120, note={"deep": [1, None]}, nothing=None)],
    )

    refresh_all(path)

    (found,) = rows(path, "SELECT event_data::VARCHAR FROM events")
    assert json.loads(found[0]) == {
        "event_timestamp": "2024-01-15T10:00:00-08:00",
        "event_id": 1,
        "currentglucosedisplayvalue": 120,
        "note": {"deep": [1, None]},
        "nothing": None,
    }


def test_fields_a_document_lacks_are_decoded_from_its_bytes(tmp_path: Path) -> None:
    whole = document()
    whole["raw_event"]["raw"] = base64_of(reading(140))
    params = named_document(279, "LID_BASAL_DELIVERY", sequence=2)
    params["raw_event"]["eventParams"] = base64.b64encode(delivery(850, 900, 65_535)[10:]).decode()
    broken = document(sequence=3)
    broken["raw_event"]["raw"] = "%%%"
    of_another = document(sequence=4)
    of_another["raw_event"]["raw"] = base64_of(delivery(1, 2, 3))
    path = database(tmp_path / "pump.duckdb", [whole, params, broken, of_another])

    report = refresh_all(path)

    assert rows(path, "SELECT events_id, cgm_reading FROM cgm_readings") == [(1, 140)]
    assert rows(path, "SELECT events_id, profile_basal_rate FROM basal_deliveries") == [(2, 850)]
    assert report.step("cgm_readings").malformed == {"no glucose value": 2}


def test_malformed_rows_are_counted_by_reason_and_stop_nothing(tmp_path: Path) -> None:
    documents: list[object] = [
        document(currentglucosedisplayvalue=120),
        {"event_timestamp": "2024-01-15T10:00:00Z", "event_id": 2},
        {"raw_event": {"id": 399}, "event_timestamp": "2024-01-15T10:00:00Z"},
        document(sequence=4, time="yesterday"),
        document(sequence=5, time="2024-02-30T10:00:00Z"),
        document(sequence=4_294_967_295),
        document(sequence=-1),
        document(type_id=-5, sequence=8),
        [1, 2],
        "text",
        None,
    ]
    path = database(tmp_path / "pump.duckdb", documents)

    report = refresh_all(path).step("events")

    assert report.malformed == {
        "event id is negative": 1,
        "no event id": 4,
        "no event time": 2,
        "no sequence number": 1,
        "sequence number does not fit": 2,
    }
    assert (report.read, report.inserted, report.present) == (11, 1, 0)
    assert counts(path)["cgm_readings"] == 1


def test_rows_of_text_that_is_no_json_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"
    run(
        path,
        "CREATE TABLE raw_events (id INTEGER, created TIMESTAMP, raw_event_data VARCHAR)",
        """INSERT INTO raw_events
           VALUES (1, now(), '{"raw_event": {'), (2, now(), ''), (3, now(), NULL)""",
    )

    report = refresh_all(path)

    assert report.step("events").malformed == {"not JSON": 3}
    assert counts(path)["events"] == 0


def test_malformed_rows_are_new_once(tmp_path: Path) -> None:
    good, bad = document(sequence=1), document(sequence=2, time="never")
    path = database(tmp_path / "pump.duckdb", [bad, good, bad])

    def refreshed() -> tuple[int, int]:
        step = refresh_all(path).step("events")
        return sum(step.malformed.values()), step.malformed_new

    first, again = refreshed(), refreshed()
    run(path, f"INSERT INTO raw_events VALUES (11, now(), '{json.dumps(bad)}')")
    nothing_inserted = refreshed()
    run(path, f"INSERT INTO raw_events VALUES (12, now(), '{json.dumps(document(sequence=3))}')")
    inserted, after = refreshed(), refreshed()

    assert (first, again) == ((2, 2), (2, 0))
    # The third bad row waits for the next refresh that inserts; the second stands after event 1.
    assert (nothing_inserted, inserted, after) == ((3, 0), (3, 2), (3, 0))


def test_rows_of_which_none_could_be_read_stay_new(tmp_path: Path) -> None:
    path = database(tmp_path / "pump.duckdb", [document(time="never")])

    refresh_all(path)
    report = refresh_all(path)

    assert report.step("events").malformed_new == 1


def test_malformed_readings_are_new_once(tmp_path: Path) -> None:
    documents = [
        document(sequence=1, currentglucosedisplayvalue="abc"),
        document(sequence=2, currentglucosedisplayvalue=120),
    ]
    path = database(tmp_path / "pump.duckdb", documents)

    first = refresh_all(path).step("cgm_readings")
    again = refresh_all(path).step("cgm_readings")

    assert (first.malformed_new, again.malformed_new) == (1, 0)
    assert first.malformed == again.malformed


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("abc", "glucose value is not a whole number"),
        (120.5, "glucose value is not a whole number"),
        ([120], "glucose value is not a whole number"),
        (-1, "glucose value does not fit"),
        (70_000, "glucose value does not fit"),
        (None, "no glucose value"),
    ],
)
def test_a_glucose_value_that_is_none_is_counted(
    tmp_path: Path, value: object, reason: str
) -> None:
    path = database(tmp_path / "pump.duckdb", [document(currentglucosedisplayvalue=value)])

    report = refresh_all(path)

    assert report.step("cgm_readings").malformed == {reason: 1}
    assert counts(path)["events"] == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"profileBasalRate": None}, "no rate"),
        ({"profileBasalRate": 850, "tempRate": "fast"}, "rate is not a whole number"),
        ({"profileBasalRate": 850, "algorithmRate": 65_536}, "rate does not fit"),
    ],
)
def test_a_delivery_without_sound_rates_is_counted(
    tmp_path: Path, fields: dict[str, Any], reason: str
) -> None:
    path = database(tmp_path / "pump.duckdb", [document(type_id=279, **fields)])

    report = refresh_all(path)

    assert report.step("basal_deliveries").malformed == {reason: 1}


def test_a_rate_change_is_no_delivery(tmp_path: Path) -> None:
    path = database(tmp_path / "pump.duckdb", [document(type_id=3, profileBasalRate=850)])

    refresh_all(path)

    assert counts(path)["basal_deliveries"] == 0


@pytest.mark.parametrize(
    ("stored", "zone", "expected"),
    [
        ("TIMESTAMPTZ '2024-01-15 18:00:00.123456+00'", "UTC", "2024-01-15 18:00:00.123456"),
        ("TIMESTAMPTZ '2024-01-15 10:00:00-08'", "Asia/Tokyo", "2024-01-15 18:00:00"),
        ("TIMESTAMP '2024-01-15 18:00:00'", "UTC", "2024-01-15 18:00:00"),
        ("TIMESTAMP '2024-01-15 10:00:00'", "America/Los_Angeles", "2024-01-15 18:00:00"),
    ],
)
def test_the_variant_with_a_time_column_is_read(
    tmp_path: Path, stored: str, zone: str, expected: str
) -> None:
    path = tmp_path / "pump.duckdb"
    declared = stored.split(maxsplit=1)[0]
    run(
        path,
        f"""CREATE TABLE raw_events (
            id BIGINT, pump_serial VARCHAR, event_timestamp {declared}, raw_event_data JSON)""",
        f"""INSERT INTO raw_events VALUES (7, '881235', {stored},
            '{{"raw_event": {{"id": 399}}, "event_id": 1, "currentglucosedisplayvalue": 120}}')""",
        """CREATE TABLE events (id BIGINT, raw_events_id BIGINT, created TIMESTAMPTZ,
           timestamp TIMESTAMPTZ, event_id BIGINT, event_name VARCHAR, event_data JSON)""",
    )

    refresh_all(path, assume_timezone=zone)

    assert rows(path, "SELECT timezone('UTC', timestamp)::VARCHAR FROM events") == [(expected,)]
    assert counts(path)["cgm_readings"] == 1


def test_two_pumps_may_use_the_same_number_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"
    run(
        path,
        """CREATE TABLE raw_events (
            id INTEGER, pump_serial VARCHAR, event_timestamp TIMESTAMPTZ, raw_event_data JSON)""",
    )

    first = ingest(path, pump_serial="one")
    second = ingest(path, pump_serial="two")
    third = ingest(path, pump_serial="two")
    report = refresh_all(path)

    assert (first.inserted, second.inserted, third.inserted) == (5, 5, 0)
    assert report.step("events").inserted == 10
    assert rows(path, "SELECT count(event_timestamp), count(DISTINCT id) FROM raw_events") == [
        (10, 10)
    ]


def test_naive_times_are_written_in_the_zone_they_are_read_in(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"
    ingest(path, assume_timezone="America/New_York")

    refresh_all(path, assume_timezone="America/New_York", now=NOW)

    assert rows(path, "SELECT timestamp::VARCHAR, created::VARCHAR FROM events LIMIT 1") == [
        ("2024-01-15 13:00:00", "2026-07-01 08:00:00")
    ]


def test_times_without_an_offset_are_read_in_the_configured_zone(tmp_path: Path) -> None:
    documents = [
        document(sequence=1, time="2026-11-01T01:30:00"),
        document(sequence=2, time="2026-03-08T02:30:00"),
        document(sequence=3, time="2026-07-01T12:00:00.000001"),
        document(sequence=4, time="2026-07-01"),
    ]
    path = database(tmp_path / "pump.duckdb", documents)

    with closing(duckdb.connect(path)) as con:
        con.execute("SET TimeZone = 'Asia/Kolkata'")
        report = refresh_events(con, assume_timezone="America/Los_Angeles")

    assert (report.ambiguous, report.nonexistent) == (1, 1)
    # Stored in the same zone; the skipped reading is stored as the hour it really was.
    assert rows(path, "SELECT timestamp::VARCHAR FROM events ORDER BY event_id") == [
        ("2026-11-01 01:30:00",),
        ("2026-03-08 03:30:00",),
        ("2026-07-01 12:00:00.000001",),
        ("2026-07-01 00:00:00",),
    ]


def test_the_hour_shown_twice_is_its_first_occurrence(tmp_path: Path) -> None:
    path = database(tmp_path / "pump.duckdb", [document(time="2026-11-01T01:30:00")])
    run(
        path,
        "DROP TABLE cgm_readings",
        "DROP TABLE basal_deliveries",
        "ALTER TABLE events ALTER timestamp TYPE TIMESTAMPTZ",
    )

    refresh_all(path, assume_timezone="America/Los_Angeles")

    assert rows(path, "SELECT timezone('UTC', timestamp)::VARCHAR FROM events") == [
        ("2026-11-01 08:30:00",)
    ]


def test_without_a_written_time_the_pump_clock_counts(tmp_path: Path) -> None:
    silent = document(time=None)
    silent["raw_event"]["timestampRaw"] = MORNING
    path = database(tmp_path / "pump.duckdb", [silent])

    refresh_all(path, pump_timezone="America/New_York")

    assert rows(path, "SELECT timestamp::VARCHAR FROM events") == [("2024-01-15 15:00:00",)]


def test_each_step_stands_alone_and_creates_its_own_table(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"
    ingest(path)
    run(path, "DROP TABLE cgm_readings", "DROP TABLE basal_deliveries")

    with closing(duckdb.connect(path)) as con:
        before_events = refresh_cgm_readings(con)
        refresh_events(con)
        deliveries = refresh_basal_deliveries(con)

    assert (before_events.read, before_events.inserted) == (0, 0)
    assert deliveries.read == 1
    assert deliveries.inserted == 1
    assert counts(path)["cgm_readings"] == 0


def test_a_step_that_fails_leaves_nothing_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"
    ingest(path)
    run(
        path,
        "DROP TABLE cgm_readings",
        "DROP TABLE basal_deliveries",
        "DROP TABLE events",
        """CREATE TABLE events (id INTEGER, raw_events_id INTEGER, created TIMESTAMP,
           timestamp TIMESTAMP, event_id INTEGER CHECK (event_id < 4), event_name TEXT,
           event_data JSON)""",
    )

    with closing(duckdb.connect(path)) as con:
        with pytest.raises(duckdb.ConstraintException):
            refresh_events(con)
        left = con.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()

    assert left == []
    assert rows(path, "SELECT count(*) FROM events") == [(0,)]


CRASH = """
import os, signal, sys
import duckdb
from export_assets.systems.tandem import pipeline
con = duckdb.connect(sys.argv[1])
if sys.argv[2] == "between":
    pipeline.refresh_events(con)
else:
    pipeline.advance_sequence = lambda con, table: os.kill(os.getpid(), signal.SIGKILL)
    pipeline.refresh_events(con)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("moment", "left_to_do"), [("within", 5), ("between", 0)])
def test_a_refresh_that_was_killed_is_finished_by_the_next(
    tmp_path: Path, moment: str, left_to_do: int
) -> None:
    path = tmp_path / "pump.duckdb"
    ingest(path)

    killed = subprocess.run(
        [sys.executable, "-c", CRASH, str(path), moment], timeout=60, check=False
    )
    report = refresh_all(path)

    assert killed.returncode == -signal.SIGKILL
    assert report.step("events").inserted == left_to_do
    assert counts(path) == {
        "raw_events": 5,
        "events": 5,
        "cgm_readings": 2,
        "basal_deliveries": 1,
    }


def test_the_application_goes_on_numbering_after_our_rows(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"
    ingest(path)
    refresh_all(path)

    run(path, "INSERT INTO raw_events (created, raw_event_data) VALUES (now(), '{}')")

    assert rows(path, "SELECT max(id), count(*) FROM raw_events") == [(6, 6)]


def test_numbering_goes_on_after_rows_the_application_numbered_itself(tmp_path: Path) -> None:
    path = database(tmp_path / "pump.duckdb")
    run(path, "INSERT INTO raw_events VALUES (41, now(), '{}')")

    ingest(path)
    run(path, "INSERT INTO raw_events (created, raw_event_data) VALUES (now(), '{}')")

    assert rows(path, "SELECT list(id ORDER BY id) FROM raw_events") == [
        ([41, 42, 43, 44, 45, 46, 47],)
    ]


def test_trailing_bytes_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"

    report = ingest(path, base64_of(reading(120), b"\x01\x8f\x1e"))

    assert (report.inserted, report.trailing_bytes) == (1, 3)


def test_an_empty_payload_adds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"

    report = ingest(path, "")

    assert (report.read, report.inserted) == (0, 0)
    assert refresh_all(path).inserted == 0


def test_a_payload_that_is_no_base64_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"

    with pytest.raises(SourceCorrupt, match="pump payload: not base64"):
        ingest(path, "!!!")

    assert rows(path, "SELECT count(*) FROM duckdb_tables()") == [(0,)]


def test_the_autumn_hour_in_a_payload_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"
    fall = int(datetime(2026, 11, 1, 1, 30, tzinfo=UTC).timestamp()) - 1_199_145_600

    report = ingest(path, base64_of(reading(120, seconds=fall)))
    refresh_all(path)

    assert report.ambiguous == 1
    assert rows(path, "SELECT timestamp::VARCHAR FROM events") == [("2026-11-01 08:30:00",)]


def test_a_file_without_raw_events_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "other.duckdb"
    run(path, "CREATE TABLE orders (id INTEGER)")

    with pytest.raises(SourceMissing, match="raw_events: there is no such table"):
        refresh_all(path)

    assert rows(path, "SELECT table_name FROM duckdb_tables()") == [("orders",)]


def test_an_unknown_zone_is_refused_before_anything_changes(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"
    ingest(path)

    with pytest.raises(ConfigError, match="time zone 'Mars/Base': unknown"):
        refresh_all(path, pump_timezone="Mars/Base")

    assert counts(path)["events"] == 0


def test_a_table_without_a_column_a_step_needs_is_said_to_be_so(tmp_path: Path) -> None:
    path = database(tmp_path / "pump.duckdb")
    run(path, "DROP TABLE cgm_readings", "CREATE TABLE cgm_readings (id INTEGER, glucose INTEGER)")

    with pytest.raises(SourceMissing, match="cgm_readings: has no column events_id, timestamp"):
        refresh_all(path)


def test_missing_derived_tables_are_created(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"
    with closing(duckdb.connect(path)) as con:
        created = create_missing_tables(con)
        again = create_missing_tables(con)

    assert set(created) == {"raw_events", "events", "cgm_readings", "basal_deliveries"}
    assert again == ()
