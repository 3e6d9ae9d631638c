"""What is typed, understood or refused before anything is read."""

from collections.abc import Callable

import pytest

from export_assets.cli.requests import condition, listed, partition_keys
from export_assets.errors import UsageError
from export_assets_tests.end_to_end.world import Ended, World, leftovers

Cli = Callable[..., Ended]


@pytest.mark.parametrize(
    ("arguments", "saying"),
    [
        (["shp"], "did you mean 'shop'?"),
        (["shop", "--start-date", "2026-02-30"], "no such day"),
        (["shop", "--start-date", "8.2.2026"], "expected YYYY-MM-DD"),
        (["shop", "--start-date", "2026-02-02", "--end-date", "2026-02-01"], "is after end date"),
        (["shop", "-f", "parqet"], "did you mean parquet?"),
        (["shop", "-f", "parquet", "--delimiter", ";"], "delimiter: parquet has no delimiter"),
        (["shop", "-f", "csv", "--pretty"], "pretty: csv has one layout"),
        (["shop", "-f", "parquet", "--profile", "excel"], "profile: means nothing for parquet"),
        (["shop", "-f", "csv", "--profile", "exel"], "--profile 'exel'"),
        (["shop", "-f", "csv", "--compression", "rar"], "rar"),
        (["shop", "-f", "csv", "--compression", "gzip", "--compression-level", "99"], "99"),
        (["shop", "-f", "csv", "--delimiter", "--"], "single character"),
        (["shop", "--limit", "3"], "limit: a published partition is complete"),
        (["shop", "--limit", "-3", "-o", "out"], "-3"),
        (["shop", "--where", "total", "-o", "out"], "expected column=value"),
        (["shop", "orders", "--where", "totl=1", "-o", "out"], "did you mean total?"),
        (["shop", "--columns", "nope", "-o", "out"], "source has no column nope"),
        (["shop", "orders", "--partition", "2026-02-05..2026-02-01"], "is after"),
        (["shop", "orders", "--partition", "2026-02..2026-02-01"], "two keys of one kind"),
        (["shop", "orders", "--partition", "2026-02"], "not a key of partitions by day"),
        (["shop", "customers", "--partition", "2026-02-01"], "is not partitioned"),
        (["shop", "customers", "--start-date", "2026-02-01"], "has no time to filter by"),
        (["shop", "--fetch-latest"], "shop has no upstream steps"),
        (["shop", "--exclude", "orders,customers,empty,big_orders"], "no table is left"),
        (["shop", "--frmat", "csv"], "--format"),
        (["shop.db"], "configured source 'shop'"),
        (["shop", "--lock-timeout", "soon"], "soon"),
        ([], "SOURCE"),
        ([""], "SOURCE: is empty"),
        (["."], ".: is a directory; name a database file in it"),
        (["shop", ""], "TABLE '': is empty"),
        (["shop", "orders", ","], "TABLE ',': is empty"),
    ],
)
def test_a_wrong_request_is_one_line_and_leaves_nothing(
    daily: World, cli: Cli, arguments: list[str], saying: str
) -> None:
    done = cli("export", *arguments, "--json")

    assert done.code == 2, done
    assert saying in done.err
    assert done.err.count("\n") == 1
    assert done.document["exit_code"] == 2
    assert f"error: {done.document['error']}\n" == done.err
    assert leftovers(daily.home) == []
    assert not list(daily.home.rglob("part-*"))
    assert not (daily.home / "out").exists()


@pytest.mark.usefixtures("daily")
def test_an_option_goes_only_to_the_formats_that_can_honour_it(cli: Cli) -> None:
    done = cli(
        "export", "shop", "orders", "-f", "parquet,csv,json", "--json",
        "--pretty", "--delimiter", "tab", "--compression", "gzip", "-o", "out",
    )  # fmt: skip

    assert done.code == 0, done.err
    suffixes = {one["format"]: one["path"].partition(".")[2] for one in done.document["records"]}
    assert suffixes == {"parquet": "parquet", "csv": "csv.gz", "json": "json.gz"}


def test_an_option_typed_refines_what_is_configured(world: World, cli: Cli) -> None:
    world.database()
    world.configure(
        "source: shop\nurl: sqlite:///shop.db\nformats: [csv]\n"
        "format_options: {csv: {compression: gzip}}\n"
    )

    done = cli("export", "shop", "orders", "--compression-level", "9", "-o", "out", "--json")

    assert done.document["records"][0]["path"].endswith(".csv.gz")


def test_names_may_be_repeated_separated_by_commas_and_quoted() -> None:
    assert listed(["a,b", "c", '"d,e"', " a "]) == ("a", "b", "c", "d,e")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name=Ann", ("name", "Ann")),
        ("name=", ("name", "")),
        ("name=a=b:null", ("name", "a=b:null")),
        ("name:null", ("name", None)),
        ("a:b:NULL", ("a:b", None)),
    ],
)
def test_a_condition_is_a_column_and_a_value_or_null(
    text: str, found: tuple[str, str | None]
) -> None:
    assert condition(text) == found


@pytest.mark.parametrize("text", ["name", "=x", ":null", "name:nil"])
def test_a_condition_without_column_or_value_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected column=value"):
        condition(text)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("2023..2025", ("2023", "2024", "2025")),
        ("2025-12..2026-01", ("2025-12", "2026-01")),
        ("2026-02-28..2026-03-01", ("2026-02-28", "2026-03-01")),
        ("2026-02-08-23:00..2026-02-09-00:00", ("2026-02-08-23:00", "2026-02-09-00:00")),
        ("2026-02-08", ("2026-02-08",)),
    ],
)
def test_a_range_holds_every_key_between_its_ends(text: str, keys: tuple[str, ...]) -> None:
    assert partition_keys([text]) == keys


@pytest.mark.usefixtures("daily")
def test_a_misspelt_command_is_corrected_once(cli: Cli) -> None:
    done = cli("exprt")

    assert done.code == 2
    assert done.err == "error: No such command 'exprt'. Did you mean 'export'?\n"


@pytest.mark.parametrize("name", ["x.db", "x.duckdb"])
def test_a_file_that_is_no_database_is_named_by_its_path(world: World, cli: Cli, name: str) -> None:
    path = world.home / name
    path.write_text("this is a letter, no database\n" * 400, encoding="utf-8")

    done = cli("export", name)

    assert done.code == 12
    assert done.err.endswith(f" ({path})\n")
