"""`init` writes the YAML of a database, once, and says what comes next."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from export_assets_tests.end_to_end.world import Ended, World, tree

Cli = Callable[..., Ended]


def test_a_database_becomes_a_source_in_one_command(world: World, cli: Cli) -> None:
    world.database("data/shop.db", rows=1_500)
    before = tree(world.home / "data")

    done = cli("init", "data/shop.db")

    assert (done.code, done.err) == (0, "")
    text = (world.home / "sources" / "shop.yaml").read_text(encoding="utf-8")
    assert "url: sqlite:///data/shop.db\n" in text
    assert "orders: {partition_by: {column: ordered_at, every: day, start: 2026-02-01}}" in text
    assert "every other table, as a whole: customers, empty" in text
    assert tree(world.home / "data") == before
    assert cli("validate").code == 0
    assert cli("export", "shop").code == 0


def test_the_commands_named_next_work(world: World, cli: Cli) -> None:
    world.database()

    lines = cli("init", "shop.db").out.splitlines()

    commands = [line.split("  ")[1] for line in lines if line.startswith("  export-assets")]
    assert commands == ["export-assets validate", "export-assets export shop", "export-assets dev"]
    for command in commands[:-1]:
        assert cli(*command.split()[1:]).code == 0


def test_an_existing_file_is_kept_unless_forced(world: World, cli: Cli) -> None:
    world.database()
    world.configure("source: shop\nurl: shop.db\n")

    refused = cli("init", "shop.db")
    kept = (world.home / "sources" / "shop.yaml").read_text(encoding="utf-8")
    forced = cli("init", "shop.db", "--force")

    assert (refused.code, forced.code) == (23, 0)
    assert "--force replaces it" in refused.err
    assert kept == "source: shop\nurl: shop.db\n"
    assert "tables:" in (world.home / "sources" / "shop.yaml").read_text(encoding="utf-8")


def test_a_dash_prints_the_file_and_nothing_else(world: World, cli: Cli) -> None:
    world.database()

    printed = cli("init", "shop.db", "--output", "-")

    assert (printed.code, printed.err) == (0, "")
    assert not (world.home / "sources").exists()
    cli("init", "shop.db")
    assert printed.out == (world.home / "sources" / "shop.yaml").read_text(encoding="utf-8")


def test_another_name_and_another_file_are_taken(world: World, cli: Cli) -> None:
    world.database()

    done = cli("init", "shop.db", "--name", "store", "--output", "elsewhere/own.yml")

    assert done.code == 0
    assert (world.home / "elsewhere" / "own.yml").read_text().splitlines()[2] == "source: store"


def test_json_tells_what_was_found(world: World, cli: Cli) -> None:
    world.database(rows=1_500)

    found = cli("init", "shop.db", "--json").document

    orders = next(table for table in found["tables"] if table["table"] == "orders")
    assert (orders["rows"], orders["time_column"], orders["partitioned_by"]) == (
        1_500,
        "ordered_at",
        "day",
    )
    assert Path(found["path"]).read_text(encoding="utf-8") == found["yaml"]
    assert (found["exit_code"], found["variable"]) == (0, None)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("nothing.db",), 10, "nothing.db"),
        (("shop.db", "--name", "No Name"), 2, "must be lower case letters"),
        (("shop.db", "--name", "tandem"), 2, "is a built-in system; choose another name"),
        (("shop.db", "--output", "."), 2, "is a directory"),
        (("",), 2, "url: empty"),
        (("${NOT_SET}",), 2, "environment variable NOT_SET is not set"),
        (("nosuch://ann@db.example/shop",), 2, "nosuch"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_one_line_and_writes_nothing(
    world: World, cli: Cli, arguments: tuple[str, ...], code: int, says: str
) -> None:
    world.database()

    done = cli("init", *arguments)

    assert done.code == code
    assert says in done.err
    assert len(done.err.splitlines()) == 1
    assert not (world.home / "sources").exists()


def test_a_name_that_another_file_describes_is_refused(world: World, cli: Cli) -> None:
    world.database()
    (world.home / "sources").mkdir()
    (world.home / "sources" / "other.yaml").write_text("source: shop\nurl: x.db\n")

    done = cli("init", "shop.db")

    assert done.code == 2
    assert "other.yaml" in done.err


def test_a_project_with_a_broken_source_can_still_get_another(world: World, cli: Cli) -> None:
    world.database()
    (world.home / "sources").mkdir()
    (world.home / "sources" / "broken.yaml").write_text("source: [")

    assert cli("init", "shop.db").code == 0


def test_an_address_in_a_variable_stays_there(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.database()
    monkeypatch.setitem(os.environ, "SHOP_URL", f"sqlite:///{world.home}/shop.db")

    done = cli("init", "${SHOP_URL}")

    text = (world.home / "sources" / "shop.yaml").read_text(encoding="utf-8")
    assert (done.code, done.err) == (0, "")
    assert "url: ${SHOP_URL}\n" in text
    assert cli("export", "shop").code == 0


def test_the_file_has_the_rights_of_any_other(world: World, cli: Cli) -> None:
    world.database()
    cli("init", "shop.db")
    (world.home / "other").write_text("")

    modes = {(world.home / name).stat().st_mode for name in ("sources/shop.yaml", "other")}

    assert len(modes) == 1


def test_json_and_quiet_print_nothing_else(world: World, cli: Cli) -> None:
    world.database()

    quiet = cli("init", "shop.db", "--quiet")
    forced = cli("init", "shop.db", "--json", "--force")

    assert (quiet.out, quiet.err) == ("", "")
    assert json.loads(forced.out)["source"] == "shop"


def test_a_duckdb_file_is_described_too(world: World, cli: Cli) -> None:
    with duckdb.connect(world.home / "shop.duckdb") as connection:
        connection.execute(
            "create table orders as select i as id, timestamp '2025-01-01' + i * interval 1 minute "
            "as ordered_at from range(2000) numbers (i)"
        )

    done = cli("init", "shop.duckdb")

    text = (world.home / "sources" / "shop.yaml").read_text(encoding="utf-8")
    assert done.code == 0
    assert "url: duckdb:///shop.duckdb\n" in text
    assert "column: ordered_at, every: day, start: 2025-01-01" in text
    assert cli("export", "shop").code == 0
