"""Which partitions a run publishes: late rows, moved rows, deleted rows, rows without a time."""

import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from export_assets.errors import UsageError
from export_assets.tables.partitions import UNDATED, Window
from export_assets_tests.engine.engine_world import (
    ALL_FORMATS,
    SHOP,
    FakeSource,
    days,
    record_of,
    shop,
    statuses,
)

UNDATED_DIR = f"day={UNDATED}"


def window(first: str, last: str) -> Window:
    return Window(
        start=datetime.fromisoformat(first).replace(tzinfo=UTC),
        end=datetime.fromisoformat(last).replace(tzinfo=UTC),
    )


@pytest.mark.parametrize("name", ALL_FORMATS)
def test_a_partition_whose_rows_were_deleted_is_published_empty(name: str, tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export(formats=(name,))
    world.sql("delete from orders where id = 3")

    report = world.export(formats=(name,))

    assert statuses(report)[f"orders/{name}/2026-02-09"] == "empty"
    assert world.manifest("orders", name, "day=2026-02-09").rows == 0
    again = world.export(formats=(name,))
    assert set(statuses(again).values()) == {"unchanged"}


def test_a_table_whose_rows_were_all_deleted_is_published_empty(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export()
    world.sql("delete from customers; delete from orders")

    report = world.export()

    assert set(statuses(report).values()) == {"empty"}
    assert len(report.records) == 4


def test_rows_moved_to_another_day_leave_the_old_one(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export()
    world.sql("update orders set at = '2026-02-10T23:00:00' where id = 1")

    report = world.export(tables=("orders",))

    assert statuses(report) == {
        "orders/parquet/2026-02-08": "success",
        "orders/parquet/2026-02-09": "unchanged",
        "orders/parquet/2026-02-10": "success",
    }
    assert world.ids() == {"day=2026-02-08": [2], "day=2026-02-09": [3], "day=2026-02-10": [4, 1]}


def test_a_late_edit_publishes_its_partition_only(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export()
    world.sql("update orders set note = 'late' where id = 3")

    report = world.export()

    assert [name for name, status in statuses(report).items() if status == "success"] == [
        "orders/parquet/2026-02-09"
    ]


def test_rows_without_a_time_have_their_own_partition(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.sql("insert into orders values (5, null, 1.0, 'x')")

    report = world.export(tables=("orders",))

    assert world.ids()[UNDATED_DIR] == [5]
    assert report.rows == 5
    assert world.manifest("orders", "parquet", UNDATED_DIR).window is None


def test_a_window_leaves_rows_without_a_time_alone(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.sql("insert into orders values (5, null, 1.0, 'x')")
    world.export()
    world.sql("delete from orders where at is null")

    report = world.export(tables=("orders",), window=window("2026-02-08", "2026-02-11"))

    assert UNDATED not in {record.partition for record in report.records}
    assert world.ids()[UNDATED_DIR] == [5]


def test_a_window_in_the_store_widens_to_whole_partitions(tmp_path: Path) -> None:
    world = shop(tmp_path)

    report = world.export(
        tables=("orders",), window=window("2026-02-08T10:30:00", "2026-02-09T00:00:01")
    )

    assert statuses(report).keys() == {"orders/parquet/2026-02-08", "orders/parquet/2026-02-09"}
    assert world.ids() == {"day=2026-02-08": [1, 2], "day=2026-02-09": [3]}


def test_a_window_in_another_zone_means_the_same_instants(tmp_path: Path) -> None:
    from zoneinfo import ZoneInfo

    world = shop(tmp_path)
    zone = ZoneInfo("America/New_York")
    eastern = Window(
        start=datetime(2026, 2, 8, 5, 30, tzinfo=zone), end=datetime(2026, 2, 9, 5, tzinfo=zone)
    )

    world.export(tables=("orders",), window=eastern, output_dir=tmp_path / "out", formats=("csv",))

    (file,) = (tmp_path / "out").glob("orders_*.csv")
    assert [line.split(",")[0] for line in file.read_text().splitlines()[1:]] == ["2"]


def test_partitions_asked_for_are_published_even_without_rows(tmp_path: Path) -> None:
    world = shop(tmp_path)

    report = world.export(
        tables=("orders",), partitions=("2026-02-09", "2026-01-01"), formats=ALL_FORMATS
    )

    assert {(r.partition, r.status) for r in report.records} == {
        ("2026-02-09", "success"),
        ("2026-01-01", "empty"),
    }
    assert world.ids() == {"day=2026-01-01": [], "day=2026-02-09": [3]}


@pytest.mark.parametrize(
    "key", ["2026-2-9", "2026-02-30", "2026-02", "all", "", "../x", "2026-02-09 ", "2026-02-9"]
)
def test_a_bad_partition_key_is_refused_before_anything_is_read(key: str, tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export()
    before = world.ids()

    with pytest.raises(UsageError, match="partition"):
        world.export(tables=("orders",), partitions=(key,))

    assert world.ids() == before


def test_a_partition_named_twice_is_published_once(tmp_path: Path) -> None:
    world = shop(tmp_path)
    request = {"tables": ("orders",), "partitions": ("2026-02-09", "2026-02-09")}

    first, second = world.export(**request), world.export(**request)

    assert len(first.records) == len(second.records) == 1


def test_the_last_day_of_the_calendar_is_a_partition(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.sql("insert into orders values (9, '9999-12-31T23:59:59', 0, null)")

    report = world.export(tables=("orders",))

    assert statuses(report)["orders/parquet/9999-12-31"] == "success"
    assert set(statuses(report).values()) == {"success"}
    again = world.export(tables=("orders",), partitions=("9999-12-31",))
    assert set(statuses(again).values()) == {"unchanged"}


def test_a_year_of_less_than_four_digits_is_a_partition(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.sql("insert into orders values (9, '0987-06-05T00:00:00', 0, null)")

    world.export(tables=("orders",))
    world.sql("delete from orders where id = 9")
    report = world.export(tables=("orders",))

    assert statuses(report)["orders/parquet/0987-06-05"] == "empty"


def test_more_partitions_than_writers_stay_open(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.sql("delete from orders")
    # Texts of two kinds sort apart, so every day comes up twice, far apart.
    rows = [f"({n}, '{day}T10:00:00', 0, null)" for n, day in enumerate(days("2026-01-01", 40))]
    rows += [
        f"({100 + n}, '{day} 11:00:00', 0, null)" for n, day in enumerate(days("2026-01-01", 40))
    ]
    world.sql(f"insert into orders values {', '.join(rows)}")

    report = world.export(tables=("orders",), formats=ALL_FORMATS)

    assert report.counts == {"success": 160}
    assert all(sorted(ids) == [n, n + 100] for n, ids in enumerate(world.ids().values()))


def test_files_are_cut_where_they_are_full(tmp_path: Path) -> None:
    world = shop(tmp_path, SHOP.replace("every: day}}", "every: day}, max_rows_per_file: 3}"))
    rows = ", ".join(f"({n}, '2026-02-09T11:00:00', 0, null)" for n in range(10, 16))
    world.sql(f"insert into orders values {rows}")

    report = world.export(tables=("orders",), formats=ALL_FORMATS)

    assert report.exit_code == 0
    for name in ALL_FORMATS:
        manifest = world.manifest("orders", name, "day=2026-02-09")
        assert [file.rows for file in manifest.files] == [3, 3, 1]
        assert world.ids(fmt=name)["day=2026-02-09"] == [3, *range(10, 16)]


MANY = """
import os, resource, sys
from pathlib import Path
from export_assets_tests.engine.engine_world import days, shop
resource.setrlimit(resource.RLIMIT_NOFILE, (160, int(sys.argv[2])))
world = shop(Path(sys.argv[1]))
rows = ", ".join(f"({n}, '{d}T10:00:00', 0, null)" for n, d in enumerate(days("2025-01-01", 60)))
world.sql(f"delete from orders; insert into orders values {rows}")
world.export(tables=("customers",), formats=("parquet", "csv"))
before = sorted(os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.exists())
report = world.export(tables=("orders",), formats=("parquet", "csv"))
assert report.counts == {"success": 120}, (report.counts, report.failed[:1])
assert [ids for ids in world.ids().values()] == [[n] for n in range(60)]
again = world.export(tables=("orders",), formats=("parquet", "csv"))
assert again.counts == {"unchanged": 120}, again.counts
world.sql("update orders set total = 1")
more = world.export(tables=("orders",), formats=("parquet", "csv"))
assert more.counts == {"success": 120}, more.counts
after = sorted(os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.exists())
assert after == before, (before, after)
"""


@pytest.mark.parametrize("hard", [160, 4096])
def test_many_partitions_need_no_more_files_than_the_limit_allows(
    hard: int, tmp_path: Path
) -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= 4096

    done = subprocess.run(
        [sys.executable, "-c", MANY, str(tmp_path), str(hard)],
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr[-2000:]


def test_another_slicing_is_told_apart_from_what_was_published(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export(tables=("orders",))
    world.config(SHOP.replace("every: day", "every: month"))

    report = world.export(tables=("orders",))

    (warning,) = report.warnings
    assert warning.startswith(
        "orders/parquet: 3 partitions published under another slicing still there, "
        "day=2026-02-08 first"
    )
    assert warning.endswith(
        "remove or move away day=2026-02-08, day=2026-02-09, day=2026-02-10 in "
        f"{world.exports / 'shop' / 'orders' / 'parquet'}"
    )
    assert report.exit_code == 3


def test_empty_and_foreign_directories_are_no_other_slicing(tmp_path: Path) -> None:
    world = shop(tmp_path)
    parent = world.exports / "shop" / "orders" / "parquet"
    (parent / "week=7").mkdir(parents=True)
    (parent / "notes").mkdir()
    (parent / "notes" / "readme.txt").write_text("mine", encoding="utf-8")

    report = world.export(tables=("orders",))

    assert report.warnings == []
    assert report.exit_code == 0


def test_the_source_is_opened_once_for_all_tables_and_formats(tmp_path: Path) -> None:
    world = shop(tmp_path)
    source = FakeSource(world.exporter().source.source)

    world.export(source=source, formats=ALL_FORMATS)

    assert source.opened == 1


def test_readings_the_clock_shows_twice_are_counted_where_they_are(tmp_path: Path) -> None:
    zone = SHOP + "assume_timezone: Europe/Berlin\n"
    world = shop(tmp_path, zone)
    world.sql(
        "delete from orders; insert into orders values (1, '2025-10-26T02:30:00', 1, ''),"
        " (2, '2025-10-26T12:00:00', 1, ''), (3, '2025-10-27T12:00:00', 1, ''),"
        " (4, '2026-03-29T02:30:00', 1, ''), (5, '2025-10-26T02:10:00', 1, ''), (6, null, 1, '')"
    )

    report = world.export(tables=("orders",), formats=("csv", "parquet"))

    counted = {
        r.partition: r.manifest.counters.coerced for r in report.records if r.manifest is not None
    }
    assert counted == {"2025-10-26": 2, "2025-10-27": 0, "2026-03-29": 1, UNDATED: 0}


def test_a_mismatch_in_a_late_batch_gives_one_schema_everywhere(tmp_path: Path) -> None:
    world = shop(tmp_path)
    rows = ", ".join(f"({n}, '2026-02-{9 + n % 3:02d}T12:00:00', {n}, '')" for n in range(10, 400))
    world.sql(f"insert into orders values {rows}; update orders set total = 'many' where id = 399")

    report = world.export(tables=("orders",), formats=ALL_FORMATS)

    assert set(statuses(report).values()) == {"success"}
    kinds = {
        (c.logical_type, c.physical_type)
        for r in report.records
        if r.manifest is not None
        for c in r.manifest.columns
        if c.name == "total"
    }
    assert kinds == {("text", "String")}
    assert len(report.records) == 16


def test_a_configured_type_that_does_not_hold_publishes_nothing(tmp_path: Path) -> None:
    world = shop(tmp_path, SHOP.replace("every: day}}", "every: day}, types: {total: integer}}"))

    report = world.export(tables=("orders",), formats=("csv", "parquet"))

    assert {r.error for r in report.records} == {
        "orders.total: values are no exact integer, as configured"
    }
    assert report.exit_code == 30
    assert not (world.exports / "shop" / "orders" / "csv" / "day=2026-02-08").exists()


def test_another_table_is_never_replaced(tmp_path: Path) -> None:
    world = shop(tmp_path, "source: shop\nurl: shop.db\n")
    world.export(tables=("customers",))
    # As a file system that ignores case would: Customers lies where customers is looked for.
    world.sql("alter table customers rename to c; alter table c rename to clients")
    exports = world.exports / "shop"
    (exports / "customers").rename(exports / "clients")

    report = world.export(tables=("clients",))

    record = record_of(report, "clients/parquet/all")
    assert (record.status, record.exit_code) == ("failed", 23)
    assert "customers" in (record.error or "")
