"""Exports of a real MariaDB database, as a person asks for them and as they go wrong."""

import json
import time
from contextlib import closing
from pathlib import Path

from export_assets.store.manifest import read_manifest
from export_assets_tests.end_to_end.world import World as CommandWorld
from export_assets_tests.end_to_end.world import tree
from export_assets_tests.engine.engine_world import World, record_of
from export_assets_tests.mariadb_server import MariaDb, mariadb

__all__ = ["mariadb"]  # a fixture

SHOP = (
    "create table customers (id int primary key, name varchar(20), vip tinyint(1))",
    "insert into customers values (1, 'Ann', 1), (2, 'Bob', 0)",
    "create table orders (id int primary key, at datetime, total decimal(8,2))",
    """insert into orders values (1, '2026-02-08 10:00:00', 1.5), (2, '2026-02-08 23:59:59', 2.5),
    (3, '2026-02-09 00:00:00', 3.5), (4, null, null)""",
    "create view dear as select id, total from orders where total > 2",
)
YAML = """\
source: shop
url: ${SHOP_URL}
formats: [parquet, csv, ndjson, json]
tables:
  orders: {partition_by: {column: at, every: day, start: 2026-02-08}}
  "*": {}
"""


def test_a_database_is_inspected_planned_exported_and_verified(
    mariadb: MariaDb, tmp_path: Path
) -> None:
    world = CommandWorld(home=tmp_path)
    world.configure(YAML)
    with mariadb.database(*SHOP, name="commands") as url:
        env = {"SHOP_URL": url}
        inspected = world.run("inspect", "shop", "--json", env=env)
        first = world.run("export", "shop", "--json", env=env)
        before = tree(tmp_path / "exports" / "shop")
        second = world.run("export", "shop", "--json", env=env)
        after = tree(tmp_path / "exports" / "shop")
        planned = world.run("plan", "shop", "--json", env=env)
        verified = world.run("verify", "shop", "--source", "--json", env=env)
        mariadb.execute("update orders set total = 9 where id = 3", database="commands")
        edited = world.run("export", "shop", "--json", env=env)
        told = [inspected, first, second, planned, verified, edited]

    assert [one.code for one in told] == [0] * 6, [one.err for one in told]
    tables = {table["table"]: table for table in inspected.document["tables"]}
    assert tables["orders"]["rows"] == 4
    assert tables["orders"]["first"].startswith("2026-02-08T10:00:00")
    assert before == after
    assert not any(mariadb.password in one.out + one.err for one in told)
    assert {r["status"] for r in second.document["records"]} == {"unchanged"}
    changed = [
        (r["table"], r["partition"])
        for r in edited.document["records"]
        if r["status"] != "unchanged"
    ]
    assert set(changed) == {("orders", "2026-02-09"), ("dear", "all")}


def test_an_address_on_the_spot_is_exported_under_the_databases_name(
    mariadb: MariaDb, tmp_path: Path
) -> None:
    world = CommandWorld(home=tmp_path)
    with mariadb.database(*SHOP, name="on_the_spot") as url:
        done = world.run("export", url, "customers", "--format", "csv")

    (path,) = (tmp_path / "exports").rglob("part-*.csv")
    assert done.code == 0, done.err
    assert path.relative_to(tmp_path / "exports").parts[0] == "on_the_spot"
    assert path.read_text(encoding="utf-8") == "id,name,vip\n1,Ann,true\n2,Bob,false\n"
    assert mariadb.password not in done.out + done.err
    assert "s3cr" not in done.out + done.err


def test_a_table_without_snapshots_is_published_with_a_warning(
    mariadb: MariaDb, tmp_path: Path
) -> None:
    world = CommandWorld(home=tmp_path)
    world.configure("source: shop\nurl: ${SHOP_URL}\nformats: [csv]\n")
    made = ("create table good (id int)", "create table bad (id int) engine=MyISAM")
    with mariadb.database(*made, name="mixed_engines") as url:
        done = world.run("export", "shop", "--json", env={"SHOP_URL": url})

    found = {
        manifest.table: manifest.snapshot.consistency
        for manifest in map(read_manifest, (tmp_path / "exports").rglob("_manifest.json"))
    }
    assert found == {"good": "snapshot", "bad": "none"}
    assert done.code == 3
    (warning,) = json.loads(done.out)["warnings"]
    assert warning.startswith("bad: its rows may be of different moments")


