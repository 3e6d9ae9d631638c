"""No thread, open file, lock or temporary file outlives a run, however it ends."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from export_assets.engine.lane import Lane
from export_assets.engine.prefetch import reading_ahead
from export_assets.errors import InternalError
from export_assets.formats.base import FormatOptions, FormatWriter
from export_assets.formats.registry import FORMATS
from export_assets.sources.base import Scan
from export_assets.store.layout import ExportKey
from export_assets.store.local import LocalStore
from export_assets.tables.batch import Batch
from export_assets_tests.engine.engine_world import (
    ALL_FORMATS,
    FakeFormat,
    FakeSource,
    World,
    contents,
    leftovers,
    scanning,
    shop,
    statuses,
)


def open_files() -> list[str]:
    return sorted(
        str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()
    )


def left_behind(world: World, action: Callable[[], Any]) -> Any:
    """Run *action* and assert that it leaves no thread, file or staging directory."""
    world.export(tables=("customers",), formats=ALL_FORMATS)  # what libraries open once
    files, threads = open_files(), threading.active_count()
    result = action()
    assert threading.active_count() == threads
    assert open_files() == files
    assert not leftovers(world.exports)
    return result


def test_a_run_leaves_nothing_behind(tmp_path: Path) -> None:
    world = shop(tmp_path)

    report = left_behind(world, lambda: world.export(formats=ALL_FORMATS))

    assert report.exit_code == 0


def endless(scan: Scan, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Deliver the table again and again, so that every queue is full."""
    del scan
    with closing(frames):  # type: ignore[type-var]  # a generator
        (frame,) = frames
    while True:
        yield frame


class SlowWriter(FormatWriter):
    def write(self, batch: Batch) -> None:
        del batch
        time.sleep(0.05)

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


class SlowFormat(FakeFormat):
    def open(self, path: Path, *_: Any) -> FormatWriter:
        path.touch()
        return SlowWriter()


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_while_queues_are_full_ends_the_run_soon(
    ending: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = shop(tmp_path)
    world.export(tables=("customers",), formats=ALL_FORMATS)
    for name in ALL_FORMATS:
        monkeypatch.setitem(FORMATS, name, SlowFormat(name))
    source = FakeSource(world.exporter().source.source, scanning(endless))
    rows: list[int] = []
    began: list[float] = []

    def interrupt(table: str, more: int) -> None:
        del table
        rows.append(more)
        if len(rows) == 8:
            began.append(time.monotonic())
            raise ending

    files, threads = open_files(), threading.active_count()
    with pytest.raises(ending):
        world.export(source=source, tables=("orders",), formats=ALL_FORMATS, progress=interrupt)

    assert time.monotonic() - began[0] < 2
    assert threading.active_count() == threads
    assert open_files() == files
    assert not leftovers(world.exports)
    assert not (world.exports / "shop" / "orders" / "csv" / "day=2026-02-08").exists()


class Interrupted(BaseException):
    """What a signal handler raises."""


@contextmanager
def alarms_raise(*seconds: float) -> Iterator[None]:
    """Raise `Interrupted` in this thread after each of *seconds*."""

    def ring(number: int, frame: object) -> None:
        del number, frame
        if left:
            signal.setitimer(signal.ITIMER_REAL, left.pop(0))
        raise Interrupted

    left = list(seconds)
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, left.pop(0))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class BusyWriter(SlowWriter):
    def write(self, batch: Batch) -> None:
        del batch
        if BusyFormat.at_work.is_set():
            # Both lanes are; whoever waits for them is rung soon.
            signal.setitimer(signal.ITIMER_REAL, 0.2)
        BusyFormat.at_work.set()
        time.sleep(1)
        BusyFormat.done.append(time.monotonic())


class BusyFormat(FakeFormat):
    done: list[float] = []  # noqa: RUF012 - what all writers did, in one place
    at_work = threading.Event()

    def open(self, path: Path, *_: Any) -> FormatWriter:
        path.touch()
        return BusyWriter()


