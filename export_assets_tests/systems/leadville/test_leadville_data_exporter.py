"""The exporter for programs: files, archives and offloads by the same engine."""

import csv
import json
import os
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from export_assets.errors import DestConflict, SourceMissing, UsageError
from export_assets.store.verify import verify_directory
from export_assets.systems.leadville.data_exporter import DataExporter
from export_assets.systems.leadville.sample import SampleLogs, make_logs

Make = Callable[..., DataExporter]


@pytest.fixture
def logs(tmp_path: Path) -> SampleLogs:
    return make_logs(tmp_path / "logs", days=2, seed=3, start=date(2025, 9, 1), strings=4)


@pytest.fixture
def make(tmp_path: Path, logs: SampleLogs) -> Make:
    del logs  # which are made first

    def made(**arguments: object) -> DataExporter:
        given = {"home": tmp_path, "log_dir": tmp_path / "logs", **arguments}
        return DataExporter(tmp_path / "out", **given)  # type: ignore[arg-type]  # by name

    return made


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_runs_are_one_row_each(make: Make, logs: SampleLogs, tmp_path: Path) -> None:
    path = make().export_run_data_csv()

    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert path.parent == tmp_path / "out"
    assert len(rows) == len(logs.runs) + len(logs.timer_runs)
    assert list(rows[0])[:3] == ["run_id", "start_time", "end_time"]


def test_events_are_logged_objects_of_the_types_asked_for(make: Make) -> None:
    exporter = make()

    header, *shots = lines(exporter.export_ndjson(["Shot detected"]))
    _, *every = lines(exporter.export_ndjson())

    assert header["_version"] == "1.0.0"
    assert 0 < len(shots) < len(every)
    told = {line.get("details") or line.get("Details") or line.get("event_type") for line in shots}
    assert told == {"Shot detected", "shot_detected"}


def test_raw_payload_is_left_out_where_it_is_not_wanted(make: Make) -> None:
    bare = lines(make().export_ndjson(include_raw_data=False))

    assert not [line for line in bare if "raw_hex" in line]
    assert not [line for line in bare if line.get("type") == "amg_raw" and "data" in line]


def test_a_name_that_no_event_has_is_refused(make: Make) -> None:
    with pytest.raises(UsageError, match=r"'shoot': no event is called so; types are timer_start"):
        make().export_ndjson(["shoot"])


def test_parquet_is_one_file_or_directories_by_value(make: Make) -> None:
    exporter = make(compression="brotli", batch_size=100)

    whole = exporter.export_parquet()
    divided = exporter.export_parquet("date", table="runs")

    assert pq.ParquetFile(whole).metadata.row_group(0).column(0).compression == "BROTLI"
    assert divided.name == "runs"
    assert {path.name for path in divided.iterdir()} >= {"date=2025-09-01", "date=2025-09-02"}
    assert verify_directory(divided.parent) == []
    assert pl.read_parquet(whole)["event_id"].is_unique().all()


def test_a_directory_of_before_is_replaced_only_where_asked(make: Make) -> None:
    exporter = make()
    exporter.export_parquet("session")

    with pytest.raises(DestConflict, match="events exists"):
        exporter.export_parquet("session")

    assert exporter.export_parquet("session", overwrite=True).is_dir()


def test_calls_in_one_second_have_files_of_their_own(make: Make) -> None:
    exporter = make()

    assert len({exporter.export_run_data_csv() for _ in range(3)}) == 3


def test_a_codec_that_there_is_not_is_refused(make: Make) -> None:
    with pytest.raises(UsageError, match="parquet does not know 'gzp'"):
        make(compression="gzp").export_parquet()


@pytest.mark.parametrize("rows", [0, -1, "many"])
def test_a_batch_that_cannot_be_is_refused(make: Make, rows: object) -> None:
    with pytest.raises(UsageError, match="batch_size: must be"):
        make(batch_size=rows)


def test_a_directory_without_logs_is_refused(make: Make, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(SourceMissing, match="no logs found"):
        make(log_dir=tmp_path / "empty").export_run_data_csv()
    with pytest.raises(SourceMissing, match="is no directory"):
        make(log_dir=tmp_path / "nowhere").export_run_data_csv()
    with pytest.raises(SourceMissing, match=r"no logs like nothing\* found"):
        make().export_run_data_csv(pattern="nothing*")


def test_a_match_archive_holds_logs_database_and_exports(make: Make, tmp_path: Path) -> None:
    log = next((tmp_path / "logs").glob("*_main_*.ndjson"))

    path = make().create_match_archive("club", [log], tmp_path / "logs" / "timer_events.db")

    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        told = json.loads(archive.read("metadata.json"))
    assert {f"logs/{log.name}", "database/timer_events.db", "exports/runs.csv"} <= names
    assert [name for name in names if name.startswith("logs/")] == [f"logs/{log.name}"]
    assert told["match_id"] == "club"


def test_a_match_archive_may_be_of_logs_alone(make: Make) -> None:
    with zipfile.ZipFile(make().create_match_archive("m", include_all_formats=False)) as archive:
        assert {name.partition("/")[0] for name in archive.namelist()} == {"logs", "metadata.json"}


def test_a_match_archive_holds_tables_in_directories_where_so_configured(
    make: Make, tmp_path: Path
) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "range.yaml").write_text(
        "source: leadville\nurl: logs\n"
        "tables: {runs: {format_options: {parquet: {partition_by: date}}}}\n",
        encoding="utf-8",
    )

    with zipfile.ZipFile(make().create_match_archive("m")) as archive:
        names = archive.namelist()

    assert "exports/runs/date=2025-09-01/part-00000.parquet" in names
    assert "exports/events.parquet" in names


def test_logs_from_elsewhere_are_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not below the log directory"):
        make().create_match_archive("m", [tmp_path / "other.ndjson"])


def aged(directory: Path) -> None:
    """Let nothing be idle for less than two days, as far as times of change can be set."""
    past = time.time() - 172_800
    for path in directory.rglob("*"):
        os.utime(path, (past, past))


def test_old_logs_are_archived_and_stay_without_permission(make: Make, tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "range.yaml").write_text(
        "source: leadville\nurl: logs\nlog: {offload: {min_idle: 0}}\n", encoding="utf-8"
    )
    aged(tmp_path / "logs")
    before = sorted(path.name for path in (tmp_path / "logs").rglob("*"))
    exporter = make()

    path = exporter.offload_data(cutoff_date=date(2025, 9, 10))
    again = exporter.offload_data(cutoff_date=date(2025, 9, 10))

    assert path is not None
    assert path.name.startswith("offload_before_20250910_")
    assert zipfile.is_zipfile(path)
    assert again is None
    assert sorted(path.name for path in (tmp_path / "logs").rglob("*")) == before
    with pytest.raises(UsageError, match="allow_delete"):
        exporter.offload_data(cutoff_date=date(2025, 9, 10), delete_source=True)


def test_a_day_that_is_still_to_come_is_no_cutoff(make: Make) -> None:
    with pytest.raises(UsageError, match="is still to come"):
        make().offload_data(cutoff_date=datetime.now(UTC).date() + timedelta(days=1))
