"""Tables sliced by the time of their exports: each run publishes its own, and no other changes."""

from datetime import timedelta
from pathlib import Path

import pytest

from export_assets.config.project import load_project
from export_assets.engine.planning import plan_exports
from export_assets.engine.repair import repair
from export_assets.engine.repair_plan import Thoroughness
from export_assets.engine.verification import verify_source
from export_assets.errors import ConfigError, UsageError
from export_assets.store.catalogue import Published, list_published
from export_assets.store.retention import Keep, plan_prune, slice_of
from export_assets_tests.engine.engine_world import CREATE_SHOP, NOW, World

DAILY = """
source: shop
url: shop.db
formats: [parquet, csv]
tables:
  customers: {partition_by: {of: export, every: day}}
"""
DAY = timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(home=tmp_path)
    made.sql(CREATE_SHOP)
    return made


@pytest.fixture
def daily(world: World) -> World:
    world.config(DAILY)
    return world


def days(world: World, fmt: str = "parquet") -> dict[str, list[int]]:
    return world.ids("customers", fmt)


def test_each_day_has_the_table_as_it_was_then(daily: World) -> None:
    daily.export()
    daily.sql("insert into customers values (3, 'Cy', null); delete from customers where id = 1;")
    first = daily.manifest("customers", "parquet", "day=2026-03-01")
    daily.now = NOW + DAY
    report = daily.export()

    assert days(daily) == days(daily, "csv") == {"day=2026-03-01": [1, 2], "day=2026-03-02": [2, 3]}
    assert {record.partition for record in report.records} == {"2026-03-02"}
    assert daily.manifest("customers", "parquet", "day=2026-03-01") == first
    assert not report.warnings


def test_the_same_day_is_replaced_and_an_unchanged_source_is_not_written(daily: World) -> None:
    daily.export()
    again = daily.export()
    daily.sql("insert into customers values (3, 'Cy', null)")
    daily.now = NOW + timedelta(hours=11, minutes=59)
    daily.export()

    assert {record.status for record in again.records} == {"unchanged"}
    assert days(daily) == {"day=2026-03-01": [1, 2, 3]}
    assert daily.manifest("customers", "parquet", "day=2026-03-01").generation == 2


def test_a_new_day_is_published_though_the_source_is_the_same(daily: World) -> None:
    daily.export()
    daily.now = NOW + DAY
    daily.export()
    daily.now = NOW
    back = daily.export()

    assert days(daily) == {"day=2026-03-01": [1, 2], "day=2026-03-02": [1, 2]}
    assert {record.status for record in back.records} == {"unchanged"}


def test_an_emptied_table_is_an_empty_day_and_leaves_the_days_before(daily: World) -> None:
    daily.export()
    daily.sql("delete from customers")
    daily.now = NOW + DAY
    daily.export()

    assert days(daily) == {"day=2026-03-01": [1, 2], "day=2026-03-02": []}


@pytest.mark.parametrize("key", ["2026-02-28", "2026-03-02"])
def test_another_day_cannot_be_asked_for(daily: World, key: str) -> None:
    with pytest.raises(
        UsageError, match=rf"customers: partition '{key}'.*now publishes '2026-03-01'"
    ):
        daily.export(partitions=(key,))
    daily.export(partitions=("2026-03-01",))
    assert list(days(daily)) == ["day=2026-03-01"]


def test_days_come_from_the_manifest_with_their_window(daily: World) -> None:
    daily.export()

    window = daily.manifest("customers", "parquet", "day=2026-03-01").window
    assert window is not None
    assert (window.column, window.start, window.end) == (
        "",
        NOW.replace(hour=0),
        NOW.replace(hour=0) + DAY,
    )


@pytest.mark.parametrize(
    ("every", "directory"),
    [("hour", "hour=2026-03-01T12"), ("month", "month=2026-03"), ("year", "year=2026")],
)
def test_other_lengths(world: World, every: str, directory: str) -> None:
    world.config(DAILY.replace("every: day", f"every: {every}"))
    world.export()

    assert list(days(world)) == [directory]


def test_verifying_against_the_source_speaks_of_today_alone(daily: World) -> None:
    daily.export()
    daily.sql("insert into customers values (3, 'Cy', null)")
    daily.now = NOW + DAY
    before = list(verify_source(daily.exporter()))
    daily.export()
    after = list(verify_source(daily.exporter()))

    assert {(one.partition, one.verdict) for one in before} == {("2026-03-02", "missing")}
    assert {(one.partition, one.verdict) for one in after} == {("2026-03-02", "equal")}


def test_a_plan_speaks_of_today_alone(daily: World) -> None:
    daily.export()
    unchanged = plan_exports(daily.exporter())
    daily.now = NOW + DAY
    planned = plan_exports(daily.exporter())

    assert {(one.partition, one.action) for one in unchanged} == {("2026-03-01", "nothing")}
    assert {(one.partition, one.action) for one in planned} == {("2026-03-02", "publish")}


def test_repair_makes_today_again_and_leaves_what_was(daily: World) -> None:
    daily.export()
    daily.now = NOW + DAY
    daily.export()
    for day in ("day=2026-03-01", "day=2026-03-02"):
        part = next(daily.partition("customers", "csv", day).glob("part-*"))
        part.write_bytes(b"id\n")

    report = repair(daily.exporter(), Thoroughness(), agree=lambda _: True)

    kept = {one.partition: one.kept for one in report.plan}
    assert kept["2026-03-02"] is None
    assert "another time" in (kept["day=2026-03-01"] or "")
    assert days(daily, "csv")["day=2026-03-02"] == [1, 2]


def test_retention_goes_by_the_day_of_the_export(daily: World) -> None:
    for number in range(4):
        daily.now = NOW + number * DAY
        daily.export(formats=("parquet",))
    published = list_published(daily.exports)
    found = [slice_of(one) for one in published if isinstance(one, Published)]

    plan = plan_prune(found, Keep(daily=2), daily.now)
    assert {one.directory for one in plan.remove} == {"day=2026-03-01", "day=2026-03-02"}


def test_an_output_directory_gets_the_table_as_ever(daily: World, tmp_path: Path) -> None:
    daily.export(output_dir=tmp_path / "out", formats=("csv",))

    assert [path.name for path in (tmp_path / "out").glob("customers*")] == [
        "customers_20260301_120000.csv"
    ]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("partition_by: {of: export, column: at}", "slices by no column"),
        ("partition_by: {every: day}", "column: required key is missing"),
        ("partition_by: {of: export}, cursor: at", "cursor: each partition"),
        ("partition_by: {of: export}, tombstones: true", "tombstones: each partition"),
    ],
)
def test_what_makes_no_sense_is_refused(world: World, rule: str, told: str) -> None:
    world.config(DAILY.replace("partition_by: {of: export, every: day}", rule))
    with pytest.raises(ConfigError, match=told):
        load_project(world.home, environ={})


def test_a_time_range_is_refused_as_its_rows_have_no_time(daily: World) -> None:
    from export_assets.tables.partitions import Window

    with pytest.raises(UsageError, match="sliced by the time of its exports"):
        daily.export(window=Window(start=NOW - DAY, end=NOW))