def test_interrupted_waiting_still_outlives_a_lane_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = shop(tmp_path)
    world.export(tables=("customers",), formats=("csv", "json"))
    for name in ("csv", "json"):
        monkeypatch.setitem(FORMATS, name, BusyFormat(name))
    world.sql("update customers set name = 'Eve' where id = 1")
    BusyFormat.done.clear()
    BusyFormat.at_work.clear()
    threads = threading.active_count()

    # The first while waiting for the lanes to finish, the others while waiting for them to stop.
    with alarms_raise(30, 0.1, 0.1), pytest.raises(Interrupted):
        world.export(tables=("customers",), formats=("csv", "json"))

    assert len(BusyFormat.done) == 2
    assert threading.active_count() == threads
    assert not leftovers(world.exports)


def test_interrupted_waiting_still_outlives_a_reader_at_work() -> None:
    fetched: list[int] = []

    def batches() -> Iterator[Batch]:
        yield Batch(pl.DataFrame({"a": [1]}))
        time.sleep(0.8)
        fetched.append(2)
        yield Batch(pl.DataFrame({"a": [2]}))

    with alarms_raise(0.2, 0.1), pytest.raises(Interrupted), reading_ahead(batches()) as taken:
        next(taken)

    assert fetched == [2]
    assert not [t for t in threading.enumerate() if t.name == "source-reader"]


class InterruptedWriter(SlowWriter):
    def write(self, batch: Batch) -> None:
        del batch
        raise KeyboardInterrupt


class InterruptedFormat(FakeFormat):
    def open(self, path: Path, *_: Any) -> FormatWriter:
        path.touch()
        return InterruptedWriter()


def test_an_interrupt_a_library_raises_in_a_lane_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = shop(tmp_path)
    monkeypatch.setitem(FORMATS, "json", InterruptedFormat("json"))
    threads = threading.active_count()

    with pytest.raises(KeyboardInterrupt):
        world.export(tables=("orders",), formats=("csv", "json"))

    assert threading.active_count() == threads
    assert not contents(world.exports)


def test_a_failure_of_the_reader_leaves_nothing_behind(tmp_path: Path) -> None:
    def failing(scan: Scan, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        del scan
        yield from frames
        raise MemoryError

    world = shop(tmp_path)
    source = FakeSource(world.exporter().source.source, scanning(failing))

    report = left_behind(
        world,
        lambda: world.export(source=source, tables=("orders",), formats=ALL_FORMATS),
    )

    assert {r.exit_code for r in report.records} == {70}


def test_a_scan_that_is_left_early_is_closed() -> None:
    closed = threading.Event()

    def batches() -> Iterator[Batch]:
        try:
            while True:
                yield Batch(pl.DataFrame({"a": [1]}))
        finally:
            closed.set()

    with reading_ahead(batches()) as taken:
        next(taken)

    assert closed.is_set()
    assert not [t for t in threading.enumerate() if t.name == "source-reader"]


def test_an_error_of_the_source_comes_after_the_rows_before_it() -> None:
    def batches() -> Iterator[Batch]:
        yield Batch(pl.DataFrame({"a": [1]}))
        raise OSError(5, "Input/output error")

    with reading_ahead(batches()) as taken:
        first = next(taken)
        with pytest.raises(OSError, match="Input/output"):
            next(taken)

    assert first.rows == 1


def test_a_reader_that_vanishes_is_no_end_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export_assets.engine.prefetch._hand_over", lambda *_: False)

    with (
        reading_ahead(iter([Batch(pl.DataFrame({"a": [1]}))])) as taken,
        pytest.raises(InternalError, match="ended before its last batch"),
    ):
        next(taken)


def test_stopping_does_not_wait_for_a_lock(tmp_path: Path) -> None:
    world = shop(tmp_path)
    held = LocalStore(world.exports).stage(
        ExportKey("shop", "orders", "csv"), "day=2026-02-08", "other"
    )
    began: list[float] = []

    def interrupt() -> None:
        began.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.7, interrupt)
    timer.start()
    with held, pytest.raises(KeyboardInterrupt):
        world.export(tables=("orders",), formats=("csv", "json"), lock_timeout=60)
    timer.join()

    assert time.monotonic() - began[0] < 2
    assert not contents(world.exports)


