"""What each command prints, for people and for programs."""

import json
import re
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from export_assets_tests.end_to_end.world import DAILY, Ended, World, tree

Cli = Callable[..., Ended]


@pytest.fixture
def published(daily: World, cli: Cli) -> World:
    assert cli("export", "shop").code == 0
    return daily


@pytest.mark.parametrize(
    "arguments",
    [
        ("export", "shop"),
        ("plan", "shop"),
        ("inspect", "shop"),
        ("list",),
        ("list", "shop", "--partitions"),
        ("verify",),
        ("verify", "shop", "--source"),
        ("validate",),
        ("validate", "--show"),
        ("prune", "shop"),
        ("export", "nothing_of_that_name"),
        ("dev", "--host", "0.0.0.0"),
        ("dev", "--allow-host", "https://a.example"),
        ("no_such_command",),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("published")
def test_json_is_one_document_that_repeats_the_exit_code(
    cli: Cli, arguments: tuple[str, ...]
) -> None:
    done = cli(*arguments, "--json")

    assert json.loads(done.out)["exit_code"] == done.code


def test_list_counts_partitions_rows_and_bytes_per_export(published: World, cli: Cli) -> None:
    done = cli("list", "--json").document

    orders = next(
        one for one in done["exports"] if (one["table"], one["format"]) == ("orders", "csv")
    )
    on_disk = (published.home / "exports" / "shop" / "orders" / "csv").rglob("*.csv")
    assert (orders["partitions"], orders["rows"]) == (3, 300)
    assert orders["bytes"] == sum(path.stat().st_size for path in on_disk)


@pytest.mark.usefixtures("world")
def test_list_of_an_empty_project_says_that_nothing_is_published(cli: Cli) -> None:
    done = cli("list")

    assert (done.code, done.err) == (0, "")
    assert "nothing is published" in done.out


def test_list_names_a_damaged_manifest(published: World, cli: Cli) -> None:
    manifest = published.home / "exports" / "shop" / "empty" / "csv" / "all" / "_manifest.json"
    manifest.write_text("{", encoding="utf-8")

    done = cli("list", "--json")

    assert done.code == 24
    assert str(manifest) in done.err
    assert done.document["damaged"][0]["path"] == str(manifest.parent)


@pytest.mark.parametrize("what", [(), ("shop",), ("shop/orders",), ("shop/orders/csv",)])
def test_verify_names_the_file_that_differs(
    published: World, cli: Cli, what: tuple[str, ...]
) -> None:
    part = next((published.home / "exports" / "shop" / "orders" / "csv").rglob("*.csv"))
    content = bytearray(part.read_bytes())
    content[-3] ^= 1
    part.write_bytes(content)

    done = cli("verify", *what)

    assert done.code == 24
    assert done.err.startswith(f"error: {part}: has SHA-256")


def test_verify_takes_paths_of_partitions_trees_and_output_directories(
    published: World, cli: Cli
) -> None:
    cli("export", "shop", "-o", "out")
    partition = next((published.home / "exports" / "shop" / "orders" / "csv").glob("day=*"))
    (published.home / "exports").rename(published.home / "moved")

    codes = [
        cli("verify", path).code
        for path in (
            published.home / "out",
            published.home / "moved" / partition.relative_to(published.home / "exports"),
            published.home / "moved",
        )
    ]

    assert codes == [0, 0, 0]


def test_verify_finds_a_changed_file_in_an_output_directory(daily: World, cli: Cli) -> None:
    cli("export", "shop", "orders", "-f", "csv", "-o", "out")
    [file] = (daily.home / "out").glob("*.csv")
    file.write_text("other", encoding="utf-8")

    done = cli("verify", "out")

    assert done.code == 24
    assert "orders" in done.err


def test_verify_against_the_source_tells_what_has_changed_there(published: World, cli: Cli) -> None:
    with sqlite3.connect(published.home / "shop.db") as connection:
        connection.execute("update orders set total = 7.5 where id = 1")
    connection.close()

    files = cli("verify", "shop")
    source = cli("verify", "shop", "--source", "--json")

    assert files.code == 0
    assert source.code == 24
    assert "shop/orders/csv/2026-02-02: columns differ: total" in source.err
    assert {one["verdict"] for one in source.document["source"]} == {"equal", "different"}


@pytest.mark.usefixtures("daily")
def test_verify_against_the_source_looks_only_at_what_was_exported(cli: Cli) -> None:
    cli("export", "shop", "customers", "-f", "json")

    done = cli("verify", "shop", "--source", "--json")

    assert done.code == 0, done.err
    assert [(one["table"], one["format"]) for one in done.document["source"]] == [
        ("customers", "json")
    ]


def test_verify_finds_the_source_of_an_export_nobody_configured(world: World, cli: Cli) -> None:
    database = world.database()
    cli("export", database)

    named = cli("verify", "shop", "--source", "--url", "shop.db")
    unnamed = cli("verify", "shop", "--source")

    assert named.code == 0, named.err
    assert unnamed.code == 2
    assert "shop: no such source" in unnamed.err


@pytest.mark.parametrize("options", ["compression: gzip", "profile: excel", "delimiter: tab"])
def test_verify_deep_reads_files_as_their_manifest_describes_them(
    world: World, cli: Cli, options: str
) -> None:
    world.database()
    world.configure(
        "source: shop\nurl: sqlite:///shop.db\nformats: all\n"
        f"format_options: {{csv: {{{options}}}, json: {{pretty: true}}}}\n"
    )
    cli("export", "shop")
    (world.home / "sources" / "shop.yaml").unlink()

    assert cli("verify", "--deep").code == 0


def test_inspect_shows_types_keys_figures_and_what_is_lost(daily: World, cli: Cli) -> None:
    before = tree(daily.home)

    done = cli("inspect", "shop", "orders", "--json").document

    [orders] = done["tables"]
    assert (orders["rows"], orders["partitioned_by"], orders["primary_key"]) == (300, "day", ["id"])
    assert orders["first"].startswith("2026-02-01T00:30:00")
    assert orders["foreign_keys"][0]["ref_table"] == "customers"
    assert {one["name"]: one["declared"] for one in orders["columns"]}["total"] == "NUMERIC".lower()
    assert {one["fidelity"] for one in orders["columns"]} <= {"exact", "widened", "lossy"}
    assert tree(daily.home) == before


def test_inspect_says_which_columns_do_not_leave_as_they_are(world: World, cli: Cli) -> None:
    world.database()
    world.configure(
        "source: shop\nurl: sqlite:///shop.db\ntables:\n  customers:\n"
        "    {redact: [name], anonymize: [note], exclude_columns: []}\n"
        "  orders: {exclude_columns: [total]}\n"
    )

    done = cli("inspect", "shop").out

    words = {line.split()[0]: line for line in done.splitlines() if line.strip()}
    assert "redacted" in words["name"]
    assert "anonymized" in words["note"]
    assert "total" not in words


@pytest.mark.usefixtures("daily")
def test_inspect_refuses_a_table_that_does_not_exist(cli: Cli) -> None:
    done = cli("inspect", "shop", "ordrs")

    assert done.code == 2
    assert "Did you mean 'orders'?" in done.err


def test_prune_deletes_only_what_its_plan_says_and_only_when_told(
    published: World, cli: Cli
) -> None:
    published.configure(
        (published.home / "sources" / "shop.yaml").read_text() + "keep: {daily: 1}\n"
    )
    before = tree(published.home)

    planned = cli("prune", "shop", "--json").document
    untouched = tree(published.home) == before
    done = cli("prune", "shop", "--yes", "--json").document

    assert untouched
    assert planned["dry_run"] is True
    assert done["removed"] == [one["partition"] for one in planned["remove"]]
    left = {
        path.name for path in (published.home / "exports" / "shop" / "orders" / "csv").iterdir()
    }
    assert left == {"day=2026-02-03"}
    assert cli("verify").code == 0


@pytest.mark.usefixtures("published")
def test_prune_without_a_rule_keeps_everything(cli: Cli) -> None:
    assert cli("prune", "shop", "--yes", "--json").document["remove"] == []


@pytest.mark.usefixtures("daily")
def test_validate_shows_every_value_in_force_with_its_origin(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORT_ASSETS_KEEP_RUNS_DAYS", "7")

    lines = cli("validate", "--show").out.splitlines()

    assert "settings.keep_runs_days: 7  (environment)" in lines
    assert "sources.shop.url: sqlite:///shop.db  (file)" in lines
    assert "sources.shop.assume_timezone: UTC  (default)" in lines


def test_validate_of_files_has_one_line_for_each_mistake(world: World, cli: Cli) -> None:
    one, other = world.home / "one.yaml", world.home / "other.yaml"
    one.write_text("source: one\nurl: a.db\nformts: [csv]\n", encoding="utf-8")
    other.write_text("source: other\nurl: b.db\nsystem: tandm\n", encoding="utf-8")

    done = cli("validate", one, other)

    assert done.code == 2
    assert len(done.err.splitlines()) == 2
    assert "formts" in done.err
    assert "tandm" in done.err


def test_validate_refuses_format_options_the_format_cannot_honour(world: World, cli: Cli) -> None:
    world.configure(
        "source: shop\nurl: shop.db\nformats: [csv]\nformat_options: {csv: {compression: rar}}\n"
    )

    done = cli("validate")

    assert done.code == 2
    assert "csv does not know 'rar'" in done.err


def test_names_cannot_move_the_cursor_of_a_terminal(world: World, cli: Cli) -> None:
    with sqlite3.connect(world.home / "odd.db") as connection:
        connection.execute('create table "\x1b[31mred" (id integer)')
    connection.close()

    done = cli("export", "odd.db")
    refused = cli("export", "odd.db", "\x1b[2J")

    assert done.code == 0, done.err
    assert "\x1b" not in done.out + done.err + refused.err
    assert "\\x1b[31mred" in done.out


def test_paths_typed_start_at_the_working_directory_not_at_the_home(
    world: World, cli: Cli, tmp_path: Path
) -> None:
    world.database()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    done = cli("export", "shop.db", "empty", "--home", elsewhere)

    assert done.code == 0, done.err
    assert (elsewhere / "exports" / "shop").is_dir()


def test_list_warns_of_files_without_a_manifest(published: World, cli: Cli) -> None:
    path = published.home / "exports" / "shop" / "empty" / "csv" / "all"
    (path / "_manifest.json").unlink()

    done = cli("list", "--json")

    assert done.code == 3
    assert done.err.startswith(f"warning: {path}: holds files but no manifest")
    assert done.document["damaged"][0]["path"] == str(path)


@pytest.mark.parametrize(
    ("what", "exports"), [("shop", 8), ("shop/orders", 2), ("shop/orders/csv", 1)]
)
@pytest.mark.usefixtures("published")
def test_list_takes_the_names_verify_takes(cli: Cli, what: str, exports: int) -> None:
    done = cli("list", what, "--json")

    assert done.code == 0
    assert len(done.document["exports"]) == exports


@pytest.mark.parametrize("what", ["nope", "shop/nope", "shop/orders/json", "", "a/b/c/d"])
@pytest.mark.usefixtures("published")
def test_list_refuses_a_name_nothing_is_published_under(cli: Cli, what: str) -> None:
    done = cli("list", what)

    assert done.code == 2
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1


def test_values_of_another_kind_are_counted_once_however_many_slices_tell_them(
    world: World, cli: Cli
) -> None:
    with sqlite3.connect(world.home / "odd.db") as connection:
        connection.execute("create table readings (at text, level integer, ratio real)")
        for day in range(1, 6):
            row = (f"2026-01-0{day}T00:00:00Z", "high" if day < 3 else day, 9e999)
            connection.execute("insert into readings values (?, ?, ?)", row)
    connection.close()
    file = world.home / "sources" / "odd.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(
        "source: odd\nurl: sqlite:///odd.db\nformats: [json]\n"
        "tables: {readings: {types: {at: {type: timestamp, encoding: iso}}, "
        "partition_by: {column: at}}}\n",
        encoding="utf-8",
    )

    first, again = cli("export", "odd"), cli("export", "odd", "--full")

    for done in (first, again):
        (note,) = (line for line in done.out.splitlines() if line.startswith("note: "))
        assert re.search(r"level \(.*: 3 values\)", note)
        assert re.search(r"ratio \(.*: 5 values\)", note)


def test_a_value_a_format_cannot_carry_is_told_beside_the_result(world: World, cli: Cli) -> None:
    with sqlite3.connect(world.home / "odd.db") as connection:
        connection.execute("create table readings (id integer, level real)")
        connection.execute("insert into readings values (1, 9e999), (2, 1.5), (3, -9e999)")
    connection.close()

    done = cli("export", "odd.db", "-f", "parquet,ndjson", "-o", "out")
    told = cli("export", "odd.db", "-f", "parquet,ndjson", "-o", "out2", "--json").document

    assert done.code == 0
    (note,) = (line for line in done.out.splitlines() if line.startswith("note: "))
    assert note.startswith("note: readings/ndjson: level (")
    assert note.endswith(": 2 values)")
    found = {one["format"]: one["fidelity"] for one in told["records"]}
    assert found["parquet"] == []
    assert [(one["column"], one["count"]) for one in found["ndjson"]] == [("level", 2)]


@pytest.mark.usefixtures("daily")
def test_a_skipped_file_is_named_with_what_to_do(cli: Cli) -> None:
    first = cli("export", "shop", "customers", "-f", "csv", "-o", "out", "--json").document
    (path,) = (one["path"] for one in first["records"])
    stem = Path(path).name[: -len("20260101_000000.csv")]
    seconds = [f"{stem}{moment}.csv" for moment in _coming(Path(path))]
    for name in seconds:
        (Path(path).parent / name).touch()

    done = cli("export", "shop", "customers", "-f", "csv", "-o", "out", "--json")

    (record,) = done.document["records"]
    assert done.code == 3
    assert record["error"] == f"{record['path']} exists; use --overwrite"
    assert done.err == f"warning: {record['error']}\n"


def _coming(path: Path) -> list[str]:
    """Return the stamps of the minute that starts with that of *path*."""
    start = datetime.strptime("_".join(path.stem.split("_")[-2:]), "%Y%m%d_%H%M%S")  # noqa: DTZ007 - UTC, and only counted on
    return [f"{start + timedelta(seconds=more):%Y%m%d_%H%M%S}" for more in range(1, 61)]


def test_a_source_without_its_variable_leaves_the_others_alone(world: World, cli: Cli) -> None:
    world.database()
    world.configure(DAILY)
    (world.home / "sources" / "other.yaml").write_text(
        "source: other\nurl: ${OTHER_URL}\n", encoding="utf-8"
    )
    unset = "other.yaml: url: environment variable OTHER_URL is not set"

    exported, refused = cli("export", "shop", "-q"), cli("export", "other")
    elsewhere, validated = cli("export", "other", "--source", "shop.db", "-q"), cli("validate")

    assert (exported.code, exported.err) == (0, "")
    assert (refused.code, validated.code) == (2, 2)
    assert unset in refused.err
    assert unset in validated.err
    assert elsewhere.code == 0
