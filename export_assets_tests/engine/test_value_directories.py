"""Parquet in directories by value: published, and in an output directory."""

from pathlib import Path

import polars as pl
import pytest

from export_assets.errors import UsageError
from export_assets.store.verify import verify_directory, verify_tree
from export_assets_tests.engine.engine_world import (
    World,
    leftovers,
    record_of,
    shop,
    statuses,
    tree,
)

SESSIONS = """
create table orders (id integer primary key, at timestamp, kind text, session_id text, price real);
insert into orders values
  (1, '2026-02-08T10:00:00', 'a/b', 's1', 1.5), (2, '2026-02-08T11:00:00', null, 's2', 2.5),
  (3, '2026-02-09T10:00:00', '', 's1', 3.5), (4, '2026-02-09T11:00:00', 'a=é %', 's2', 4.5);
create table others (id integer primary key);
"""


def sessions(home: Path, by: str | None = None, extra: str = "") -> World:
    options = "" if by is None else f", format_options: {{parquet: {{partition_by: {by}}}}}"
    table = f"orders: {{partition_by: {{column: at}}{extra}{options}}}"
    return shop(home, f"source: shop\nurl: shop.db\ntables: {{{table}}}\n", SESSIONS)


def files(root: Path) -> dict[str, list[int]]:
    return {
        path.relative_to(root).as_posix(): pl.read_parquet(path, hive_partitioning=False)[
            "id"
        ].to_list()
        for path in sorted(root.rglob("*.parquet"))
    }


def test_published_partitions_have_directories_by_value(tmp_path: Path) -> None:
    world = sessions(tmp_path, "session")

    report = world.export()

    assert set(statuses(report).values()) == {"success"}
    assert files(world.exports / "shop" / "orders" / "parquet") == {
        "day=2026-02-08/session=s1/part-00000.parquet": [1],
        "day=2026-02-08/session=s2/part-00000.parquet": [2],
        "day=2026-02-09/session=s1/part-00000.parquet": [3],
        "day=2026-02-09/session=s2/part-00000.parquet": [4],
    }
    assert not [one for verdict in verify_tree(world.exports) for one in verdict.findings]
    manifest = world.manifest("orders", "parquet", "day=2026-02-08")
    assert manifest.rows == 2
    assert manifest.dialect == {"partition_by": "session"}


def test_the_same_again_writes_nothing(tmp_path: Path) -> None:
    world = sessions(tmp_path, "session")
    world.export()
    before = tree(world.exports, published=True)

    report = world.export(full=True)

    assert set(statuses(report).values()) == {"unchanged"}
    assert tree(world.exports, published=True) == before


def test_an_output_directory_has_the_table_as_a_directory(tmp_path: Path) -> None:
    world, out = sessions(tmp_path, "date"), tmp_path / "out"

    report = world.export(output_dir=out)

    assert record_of(report, "orders/parquet/all").path == out / "orders"
    assert files(out) == {
        "orders/date=2026-02-08/part-00000.parquet": [1, 2],
        "orders/date=2026-02-09/part-00000.parquet": [3, 4],
    }
    assert verify_directory(out) == []
    assert leftovers(out) == []
    read = pl.read_parquet(out / "orders" / "**" / "*.parquet", hive_partitioning=True)
    assert read.height == 4
    assert "date" in read.columns


def test_values_are_written_as_hive_writes_them(tmp_path: Path) -> None:
    world, out = sessions(tmp_path, "kind"), tmp_path / "out"

    world.export(output_dir=out)

    assert files(out / "orders") == {
        "kind=__HIVE_DEFAULT_PARTITION__/part-00000.parquet": [2, 3],
        "kind=a%2Fb/part-00000.parquet": [1],
        "kind=a%3D%C3%A9%20%25/part-00000.parquet": [4],
    }


