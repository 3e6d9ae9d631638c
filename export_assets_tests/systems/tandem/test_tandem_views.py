"""The exported shape of the four tables, of both variants and of files that lack something."""

import os
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from export_assets.errors import ConfigError
from export_assets.systems.tandem.descriptions import COLUMN_DESCRIPTIONS
from export_assets.systems.tandem.ingest import ingest_payloads
from export_assets.systems.tandem.pipeline import refresh_all
from export_assets.systems.tandem.views import TIME_COLUMNS, tandem_views
from export_assets_tests.systems.tandem.tandem_events import (
    MORNING,
    base64_of,
    database,
    delivery,
    document,
    event,
    exported,
    named_document,
    reading,
)

CONTRACT = {
    "raw_events": ["id", "created", "raw_event_data"],
    "events": [
        "id",
        "raw_events_id",
        "created",
        "timestamp",
        "event_id",
        "event_name",
        "event_data",
    ],
    "cgm_readings": ["id", "events_id", "timestamp", "cgm_reading"],
    "basal_deliveries": [
        "id",
        "events_id",
        "timestamp",
        "profile_basal_rate",
        "algorithm_basal_rate",
        "temp_basal_rate",
    ],
}


def pump(path: Path, *events: bytes) -> Path:
    with closing(duckdb.connect(path)) as con:
        ingest_payloads(con, base64_of(*events))
    refresh_all(path)
    return path


def types_of(path: Path, table: str) -> dict[str, str]:
    with closing(duckdb.connect(path, read_only=True)) as con:
        view = tandem_views(CONTRACT)[table]
        return {row[0]: row[1] for row in con.execute(f"DESCRIBE {view}").fetchall()}


def test_the_four_tables_have_the_promised_columns_and_types(tmp_path: Path) -> None:
    path = pump(tmp_path / "pump.duckdb", reading(120))

    shapes = {table: types_of(path, table) for table in CONTRACT}

    assert shapes == {
        "raw_events": {
            "id": "BIGINT",
            "created": "TIMESTAMP",
            "event_timestamp": "TIMESTAMP WITH TIME ZONE",
            "raw_event_data": "JSON",
        },
        "events": {
            "id": "BIGINT",
            "raw_events_id": "BIGINT",
            "created": "TIMESTAMP",
            "timestamp": "TIMESTAMP",
            "event_id": "BIGINT",
            "event_type_id": "BIGINT",
            "seq_num": "BIGINT",
            "event_name": "VARCHAR",
            "event_data": "JSON",
        },
        "cgm_readings": {
            "id": "BIGINT",
            "events_id": "BIGINT",
            "timestamp": "TIMESTAMP",
            "cgm_reading": "BIGINT",
            "status": "VARCHAR",
            "cgm_reading_raw": "BIGINT",
        },
        "basal_deliveries": {
            "id": "BIGINT",
            "events_id": "BIGINT",
            "timestamp": "TIMESTAMP",
            "profile_basal_rate": "BIGINT",
            "profile_basal_rate_raw": "BIGINT",
            "algorithm_basal_rate": "BIGINT",
            "algorithm_basal_rate_raw": "BIGINT",
            "temp_basal_rate": "BIGINT",
            "temp_basal_rate_raw": "BIGINT",
        },
    }


def test_every_exported_column_is_described(tmp_path: Path) -> None:
    path = pump(tmp_path / "pump.duckdb", reading(120))

    undescribed = [
        f"{table}.{name}"
        for table in CONTRACT
        for name in types_of(path, table)
        if name not in COLUMN_DESCRIPTIONS[table]
    ]

    assert undescribed == []
    assert all(TIME_COLUMNS[table] in types_of(path, table) for table in CONTRACT)


def test_a_reading_is_a_number_only_where_its_status_says_so(tmp_path: Path) -> None:
    path = pump(
        tmp_path / "pump.duckdb",
        reading(120, sequence=1),
        reading(0, status=1, sequence=2),
        reading(0, status=2, sequence=3),
        reading(0, status=6, sequence=4),
        reading(103, status=1, sequence=5),
        reading(62, status=2, sequence=6),
        reading(118, status=6, sequence=7),
        reading(130, status=4, sequence=8),
        event(372, sequence=9, payload="00000101007b"),
    )

    assert exported(path, "cgm_readings", "cgm_reading, status, cgm_reading_raw") == [
        (120, "value", 120),
        (None, "high", 0),
        (None, "low", 0),
        (None, "hidden", 0),
        (None, "high", 103),
        (None, "low", 62),
        (None, "hidden", 118),
        (None, "hidden", 130),
        (None, "high", 123),
    ]


