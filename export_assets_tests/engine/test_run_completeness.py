"""What is lost or changed between source and files is found, and nothing of it is published."""

import errno
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from export_assets.formats.base import FormatOptions, FormatWriter
from export_assets.formats.registry import FORMATS
from export_assets.sources.base import Scan
from export_assets.tables.batch import Batch
from export_assets.tables.partitions import Window
from export_assets.tables.schema import TableSchema
from export_assets_tests.engine.engine_world import (
    ALL_FORMATS,
    FakeFormat,
    FakeSource,
    World,
    contents,
    leftovers,
    record_of,
    scanning,
    shop,
    statuses,
)

every_format = pytest.mark.parametrize("name", ALL_FORMATS)


class BentReader(FakeFormat):
    """Reads back something else than was written."""

    def __init__(self, name: str, bend: Any) -> None:
        super().__init__(name)
        self.bend = bend

    def read(
        self, path: Path, schema: TableSchema, options: FormatOptions, *, strict: bool = True
    ) -> Iterator[Batch]:
        for batch in super().read(path, schema, options, strict=strict):
            yield Batch(self.bend(batch.frame))


class FailingWriter(FormatWriter):
    """Fails at one step, for the rows of one order only."""

    def __init__(self, inner: FormatWriter, step: str, error: BaseException) -> None:
        self.inner = inner
        self.step = step
        self.error = error
        self.doomed = False

    def write(self, batch: Batch) -> None:
        self.doomed = self.doomed or 3 in batch.frame["id"].to_list()
        if self.doomed and self.step == "write":
            raise self.error
        self.inner.write(batch)

    def close(self) -> None:
        if self.doomed and self.step == "close":
            raise self.error
        self.inner.close()

    def abort(self) -> None:
        self.inner.abort()
        if self.doomed and self.step == "abort":
            raise self.error


class FailingFormat(FakeFormat):
    """Fails while one partition is opened, written, closed, given up or read back."""

    def __init__(self, name: str, step: str, error: BaseException) -> None:
        super().__init__(name)
        self.step = step
        self.error = error

    def open(
        self, path: Path, schema: TableSchema, options: FormatOptions, metadata: Mapping[str, str]
    ) -> FormatWriter:
        if self.step == "open" and metadata["partition"] == "2026-02-09":
            raise self.error
        return FailingWriter(super().open(path, schema, options, metadata), self.step, self.error)

    def read(
        self, path: Path, schema: TableSchema, options: FormatOptions, *, strict: bool = True
    ) -> Iterator[Batch]:
        for batch in super().read(path, schema, options, strict=strict):
            if self.step == "read" and 3 in batch.frame["id"].to_list():
                raise self.error
            yield batch


def bent(monkeypatch: pytest.MonkeyPatch, name: str, bend: Any) -> None:
    monkeypatch.setitem(FORMATS, name, BentReader(name, bend))


