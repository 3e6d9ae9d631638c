"""The example of a PostgreSQL server, on a real one: described by `init`, and as it is shown."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from export_assets_tests.end_to_end.world import World
from export_assets_tests.postgres_server import (
    PASSWORD,
    Database,
    postgres,  # noqa: F401 - a fixture
    postgres_server,  # noqa: F401 - a fixture
)

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLES = ("customers", "products", "orders", "order_items")


@pytest.fixture
def server(postgres: Database, tmp_path: Path) -> Database:  # noqa: F811 - the fixture above
    """The shop of the examples in a server, readable by a role that has a password."""
    file = tmp_path / "shop.db"
    subprocess.run([sys.executable, EXAMPLES / "make_shop.py", file], check=True)
    with closing(sqlite3.connect(file)) as shop, postgres.connect() as connection:
        for table in TABLES:
            [(statement,)] = shop.execute("select sql from sqlite_master where name = ?", (table,))
            connection.execute(statement.encode())
            with connection.cursor().copy(f"copy {table} from stdin".encode()) as copy:
                for row in shop.execute(f"select * from {table}"):
                    copy.write_row(row)
        connection.execute("grant select on all tables in schema public to guarded")
    return postgres


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "home" / "sources").mkdir(parents=True)
    return World(home=tmp_path / "home")


def guarded(server: Database) -> dict[str, str]:
    return {"SHOP_PG_URL": server.server.url(server.name, user="guarded", password=PASSWORD)}


def test_the_example_exports_a_server(server: Database, world: World) -> None:
    shutil.copy(EXAMPLES / "postgres.yaml", world.home / "sources" / "shop_pg.yaml")

    done = world.run("export", "shop_pg", "--json", env=guarded(server))

    assert done.code == 0, done.err
    rows = {(one["table"], one["format"]): 0 for one in done.document["records"]}
    for one in done.document["records"]:
        rows[one["table"], one["format"]] += one["rows"]
    assert rows["orders", "parquet"] == rows["orders", "ndjson"] == 6_600
    assert {table for table, _ in rows} == set(TABLES)


@pytest.mark.parametrize("given", ["the address", "a variable"])
def test_a_server_is_described_without_its_password(
    server: Database, world: World, given: str
) -> None:
    environment = guarded(server)
    url = environment["SHOP_PG_URL"] if given == "the address" else "${SHOP_PG_URL}"

    done = world.run("init", url, "--name", "shop", env=environment)

    text = (world.home / "sources" / "shop.yaml").read_text(encoding="utf-8")
    variable = "SHOP_URL" if given == "the address" else "SHOP_PG_URL"
    assert done.code == 0, done.err
    assert f"url: ${{{variable}}}\n" in text
    assert "orders: {partition_by: {column: ordered_at, every: day, start: 2026-01-01}}" in text
    assert "{from: orders.customer_id, to: customers.id}" in text
    assert ("export SHOP_URL=" in done.out) is (given == "the address")
    for said in (text, done.out, done.err):
        assert PASSWORD not in said
        assert quote(PASSWORD, safe="") not in said
    exported = world.run("export", "shop", env={variable: environment["SHOP_PG_URL"]})
    assert exported.code in {0, 3}, exported.err
