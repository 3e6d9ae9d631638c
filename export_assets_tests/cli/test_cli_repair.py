"""`repair` and `verify --source` as a person runs them."""

import json
import os
import signal
from pathlib import Path

import pytest

from export_assets_tests.cli.conftest import Cli
from export_assets_tests.end_to_end.world import World, tree
from export_assets_tests.proof.plugin import Proven


@pytest.fixture
def published(daily: World, cli: Cli) -> World:
    assert cli("export", "shop", "-q").code == 0
    return daily


def part(world: World, name: str) -> Path:
    (found,) = (world.home / "exports" / "shop" / name).glob("part-*")
    return found


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def exports(world: World) -> dict[str, tuple[str, int]]:
    found = tree(world.home / "exports")
    return {name: seen for name, seen in found.items() if not name.startswith(".")}


def test_a_plan_is_printed_and_carried_out(published: World, cli: Cli) -> None:
    flip(part(published, "orders/csv/day=2026-02-02"))
    before = exports(published)

    dry = cli("repair", "shop", "--dry-run")
    untouched = exports(published) == before
    done = cli("repair", "shop")
    again = cli("repair")

    assert dry.code == done.code == again.code == 0
    assert untouched
    assert "publish again shop/orders/csv/2026-02-02\n" in dry.out
    assert "SHA-256" in dry.out
    assert "1 of 1 published again" in done.out
    assert again.out == "shop: all as recorded\n"
    changed = {name for name, seen in exports(published).items() if before[name] != seen}
    assert {str(Path(name).parent) for name in changed} == {"shop/orders/csv/day=2026-02-02"}
    assert cli("verify", "--deep").code == 0


def test_the_document_says_what_became_of_each(published: World, cli: Cli) -> None:
    flip(part(published, "orders/csv/day=2026-02-02"))
    flip(part(published, "customers/csv/all"))
    (published.home / "exports/shop/customers/csv/all/mine.txt").write_text("x")

    done = cli("repair", "shop", "--json")

    document = json.loads(done.out)
    assert done.code == document["exit_code"] == 24
    (source,) = document["sources"]
    assert {one["table"]: one["status"] for one in source["repairs"]} == {
        "orders": "success",
        "customers": "left",
    }
    assert "mine.txt, which is not ours" in done.err


def test_only_the_tables_named_are_repaired(published: World, cli: Cli) -> None:
    flip(part(published, "orders/csv/day=2026-02-02"))
    flip(part(published, "customers/csv/all"))

    assert cli("repair", "shop", "customers").code == 0
    assert cli("verify", "shop/customers").code == 0
    assert cli("verify", "shop").code == 24
    assert cli("repair", "shop", "nothing").code == 2
    assert cli("repair", "--url", "shop.db").code == 2


def test_what_the_source_changed_is_repaired_when_asked(published: World, cli: Cli) -> None:
    import sqlite3

    with sqlite3.connect(published.home / "shop.db") as connection:
        connection.execute("update orders set total = 7 where id = 1")
    connection.close()

    plain = cli("repair", "shop")
    verified = cli("verify", "shop", "--source")
    repaired = cli("repair", "shop", "--against-source")

    assert (plain.code, verified.code, repaired.code) == (0, 24, 0)
    assert "shop: all as recorded" in plain.out
    assert "2 of 2 published again" in repaired.out
    assert cli("verify", "shop", "--source").code == 0


def test_a_table_that_cannot_be_read_is_partial_and_a_difference_is_graver(
    published: World, cli: Cli
) -> None:
    import sqlite3

    with sqlite3.connect(published.home / "shop.db") as connection:
        connection.executescript(
            "alter table customers rename to people; create view customers as select * from gone"
        )
    connection.close()

    partial = cli("verify", "shop", "--source", "--json")
    only = cli("verify", "shop/customers", "--source")
    flip(part(published, "orders/csv/day=2026-02-02"))
    worse = cli("verify", "shop", "--source")

    assert (partial.code, worse.code) == (4, 24)
    assert only.code not in {0, 4, 24}
    verdicts = {one["table"]: one["verdict"] for one in json.loads(partial.out)["source"]}
    assert verdicts["customers"] == "unreadable"
    assert verdicts["orders"] == "equal"


@pytest.mark.suite("crash-points")
@pytest.mark.promise("whole-or-absent")
@pytest.mark.parametrize(
    "point", ["staged:1", "parts_synced:2", "manifest_synced:1", "published:2", "old_removed:1"]
)
def test_a_repair_that_is_killed_is_finished_by_the_next(
    point: str, published: World, cli: Cli, proven: Proven
) -> None:
    names = [f"orders/csv/day=2026-02-0{day}" for day in (1, 2, 3)]
    for name in names:
        flip(part(published, name))
    before = exports(published)

    killed = published.run(
        "repair", "shop", env={"EXPORT_ASSETS_CRASH": point, "EXPORT_ASSETS_TESTING": "1"}
    )
    done = cli("repair", "shop", "--deep")

    assert killed.code == -signal.SIGKILL
    assert done.code == 0
    assert cli("verify", "--deep").code == 0
    assert not list((published.home / "exports").rglob("*.tmp"))
    changed = {name for name, seen in exports(published).items() if before[name] != seen}
    assert {os.path.dirname(name) for name in changed} == {f"shop/{name}" for name in names}  # noqa: PTH120 - a name, no path
    proven(1, "kill at a point of a repair", f"finished by the next run with exit {done.code}")


def test_a_refused_column_exits_30_and_says_what_to_write(daily: World, cli: Cli) -> None:
    daily.configure(
        "source: shop\nurl: shop.db\nunclassified: refuse\n"
        "tables:\n  customers: {}\n"
        "  contacts: {query: 'select id, name as full_name from customers'}\n"
    )

    refused = cli("export", "shop")
    dry = cli("export", "shop", "--dry-run")
    told = cli("inspect", "shop", "--json")

    assert refused.code == dry.code == 30
    assert refused.err.count("\n") == 1
    assert "`contacts: {expose: [full_name]}`" in refused.err
    assert not list((daily.home / "exports").rglob("part-*"))
    classes = {
        one["name"]: one["class"]
        for table in json.loads(told.out)["tables"]
        for one in table["columns"]
    }
    assert classes == {"id": "", "name": "", "note": "", "full_name": "unclassified"}
