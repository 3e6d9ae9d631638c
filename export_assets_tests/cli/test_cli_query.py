"""`query` by the command line, and the commands that keep the catalogue current."""

import io
import json
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

from export_assets_tests.cli.conftest import Cli
from export_assets_tests.end_to_end.world import World, leftovers

COUNT = "SELECT count(*) AS n FROM shop.orders"


@pytest.fixture
def published(daily: World, cli: Cli) -> World:
    assert cli("export", "shop", "--quiet").code == 0
    return daily


@pytest.mark.usefixtures("published")
def test_rows_are_a_table_cut_where_it_grows_long(cli: Cli) -> None:
    done = cli("query", "SELECT id, day FROM shop.orders ORDER BY id")

    lines = done.out.splitlines()
    assert (done.code, lines[0].split(), len(lines)) == (0, ["id", "day"], 102)
    assert lines[-1] == "300 rows"
    assert done.err == "200 more rows not shown; --limit 0 shows all, --output FILE saves them\n"


@pytest.mark.usefixtures("published")
def test_rows_are_one_document_with_all_of_them(cli: Cli) -> None:
    asked = "SELECT id, NULL AS nothing, 1.50 AS price, [1, 2] AS some FROM shop.orders ORDER BY id"

    document = cli("query", asked, "--json").document

    assert document["columns"][2] == {"name": "price", "type": "DECIMAL(3,2)"}
    assert document["rows"][0] == {"id": 0, "nothing": None, "price": "1.50", "some": [1, 2]}
    assert (len(document["rows"]), document["rows_left_out"], document["exit_code"]) == (300, 0, 0)


def test_the_statement_may_come_from_the_input_or_a_file(
    published: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (published.home / "count.sql").write_text(COUNT, encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(COUNT.encode())))

    from_file = cli("query", "--file", "count.sql", "--json").document
    from_input = cli("query", "-", "--json").document

    assert from_file["rows"] == from_input["rows"] == [{"n": 300}]


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv", "rows.ndjson", "rows.json"])
def test_rows_are_saved_whole_and_replace_nothing_unasked(
    published: World, cli: Cli, name: str
) -> None:
    arguments = ("query", "FROM shop.orders ORDER BY id", "--output", name)

    first, second, third = cli(*arguments), cli(*arguments), cli(*arguments, "--overwrite")

    path = published.home / name
    assert (first.code, second.code, third.code) == (0, 23, 0)
    assert first.out.startswith("300 rows, ")
    assert second.err == f"error: {name}: exists already; --overwrite replaces it\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert not leftovers(published.home)
    if name.endswith(".parquet"):
        assert pl.read_parquet(path).height == 300


@pytest.mark.usefixtures("published")
def test_rows_are_written_to_the_output_in_a_format(cli: Cli) -> None:
    done = cli("query", COUNT, "--format", "csv")

    assert (done.code, done.out) == (0, "n\n300\n")


def test_a_query_that_fails_on_its_way_leaves_no_file(published: World, cli: Cli) -> None:
    asked = "SELECT error('no') FROM shop.orders WHERE id > 200"

    done = cli("query", asked, "--output", "rows.csv")

    assert (done.code, done.err) == (2, "error: query: no\n")
    assert not list(published.home.glob("*rows.csv*"))


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "query: give one statement, as an argument, as '-' or by --file"),
        (("SELECT 1", "--file", "x.sql"), "query: give one statement, as an argument"),
        (("SELECT 1", "--overwrite"), "--overwrite: replaces the file of --output"),
        (("SELECT 1", "--output", "x.csv", "--limit", "1"), "--limit: is for what is printed"),
        (("SELECT 1", "--output", "x.what"), "--output x.what: its ending names no format"),
        (("SELECT 1", "--format", "csv", "--json"), "--json: prints a document of its own"),
        (("SELECT 1", "--output", "exports/x.csv"), "exports/x.csv: lies in "),
        (("DROP VIEW shop.orders",), "query: only statements that read are answered, not DROP"),
        (("FROM shop.order",), "query: there is no table order; did you mean shop.orders?"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(
    cli: Cli, arguments: tuple[str, ...], line: str
) -> None:
    done = cli("query", *arguments)

    assert done.code == 2
    assert done.err.startswith(f"error: {line}")
    assert len(done.err.splitlines()) == 1


@pytest.mark.usefixtures("daily")
def test_before_anything_is_published_there_is_nothing_to_ask(cli: Cli) -> None:
    assert cli("query", "SHOW ALL TABLES").out.endswith("0 rows\n")
    assert cli("query", COUNT).err.endswith("nothing is published yet\n")


@pytest.mark.usefixtures("published")
def test_a_plan_is_printed_as_it_is(cli: Cli) -> None:
    day = cli("query", "SELECT min(day) AS d FROM shop.orders", "--json").document["rows"][0]["d"]

    shown = cli("query", f"EXPLAIN ANALYZE SELECT id FROM shop.orders WHERE day = DATE '{day}'")

    assert "Total Files Read: 1" in shown.out
    assert "plan" in cli("query", f"EXPLAIN {COUNT}", "--json").document


def count_of(world: World) -> int:
    with duckdb.connect(str(world.home / "exports" / "catalog.duckdb"), read_only=True) as file:
        found = file.execute(COUNT).fetchone()
    assert found is not None
    return int(found[0])


def test_pruning_keeps_the_catalogue_current(published: World, cli: Cli) -> None:
    before = count_of(published)
    yaml = (published.home / "sources" / "shop.yaml").read_text(encoding="utf-8")
    published.configure(yaml + "keep: {yearly: 1}\n")

    done = cli("prune", "shop", "--yes", "--json")

    assert done.code == 0, done.err
    assert count_of(published) < before


def test_repair_keeps_the_catalogue_current(published: World, cli: Cli) -> None:
    catalog = published.home / "exports" / "catalog.duckdb"
    part = next(published.home.glob("exports/shop/orders/csv/*/part-00000.csv"))
    part.write_text("damaged", encoding="utf-8")
    catalog.unlink()

    assert cli("repair", "shop").code == 0
    assert count_of(published) == 300


def test_a_project_may_go_without(daily: World, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPORT_ASSETS_CATALOG", "false")

    assert cli("export", "shop").code == 0
    assert not (daily.home / "exports" / "catalog.duckdb").exists()
    assert cli("query", COUNT, "--json").document["rows"] == [{"n": 300}]


def test_a_catalogue_that_cannot_be_made_is_a_warning_and_no_failure(
    daily: World, cli: Cli
) -> None:
    blocked = daily.home / "exports" / "catalog.duckdb"
    (blocked / "in the way").mkdir(parents=True)

    done = cli("export", "shop", "--json")

    assert done.code == 0
    assert [line for line in done.err.splitlines() if "warning" in line] == [
        f"warning: the catalogue is not up to date: {blocked}: it is a directory"
    ]
    assert len(done.document["warnings"]) == 1
    assert json.loads(done.out)["exit_code"] == 0


@pytest.mark.usefixtures("published")
def test_listing_and_verifying_do_not_mind_the_catalogue(cli: Cli) -> None:
    assert cli("verify", "--deep").code == 0
    assert "catalog" not in cli("list", "--partitions").out


@pytest.mark.usefixtures("published")
def test_an_unreadable_statement_is_told(cli: Cli) -> None:
    Path("bad.sql").write_bytes(b"SELECT '\xff'")

    assert cli("query", "--file", "bad.sql").err == "error: query: bad.sql is not UTF-8\n"
    assert cli("query", "--file", "none.sql").code == 10
