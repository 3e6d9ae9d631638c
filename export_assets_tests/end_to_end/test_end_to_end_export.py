"""What a person gets from `export-assets export`, run as a process."""

import json
import os
import pty
import shutil
import sqlite3
import subprocess
from contextlib import suppress
from pathlib import Path

import duckdb
import polars as pl
import pytest

from export_assets_tests.end_to_end.world import World, data, leftovers, tree

ROWS = 60_000


def test_a_database_nobody_prepared_is_exported_whole_in_every_format(world: World) -> None:
    database = world.database()
    before = database.read_bytes()

    done = world.run("export", "shop.db", "--format", "all", "--json")

    assert done.code == 0, done.err
    records = done.document["records"]
    assert {(one["table"], one["format"]) for one in records} == {
        (table, fmt)
        for table in ("customers", "orders", "empty", "big_orders")
        for fmt in ("parquet", "csv", "ndjson", "json")
    }
    assert {one["rows"] for one in records if one["table"] == "orders"} == {300}
    assert {one["status"] for one in records if one["table"] == "empty"} == {"empty"}
    assert database.read_bytes() == before
    published = world.home / "exports" / "shop" / "orders"
    assert pl.read_parquet(published / "parquet" / "all" / "*.parquet").height == 300
    assert len(json.loads((published / "json" / "all" / "part-00000.json").read_text())) == 300
    assert world.run("verify", "--deep").code == 0


def test_a_duckdb_file_is_exported_too(world: World) -> None:
    with duckdb.connect(str(world.home / "pump.duckdb")) as connection:
        connection.execute("create table readings as select range as id, 1.5 as v from range(50)")

    done = world.run("export", "pump.duckdb", "-f", "parquet,csv", "--json")

    assert done.code == 0, done.err
    assert [one["rows"] for one in done.document["records"]] == [50, 50]


def test_an_unchanged_second_run_writes_nothing_at_all(daily: World) -> None:
    first = daily.run("export", "shop", "--json")
    before = tree(daily.home)

    second = daily.run("export", "shop", "--json")

    assert first.code == second.code == 0
    assert tree(daily.home) == before
    assert second.document["counts"] == {"unchanged": sum(first.document["counts"].values())}
    assert all(Path(one["path"]).is_dir() for one in second.document["records"])


def test_a_changed_day_is_the_only_one_written_again(daily: World) -> None:
    daily.run("export", "shop", "orders")
    with sqlite3.connect(daily.home / "shop.db") as connection:
        connection.execute("insert into orders values (9999, 1, '2026-02-02 10:00:00', 3)")
    connection.close()

    done = daily.run("export", "shop", "orders", "--json")

    written = {one["partition"] for one in done.document["records"] if one["status"] == "success"}
    assert written == {"2026-02-02"}
    assert daily.run("verify", "shop", "--source").code == 0


def test_the_zone_of_the_host_changes_no_byte(world: World, tmp_path: Path) -> None:
    world.database()
    trees = []

    for zone in ("UTC", "America/New_York"):
        target = tmp_path / zone.replace("/", "_")
        done = world.run(
            "export",
            "shop.db",
            "-f",
            "all",
            env={"TZ": zone, "EXPORT_ASSETS_EXPORTS_DIR": str(target)},
        )
        assert done.code == 0, done.err
        trees.append(data(target))

    assert trees[0] == trees[1]
    assert trees[0]


@pytest.mark.parametrize("locale", ["C", "tr_TR.UTF-8", "tr_TR.ISO-8859-9"])
def test_the_locale_of_the_host_changes_nothing(world: World, locale: str) -> None:
    world.database("Müşteri.db")

    done = world.run(
        "export", "Müşteri.db", "orders", "-f", "csv", "--json", env={"LC_ALL": locale}
    )

    assert done.code == 0, done.err
    assert done.document["source"] == "m_teri"


def test_an_output_directory_with_quotes_and_blanks_is_just_a_directory(world: World) -> None:
    world.database()
    target = world.home / 'it\'s a "place" of mine'

    done = world.run("export", "shop.db", "-o", target, "-f", "csv", "-f", "parquet", "--json")

    assert done.code == 0, done.err
    assert {Path(one["path"]).parent for one in done.document["records"]} == {target}
    assert world.run("verify", target).code == 0
    assert leftovers(target) == []


def test_rows_columns_and_order_are_chosen_for_an_output_directory(world: World) -> None:
    world.database()

    done = world.run(
        "export", "shop.db", "orders", "-o", "out", "-f", "csv", "--json",
        "--where", "total=7", "--columns", "total,id", "--order-by", "id", "--limit", "2",
        "--offset", "1", "--delimiter", "tab",
    )  # fmt: skip

    assert done.code == 0, done.err
    [record] = done.document["records"]
    assert Path(record["path"]).read_text(encoding="utf-8") == "total\tid\n7\t107\n7\t207\n"


