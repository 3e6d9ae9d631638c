"""Dagster's event log over open connections says what Dagster's own would, in the same files."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from threading import Event

import dagster as dg
import pytest
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from export_assets.defs import event_storage
from export_assets.defs.dagster_history import delete_run
from export_assets.defs.event_storage import OpenSqliteEventLogStorage
from export_assets_tests.defs.shop_project import ORDERS, Shop, failures, keys_of
from export_assets_tests.effort import SOAK, effort
from export_assets_tests.proof.plugin import Proven

ROOT = Path(__file__).parents[2]
KEYS = keys_of(ORDERS, ("parquet",))
PROCESSES, RUNS = 4, effort(2, soak=20)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / ".dagster"
    directory.mkdir()
    shutil.copy(ROOT / "dagster.yaml", directory)
    monkeypatch.setenv("DAGSTER_HOME", str(directory))
    return directory


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:  # noqa: ARG001 - it is taken from there
    with dg.DagsterInstance.get() as made:
        yield made


@pytest.fixture
def shop(tmp_path: Path, instance: dg.DagsterInstance) -> Shop:
    return Shop(tmp_path / "project", instance=instance)


def storage_of(instance: dg.DagsterInstance) -> OpenSqliteEventLogStorage:
    storage = instance.event_log_storage
    assert isinstance(storage, OpenSqliteEventLogStorage)
    return storage


def test_dagsters_own_storage_reads_what_was_written(home: Path, shop: Shop) -> None:
    result = shop.run(KEYS, partition="2024-01-05")

    theirs = SqliteEventLogStorage(str(home / "history" / "runs"))
    mine = storage_of(shop.instance)
    assert [one.event_log_entry for one in theirs.get_records_for_run(result.run_id).records] == [
        one.event_log_entry for one in mine.get_records_for_run(result.run_id).records
    ]
    assert theirs.get_materialized_partitions(KEYS[0]) == {"2024-01-05"}


def test_tables_and_columns_that_are_there_are_asked_for_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = SqliteEventLogStorage.has_table

    def counted(storage: SqliteEventLogStorage, name: str) -> bool:
        asked.append(name)
        return ask(storage, name)

    monkeypatch.setattr(SqliteEventLogStorage, "has_table", counted)

    shop.run(KEYS, partition="2024-01-05")
    shop.run(KEYS, partition="2024-01-05")

    assert "asset_event_tags" in asked
    assert len(asked) == len(set(asked))
    assert not storage_of(shop.instance).has_table("no_such_table")


def planned(run_id: str, days: int) -> list[dg.EventLogEntry]:
    """What Dagster tells of a run that is going to materialize so many partitions."""
    return [
        dg.EventLogEntry(  # type: ignore[no-untyped-call]
            error_info=None,
            level=10,
            user_message="",
            run_id=run_id,
            timestamp=float(number),
            job_name="job",
            dagster_event=DagsterEvent.build_asset_materialization_planned_event(
                "job",
                "step",
                AssetMaterializationPlannedData(dg.AssetKey("it"), partition=f"day {number}"),
            ),
        )
        for number in range(days)
    ]


def rows_of(home: Path, run_id: str) -> list[tuple[object, ...]]:
    """The events of a run in its own file and in that of all, as the tables hold them."""
    found: list[tuple[object, ...]] = []
    for name in (run_id, "index"):
        with closing(sqlite3.connect(home / "history" / "runs" / f"{name}.db")) as connection:
            found += connection.execute(
                "select dagster_event_type, asset_key, partition, timestamp from event_logs"
                " where run_id = ? order by id",
                (run_id,),
            ).fetchall()
    return found


def test_events_stored_together_are_those_stored_one_by_one(
    home: Path, instance: dg.DagsterInstance
) -> None:
    storage = storage_of(instance)
    for event in planned("alone", 5):
        storage.store_event(event)

    storage.store_event_batch(planned("together", 5))

    assert len(rows_of(home, "together")) == 10
    assert rows_of(home, "together") == rows_of(home, "alone")
    assert len(storage.get_records_for_run("together").records) == 5


def test_events_stored_together_are_all_stored_or_none(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, stored = storage_of(instance), []
    store_event = storage.store_event

    def failing(event: dg.EventLogEntry) -> None:
        store_event(event)
        stored.append(event)
        if len(stored) == 3:
            raise OSError(28, "no room")

    monkeypatch.setattr(storage, "store_event", failing)
    with pytest.raises(OSError, match="no room"):
        storage.store_event_batch(planned("together", 5))
    assert rows_of(home, "together") == []

    storage.store_event_batch(planned("together", 5))
    assert len(rows_of(home, "together")) == 10


def test_whoever_watches_a_run_sees_events_that_are_in_the_write_ahead_log_alone(
    instance: dg.DagsterInstance,
) -> None:
    run = instance.create_run_for_job(_nothing)
    seen = Event()
    storage_of(instance).watch(run.run_id, None, lambda *_: seen.set())

    instance.report_engine_event("told", run)

    assert seen.wait(20)
    storage_of(instance).dispose()


@dg.job
def _nothing() -> None:
    pass


@pytest.mark.skipif(not SOAK, reason="four processes that load Dagster; only in a soak")
@pytest.mark.suite("concurrency")
@pytest.mark.promise("whole-or-absent")
@pytest.mark.timeout(1800)
def test_runs_of_four_processes_wait_for_one_anothers_locks(
    shop: Shop, home: Path, proven: Proven
) -> None:
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        ended = [pool.submit(_run_many, shop.home, number, RUNS) for number in range(PROCESSES)]
        told = [line for one in ended for line in one.result()]

    runs, count = shop.instance.get_runs(), PROCESSES * RUNS
    events = [event for one in runs for event in shop.instance.all_logs(one.run_id)]
    written = sum(
        event.get_dagster_event().is_step_materialization
        and event.get_dagster_event().asset_key == KEYS[0]
        for event in events
        if event.is_dagster_event
    )
    torn = []
    for path in home.rglob("*.db"):
        with closing(sqlite3.connect(path)) as file:
            torn += [path for (line,) in file.execute("pragma integrity_check") if line != "ok"]
    assert (told, torn) == ([], [])
    assert [one.status for one in runs] == count * [dg.DagsterRunStatus.SUCCESS]
    assert written == count
    assert all(one.rows == 3 for one in shop.manifests().values())
    result = f"{len(told)} failed, {written} told what they wrote, {len(torn)} files torn"
    proven(count, f"runs of {PROCESSES} processes on one instance of SQLite", result)


def _run_many(home: Path, process: int, runs: int) -> list[str]:
    """Run one partition after the other, which others run as well; return what failed."""
    with dg.DagsterInstance.get() as instance:
        shop = Shop.over(home, instance)
        days = [f"2024-01-{1 + (process * 7 + number) % 30:02d}" for number in range(runs)]
        done = [shop.run(KEYS, partition=day, overwrite=True) for day in days]
        return [line for one in done if not one.success for line in failures(one) or ["no reason"]]


def test_so_many_files_are_open_and_no_more(
    monkeypatch: pytest.MonkeyPatch, shop: Shop, home: Path
) -> None:
    monkeypatch.setattr(event_storage, "_MOST_OPEN", 3)

    runs = [shop.run(KEYS, partition=f"2024-01-{day:02d}") for day in range(1, 5)]

    files = {path.name for path in open_files() if path.parent == home / "history" / "runs"}
    assert len({name.partition(".")[0] for name in files}) == 3
    assert all(shop.instance.all_logs(run.run_id) for run in runs)


def test_a_deleted_run_leaves_no_file_and_none_open(shop: Shop, home: Path) -> None:
    result = shop.run(KEYS, partition="2024-01-05")

    delete_run(shop.instance, result.run_id)

    assert not list((home / "history" / "runs").glob(f"{result.run_id}*"))
    assert not [path for path in open_files() if result.run_id in path.name]


def test_a_relative_directory_needs_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)

    with (
        pytest.raises(ValueError, match="history/runs lies below DAGSTER_HOME, which is not set"),
        dg.DagsterInstance.from_config(str(tmp_path)) as instance,
    ):
        instance.all_asset_keys()


def open_files() -> list[Path]:
    time.sleep(0)
    return [
        Path(str(one.readlink())) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()
    ]
