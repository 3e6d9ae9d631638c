"""A changed source: digests first, then only what differs is written, in one snapshot."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from export_assets.engine.changes import Changes
from export_assets.engine.comparing import compare_exports
from export_assets.engine.tables import TablePlan
from export_assets.errors import SourceCorrupt
from export_assets.sources.base import Scan, Snapshot
from export_assets.store.local import LocalStore
from export_assets.tables.partitions import UNDATED, TimePartitions
from export_assets.tables.schema import TableSchema
from export_assets_tests.engine.engine_world import (
    SHOP,
    FakeSource,
    World,
    days,
    leftovers,
    scanning,
    shop,
    statuses,
    tree,
)

YAML = SHOP.replace("url: shop.db", "url: shop.db\nformats: [parquet, csv]")
ELSEWHERE = "create table if not exists other (x); insert into other values (1);"


def watched(world: World, **request: Any) -> tuple[dict[str, str], list[Scan], FakeSource]:
    """Export and return what became of it, and every scan of orders."""
    scans: list[Scan] = []

    def noting(scan: Scan, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        scans.append(scan)
        return frames

    source = FakeSource(world.exporter().source.source, scanning(noting))
    report = world.export(source=source, tables=("orders",), **request)
    return statuses(report), scans, source


def test_a_change_elsewhere_costs_one_read_and_not_one_staging_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = shop(tmp_path, YAML)
    world.export()
    world.sql(ELSEWHERE)
    files = tree(world.exports, published=True)

    def stage(*_: object, **__: object) -> None:
        msg = "staged"
        raise AssertionError(msg)

    monkeypatch.setattr(LocalStore, "stage", stage)
    found, scans, _ = watched(world)

    assert set(found.values()) == {"unchanged"}
    assert len(scans) == 1
    assert tree(world.exports, published=True) == files


def test_the_first_export_reads_the_table_once(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)

    found, scans, _ = watched(world)

    assert set(found.values()) == {"success"}
    assert len(scans) == 1


def test_new_days_and_a_new_format_are_written_by_the_one_pass_that_compares_the_rest(
    tmp_path: Path,
) -> None:
    world = shop(tmp_path, YAML)
    world.export()
    world.sql("insert into orders values (9, '2026-02-20T10:00:00', 1, 'x')")

    found, scans, _ = watched(world, formats=("parquet", "csv", "ndjson"))

    written = {name for name, status in found.items() if status == "success"}
    assert len(scans) == 1
    assert {name for name in written if "ndjson" not in name} == {
        "orders/parquet/2026-02-20",
        "orders/csv/2026-02-20",
    }
    assert sum("ndjson" in name for name in written) == 4


def test_an_edit_is_read_again_alone_in_the_same_snapshot(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export()
    world.sql("update orders set note = 'late' where id = 3")

    found, scans, source = watched(world)

    assert {name for name, status in found.items() if status != "unchanged"} == {
        "orders/parquet/2026-02-09",
        "orders/csv/2026-02-09",
    }
    assert source.opened == 1
    assert (scans[1].window.start, scans[1].window.end) == (
        datetime(2026, 2, 9, tzinfo=UTC),
        datetime(2026, 2, 10, tzinfo=UTC),
    )


def test_only_the_format_whose_file_is_damaged_is_written(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export()
    (world.partition("orders", "csv", "day=2026-02-09") / "part-00000.csv").write_text("cut")
    world.sql(ELSEWHERE)

    found, scans, _ = watched(world)

    assert {name for name, status in found.items() if status != "unchanged"} == {
        "orders/csv/2026-02-09"
    }
    assert len(scans) == 1


def test_a_table_without_partitions_is_compared_before_it_is_written(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export()
    files = tree(world.exports / "shop" / "customers")
    world.sql(ELSEWHERE)
    same = world.export(tables=("customers",))
    untouched = tree(world.exports / "shop" / "customers") == files
    world.sql("update customers set name = 'Anna' where id = 1")

    changed = world.export(tables=("customers",))

    assert (set(statuses(same).values()), untouched) == ({"unchanged"}, True)
    assert set(statuses(changed).values()) == {"success"}


def test_a_row_missing_from_the_second_read_is_never_published(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export()
    world.sql("update orders set note = 'late' where id = 1")
    files = tree(world.exports, published=True)
    reads = []

    def dropping(scan: Scan, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        reads.append(scan)
        return (frame.head(1) for frame in frames) if len(reads) == 2 else frames

    source = FakeSource(world.exporter().source.source, scanning(dropping))
    report = world.export(source=source, tables=("orders",))

    assert {one.partition for one in report.failed} == {"2026-02-08"}
    assert "2 rows were read at first, 1 afterwards" in str(report.failed[0].error)
    assert tree(world.exports, published=True) == files


def test_rules_are_told_of_partitions_that_are_left_alone(tmp_path: Path) -> None:
    rule = "checks: [{column: total, le: 2, severity: warn}]"
    world = shop(tmp_path, YAML.replace("every: day}}", f"every: day}}, {rule}}}"))
    first = world.export(tables=("orders",))
    world.sql(ELSEWHERE)

    again = world.export(tables=("orders",))

    assert set(statuses(again).values()) == {"unchanged"}
    assert again.warnings == first.warnings != []


def test_a_run_whose_snapshot_proves_unsound_at_its_end_is_not_remembered(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export()
    world.sql(ELSEWHERE)

    class UnsoundAtLast(FakeSource):
        @contextmanager
        def snapshot(self) -> Iterator[Snapshot]:
            with self.inner.snapshot() as snapshot:
                yield snapshot
            msg = "shop: page 3 is damaged"
            raise SourceCorrupt(msg)

    with pytest.raises(SourceCorrupt):
        world.export(source=UnsoundAtLast(world.exporter().source.source))

    found, scans, source = watched(world)
    assert (len(scans), source.opened) == (1, 1)
    assert set(found.values()) == {"unchanged"}


def test_a_table_that_failed_once_is_read_again_although_nothing_changed(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export(tables=("orders",))
    (world.partition("orders", "csv", "day=2026-02-09") / "part-00000.csv").unlink()

    def failing(scan: Scan, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        del scan, frames
        msg = "shop: page 3 is damaged"
        raise SourceCorrupt(msg)

    source = FakeSource(world.exporter().source.source, scanning(failing))
    failed = world.export(source=source, tables=("orders",))

    found, scans, _ = watched(world)

    assert failed.failed
    assert len(scans) == 1
    assert found["orders/csv/2026-02-09"] == "success"


def test_all_is_read_when_that_is_asked_for_although_nothing_changed(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export()

    found, scans, _ = watched(world, full=True)

    assert len(scans) == 1
    assert set(found.values()) == {"unchanged"}


def test_what_a_dead_run_left_beside_an_unchanged_partition_is_swept(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export()
    left = world.exports / ".staging" / "shop" / "orders" / "csv" / "day=2026-02-09.dead.tmp"
    left.mkdir(parents=True)
    world.sql(ELSEWHERE)

    watched(world)

    assert leftovers(world.exports) == []


def test_planning_with_a_comparison_gives_every_reason_and_writes_nothing(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML.replace("formats: [parquet, csv]", "formats: [parquet]"))
    world.export()
    world.sql(
        "delete from orders where id in (1, 3); update orders set total = 0 where id = 4;"
        "insert into orders values (9, '2026-02-20T10:00:00', 1, 'x');"
    )
    (world.partition("customers", "parquet", "all") / "part-00000.parquet").unlink()
    files = tree(world.exports)

    planned = compare_exports(world.exporter()).planned

    assert {(one.table, one.partition): (one.action, one.reason) for one in planned} == {
        ("orders", "2026-02-08"): ("publish", "rows differ: 2 -> 1"),
        ("orders", "2026-02-09"): ("publish", "no longer in the source"),
        ("orders", "2026-02-10"): ("publish", "columns differ: total"),
        ("orders", "2026-02-20"): ("publish", "new in the source"),
        ("customers", "all"): ("publish", "files are missing or damaged"),
    }
    assert tree(world.exports) == files


def changes(rows: dict[str, int]) -> Changes:
    schema = TableSchema(name="orders", columns=())
    partitions = TimePartitions(column="at")
    plan = TablePlan(
        schema=schema, exported=(), partitions=partitions, time_column="at", order_by=()
    )
    found = Changes(plan, None)
    found.rows.update(rows)
    return found


@pytest.mark.parametrize(
    ("keys", "room", "groups"),
    [
        ((0, 1, 2), 10, [(0, 1, 2)]),
        ((0, 10), 100, [(0, 10)]),
        ((0, 99), 100, [(0,), (99,)]),
        ((0, 40, 41, 80), 100, [(0,), (40, 41), (80,)]),
        ((1, 2, 3), 2, [(1, 2), (3,)]),
    ],
)
def test_far_apart_days_are_scanned_apart_and_near_ones_together(
    keys: tuple[int, ...], room: int, groups: list[tuple[int, ...]]
) -> None:
    named = days("2026-01-01", 100)

    found = changes(dict.fromkeys(named, 10)).groups([named[key] for key in keys], room=room)

    assert found == [tuple(named[key] for key in group) for group in groups]


def test_rows_without_a_time_are_looked_for_once_together_with_all_others() -> None:
    named = days("2026-01-01", 100)

    found = changes(dict.fromkeys(named, 10)).groups([named[0], named[99], UNDATED], room=100)

    assert found == [(named[0], named[99], UNDATED)]
