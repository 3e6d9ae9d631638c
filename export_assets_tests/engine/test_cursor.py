"""A table with a cursor is read where it says, from far enough back, and whole now and then."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from export_assets.engine.comparing import compare_exports
from export_assets.errors import ConfigError, ExportError, UsageError
from export_assets.sources.base import Scan
from export_assets_tests.engine.engine_world import (
    FakeSource,
    World,
    scanning,
    shop,
    statuses,
    tree,
)

YAML = """
source: shop
url: shop.db
tables:
  orders: {partition_by: {column: at}, cursor: changed, lag: 1h}
"""
CREATE = """
create table orders (id integer primary key, at timestamp, total integer, changed timestamp);
create index orders_changed on orders (changed);
insert into orders values
  (1, '2026-02-01T10:00:00', 1, '2026-02-01T10:00:00'),
  (2, '2026-02-02T10:00:00', 2, '2026-02-02T10:00:00'),
  (3, '2026-02-03T10:00:00', 3, '2026-02-03T10:00:00');
create table other (x);
"""
TOUCH = "insert into other values (1);"


def reading(world: World, **request: object) -> tuple[dict[str, str], list[Scan]]:
    """Export and return what became of the days, and what was asked of the table."""
    scans: list[Scan] = []

    def noting(scan: Scan, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        scans.append(scan)
        return frames

    world.now += timedelta(minutes=1)
    source = FakeSource(world.exporter().source.source, scanning(noting))
    report = world.export(source=source, tables=("orders",), **request)
    found = {name.rpartition("/")[2]: status for name, status in statuses(report).items()}
    return found, [scan for scan in scans if len(scan.schema.names) > 2]


def totals(world: World) -> dict[int, int]:
    frames = [
        pl.read_parquet(path).select("id", "total")
        for path in (world.exports / "shop" / "orders" / "parquet").glob("*/part-*")
    ]
    return dict(pl.concat(frames).sort("id").rows())


def value(world: World) -> str:
    """Return the furthest the manifests say the table was read."""
    root = world.exports / "shop" / "orders" / "parquet"
    marks = [world.manifest("orders", "parquet", path.name).watermark for path in root.iterdir()]
    return max((mark for mark in marks if mark), key=lambda mark: mark["as_of"])["value"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = shop(tmp_path, YAML, CREATE)
    found.export(tables=("orders",))
    return found


def test_only_the_days_of_newer_rows_are_read(world: World) -> None:
    world.sql("update orders set total = 9, changed = '2026-02-04T10:00:00' where id = 1")

    found, scans = reading(world)

    assert found == {"2026-02-01": "success", "2026-02-02": "unchanged", "2026-02-03": "unchanged"}
    assert totals(world) == {1: 9, 2: 2, 3: 3}
    assert all(scan.window.start is not None for scan in scans)
    assert value(world) == "2026-02-04T10:00:00"


def test_a_row_committed_late_is_found_within_the_lag_and_never_doubled(world: World) -> None:
    world.sql("insert into orders values (4, '2026-02-02T11:00:00', 4, '2026-02-03T09:30:00')")

    found, _ = reading(world)
    again, scans = reading(world)

    assert found["2026-02-02"] == "success"
    assert totals(world) == {1: 1, 2: 2, 3: 3, 4: 4}
    assert set(again.values()) == {"unchanged"}
    assert scans == []


def test_a_row_inserted_behind_the_lag_is_found_because_the_rows_do_not_add_up(
    world: World,
) -> None:
    world.sql("insert into orders values (4, '2026-02-01T11:00:00', 4, '2026-01-01T00:00:00')")

    found, _ = reading(world)

    assert found["2026-02-01"] == "success"
    assert totals(world)[4] == 4


@pytest.mark.parametrize(
    "script",
    [
        "delete from orders where id = 1",
        "delete from orders where id = 3",
        "update orders set at = '2026-02-03T00:00:00', changed = '2026-02-09' where id = 1",
    ],
    ids=["an old row", "the newest row", "a row moved away"],
)
def test_rows_that_leave_a_day_are_found_although_no_cursor_shows_them(
    world: World, script: str
) -> None:
    world.sql(script)

    found, _ = reading(world)

    expected = {"1": {"2026-02-01"}, "3": {"2026-02-03"}, "m": {"2026-02-01", "2026-02-03"}}
    moved = "m" if "update" in script else script[-1]
    assert {key for key, status in found.items() if status != "unchanged"} == expected[moved]


def test_an_edit_the_cursor_does_not_show_waits_for_the_full_pass(world: World) -> None:
    world.sql("update orders set total = 9 where id = 1")

    early, _ = reading(world)
    world.now += timedelta(days=1)
    due, _ = reading(world)

    assert early["2026-02-01"] == "unchanged"
    assert due["2026-02-01"] == "success"
    assert totals(world)[1] == 9


def test_a_full_pass_happens_at_once_when_it_is_asked_for(world: World) -> None:
    world.sql("update orders set total = 9 where id = 1")

    found, _ = reading(world, full=True)

    assert found["2026-02-01"] == "success"


@pytest.mark.parametrize(("rule", "runs"), [("3 runs", 3), ("{runs: 2, seconds: 60000}", 2)])
def test_a_full_pass_comes_after_so_many_runs(tmp_path: Path, rule: str, runs: int) -> None:
    world = shop(tmp_path, YAML.replace("lag: 1h", f"lag: 1h, full_every: {rule}"), CREATE)
    world.export(tables=("orders",))
    world.sql("update orders set total = 9 where id = 1")

    found = []
    for _ in range(runs + 1):
        world.sql(TOUCH)
        found.append(reading(world)[0]["2026-02-01"])

    assert found == ["unchanged"] * runs + ["success"]


def test_without_its_memory_the_manifests_tell_when_all_was_read(world: World) -> None:
    world.sql("update orders set total = 9 where id = 1")
    (world.exports / ".state" / "shop.json").unlink()

    found, scans = reading(world)

    assert (found["2026-02-01"], {scan.window.bounded for scan in scans}) == ("unchanged", {True})


def test_rows_without_a_cursor_are_always_read(world: World) -> None:
    world.sql("insert into orders values (5, '2026-02-01T12:00:00', 5, null)")
    reading(world)
    world.sql("update orders set total = 6 where id = 5")

    found, _ = reading(world)

    assert found["2026-02-01"] == "success"
    assert totals(world)[5] == 6


def test_a_clock_that_ran_ahead_hides_nothing_that_comes_after(tmp_path: Path) -> None:
    script = CREATE.replace("3, '2026-02-03T10:00:00');", "3, '2999-01-01T00:00:00');")
    world = shop(tmp_path, YAML, script)
    world.export(tables=("orders",))
    assert value(world) < "2999"
    world.sql("update orders set total = 9, changed = '2998-01-01T00:00:00' where id = 1")

    found, _ = reading(world)

    assert found["2026-02-01"] == "success"


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [("integer", "41", "42"), ("date", "'2026-02-03'", "'2026-02-03'")],
)
def test_integers_and_dates_are_cursors_too(tmp_path: Path, kind: str, old: str, new: str) -> None:
    script = f"""
    create table orders (id integer primary key, at timestamp, total integer, changed {kind});
    insert into orders values (1, '2026-02-01T10:00:00', 1, {old}),
                              (2, '2026-02-02T10:00:00', 2, {old});
    """
    world = shop(tmp_path, YAML.replace("lag: 1h", "lag: 0"), script)
    world.export(tables=("orders",))
    world.sql(f"insert into orders values (3, '2026-02-02T11:00:00', 3, {new})")

    found, _ = reading(world)

    assert found == {"2026-02-01": "unchanged", "2026-02-02": "success"}
    assert totals(world) == {1: 1, 2: 2, 3: 3}


def test_a_day_that_could_not_be_published_keeps_the_watermark_where_it_was(
    tmp_path: Path,
) -> None:
    yaml = YAML.replace("lag: 1h", "lag: 0, checks: [{column: total, lt: 100}]")
    world = shop(tmp_path, yaml, CREATE)
    world.export(tables=("orders",))
    world.sql("update orders set total = 100, changed = '2026-02-04T00:00:00' where id = 1")
    world.sql("update orders set total = 8, changed = '2026-02-05T00:00:00' where id = 2")

    broken, _ = reading(world)
    reached = value(world)
    # Behind the newest row, and not touched since: only the old watermark leads there.
    world.sql("update orders set total = 7 where id = 1")
    mended, _ = reading(world)

    assert (broken["2026-02-01"], broken["2026-02-02"]) == ("failed", "success")
    assert reached == "2026-02-03T10:00:00"
    assert mended["2026-02-01"] == "success"
    assert value(world) == "2026-02-05T00:00:00"


def test_one_day_asked_for_moves_no_watermark(world: World) -> None:
    world.sql("update orders set total = 9, changed = '2026-02-04T10:00:00' where id = 1")
    world.sql("update orders set total = 8, changed = '2026-02-05T10:00:00' where id = 3")

    one, _ = reading(world, partitions=("2026-02-03",))
    rest, _ = reading(world)

    assert one == {"2026-02-03": "success"}
    assert rest["2026-02-01"] == "success"
    assert totals(world) == {1: 9, 2: 2, 3: 8}


def test_a_damaged_day_is_published_again_although_the_cursor_stands(world: World) -> None:
    (world.partition("orders", "parquet", "day=2026-02-01") / "part-00000.parquet").unlink()
    world.sql(TOUCH)

    found, _ = reading(world)

    assert found["2026-02-01"] == "success"


def test_a_table_without_partitions_is_left_alone_while_its_newest_rows_are(
    tmp_path: Path,
) -> None:
    world = shop(tmp_path, YAML.replace("partition_by: {column: at}, ", ""), CREATE)
    world.export(tables=("orders",))
    files = tree(world.exports, published=True)
    world.sql(TOUCH)
    same, scans = reading(world)
    untouched = tree(world.exports, published=True) == files
    world.sql("update orders set total = 9, changed = '2026-02-03T09:30:00' where id = 1")

    changed, _ = reading(world)

    assert (same, untouched) == ({"all": "unchanged"}, True)
    assert all(scan.window.start is not None for scan in scans)
    assert changed == {"all": "success"}
    assert totals(world) == {1: 9, 2: 2, 3: 3}


def test_plan_says_where_the_cursor_leads_and_when_all_is_read_again(world: World) -> None:
    world.sql("update orders set total = 9, changed = '2026-02-04T10:00:00' where id = 1")

    compared = compare_exports(world.exporter(tables=("orders",)))

    assert {one.partition: (one.action, one.reason) for one in compared.planned} == {
        "2026-02-01": ("publish", "columns differ: total, changed"),
        "2026-02-02": ("nothing", "unchanged, as far as changed shows"),
        "2026-02-03": ("nothing", "unchanged"),
    }
    (note,) = compared.notes
    assert note.startswith("orders: follows changed, rows from 2026-02-03 09:00:00 on; all of it")
    assert note.endswith("is read again from 2026-03-02T12:00:00+00:00 on")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("cursor: changed", "cursor: chnged", "orders: source has no column chnged, its cursor"),
        ("cursor: changed", "cursor: note", "orders.note: is text, a cursor needs a timestamp"),
        ("lag: 1h", "lag: 1h, redact: [changed]", "orders.changed: is hidden, and manifests show"),
    ],
)
def test_a_cursor_that_cannot_be_one_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    script = CREATE + "alter table orders add column note text;"
    world = shop(tmp_path, YAML.replace(old, new), script)

    with pytest.raises(UsageError, match=message):
        world.export(tables=("orders",))


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("lag: soon", "tables.orders.lag: 'soon' is no duration; write seconds, or 90s, 15m"),
        ("lag: -1", "tables.orders.lag: must be at least 0"),
        ("full_every: 0 runs", "tables.orders.full_every.runs: must be greater than 0"),
    ],
)
def test_durations_that_are_none_are_refused_in_one_line(
    tmp_path: Path, new: str, message: str
) -> None:
    world = shop(tmp_path, YAML.replace("lag: 1h", new), CREATE)

    with pytest.raises(ConfigError, match=message):
        world.workspace()


def test_a_lag_without_a_cursor_is_refused(tmp_path: Path) -> None:
    yaml = YAML.replace("cursor: changed, lag: 1h", "lag: 2h")
    world = shop(tmp_path, yaml, CREATE)

    with pytest.raises(ExportError, match="lag belongs to a cursor, and the table has none"):
        world.workspace()


@pytest.mark.parametrize(
    ("kind", "odd"), [("timestamp", "'tomorrow'"), ("integer", "'abc'"), ("integer", "1.5")]
)
def test_a_cursor_whose_values_make_it_another_type_is_followed_no_further(
    tmp_path: Path, kind: str, odd: str
) -> None:
    create = CREATE.replace("changed timestamp", f"changed {kind}")
    if kind == "integer":
        create = create.replace(" 1, '2026-02-01T10:00:00')", " 1, 1)")
        create = create.replace(" 2, '2026-02-02T10:00:00')", " 2, 2)")
        create = create.replace(" 3, '2026-02-03T10:00:00')", " 3, 3)")
    world = shop(tmp_path, YAML, create)
    world.sql(f"insert into orders values (4, '2026-02-04', 4, {odd})")

    first, _ = reading(world)
    world.sql("update orders set total = 9 where id = 1")
    second, _ = reading(world)

    assert first["2026-02-04"] == "success"
    assert second["2026-02-01"] == "success"
    assert totals(world) == {1: 9, 2: 2, 3: 3, 4: 4}
    root = world.exports / "shop" / "orders" / "parquet"
    assert all(not world.manifest("orders", "parquet", p.name).watermark for p in root.iterdir())