@every_format
def test_a_row_lost_in_a_file_publishes_nothing_of_that_format(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = shop(tmp_path)
    bent(monkeypatch, name, lambda frame: frame.filter(pl.col("id") != 2))

    report = world.export(tables=("customers",), formats=(name,))

    assert report.exit_code == 24
    assert [r.error for r in report.records] == [
        f"customers/{name}/all: the snapshot has 2 rows, the files hold 1"
    ]
    assert not contents(world.exports)


def test_a_format_that_loses_rows_leaves_the_others_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = shop(tmp_path)
    bent(monkeypatch, "csv", lambda frame: frame.head(frame.height - 1))

    report = world.export(tables=("customers",), formats=("csv", "parquet"))

    assert statuses(report) == {"customers/csv/all": "failed", "customers/parquet/all": "success"}
    assert report.exit_code == 4


def test_a_changed_value_is_named_by_its_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = shop(tmp_path)
    bent(monkeypatch, "csv", lambda f: f.with_columns(pl.col("name").str.to_uppercase()))

    report = world.export(tables=("customers",), formats=("csv",))

    assert report.records[0].error == (
        "customers/csv/all: the files differ from the snapshot in name"
    )
    assert report.exit_code == 24


def test_values_that_changed_places_between_rows_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = shop(tmp_path)
    bent(monkeypatch, "csv", lambda f: f.with_columns(pl.col("name").reverse()))

    report = world.export(tables=("customers",), formats=("csv",))

    assert report.records[0].error == (
        "customers/csv/all: the files hold the snapshot's values in other rows"
    )


def test_null_and_empty_text_are_not_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = shop(tmp_path)
    bent(monkeypatch, "csv", lambda f: f.with_columns(pl.col("email").fill_null("")))

    report = world.export(tables=("customers",), formats=("csv",))

    assert report.exit_code == 24


def without_last_batch(scan: Scan, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    del scan
    for frame in frames:
        for row in range(frame.height - 1):
            yield frame.slice(row, 1)


def test_a_batch_the_source_did_not_deliver_fails_the_table(tmp_path: Path) -> None:
    world = shop(tmp_path)
    source = FakeSource(world.exporter().source.source, scanning(without_last_batch))

    report = world.export(source=source, tables=("orders",), formats=("parquet", "csv"))

    assert {r.error for r in report.records} == {"orders: the source counts 4 rows, 3 were read"}
    assert report.exit_code == 24
    assert not contents(world.exports)


@pytest.mark.parametrize(
    "wanted",
    [
        {"partitions": ("2026-02-10",)},
        {"window": Window(start=datetime(2026, 2, 10, tzinfo=UTC))},
        {"where": {"note": "a"}},
    ],
    ids=["partitions", "window", "where"],
)
def test_a_row_missing_from_a_part_of_the_table_fails_it_too(
    wanted: dict[str, Any], tmp_path: Path
) -> None:
    world = shop(tmp_path)
    source = FakeSource(world.exporter().source.source, scanning(without_last_batch))
    where_to = {"output_dir": tmp_path / "out"} if "where" in wanted else {}

    report = world.export(source=source, tables=("orders",), **wanted, **where_to)

    assert report.exit_code == 24
    assert "were read" in str(report.records[0].error)
    assert not contents(world.exports)
    assert not list((tmp_path / "out").glob("orders*"))


@every_format
@pytest.mark.parametrize("step", ["open", "write", "close", "read"])
def test_a_failure_in_one_partition_leaves_the_others_published(
    name: str, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = shop(tmp_path)
    world.export(formats=(name,))
    old = world.manifest("orders", name, "day=2026-02-09")
    world.sql("update orders set total = total + 1")
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setitem(FORMATS, name, FailingFormat(name, step, full))

    report = world.export(formats=(name,))

    assert statuses(report) == {
        f"orders/{name}/2026-02-08": "success",
        f"orders/{name}/2026-02-09": "failed",
        f"orders/{name}/2026-02-10": "success",
        f"customers/{name}/all": "unchanged",
    }
    failed = record_of(report, f"orders/{name}/2026-02-09")
    assert (failed.exit_code, failed.error) == (
        21,
        f"orders/{name}/2026-02-09: no space left on the disk",
    )
    assert world.manifest("orders", name, "day=2026-02-09") == old
    assert report.exit_code == 4
    assert not leftovers(world.exports)


class Panic(BaseException):
    """As Polars' `PanicException`: no `Exception`."""


Panic.__name__ = "PanicException"


@pytest.mark.parametrize("step", ["open", "write", "close", "read"])
def test_a_panic_of_a_library_is_the_failure_of_one_partition(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = shop(tmp_path)
    monkeypatch.setitem(FORMATS, "csv", FailingFormat("csv", step, Panic("boom")))

    report = world.export(tables=("orders",), formats=("csv", "json"))

    assert report.counts == {"success": 5, "failed": 1}
    assert report.failed[0].error == "orders/csv/2026-02-09: PanicException: boom"
    assert report.failed[0].exit_code == 70


def test_a_writer_that_cannot_even_give_up_fails_its_partition_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stubborn(FailingFormat):
        def open(
            self,
            path: Path,
            schema: TableSchema,
            options: FormatOptions,
            metadata: Mapping[str, str],
        ) -> FormatWriter:
            opened = super().open(path, schema, options, metadata)
            assert isinstance(opened, FailingWriter)

            def write(batch: Batch) -> None:
                FailingWriter.write(opened, batch)
                if opened.doomed:
                    raise OSError(errno.ENOSPC, "No space left on device")

            opened.write = write  # type: ignore[method-assign]  # one writer only
            return opened

    world = shop(tmp_path)
    error = OSError(errno.EIO, "Input/output error")
    monkeypatch.setitem(FORMATS, "csv", Stubborn("csv", "abort", error))

    report = world.export(tables=("orders",), formats=("csv", "json"))

    assert statuses(report)["orders/csv/2026-02-09"] == "failed"
    assert report.counts == {"success": 5, "failed": 1}
    assert report.failed[0].exit_code == 21


def test_a_lane_that_dies_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from export_assets.engine.lane import Lane

    def dying(lane: Lane) -> None:
        del lane
        raise MemoryError

    world = shop(tmp_path)
    monkeypatch.setattr(Lane, "_receive", dying)

    report = world.export(tables=("customers",), formats=("csv",))

    assert "out of memory" in (report.records[0].error or "")
    assert not contents(world.exports)


def test_an_error_nobody_expected_in_publishing_is_one_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from export_assets.engine.manifests import build_manifest

    def build(**facts: Any) -> Any:
        if facts["written"].key == "2026-02-09":
            raise OverflowError
        return build_manifest(**facts)

    world = shop(tmp_path)
    monkeypatch.setattr("export_assets.engine.judge.build_manifest", build)

    report = world.export(tables=("orders",), formats=("csv",))

    assert report.counts == {"success": 2, "failed": 1}
    assert report.exit_code == 4


def test_a_source_found_damaged_at_the_end_publishes_nothing(tmp_path: Path) -> None:
    from export_assets.errors import SourceCorrupt
    from export_assets_tests.engine.engine_world import FakeSnapshot

    class Damaged(FakeSnapshot):
        def check(self) -> None:
            msg = "shop: page 7 is damaged"
            raise SourceCorrupt(msg)

    world = shop(tmp_path)

    report = world.export(source=FakeSource(world.exporter().source.source, Damaged))

    assert {r.error for r in report.records} == {"shop: page 7 is damaged"}
    assert report.exit_code == 12
    assert not contents(world.exports)


def test_a_source_that_fails_in_the_middle_publishes_nothing_of_the_table(tmp_path: Path) -> None:
    def failing(scan: Scan, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        yield from frames
        if scan.table == "orders":
            raise OSError(errno.EIO, "Input/output error")

    world: World = shop(tmp_path)
    source = FakeSource(world.exporter().source.source, scanning(failing))

    report = world.export(source=source, formats=("csv", "parquet"))

    assert statuses(report) == {
        "orders/csv/*": "failed",
        "orders/parquet/*": "failed",
        "customers/csv/all": "success",
        "customers/parquet/all": "success",
    }
    assert {r.exit_code for r in report.failed} == {12}
    assert not leftovers(world.exports)
