"""The sample database, and the configuration that comes with it."""

import re
from contextlib import closing
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from export_assets.config.load import load_source
from export_assets.errors import ConfigError, DestConflict, SourceBusy, UsageError
from export_assets.systems.tandem.descriptions import (
    COLUMN_DESCRIPTIONS,
    PRIMARY_KEYS,
    RELATIONS,
    TABLE_DESCRIPTIONS,
)
from export_assets.systems.tandem.pipeline import refresh_all
from export_assets.systems.tandem.sample import make_sample
from export_assets.systems.tandem.sample_log import invent_log
from export_assets.systems.tandem.views import TIME_COLUMNS
from export_assets.tables.series import check_cadence, check_monotone
from export_assets_tests.systems.tandem.tandem_events import exported, rows


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tandem") / "data" / "tandem.duckdb"
    make_sample(path, days=3)
    return path


def content(path: Path) -> list[list[tuple[Any, ...]]]:
    tables = ("raw_events", "events", "cgm_readings", "basal_deliveries")
    return [rows(path, f"SELECT * FROM {table} ORDER BY id") for table in tables]


def test_a_day_has_about_two_thousand_events_of_many_kinds(sample: Path) -> None:
    ((total, kinds, unknown, named),) = rows(
        sample,
        """SELECT count(*), count(DISTINCT event_name),
                  count_if(event_name LIKE 'UNKNOWN%'), count_if(event_data ->> '$.NAME' <> '')
           FROM events""",
    )

    assert 6_000 < total < 7_500
    assert kinds > 20
    assert unknown > 50
    assert 0.1 < named / total < 0.2


def test_the_default_sample_reaches_two_hundred_thousand_events_in_ninety_days() -> None:
    log = invent_log(
        days=92, seed=20_260_701, start=date(2026, 7, 1), pump_timezone="America/Los_Angeles"
    )

    assert len(log) >= 200_000
    assert (int(log.seconds[-1]) - int(log.seconds[0])) / 86_400 > 90


def test_readings_are_plausible_and_have_every_kind_of_status(tmp_path: Path) -> None:
    path = tmp_path / "tandem.duckdb"
    make_sample(path, days=5, seed=3)

    found = exported(path, "cgm_readings", "status, cgm_reading, cgm_reading_raw")

    values = [value for status, value, _ in found if status == "value"]
    assert {status for status, _, _ in found} == {"value", "high", "low", "hidden"}
    assert 40 <= min(values) < 80
    assert 110 < sum(values) / len(values) < 190
    assert 250 < max(values) <= 400
    assert all(raw == 0 and value is None for status, value, raw in found if status != "value")


def test_some_rates_are_not_set_and_some_deliveries_are_suspended(sample: Path) -> None:
    found = exported(sample, "basal_deliveries", "algorithm_basal_rate, temp_basal_rate_raw")

    assert len(found) == 3 * 288
    assert sum(temp == 65_535 for _, temp in found) > 700
    assert any(rate == 0 for rate, _ in found)


def test_readings_come_every_five_minutes_but_for_gaps(sample: Path) -> None:
    frame = pl.DataFrame(
        {"timestamp": [row[0] for row in exported(sample, "cgm_readings", "timestamp")]}
    )

    result = check_cadence(frame, "timestamp", minutes=5, max_gap_minutes=10)

    assert result.share > 0.9
    assert result.gap_count >= 1


def test_sequence_numbers_grow_with_time(sample: Path) -> None:
    query = "SELECT event_id FROM events ORDER BY timestamp, id"
    frame = pl.DataFrame({"seq_num": [row[0] for row in rows(sample, query)]})

    result = check_monotone(frame, "seq_num")

    assert result.holds
    assert result.repeats == 0


def test_the_sample_is_already_refreshed(sample: Path) -> None:
    report = refresh_all(sample)

    assert (report.inserted, report.malformed) == (0, 0)