def test_null_and_empty_text_are_told_apart_in_a_filter(world: World) -> None:
    world.database()

    empty = world.run(
        "export", "shop.db", "customers", "-o", "a", "-f", "csv", "--where", "note=", "--json"
    )
    null = world.run(
        "export", "shop.db", "customers", "-o", "b", "-f", "csv", "--where", "note:null", "--json"
    )

    assert [empty.document["rows"], null.document["rows"]] == [34, 66]


def test_dates_are_inclusive_on_both_ends(daily: World) -> None:
    done = daily.run(
        "export", "shop", "orders", "-f", "csv", "--json",
        "--start-date", "2026-02-02", "--end-date", "2026-02-03",
    )  # fmt: skip

    assert done.code == 0, done.err
    assert [one["partition"] for one in done.document["records"]] == ["2026-02-02", "2026-02-03"]


def test_a_range_of_partitions_is_published_even_where_it_is_empty(daily: World) -> None:
    done = daily.run(
        "export", "shop", "orders", "-f", "csv", "--json", "--partition", "2026-02-03..2026-02-05"
    )

    assert [(one["partition"], one["status"]) for one in done.document["records"]] == [
        ("2026-02-03", "success"),
        ("2026-02-04", "empty"),
        ("2026-02-05", "empty"),
    ]


def test_an_existing_file_is_skipped_and_said_so(world: World) -> None:
    world.database()
    world.run("export", "shop.db", "empty", "-o", "out", "-f", "csv")
    [first] = (world.home / "out").glob("*.csv")
    shutil.copy(first, world.home / "kept.csv")

    # The stamp in the name has seconds, so runs in one second meet the same name.
    outcomes = [
        world.run("export", "shop.db", "empty", "-o", "out", "-f", "csv", "--json")
        for _ in range(2)
    ]

    for outcome in outcomes:
        status = outcome.document["records"][0]["status"]
        assert (status, outcome.code) in {("empty", 0), ("skipped", 3)}
    assert first.read_bytes() == (world.home / "kept.csv").read_bytes()


def test_one_broken_table_does_not_stop_the_others(world: World) -> None:
    world.database()
    world.configure(
        "source: shop\nurl: sqlite:///shop.db\ntables:\n"
        "  orders: {checks: [{column: total, ge: 50}]}\n  '*': {}\n"
    )

    done = world.run("export", "shop", "--json")

    statuses = {one["table"]: one["status"] for one in done.document["records"]}
    assert done.code == 4
    assert statuses == {
        "customers": "success", "orders": "failed", "empty": "empty", "big_orders": "success",
    }  # fmt: skip
    assert done.err.count("\n") == 1
    assert "orders/parquet/all: 150 rows break" in done.err


def test_results_for_people_are_a_table_and_one_line_on_stdout(daily: World) -> None:
    done = daily.run("export", "shop")

    lines = done.out.splitlines()
    assert lines[0].split()[:4] == ["table", "format", "partition", "status"]
    assert any("2026-02-01 … 2026-02-03 (3)" in line for line in lines)
    assert lines[-1].startswith("1,094 rows, ")
    assert done.err == ""


def test_a_terminal_shows_how_far_reading_is(world: World) -> None:
    world.database(rows=ROWS)
    seen = world.home / "seen"
    terminal, error = pty.openpty()

    with (
        seen.open("wb") as out,
        subprocess.Popen(
            world.command("export", "shop.db", "orders", "-f", "csv"),
            cwd=world.home,
            env=world.environment({"TERM": "xterm", "COLUMNS": "120"}),
            stdout=out,
            stderr=error,
        ) as process,
    ):
        os.close(error)
        shown = b""
        # Linux answers EIO once the other side is closed.
        with suppress(OSError):
            while part := os.read(terminal, 65_536):
                shown += part
    os.close(terminal)

    assert process.returncode == 0
    assert b"60,000 rows" in shown
    assert b"\x1b" in shown
    assert b"\x1b" not in seen.read_bytes()


def test_quiet_says_nothing_when_all_went_well(daily: World) -> None:
    done = daily.run("export", "shop", "--quiet")

    assert (done.code, done.out, done.err) == (0, "", "")


def test_plan_says_what_export_then_does(daily: World) -> None:
    before = tree(daily.home)
    planned = daily.run("plan", "shop", "customers", "--json")
    assert tree(daily.home) == before
    daily.run("export", "shop", "customers")

    again = daily.run("export", "shop", "customers", "--dry-run", "--json")

    assert {one["action"] for one in planned.document["exports"]} == {"publish"}
    assert {one["action"] for one in again.document["exports"]} == {"nothing"}