def test_a_partition_held_by_another_run_fails_alone(tmp_path: Path) -> None:
    world = shop(tmp_path)
    held = LocalStore(world.exports).stage(
        ExportKey("shop", "orders", "csv"), "day=2026-02-09", "other"
    )

    with held:
        report = world.export(tables=("orders",), formats=("csv", "parquet"))
    after = world.export(tables=("orders",), formats=("csv", "parquet"))

    assert [(r.partition, r.format, r.exit_code, r.retriable) for r in report.failed] == [
        ("2026-02-09", "csv", 22, True)
    ]
    assert "run other" in (report.failed[0].error or "")
    assert report.exit_code == 4
    assert report.counts == {"success": 5, "failed": 1}
    assert after.counts == {"success": 1, "unchanged": 5}


def test_a_run_waits_for_the_lock_as_long_as_it_was_told(tmp_path: Path) -> None:
    world = shop(tmp_path)
    store, key = LocalStore(world.exports), ExportKey("shop", "customers", "csv")
    taken, release = threading.Event(), threading.Event()

    def hold() -> None:
        with store.stage(key, "all", "other"):
            taken.set()
            release.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait(10)
    threading.Timer(0.7, release.set).start()
    report = world.export(tables=("customers",), formats=("csv",), lock_timeout=20)
    holder.join()

    assert statuses(report) == {"customers/csv/all": "success"}


def test_older_rows_do_not_replace_those_published_meanwhile(tmp_path: Path) -> None:
    world = shop(tmp_path)
    real = world.exporter().source.source
    with real.snapshot() as old:

        class Late(FakeSource):
            def snapshot(self) -> Any:
                return nullcontext(old)

        world.sql("update customers set name = 'Eve' where id = 1")
        world.export(tables=("customers",), formats=("csv",))
        report = world.export(source=Late(real), tables=("customers",), formats=("csv", "json"))

    assert statuses(report) == {"customers/csv/all": "failed", "customers/json/all": "success"}
    assert report.failed[0].exit_code == 23
    (part,) = world.partition("customers", "csv", "all").glob("part-*")
    assert "Eve" in part.read_text()


def test_runs_at_once_over_the_same_partitions_wait_for_each_other(tmp_path: Path) -> None:
    world = shop(tmp_path)
    reports: list[Any] = []
    orders = [ALL_FORMATS, tuple(reversed(ALL_FORMATS)), ALL_FORMATS]

    def run(formats: tuple[str, ...]) -> None:
        reports.append(world.export(formats=formats, lock_timeout=30))

    threads = [threading.Thread(target=run, args=(formats,)) for formats in orders]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    after = world.export(formats=ALL_FORMATS)

    # Whoever took its snapshot first may come last, and then leaves the newer rows alone.
    assert {r.exit_code for report in reports for r in report.failed} <= {23}
    assert took < 25
    assert not after.failed
    assert len(after.records) == 16
    assert not leftovers(world.exports)


def test_a_lane_stops_though_nobody_feeds_it(tmp_path: Path) -> None:
    from contextlib import ExitStack

    from export_assets.engine.destination import StoreDestination

    world = shop(tmp_path)
    exporter = world.exporter(tables=("customers",))
    with exporter.source.source.snapshot() as snapshot, ExitStack() as slots:
        from export_assets.engine.tables import plan_table

        plan = plan_table("customers", snapshot, exporter.source.config, None, exporter.request)
        lane = Lane(
            plan,
            plan.schema,
            FORMATS["csv"],
            FormatOptions(),
            StoreDestination(exporter.workspace.store, "shop", "r", slots, 0.0),
            open_writers=2,
            max_rows_per_file=None,
        )
        lane.start()
        began = time.monotonic()
        lane.stop()

        assert time.monotonic() - began < 1
        assert not lane.is_alive()
        with pytest.raises(InternalError, match="stopped before"):
            lane.put("all", None)
