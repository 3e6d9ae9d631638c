"""What is wrong in the store is published again, and nothing else."""

import fcntl
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from export_assets.config.format_options import FormatOptionsConfig
from export_assets.engine.damage import find_damages
from export_assets.engine.repair import RepairReport, repair
from export_assets.engine.repair_plan import Repair, Thoroughness
from export_assets.engine.verification import WRONG, verify_source
from export_assets.errors import DestLocked, IntegrityError
from export_assets.sources.base import Scan
from export_assets.store.layout import ExportKey, lock_path
from export_assets_tests.effort import effort
from export_assets_tests.engine.engine_world import (
    FakeSource,
    World,
    contents,
    days,
    scanning,
    shop,
    tree,
)

FORMATS = ("parquet", "csv", "ndjson")
DAYS = days("2026-02-01", 8)

CREATE = """
create table orders (id integer primary key, at timestamp, total real, note text);
create table customers (id integer primary key, name text not null, email text);
insert into customers values (1, 'Ann', 'ann@example.org'), (2, 'Bob', null);
""" + "".join(
    f"insert into orders values ({10 * day + number}, '{name}T0{number}:00:00', {number}, 'n');"
    for day, name in enumerate(DAYS)
    for number in range(4)
)


def published(home: Path) -> World:
    world = shop(home, script=CREATE)
    assert world.export(formats=FORMATS).exit_code == 0
    return world


def mend(world: World, *, agreed: bool = True, **how: bool) -> RepairReport:
    plans: list[list[Repair]] = []

    def agree(plan: object) -> bool:
        plans.append(list(plan))  # type: ignore[call-overload]  # a sequence
        return agreed

    report = repair(world.exporter(), Thoroughness(**how), agree=agree)
    assert plans == [list(report.plan)]
    return report


def places(report: RepairReport) -> set[str]:
    return {f"{one.table}/{one.format}/{one.path.name}" for one in report.plan}


def done(report: RepairReport) -> set[str]:
    return {f"{one.table}/{one.format}/{one.partition}" for one in report.records}


def runs(world: World) -> dict[str, tuple[int, int]]:
    """Inode and time of change of every partition directory."""
    return {
        "/".join(path.relative_to(world.exports / "shop").parts): (
            path.stat().st_ino,
            (path / "_manifest.json").stat().st_mtime_ns,
        )
        for path in (world.exports / "shop").glob("*/*/*")
        if (path / "_manifest.json").exists()
    }


def wrong_against_source(world: World) -> set[str]:
    found = verify_source(world.exporter(formats=FORMATS))
    return {f"{one.table}/{one.format}/{one.partition}" for one in found if one.verdict in WRONG}


def part_of(partition: Path) -> Path:
    (part,) = partition.glob("part-*")
    return part


