"""Cursors over a real PostgreSQL server: times, dates, integers, rows without one, late commits."""

from pathlib import Path

import pytest

from export_assets.engine.verification import verify_published
from export_assets_tests.engine.engine_world import World, statuses
from export_assets_tests.postgres_server import Database, postgres, postgres_server

__all__ = ["postgres", "postgres_server"]  # fixtures


def shop(postgres: Database, home: Path, kind: str, values: tuple[str, ...]) -> World:
    world = World(home)
    world.config(
        f"source: shop\nurl: {postgres.url}\ntables:\n"
        "  orders: {partition_by: {column: day}, cursor: changed, lag: 0, tombstones: true}\n"
    )
    postgres.run(
        f"create table orders (id bigint primary key, day date, total numeric, changed {kind})",
        f"insert into orders values (1, '2026-02-01', 1, {values[0]}),"
        f"(2, '2026-02-02', 2, {values[1]}), (3, '2026-02-02', 3, null)",
    )
    world.export()
    return world


def wrong(world: World) -> list[str]:
    return [one.fact for one in verify_published(world.exporter()) if one.verdict != "equal"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("timestamptz", ("'2026-02-01 10:00+02'", "'2026-02-02 10:00Z'", "'2026-02-03Z'")),
        ("timestamp", ("'2026-02-01 10:00'", "'2026-02-02 10:00'", "'2026-02-03'")),
        ("date", ("'2026-02-01'", "'2026-02-02'", "'2026-02-03'")),
        ("bigint", ("10", "20", "30")),
    ],
)
def test_a_cursor_of_postgres_leads_to_the_day_that_changed(
    postgres: Database, tmp_path: Path, kind: str, values: tuple[str, str, str]
) -> None:
    world = shop(postgres, tmp_path, kind, values)

    postgres.run(f"update orders set total = 9, changed = {values[2]} where id = 1")
    edited = statuses(world.export())
    postgres.run("delete from orders where id = 3")
    deleted = statuses(world.export())

    assert edited == {
        "orders/parquet/2026-02-01": "success",
        "orders/parquet/2026-02-02": "unchanged",
    }
    assert deleted == {
        "orders/parquet/2026-02-01": "unchanged",
        "orders/parquet/2026-02-02": "success",
    }
    assert not wrong(world)


def test_a_cursor_that_is_infinite_is_no_cursor_and_everything_is_read(
    postgres: Database, tmp_path: Path
) -> None:
    values = ("'2026-02-01Z'", "'infinity'")
    world = shop(postgres, tmp_path, "timestamptz", values)

    postgres.run("update orders set total = 9 where id = 1")
    edited = statuses(world.export())

    assert edited["orders/parquet/2026-02-01"] == "success"
    assert not wrong(world)
