"""Exports into a directory: exactly the rows and columns asked for, one file each."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from export_assets.engine.report import ExportReport
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.errors import DestConflict, UsageError
from export_assets.tables.partitions import Window
from export_assets_tests.engine.engine_world import (
    ALL_FORMATS,
    SHOP,
    World,
    leftovers,
    read_part,
    shop,
    statuses,
)

STAMP = "20260301_120000"


def out(world: World, **request: Any) -> Any:
    return world.export(output_dir=world.home / "out", **request)


def rows(world: World, name: str = f"orders_{STAMP}.csv") -> list[dict[str, object]]:
    return read_part(world.home / "out" / name, name.rpartition(".")[2]).to_dicts()


def ids(world: World, name: str = f"orders_{STAMP}.csv") -> list[object]:
    return [row["id"] for row in rows(world, name)]


def window(first: str, last: str) -> Window:
    return Window(
        start=datetime.fromisoformat(first).replace(tzinfo=UTC),
        end=datetime.fromisoformat(last).replace(tzinfo=UTC),
    )


def test_each_table_is_one_file_per_format(tmp_path: Path) -> None:
    world = shop(tmp_path)

    report = out(world, formats=ALL_FORMATS)

    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        *(f"{table}_{STAMP}.{fmt}" for table in ("orders", "customers") for fmt in ALL_FORMATS),
        "_manifest.json",
    }
    assert all(record.path is not None and record.path.is_file() for record in report.records)
    assert not leftovers(tmp_path)
    assert not world.exports.exists() or not any(world.exports.rglob("part-*"))


def test_a_file_that_exists_is_skipped_or_replaced(tmp_path: Path) -> None:
    world = shop(tmp_path)
    out(world, formats=ALL_FORMATS)
    world.sql("delete from orders where id > 1")

    skipped = out(world, formats=ALL_FORMATS)
    before = ids(world)
    replaced = out(world, formats=ALL_FORMATS, overwrite=True)

    assert set(statuses(skipped).values()) == {"skipped"}
    assert all(one.error == f"{one.path} exists; use --overwrite" for one in skipped.records)
    assert {one.path for one in skipped.records} == set((tmp_path / "out").glob("*_2*"))
    assert skipped.exit_code == 3
    assert before == [1, 2, 3, 4]
    assert set(statuses(replaced).values()) == {"success"}
    assert all(ids(world, f"orders_{STAMP}.{fmt}") == [1] for fmt in ALL_FORMATS)
    record = json.loads((tmp_path / "out" / "_manifest.json").read_text())
    assert len(record["files"]) == 8


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_a_window_is_exact(fmt: str, tmp_path: Path) -> None:
    world = shop(tmp_path)

    out(
        world,
        tables=("orders",),
        formats=(fmt,),
        window=window("2026-02-08T10:30:00", "2026-02-10T00:00:00"),
    )

    assert ids(world, f"orders_{STAMP}.{fmt}") == [2, 3]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"limit": 0}, []),
        ({"limit": 2}, [1, 2]),
        ({"limit": 2, "offset": 1}, [2, 3]),
        ({"offset": 3}, [4]),
        ({"offset": 9}, []),
        ({"where": {"id": 3}}, [3]),
        ({"where": {"note": None}}, [2]),
        ({"where": {"note": "none such"}}, []),
        ({"order_by": ("total",)}, [4, 3, 2, 1]),
        ({"order_by": ("total",), "limit": 1}, [4]),
        ({"order_by": ("note", "at"), "limit": 3}, [2, 3, 1]),
        ({"limit": 1, "window": window("2026-02-09", "2026-02-11")}, [3]),
        ({"limit": 1, "offset": 1, "window": window("2026-02-09", "2026-02-11")}, [4]),
        ({"limit": 0, "window": window("2026-02-09", "2026-02-11")}, []),
        (
            {"order_by": ("total",), "limit": 2, "window": window("2026-02-08", "2026-02-10")},
            [3, 2],
        ),
        ({"partitions": ("2026-02-09",), "limit": 5}, [3]),
    ],
)
def test_filters_mean_what_they_say(
    request_: dict[str, Any], expected: list[int], tmp_path: Path
) -> None:
    world = shop(tmp_path)
    world.sql("update orders set total = -total")

    report = out(world, tables=("orders",), formats=("csv", "parquet"), **request_)

    part = "_2026-02-09" if "partitions" in request_ else ""
    assert report.exit_code == 0
    assert ids(world, f"orders{part}_{STAMP}.csv") == expected
    assert ids(world, f"orders{part}_{STAMP}.parquet") == expected


def test_columns_come_as_asked_and_a_window_needs_no_time_among_them(tmp_path: Path) -> None:
    world = shop(tmp_path)

    out(
        world,
        tables=("orders",),
        formats=("csv",),
        columns=("total", "id", "total"),
        window=window("2026-02-09", "2026-02-10"),
    )

    text = (tmp_path / "out" / f"orders_{STAMP}.csv").read_text()
    assert text == "total,id\n3.5,3\n"


@pytest.mark.parametrize(
    "request_",
    [
        {"columns": ("nmae",)},
        {"where": {"nmae": 1}},
        {"order_by": ("nmae",)},
        {"tables": ("nmae",)},
        {"tables": ("customers",), "window": window("2026-02-09", "2026-02-10")},
        {"tables": ("customers",), "partitions": ("2026-02-09",)},
        {"partitions": ("2026-02-31",)},
    ],
)
def test_a_request_that_cannot_be_leaves_no_directory(
    request_: dict[str, Any], tmp_path: Path
) -> None:
    world = shop(tmp_path)

    with pytest.raises(UsageError):
        out(world, **({"tables": ("orders",)} | request_))

    assert not (tmp_path / "out").exists()


def test_a_column_the_configuration_keeps_back_is_refused(tmp_path: Path) -> None:
    world = shop(tmp_path, SHOP.replace("customers: {}", "customers: {exclude_columns: [email]}"))

    with pytest.raises(UsageError, match=r"customers\.email: is not exported"):
        out(world, tables=("customers",), columns=("id", "email"))


def test_partitions_asked_for_are_a_file_each_even_without_rows(tmp_path: Path) -> None:
    world = shop(tmp_path)

    report = out(
        world, tables=("orders",), formats=("csv",), partitions=("2026-02-09", "2026-01-01")
    )
    only = out(world, tables=("orders",), formats=("json",), partitions=("2026-01-01",))

    assert ids(world, f"orders_2026-02-09_{STAMP}.csv") == [3]
    assert ids(world, f"orders_2026-01-01_{STAMP}.csv") == []
    assert (report.exit_code, only.exit_code) == (0, 0)


def test_names_that_are_no_file_names_are_written_safely(tmp_path: Path) -> None:
    odd = ["a/b", "../up", "con", "naïve", "x" * 150, ".hidden", "two words"]
    script = "".join(
        f'create table "{name}" (id integer); insert into "{name}" values ({n});'
        for n, name in enumerate(odd)
    )
    world = shop(tmp_path, "source: shop\nurl: shop.db\n", script)

    report = out(world, formats=("csv", "parquet"))

    assert report.exit_code == 0
    paths = [record.path for record in report.records]
    assert len(set(paths)) == 14
    assert all(path is not None and path.parent == tmp_path / "out" for path in paths)


def test_names_that_differ_in_case_only_become_different_files(tmp_path: Path) -> None:
    world = shop(tmp_path, SHOP + "  Orders: {query: select 7 as id}\n")

    report = out(world, formats=("csv",))

    names = [record.path.name.casefold() for record in report.records if record.path]
    assert len(set(names)) == len(names) == 3


def test_a_table_named_like_a_partition_of_another_keeps_its_own_file(tmp_path: Path) -> None:
    rule = "{partition_by: {column: at}, query: 'select 99 as id, at from orders'}"
    world = shop(tmp_path, f"{SHOP}  orders_2026-02-09: {rule}\n")

    first = out(world, tables=("orders",), formats=("csv",), partitions=("2026-02-09",))
    again = out(world, tables=("orders_2026-02-09",), formats=("csv",), overwrite=False)

    assert first.exit_code == 0
    assert statuses(again) == {"orders_2026-02-09/csv/all": "skipped"}
    assert ids(world, f"orders_2026-02-09_{STAMP}.csv") == [3]


def test_rows_without_a_time_are_there_unless_a_window_is_asked_for(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.sql("insert into orders values (9, null, 1, '')")

    out(world, tables=("orders",), formats=("csv",))
    out(world, tables=("orders",), formats=("json",), window=window("2000-01-01", "2100-01-01"))

    assert ids(world) == [9, 1, 2, 3, 4]
    assert ids(world, f"orders_{STAMP}.json") == [1, 2, 3, 4]


def test_many_partitions_out_of_order_are_one_file_each(tmp_path: Path) -> None:
    from collections.abc import Iterator

    from export_assets.sources.base import Scan
    from export_assets_tests.engine.engine_world import FakeSource, days, scanning

    def shuffled(scan: Scan, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        del scan
        for frame in frames:
            yield frame.filter(pl.col("id") < 100)
            yield frame.filter(pl.col("id") >= 100)

    world = shop(tmp_path)
    keys = tuple(days("2026-01-01", 20))
    values = ", ".join(
        f"({n + again}, '{day}T10:00:00', 0, null)"
        for n, day in enumerate(keys)
        for again in (0, 100)
    )
    world.sql(f"delete from orders; insert into orders values {values}")
    source = FakeSource(world.exporter().source.source, scanning(shuffled))

    report = out(world, source=source, tables=("orders",), formats=("csv",), partitions=keys)

    assert report.exit_code == 0
    assert ids(world, f"orders_2026-01-20_{STAMP}.csv") == [19, 119]


def test_the_store_takes_no_filters(tmp_path: Path) -> None:
    world = shop(tmp_path)

    for name, value in {"limit": 0, "columns": ("id",), "where": {"id": 1}, "offset": 1}.items():
        with pytest.raises(UsageError, match="a published partition is complete"):
            world.export(**{name: value})


def test_a_database_of_the_same_file_name_never_replaces_another(tmp_path: Path) -> None:
    world = World(tmp_path)
    for folder, name in (("one", "Ann"), ("two", "Bob")):
        (tmp_path / folder).mkdir()
        script = f"create table t(id integer, name text); insert into t values (1, '{name}')"
        world.sql(script, tmp_path / folder / "app.db")

    def export(folder: str, **request: Any) -> ExportReport:
        workspace = world.workspace()
        return Exporter(
            workspace=workspace,
            source=workspace.source(str(tmp_path / folder / "app.db")),
            request=ExportRequest(**request),
            run=Run(id=f"{folder}-{len(request)}", now=world.now),
        ).export()

    export("one")
    with pytest.raises(DestConflict, match="published from another database"):
        export("two")
    kept = pl.read_parquet(tmp_path / "exports/app/t/parquet/all/part-00000.parquet")
    again = export("one")
    replaced = export("two", overwrite=True)

    assert kept["name"].to_list() == ["Ann"]
    assert statuses(again) == {"t/parquet/all": "unchanged"}
    assert statuses(replaced) == {"t/parquet/all": "success"}