def flip(partition: Path, chance: random.Random) -> None:
    part = part_of(partition)
    data = bytearray(part.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    part.write_bytes(data)


def truncate(partition: Path, chance: random.Random) -> None:
    part = part_of(partition)
    os.truncate(part, chance.randrange(part.stat().st_size))


def delete_file(partition: Path, chance: random.Random) -> None:
    del chance
    part_of(partition).unlink()


def delete_manifest(partition: Path, chance: random.Random) -> None:
    del chance
    (partition / "_manifest.json").unlink()


def damage_manifest(partition: Path, chance: random.Random) -> None:
    path = partition / "_manifest.json"
    data = bytearray(path.read_bytes())
    data[chance.randrange(data.index(b'"checksum"'))] ^= 1 << chance.randrange(7)
    path.write_bytes(data)


DAMAGES: tuple[Callable[[Path, random.Random], None], ...] = (
    flip,
    truncate,
    delete_file,
    delete_manifest,
    damage_manifest,
)


@pytest.mark.parametrize("seed", range(effort(5, soak=40)))
def test_random_damages_are_found_and_exactly_they_are_published_again(
    seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    world = published(tmp_path)
    partitions = sorted((world.exports / "shop").glob("*/*/*"))
    broken = chance.sample(partitions, 4)
    for partition in broken:
        chance.choice(DAMAGES)(partition, chance)
    one, other = chance.sample([path for path in partitions if path not in broken], 2)
    if one.parent == other.parent:
        one.rename(tmp_path / "aside")
        other.rename(one)
        (tmp_path / "aside").rename(other)
        broken += [one, other]
    day = chance.choice(DAYS)
    world.sql(f"update orders set total = total + 1 where at >= '{day}T02' and at < '{day}T03'")
    changed = {world.partition("orders", fmt, f"day={day}") for fmt in FORMATS}
    expected = {"/".join(path.parts[-3:]) for path in {*broken, *changed}}
    before = runs(world)

    report = mend(world, against_source=True)

    assert places(report) == expected
    assert report.exit_code == 0, [record.error for record in report.failed]
    after = runs(world)
    assert {name for name in after if after[name] != before.get(name)} == expected
    assert find_damages(world.exports, "shop", tables=(), deep=True) == []
    assert wrong_against_source(world) == set()
    still = tree(world.exports, published=True)
    again = mend(world, against_source=True, deep=True)
    assert (list(again.plan), list(again.records), again.exit_code) == ([], [], 0)
    assert tree(world.exports, published=True) == still


def test_only_the_format_that_is_damaged_is_written(tmp_path: Path) -> None:
    world = published(tmp_path)
    flip(world.partition("orders", "csv", "day=2026-02-03"), random.Random(1))
    delete_file(world.partition("orders", "parquet", "day=2026-02-03"), random.Random(1))
    truncate(world.partition("orders", "csv", "day=2026-02-05"), random.Random(1))

    report = mend(world)

    assert done(report) == {
        "orders/csv/2026-02-03",
        "orders/parquet/2026-02-03",
        "orders/csv/2026-02-05",
    }


def test_files_are_written_with_the_options_they_had(tmp_path: Path) -> None:
    world = shop(tmp_path, script=CREATE)
    options = {
        "csv": FormatOptionsConfig(compression="gzip", delimiter=";"),
        "json": FormatOptionsConfig(pretty=True),
    }
    world.export(formats=("csv", "json"), options=options)
    before = contents(world.exports)
    for fmt, damage in (("csv", flip), ("json", damage_manifest)):
        damage(world.partition("orders", fmt, "day=2026-02-03"), random.Random(1))

    report = mend(world)

    assert done(report) == {"orders/csv/2026-02-03", "orders/json/2026-02-03"}
    assert contents(world.exports) == before


def test_the_plan_may_be_turned_down(tmp_path: Path) -> None:
    world = published(tmp_path)
    truncate(world.partition("orders", "csv", "day=2026-02-03"), random.Random(1))
    before = tree(world.exports)

    report = mend(world, agreed=False)

    assert places(report) == {"orders/csv/day=2026-02-03"}
    assert not report.records
    assert tree(world.exports) == before


def test_sound_files_leave_the_source_unopened(tmp_path: Path) -> None:
    world = published(tmp_path)
    source = FakeSource(world.exporter().source.source)

    report = repair(world.exporter(source=source), Thoroughness(), agree=lambda _: True)

    assert report.exit_code == 0
    assert source.opened == 0


@pytest.mark.parametrize("damage", [flip, delete_manifest, damage_manifest])
def test_rows_the_source_has_lost_are_replaced_only_with_leave(
    damage: Callable[[Path, random.Random], None], tmp_path: Path
) -> None:
    world = published(tmp_path)
    world.sql("delete from orders where at < '2026-02-02'")
    partition = world.partition("orders", "csv", "day=2026-02-01")
    damage(partition, random.Random(1))
    before = tree(world.exports)

    refused = mend(world)
    untouched = tree(world.exports) == before
    allowed = mend(world, may_lose=True)

    assert refused.exit_code == IntegrityError.exit_code
    assert "the source has 0 rows of it" in (refused.left[0].kept or "")
    assert untouched
    assert allowed.exit_code == 0
    assert done(allowed) == {"orders/csv/2026-02-01"}
    assert world.ids(fmt="csv")["day=2026-02-01"] == []


def test_a_damaged_partition_with_more_rows_than_the_source_stays(tmp_path: Path) -> None:
    world = published(tmp_path)
    world.sql("delete from orders where id = 1")
    flip(world.partition("orders", "csv", "day=2026-02-01"), random.Random(1))

    report = mend(world)

    assert report.exit_code == 24
    assert report.left[0].kept == (
        "the source has 3 rows of it, published were 4; --yes publishes what is left"
    )


def test_a_partition_without_any_row_left_needs_no_leave(tmp_path: Path) -> None:
    world = published(tmp_path)
    world.sql("delete from orders where at < '2026-02-02'")
    part_of(world.partition("orders", "csv", "day=2026-02-01")).unlink()

    assert mend(world).exit_code == 0


def test_a_sound_partition_that_vanished_from_the_source_stays_unless_allowed(
    tmp_path: Path,
) -> None:
    world = published(tmp_path)
    world.sql("delete from orders where at < '2026-02-02'")

    refused = mend(world, against_source=True)
    allowed = mend(world, against_source=True, may_lose=True)

    assert (refused.exit_code, allowed.exit_code) == (24, 0)
    assert {one.partition for one in refused.left} == {"2026-02-01"}
    assert done(allowed) == {f"orders/{fmt}/2026-02-01" for fmt in FORMATS}
    assert wrong_against_source(world) == set()


def test_files_of_others_are_reported_and_left_alone(tmp_path: Path) -> None:
    world = published(tmp_path)
    extra = world.partition("orders", "csv", "day=2026-02-01") / "notes.txt"
    extra.write_text("mine")
    foreign = world.partition("orders", "csv", "day=2031-01-01")
    foreign.mkdir()
    (foreign / "holiday.jpg").write_text("mine")
    flip(world.partition("orders", "csv", "day=2026-02-01"), random.Random(1))
    before = tree(world.exports)

    report = mend(world, may_lose=True)

    assert report.exit_code == 24
    kept = [one.kept or "" for one in report.left]
    assert ["notes.txt" in kept[0], "holiday.jpg" in kept[1]] == [True, True]
    assert tree(world.exports) == before


def test_a_table_that_is_gone_and_another_slicing_are_left_alone(tmp_path: Path) -> None:
    world = published(tmp_path)
    old = world.partition("orders", "csv", "month=2026-02")
    shutil.copytree(world.partition("orders", "csv", "day=2026-02-01"), old)
    world.config("source: shop\nurl: shop.db\ntables: {orders: {partition_by: {column: at}}}\n")
    world.sql("drop table customers")

    report = mend(world, against_source=True, may_lose=True)

    assert report.exit_code == 24
    assert {(one.table, one.partition) for one in report.left} == {
        ("customers", "all"),
        ("orders", "month=2026-02"),
    }
    assert not report.records


def test_a_table_that_cannot_be_read_does_not_keep_the_others_from_repair(tmp_path: Path) -> None:
    world = published(tmp_path)
    world.sql("alter table customers rename to people; create view customers as select * from x")
    for table, directory in (("customers", "all"), ("orders", "day=2026-02-01")):
        truncate(world.partition(table, "csv", directory), random.Random(1))

    report = mend(world)

    assert done(report) == {"orders/csv/2026-02-01"}
    assert [one.table for one in report.left] == ["customers"]
    assert report.exit_code not in {0, 24}


def test_a_partition_another_run_holds_is_locked_and_nothing_is_lost(tmp_path: Path) -> None:
    world = published(tmp_path)
    flip(world.partition("orders", "csv", "day=2026-02-01"), random.Random(1))
    before = tree(world.exports, published=True)
    path = lock_path(world.exports, ExportKey("shop", "orders", "csv"), "day=2026-02-01")
    with path.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        report = mend(world)

    assert report.exit_code == DestLocked.exit_code
    assert tree(world.exports, published=True) == before
    assert mend(world).exit_code == 0


def test_a_source_that_drops_a_row_is_found_and_publishes_nothing(tmp_path: Path) -> None:
    world = published(tmp_path)
    truncate(world.partition("orders", "csv", "day=2026-02-01"), random.Random(1))
    before = tree(world.exports, published=True)

    def drop(scan: Scan, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        for frame in frames:
            yield frame.filter(pl.col("id") != 1) if scan.table == "orders" else frame

    def exporter() -> FakeSource:
        return FakeSource(world.exporter().source.source, scanning(drop))

    compared = verify_source(world.exporter(source=exporter(), tables=("orders",)))
    verdicts = {one.partition: one.verdict for one in compared}
    exported = world.export(source=exporter(), tables=("orders",), overwrite=True)
    report = repair(
        world.exporter(source=exporter()), Thoroughness(may_lose=True), agree=lambda _: True
    )

    assert verdicts["2026-02-01"] == "different"
    assert exported.exit_code == report.exit_code == IntegrityError.exit_code
    assert tree(world.exports, published=True) == before


@pytest.mark.parametrize("directory", ["shop/customers/parquet", "shop/customers/parquet/all"])
def test_an_export_whose_directory_is_gone_comes_back_from_the_source(
    tmp_path: Path, directory: str
) -> None:
    world = published(tmp_path)
    shutil.rmtree(world.exports / directory)

    by_files, by_source = mend(world), mend(world, against_source=True)

    assert by_files.plan == ()
    assert done(by_source) == {"customers/parquet/all"}
    assert by_source.exit_code == 0
    assert not mend(world, against_source=True).plan