def without_status(type_id: int, sequence: int, value: int, raw: bytes | None) -> dict[str, object]:
    row = document(type_id, sequence=sequence, currentglucosedisplayvalue=value)
    if raw is not None:
        row["raw_event"]["raw"] = base64_of(raw)
    return row


def test_a_stored_zero_without_status_asks_the_bytes(tmp_path: Path) -> None:
    path = database(
        tmp_path / "pump.duckdb",
        [
            without_status(399, 1, 0, reading(0, status=1)),
            without_status(399, 2, 0, reading(0, status=2)),
            without_status(399, 3, 0, None),
            without_status(399, 4, 0, b"\x01\x8f cut"),
            without_status(399, 5, 120, None),
            without_status(399, 6, 120, reading(0, status=2)),
            without_status(372, 7, 0, event(372, payload="00000101007b")),
            named_document(198, "LID_CGM_DATA_READING", sequence=8, currentglucosedisplayvalue=99),
            without_status(399, 9, 0, reading(0, status=0)),
        ],
    )
    refresh_all(path)

    assert exported(path, "cgm_readings", "cgm_reading, status, cgm_reading_raw") == [
        (None, "high", 0),
        (None, "low", 0),
        (None, "hidden", 0),
        (None, "hidden", 0),
        (120, "value", 120),
        (120, "value", 120),
        (None, "high", 0),
        (99, "value", 99),
        (0, "value", 0),
    ]


def test_a_rate_that_is_not_set_is_null_beside_what_is_stored(tmp_path: Path) -> None:
    path = pump(tmp_path / "pump.duckdb", delivery(850, 0, 65_535))

    assert exported(path, "basal_deliveries", "* EXCLUDE (id, events_id, timestamp)") == [
        (850, 850, 0, 0, None, 65_535)
    ]


def test_an_event_has_its_type_beside_its_sequence_number(tmp_path: Path) -> None:
    documents = [
        document(399, sequence=70_001),
        named_document(198, "LID_CGM_DATA_READING", sequence=70_002),
        document(4001, sequence=70_003),
    ]
    path = database(tmp_path / "pump.duckdb", documents)
    refresh_all(path)

    assert exported(path, "events", "event_id, event_type_id, seq_num, event_name") == [
        (70_001, 399, 70_001, "LID_CGM_DATA_G7"),
        (70_002, 198, 70_002, "LID_CGM_DATA_READING"),
        (70_003, 4001, 70_003, "UNKNOWN_4001"),
    ]


def test_without_raw_events_the_type_comes_from_the_name(tmp_path: Path) -> None:
    path = pump(tmp_path / "pump.duckdb", reading(120), event(4001, sequence=2))
    with closing(duckdb.connect(path)) as con:
        con.execute("INSERT INTO events VALUES (9, 9, now(), now(), 3, 'LID_OTHER', NULL)")
        con.execute("DROP TABLE raw_events")

    assert exported(path, "events", "event_type_id") == [(399,), (4001,), (None,)]
    assert exported(path, "cgm_readings", "cgm_reading, status") == [(120, "value")]