def test_a_directory_that_is_there_is_kept_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    world, out = sessions(tmp_path, "session"), tmp_path / "out"
    world.export(output_dir=out)
    before = tree(out)

    kept = world.export(output_dir=out)
    unchanged = tree(out)
    world.sql("delete from orders where session_id = 's2'")
    replaced = world.export(output_dir=out, overwrite=True)

    assert unchanged == before
    assert record_of(kept, "orders/parquet/all").status == "skipped"
    assert "orders exists" in str(record_of(kept, "orders/parquet/all").error)
    assert record_of(replaced, "orders/parquet/all").status == "success"
    assert files(out) == {"orders/session=s1/part-00000.parquet": [1, 3]}
    assert verify_directory(out) == []
    assert leftovers(out) == []


def test_a_missing_file_of_such_a_directory_is_found(tmp_path: Path) -> None:
    world, out = sessions(tmp_path, "session"), tmp_path / "out"
    world.export(output_dir=out)

    (out / "orders" / "session=s1" / "part-00000.parquet").unlink()

    assert [one.problem for one in verify_directory(out)] == ["missing"]


def test_files_of_a_directory_are_cut_where_they_are_full(tmp_path: Path) -> None:
    world = sessions(tmp_path, "session", ", max_rows_per_file: 1")

    world.export(output_dir=tmp_path / "out")

    assert files(tmp_path / "out" / "orders") == {
        "session=s1/part-00000.parquet": [1],
        "session=s1/part-00001.parquet": [3],
        "session=s2/part-00000.parquet": [2],
        "session=s2/part-00001.parquet": [4],
    }


def test_many_values_are_written_with_few_open_files(tmp_path: Path) -> None:
    world = sessions(tmp_path, "session")
    world.sql(
        "with recursive n(i) as (select 10 union all select i + 1 from n where i < 409) "
        "insert into orders select i, '2026-02-10T00:00:00', 'x', 'n' || (i % 100), 0 from n"
    )

    world.export(output_dir=tmp_path / "out")

    found = files(tmp_path / "out" / "orders")
    assert sum(map(len, found.values())) == 404
    assert len({name.partition("/")[0] for name in found}) == 102


def test_a_partition_without_rows_is_one_file(tmp_path: Path) -> None:
    world = sessions(tmp_path, "session")
    world.export()
    world.sql("delete from orders where at < '2026-02-09'")

    world.export()

    directory = world.partition("orders", "parquet", "day=2026-02-08")
    assert [path.name for path in sorted(directory.iterdir())] == [
        "_manifest.json",
        "part-00000.parquet",
    ]


@pytest.mark.parametrize(
    ("by", "says"),
    [
        ("nothing", "orders has no column nothing; its columns are id, at"),
        ("price", "orders.price is float"),
        ("at", "orders.at is timestamp, and makes no directories; 'date' takes its day"),
    ],
)
def test_a_column_that_makes_no_directories_is_refused(by: str, says: str, tmp_path: Path) -> None:
    world = sessions(tmp_path, by)

    with pytest.raises(UsageError, match=says):
        world.export(output_dir=tmp_path / "out")


def test_a_value_that_is_too_long_for_a_name_fails_the_table_alone(tmp_path: Path) -> None:
    world = sessions(tmp_path, "kind")
    world.sql("update orders set kind = printf('%.*c', 300, 'k') where id = 1")

    report = world.export(output_dir=tmp_path / "out")

    assert report.exit_code != 0
    assert "kind has the value 'kkk" in str(record_of(report, "orders/parquet/all").error)
    assert not (tmp_path / "out" / "orders").exists()


def test_other_formats_have_no_directories_by_value(tmp_path: Path) -> None:
    world = shop(
        tmp_path,
        "source: shop\nurl: shop.db\nformats: [csv]\n"
        "format_options: {csv: {partition_by: kind}}\ntables: {orders: {}}\n",
        SESSIONS,
    )

    with pytest.raises(UsageError, match="only parquet has directories by value"):
        world.export()
