"""The sample logs, and that all that is put into them comes out again."""

import gzip
import hashlib
import time
from collections import Counter
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from export_assets.errors import UsageError
from export_assets.systems.leadville.identity import without_twins
from export_assets.systems.leadville.model import FAMILY_OF
from export_assets.systems.leadville.runs import aggregate_runs
from export_assets.systems.leadville.sample import SampleLogs, make_logs
from export_assets.systems.leadville.statistics import session_statistics, split_times
from export_assets_tests.systems.leadville.leadville_events import read_all


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> SampleLogs:
    return make_logs(tmp_path_factory.mktemp("logs"), days=9)


@pytest.fixture(scope="module")
def events(logs: SampleLogs) -> pl.DataFrame:
    return pl.concat(each.events for each in read_all(logs.directory, zone=logs.zone).values())


def fingerprint(directory: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file() and path.suffix != ".db"
    }


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_logs(tmp_path / name, days=2, seed=5)
    make_logs(tmp_path / "c", days=2, seed=6)

    assert fingerprint(tmp_path / "a") == fingerprint(tmp_path / "b")
    assert fingerprint(tmp_path / "a") != fingerprint(tmp_path / "c")


def test_two_weeks_are_made_in_three_seconds(tmp_path: Path) -> None:
    begin = time.process_time()

    make_logs(tmp_path)

    assert time.process_time() - begin < 3


def test_days_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="days and strings must be at least 1, not 0 and 40"):
        make_logs(tmp_path, days=0)


def test_every_byte_of_every_file_is_accounted_for(logs: SampleLogs) -> None:
    found = read_all(logs.directory, zone=logs.zone, only="*.[cn][sd]*")

    for name, each in found.items():
        content = (logs.directory / name).read_bytes()
        text = gzip.decompress(content) if name.endswith(".gz") else content
        assert each.account.bytes_seen == len(text), name
        assert each.account.quarantined == logs.quarantined.get(name, 0), name
        assert each.account.pending_bytes == logs.pending.get(name, 0), name
    assert len(found) > 30
    assert len(logs.quarantined) > 15


def test_all_events_come_out_once(logs: SampleLogs, events: pl.DataFrame) -> None:
    once = without_twins(events)

    family = once["dialect"].replace_strict(FAMILY_OF)
    assert dict(Counter(family)) == logs.events
    assert once["event_id"].n_unique() == once.height


def expected_runs(logs: SampleLogs) -> list[tuple[object, ...]]:
    zone = ZoneInfo(logs.zone)
    placed = [(run, run.start.replace(tzinfo=zone).astimezone(UTC)) for run in logs.runs]
    placed += [(run, run.start.replace(tzinfo=UTC)) for run in logs.timer_runs]
    rows = (
        (at, run.status, run.end_reason, run.shots, run.impacts, run.session_id)
        for run, at in placed
    )
    return sorted(rows, key=str)


def test_the_runs_are_those_that_were_invented(logs: SampleLogs, events: pl.DataFrame) -> None:
    runs = aggregate_runs(events)

    columns = "start_time", "status", "end_reason", "shots_detected", "impacts_detected"
    assert sorted(runs.frame.select(*columns, "session_id").rows(), key=str) == expected_runs(logs)
    assert runs.report.orphan_shots == logs.orphan_shots > 0
    assert runs.report.duplicate_events == logs.repeats > 0
    assert not runs.report.frame_mismatches
    assert not runs.report.summary_mismatches


@pytest.mark.parametrize("left", ["event_csv", "event_ndjson"])
def test_one_twin_alone_gives_the_same_runs_as_both(left: str, events: pl.DataFrame) -> None:
    both = aggregate_runs(events.filter(pl.col("dialect").str.starts_with("event")))
    alone = aggregate_runs(events.filter(dialect=left))

    assert alone.frame.drop("source_files").equals(both.frame.drop("source_files"))


def test_log_and_database_of_the_timers_give_the_same_runs(events: pl.DataFrame) -> None:
    runs = [
        aggregate_runs(events.filter(pl.col("dialect").is_in(names))).frame.drop("source_files")
        for names in (["timer_jsonl"], ["timer_sqlite"], ["timer_jsonl", "timer_sqlite"])
    ]

    assert runs[0].equals(runs[1])
    assert runs[0].equals(runs[2])


def test_shuffled_events_give_the_same_runs(events: pl.DataFrame) -> None:
    shuffled = events.sample(fraction=1.0, shuffle=True, seed=3)

    assert aggregate_runs(shuffled).frame.equals(aggregate_runs(events).frame)


def test_sessions_add_up(logs: SampleLogs, events: pl.DataFrame) -> None:
    runs = aggregate_runs(events).frame

    table = session_statistics(runs, split_times(runs, events))

    assert table["runs"].sum() == runs.height
    assert table["shots"].sum() == runs["shots_detected"].sum()
    shot = runs.filter(pl.col("shots_detected") > 0)
    assert table["splits"].sum() == (shot["shots_detected"] - 1).sum()
    assert set(table["session_id"]) == {
        run.session_id or "none" for run in logs.timer_runs + logs.runs
    }
