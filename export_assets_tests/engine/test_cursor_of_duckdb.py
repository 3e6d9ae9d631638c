"""Cursors over a DuckDB file: timestamps and integers, pushed down and judged exactly."""

from pathlib import Path

import duckdb
import pytest

from export_assets_tests.engine.engine_world import World, statuses

YAML = """
source: shop
url: duckdb:///shop.duckdb
tables:
  orders: {partition_by: {column: day}, cursor: changed, lag: 0, tombstones: true}
"""


def sql(world: World, script: str) -> None:
    with duckdb.connect(str(world.home / "shop.duckdb")) as connection:
        connection.execute(script)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("timestamp", ("'2026-02-01 10:00:00'", "'2026-02-02 10:00:00'", "'2026-02-03 10:00:00'")),
        ("bigint", ("10", "20", "30")),
        ("integer", ("1", "2", "3")),
    ],
)
def test_a_cursor_of_duckdb_leads_to_the_day_that_changed(
    tmp_path: Path, kind: str, values: tuple[str, str, str]
) -> None:
    world = World(tmp_path)
    world.config(YAML)
    sql(
        world,
        "create table orders (id integer primary key, day timestamp, total double,"
        f" changed {kind});"
        f"insert into orders values (1, '2026-02-01', 1, {values[0]}),"
        f"(2, '2026-02-02', 2, {values[1]}), (3, '2026-02-02', 3, null)",
    )
    world.export()
    sql(world, f"update orders set total = 9, changed = {values[2]} where id = 1")
    edited = statuses(world.export())
    sql(world, "delete from orders where id = 3")

    deleted = statuses(world.export())

    assert edited == {
        "orders/parquet/2026-02-01": "success",
        "orders/parquet/2026-02-02": "unchanged",
    }
    assert deleted == {
        "orders/parquet/2026-02-01": "unchanged",
        "orders/parquet/2026-02-02": "success",
    }
    stones = world.partition("orders", "parquet", "day=2026-02-02") / "_tombstones.ndjson"
    assert stones.read_text(encoding="utf-8").startswith('{"key":{"id":3},')