def test_the_same_arguments_give_the_same_rows(sample: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.duckdb"
    make_sample(other, days=3)

    assert content(other) == content(sample)


def test_another_seed_gives_other_rows(sample: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.duckdb"
    make_sample(other, days=3, seed=1)

    assert content(other) != content(sample)


def test_a_second_call_leaves_the_file(sample: Path) -> None:
    before = sample.stat()

    report = make_sample(sample, days=3)

    assert not report.written
    assert report.rows["cgm_readings"] > 700
    assert (sample.stat().st_mtime_ns, sample.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_other_arguments_replace_the_sample(tmp_path: Path) -> None:
    path = tmp_path / "tandem.duckdb"
    make_sample(path, days=1)

    report = make_sample(path, days=1, start=date(2026, 8, 1))

    assert report.written
    assert rows(path, "SELECT min(timestamp)::DATE FROM events") == [(date(2026, 8, 1),)]
    assert [file.name for file in tmp_path.iterdir()] == ["tandem.duckdb"]


@pytest.mark.parametrize("content_of_file", [b"", b"mine"])
def test_a_file_that_is_no_sample_is_not_replaced(tmp_path: Path, content_of_file: bytes) -> None:
    path = tmp_path / "tandem.duckdb"
    path.write_bytes(content_of_file)

    with pytest.raises(DestConflict, match=r"tandem\.duckdb: exists and is no sample data"):
        make_sample(path, days=1)

    assert path.read_bytes() == content_of_file


def test_a_database_of_somebody_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "tandem.duckdb"
    with closing(duckdb.connect(path)) as con:
        con.execute("CREATE TABLE raw_events (id INTEGER)")

    with pytest.raises(DestConflict):
        make_sample(path, days=1)


def test_a_sample_in_use_is_busy(tmp_path: Path) -> None:
    path = tmp_path / "tandem.duckdb"
    make_sample(path, days=1)

    with closing(duckdb.connect(path)), pytest.raises(SourceBusy, match=r"tandem\.duckdb: in use"):
        make_sample(path, days=1)


def test_a_sample_of_no_days_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="days must be at least 1, not 0"):
        make_sample(tmp_path / "tandem.duckdb", days=0)


def test_a_sample_over_the_end_of_summer_time_has_ambiguous_readings(tmp_path: Path) -> None:
    path = tmp_path / "tandem.duckdb"

    make_sample(path, days=2, start=date(2026, 10, 31))

    # The second 01:00 hour is read as the first: one hour is doubly full, the next is empty.
    per_hour = dict(
        rows(
            path,
            "SELECT hour(timestamp), count(*) FROM basal_deliveries"
            " WHERE timestamp::DATE = '2026-11-01' GROUP BY 1",
        )
    )
    assert (per_hour[7], per_hour[8], per_hour.get(9, 0), per_hour[10]) == (12, 24, 0, 12)


def test_the_configuration_is_valid_and_agrees_with_the_code() -> None:
    path = Path(str(files("export_assets.systems.tandem") / "tandem.yaml"))

    config = load_source(path, environ={}).config

    assert config.url == "duckdb:///data/tandem/tandem.duckdb"
    assert config.options["pump_timezone"] == "America/Los_Angeles"
    for table, description in TABLE_DESCRIPTIONS.items():
        configured = config.tables[table]
        assert configured.description == description
        assert configured.primary_key == PRIMARY_KEYS[table]
        assert configured.partition_by is not None
        assert configured.partition_by.column == TIME_COLUMNS[table]
        checked = {check.column for check in configured.checks}
        assert checked <= set(COLUMN_DESCRIPTIONS[table])
    assert [(relation.child, relation.parent) for relation in config.relations] == list(RELATIONS)


def test_the_url_may_come_from_the_environment() -> None:
    path = Path(str(files("export_assets.systems.tandem") / "tandem.yaml"))

    config = load_source(path, environ={"TANDEM_URL": "duckdb:////home/me/pump.duckdb"}).config

    assert re.fullmatch("duckdb:////home/me/pump.duckdb", config.url)


@pytest.mark.parametrize(
    ("environ", "start"),
    [({}, date(2026, 7, 1)), ({"TANDEM_START": "2024-01-15"}, date(2024, 1, 15))],
)
def test_the_partitions_of_every_table_begin_where_the_environment_says(
    environ: dict[str, str], start: date
) -> None:
    path = Path(str(files("export_assets.systems.tandem") / "tandem.yaml"))

    tables = load_source(path, environ=environ).config.tables

    assert {
        name: getattr(table.partition_by, "start", None) for name, table in tables.items()
    } == dict.fromkeys(TIME_COLUMNS, start)


def test_a_start_that_is_no_date_is_refused() -> None:
    path = Path(str(files("export_assets.systems.tandem") / "tandem.yaml"))

    with pytest.raises(ConfigError, match=r"tables\.cgm_readings\.partition_by\.start: "):
        load_source(path, environ={"TANDEM_START": "soon"})
