"""`plan --compare` names what `export` then publishes; `--full` reads what seems unchanged."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from export_assets_tests.cli.conftest import Cli
from export_assets_tests.end_to_end.world import Ended, World


def edit(home: Path, statement: str) -> None:
    with closing(sqlite3.connect(home / "shop.db")) as connection, connection:
        connection.execute(statement)


def chosen(ended: Ended, key: str, *wanted: str) -> set[tuple[str, str, str]]:
    """Return table, format and partition of what `action` or `status` is one of *wanted*."""
    document = ended.document
    return {
        (one["table"], one["format"], one["partition"])
        for one in document["exports" if key == "action" else "records"]
        if one[key] in wanted
    }


def test_comparing_names_exactly_what_is_published_next(daily: World, cli: Cli) -> None:
    assert cli("export", "shop", "-q").code == 0
    edit(daily.home, "update orders set total = total + 1 where id in (1, 200)")

    planned = cli("plan", "shop", "--compare", "--json")
    exported = cli("export", "shop", "--json")

    published = chosen(exported, "status", "success", "empty")
    assert published
    assert chosen(planned, "action", "publish") == published
    reasons = {one["reason"] for one in planned.document["exports"] if one["action"] == "publish"}
    assert reasons == {"columns differ: total"}


def test_comparing_speaks_to_people_too(daily: World, cli: Cli) -> None:
    cli("export", "shop", "-q")
    edit(daily.home, "delete from orders where id = 1")

    found = cli("plan", "shop", "--compare")

    assert found.code == 0
    assert "rows differ: " in found.out
    assert "unchanged" in found.out


@pytest.mark.usefixtures("daily")
def test_full_reads_again_what_seems_unchanged(cli: Cli) -> None:
    cli("export", "shop", "-q")

    planned = cli("plan", "shop", "--full", "--compare", "--json")
    exported = cli("export", "shop", "--full", "--json")

    assert {one["reason"] for one in planned.document["exports"]} == {"unchanged"}
    assert set(exported.document["counts"]) <= {"unchanged"}