def engine_world(home: Path, url: str) -> World:
    world = World(home, environ={"SHOP_URL": url})
    world.config("source: shop\nurl: ${SHOP_URL}\nformats: [parquet, csv]\nbusy_timeout: 2\n")
    return world


def test_a_table_changed_during_the_run_fails_alone(mariadb: MariaDb, tmp_path: Path) -> None:
    made = [f"create table {name} (id int primary key)" for name in "abc"]
    made += [f"insert into {name} values (1)" for name in "abc"]

    def change(table: str, rows: int) -> None:
        if table == "a" and rows:
            mariadb.execute("alter table b add column z int", database="altered")

    with mariadb.database(*made, name="altered") as url:
        world = engine_world(tmp_path, url)
        report = world.export(progress=change)
        again = world.export()

    assert record_of(report, "a/parquet/all").status == "success"
    assert record_of(report, "c/parquet/all").status == "success"
    for name in ("b/parquet/all", "b/csv/all"):
        record = record_of(report, name)
        assert (record.status, record.exit_code, record.retriable) == ("failed", 13, True)
    assert {record_of(again, f"b/{fmt}/all").status for fmt in ("parquet", "csv")} == {"success"}


def kill_reader(server: MariaDb, database: str) -> None:
    """Wait until somebody reads the table called big, then kill that connection."""
    question = "select id from information_schema.processlist where db = %s and info like %s"
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if cursor.execute(question, (database, "select%`big`%")):
                ((number,),) = cursor.fetchall()
                cursor.execute(f"kill {number}")
                return
            time.sleep(0.005)


def test_a_connection_killed_during_the_run_publishes_nothing(
    mariadb: MariaDb, tmp_path: Path
) -> None:
    made = (
        "create table big (id int, filler text)",
        "insert into big select seq, repeat('x', 200) from seq_1_to_700000",
    )

    with mariadb.database(*made, name="killed") as url:
        killed: list[str] = []

        def kill_once(table: str, rows: int) -> None:
            # Most of it is still to come: no more is fetched than is read ahead.
            if rows and not killed:
                killed.append(table)
                kill_reader(mariadb, "killed")

        report = engine_world(tmp_path, url).export(progress=kill_once)

    assert report.exit_code == 60
    assert {record.retriable for record in report.records} == {True}
    assert not list((tmp_path / "exports").rglob("part-*"))


def test_a_bundle_holds_what_refers_to_a_row_and_tells_of_other_spellings(
    mariadb: MariaDb, tmp_path: Path
) -> None:
    world = CommandWorld(home=tmp_path)
    world.configure("source: shop\nurl: ${SHOP_URL}\nunclassified: allow\n")
    statements = (
        (
            "create table lands (code varchar(9) character set utf8mb4 collate utf8mb4_general_ci "
            "primary key) engine=innodb"
        ),
        (
            "create table towns (id int primary key, code varchar(9) character set utf8mb4 collate "
            "utf8mb4_general_ci, foreign key (code) references lands (code)) engine=innodb"
        ),
        (
            "create table roads (id int primary key, town int, foreign key (town) references "
            "towns (id)) engine=innodb"
        ),
        "insert into lands values ('DE'), ('FR')",
        "insert into towns values (1, 'DE'), (2, 'de'), (3, 'FR')",
        "insert into roads values (7, 1), (8, 1), (9, 3)",
    )
    with mariadb.database(*statements, name="bundles") as url:
        env = {"SHOP_URL": url}
        made = world.run("bundle", "shop", "lands", "--id", "DE", "--json", env=env)
        verified = world.run("verify", "shop", "--source", env=env)

    assert made.document["bundles"][0]["tables"] == {"lands": 1, "towns": 1, "roads": 2}
    (warning,) = made.document["bundles"][0]["warnings"]
    assert warning.startswith("towns.code -> lands.code: 1 row of towns refers to rows of the")
    assert made.code == 3
    assert verified.code == 0