def test_readings_alone_are_exported_as_they_are_stored(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"
    with closing(duckdb.connect(path)) as con:
        con.execute(
            "CREATE TABLE cgm_readings (id INTEGER, events_id INTEGER, timestamp TIMESTAMP,"
            " cgm_reading INTEGER, note TEXT)"
        )
        con.execute(
            "INSERT INTO cgm_readings VALUES (1, 1, '2026-07-01', 120, 'x'),"
            " (2, 2, '2026-07-01', 0, 'y')"
        )

    assert exported(path, "cgm_readings", "cgm_reading, status, note") == [
        (120, "value", "x"),
        (None, "hidden", "y"),
    ]


def test_only_the_tables_present_have_a_view() -> None:
    assert list(tandem_views({"events": CONTRACT["events"], "orders": ["id"]})) == ["events"]
    assert tandem_views({"events": []}) == {}


def test_a_raw_event_has_the_time_its_json_says_whatever_the_session_zone(tmp_path: Path) -> None:
    silent = document(time=None)
    silent["raw_event"]["timestampRaw"] = MORNING
    path = database(
        tmp_path / "pump.duckdb",
        [
            document(time="2024-01-15T10:00:00.000001-08:00"),
            document(time="2024-01-15T18:00:00Z"),
            document(time="2026-11-01T01:30:00"),
            silent,
            document(time="soon"),
            ["no object"],
        ],
    )

    found = exported(
        path,
        "raw_events",
        "timezone('UTC', event_timestamp)::VARCHAR",
        assume_timezone="America/New_York",
        pump_timezone="America/Los_Angeles",
    )

    assert [row[0] for row in found] == [
        "2024-01-15 18:00:00.000001",
        "2024-01-15 18:00:00",
        "2026-11-01 05:30:00",
        "2024-01-15 18:00:00",
        None,
        None,
    ]


def test_a_time_column_of_its_own_is_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"
    with closing(duckdb.connect(path)) as con:
        con.execute("""CREATE TABLE raw_events (
            id INTEGER, pump_serial VARCHAR, event_timestamp TIMESTAMPTZ, raw_event_data JSON)""")
        con.execute("INSERT INTO raw_events VALUES (1, '88', '2024-01-15 10:00:00-08', '{}')")

    assert exported(path, "raw_events", "pump_serial, epoch(event_timestamp)") == [
        ("88", datetime(2024, 1, 15, 18, tzinfo=UTC).timestamp())
    ]


def test_raw_events_and_events_agree_on_the_time(tmp_path: Path) -> None:
    path = pump(tmp_path / "pump.duckdb", reading(120), delivery(1, 2, 3, seconds=MORNING + 7))

    raw = exported(path, "raw_events", "timezone('UTC', event_timestamp)")

    assert raw == exported(path, "events", "timestamp")


def test_a_view_may_carry_the_name_of_the_table_it_reads(tmp_path: Path) -> None:
    path = pump(tmp_path / "pump.duckdb", reading(120))
    views = tandem_views(CONTRACT)

    with closing(duckdb.connect(path, read_only=True)) as con:
        shown = con.execute(
            f"WITH shown AS ({views['cgm_readings']}) SELECT s.status, p.cgm_reading"
            " FROM shown AS s JOIN cgm_readings AS p USING (id)"
        ).fetchall()

    assert shown == [("value", 120)]


def test_a_column_name_that_needs_quotes_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "pump.duckdb"
    with closing(duckdb.connect(path)) as con:
        con.execute('CREATE TABLE basal_deliveries (id INTEGER, "my ""rate"" now" INTEGER)')
        con.execute("INSERT INTO basal_deliveries VALUES (1, 2)")

    assert exported(path, "basal_deliveries") == [(1, 2)]


def test_an_unknown_zone_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="time zone 'Mars': unknown"):
        tandem_views(CONTRACT, pump_timezone="Mars")


@pytest.mark.parametrize("host", ["UTC", "Asia/Kolkata", "America/St_Johns"])
def test_the_zone_of_the_host_changes_no_exported_time(tmp_path: Path, host: str) -> None:
    path = tmp_path / "pump.duckdb"
    program = """
import sys, duckdb
from pathlib import Path
from export_assets.systems.tandem.ingest import ingest_payloads
from export_assets.systems.tandem.pipeline import refresh_all
from export_assets_tests.systems.tandem.tandem_events import *
path = Path(sys.argv[1])
database(path, [document(sequence=8, time="2026-11-01T01:30:00")])
with duckdb.connect(path) as con:
    ingest_payloads(con, base64_of(reading(120)))
refresh_all(path)
print(exported(path, "events", "seq_num, timestamp::VARCHAR"))
print(exported(path, "raw_events", "epoch(event_timestamp)"))
"""

    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env={**os.environ, "TZ": host},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.splitlines() == [
        "[(1, '2024-01-15 18:00:00'), (8, '2026-11-01 01:30:00')]",
        "[(1793496600.0,), (1705341600.0,)]",
    ]
