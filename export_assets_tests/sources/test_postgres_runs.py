"""Whole runs over a PostgreSQL server: published, verified, untorn, nothing left of failures."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import psycopg
import pytest

from export_assets.defs.build import build_definitions
from export_assets.errors import RemoteTransient
from export_assets.sources.base import Scan
from export_assets.systems.registry import load_workspace
from export_assets_tests.effort import effort
from export_assets_tests.end_to_end.world import World as CommandLine
from export_assets_tests.end_to_end.world import leftovers
from export_assets_tests.engine.engine_world import World
from export_assets_tests.postgres_server import (
    PASSWORD,
    Database,
    postgres,
    postgres_server,
)
from export_assets_tests.proof.plugin import Proven

__all__ = ["postgres", "postgres_server"]  # fixtures

SHOP = (
    "create table customers (id int primary key, name text not null)",
    """create table orders (id int primary key, customer int references customers(id),
    at timestamptz not null, total numeric(10,2))""",
    "insert into customers select i, 'Ann ' || i from generate_series(1, 10) i",
    """insert into orders select i, 1 + i % 10, '2026-02-01 23:30-02'::timestamptz
    + i * interval '6 hours', i / 100.0 from generate_series(1, 12) i""",
    "grant select on all tables in schema public to guarded",
)


def configured(url: str) -> str:
    return (
        f"source: shop\nurl: {url}\nformats: [parquet, csv]\ntables:\n"
        '  orders: {partition_by: {column: at, every: day}}\n  "*": {}\n'
    )


def test_the_command_line_does_everything_with_a_server(postgres: Database, tmp_path: Path) -> None:
    postgres.run(*SHOP)
    shop = CommandLine(home=tmp_path)
    shop.configure(configured("${SHOP_URL}"))
    url = postgres.server.url(postgres.name, user="guarded", password=PASSWORD)
    ended = []

    def run(*arguments: str) -> Any:
        done = shop.run(*arguments, "--json", env={"SHOP_URL": url})
        ended.append(done)
        return done.document

    inspected = run("inspect", "shop")
    planned = run("plan", "shop")
    first = run("export", "shop")
    second = run("export", "shop")
    verified = run("verify")
    against = run("verify", "shop", "--source")
    postgres.run("update orders set total = 99 where id = 5")
    third = run("export", "shop")

    assert [one.code for one in ended] == [0] * 7, [one.err for one in ended if one.code]
    assert {table["table"] for table in inspected["tables"]} == {"customers", "orders"}
    assert planned
    assert {one["status"] for one in first["records"]} == {"success"}
    assert {one["partition"] for one in first["records"]} == {
        "all",
        *(f"2026-02-0{day}" for day in (2, 3, 4, 5)),
    }
    assert {one["status"] for one in second["records"]} == {"unchanged"}
    assert verified
    assert against
    changed = {one["partition"] for one in third["records"] if one["status"] == "success"}
    assert changed == {"2026-02-03"}
    everything = "".join(one.out + one.err for one in ended)
    everything += "".join(
        path.read_bytes().decode("utf-8", "replace")
        for path in tmp_path.rglob("*")
        if path.is_file()
    )
    for secret in (PASSWORD, PASSWORD.replace("/", "%2F")):
        assert secret not in everything


def test_an_address_given_on_the_spot_is_exported(postgres: Database, tmp_path: Path) -> None:
    postgres.run(*SHOP)
    shop = CommandLine(home=tmp_path)

    done = shop.run("export", postgres.url, "orders", "--format", "csv", "--json")

    assert done.code == 0, done.err
    assert [one["rows"] for one in done.document["records"]] == [12]


def test_every_row_lands_in_the_partition_of_its_day_in_utc(
    postgres: Database, tmp_path: Path
) -> None:
    postgres.run(*SHOP)
    world = World(tmp_path)
    world.config(configured(postgres.url))

    world.export()

    days = postgres.rows(
        "select to_char(at at time zone 'UTC', 'YYYY-MM-DD'), array_agg(id order by at, id)"
        " from orders group by 1"
    )
    for day, ids in days:
        part = world.partition("orders", "parquet", f"day={day}") / "part-00000.parquet"
        assert pl.read_parquet(part, hive_partitioning=False)["id"].to_list() == ids


def test_values_beyond_the_calendar_stop_a_sliced_table_and_no_other(
    postgres: Database, tmp_path: Path
) -> None:
    postgres.run(*SHOP, "insert into orders values (99, 1, 'infinity', 1)")
    world = World(tmp_path)
    world.config(configured(postgres.url))

    report = world.export()

    failed = {record.table: record.error for record in report.records if record.error}
    assert list(failed) == ["orders"]
    assert "infinite times" in str(failed["orders"])
    assert leftovers(world.exports) == []


# --- one moment ---


@contextmanager
def writing(
    database: Database, step: Callable[[psycopg.Connection[Any], int], None]
) -> Iterator[Any]:
    """Keep changing the database in transactions of *step* until the block ends."""
    stopped = threading.Event()
    made: list[int] = []

    def write() -> None:
        with database.connect(autocommit=False) as connection:
            while not stopped.is_set():
                step(connection, len(made))
                connection.commit()
                made.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield made
    finally:
        stopped.set()
        writer.join()


@pytest.mark.suite("postgres-snapshots")
@pytest.mark.promise("one-moment")
@pytest.mark.timeout(effort(300, soak=3600))
def test_no_pair_of_tables_is_torn(postgres: Database, proven: Proven) -> None:
    postgres.run(
        "create table debit (id int primary key, n bigint)",
        "create table credit (id int primary key, n bigint)",
        "insert into debit select i, 1000 from generate_series(1, 100) i",
        "insert into credit select i, 1000 from generate_series(1, 100) i",
    )

    def move(connection: psycopg.Connection[Any], number: int) -> None:
        connection.execute("update debit set n = n - 1 where id = %s", (number % 100 + 1,))
        connection.execute("update credit set n = n + 1 where id = %s", (number % 100 + 1,))

    torn, rows, moments = 0, 0, set()
    looks = effort(20, soak=2_000)
    with writing(postgres, move) as made:
        for _ in range(looks):
            with postgres.source().snapshot() as snapshot:
                moments.add(snapshot.info.id)
                pair = []
                for table in ("debit", "credit"):
                    scan = Scan(table=table, schema=snapshot.describe(table), order_by=("id",))
                    pair.append(pl.concat(list(snapshot.scan(scan)))["n"])
                torn += int((pair[0] + pair[1] != 2_000).sum())
                rows += len(pair[0])

    assert torn == 0
    assert rows == 100 * looks
    assert len(moments) > looks // 2
    assert len(made) > 100
    result = f"{torn} of {rows} rows torn, by {len(made)} transactions meanwhile"
    proven(looks, "pairs of tables", result)


@pytest.mark.suite("postgres-snapshots")
@pytest.mark.promise("one-moment")
@pytest.mark.timeout(effort(300, soak=1800))
def test_whole_exports_are_not_torn_while_somebody_writes(
    postgres: Database, tmp_path: Path, proven: Proven
) -> None:
    postgres.run(
        "create table debit (n bigint)",
        "create table credit (n bigint)",
        "insert into debit values (1000)",
        "insert into credit values (1000)",
    )
    world = World(tmp_path)
    world.config(f"source: shop\nurl: {postgres.url}\n")

    def move(connection: psycopg.Connection[Any], _: int) -> None:
        connection.execute("update debit set n = n - 1")
        connection.execute("update credit set n = n + 1")

    sums = set()
    exports = effort(8, soak=100)
    with writing(postgres, move):
        for _ in range(exports):
            world.export()
            parts = [world.partition(table, "parquet", "all") for table in ("debit", "credit")]
            sums.add(sum(pl.read_parquet(part / "part-00000.parquet")["n"][0] for part in parts))

    assert sums == {2_000}
    proven(exports, "exports of a pair of tables", f"{len(sums - {2_000})} torn")


@pytest.mark.suite("postgres-snapshots")
@pytest.mark.promise("one-moment")
def test_a_table_emptied_dropped_or_altered_during_the_export_is_exported_whole(
    postgres: Database, tmp_path: Path, proven: Proven
) -> None:
    postgres.run(
        *(f"create table t{i} as select g n from generate_series(1,5000) g" for i in range(3))
    )
    world = World(tmp_path)
    world.config(f"source: shop\nurl: {postgres.url}\n")
    changes = ("truncate t0", "drop table t1", "alter table t2 alter n type text")
    changers: list[threading.Thread] = []

    def change_soon(table: str, rows: int) -> None:
        del rows
        if not changers and table == "t0":
            for change in changes:
                changers.append(threading.Thread(target=postgres.run, args=(change,)))
                changers[-1].start()
            time.sleep(0.3)  # all of them wait for our locks by now

    report = world.export(progress=change_soon)
    for changer in changers:
        changer.join()

    assert [record.rows for record in report.records] == [5000] * 3
    assert postgres.rows("select count(*) from t0") == [(0,)]
    left = postgres.rows("select count(*) from pg_class where relname = 't1'")
    assert left == [(0,)]
    whole = sum(record.rows == 5000 for record in report.records)
    proven(len(changers), "tables emptied, dropped, altered meanwhile", f"{whole} exported whole")


# --- the server goes away ---


@pytest.mark.suite("postgres-snapshots")
@pytest.mark.promise("whole-or-absent")
@pytest.mark.timeout(effort(300, soak=1800))
def test_a_connection_ended_in_mid_read_publishes_nothing(
    postgres: Database, tmp_path: Path, proven: Proven
) -> None:
    postgres.run(
        "create table big as select i id, repeat('x', 300) note from generate_series(1, 150000) i",
        "create table small as select 1 id",
    )
    kills = effort(1, soak=50)
    parts = 0
    for number in range(kills):
        parts += after_a_kill(postgres, tmp_path / str(number))
    proven(kills, "connections ended in mid-read", f"{parts} files published")


def after_a_kill(postgres: Database, home: Path) -> int:
    """End every connection while the table `big` is read; return how many files there are then."""
    home.mkdir()
    world = World(home)
    world.config(f"source: shop\nurl: {postgres.url}\n")
    others = "select pg_terminate_backend(pid) from pg_stat_activity"
    others += f" where datname = '{postgres.name}' and pid <> pg_backend_pid()"
    killed: list[str] = []

    def kill(table: str, rows: int) -> None:
        del rows
        if table == "big" and not killed:
            killed.append(table)
            postgres.run(others)

    report = world.export(progress=kill)

    errors = {record.table: record.error for record in report.records}
    assert killed
    assert "connection" in str(errors["big"])
    assert {record.exit_code for record in report.records if record.error} == {60}
    published = list(world.exports.rglob("part-*"))
    assert published == []
    assert leftovers(world.exports) == []
    assert world.export().records[0].status == "success"
    return len(published)


def test_an_interrupt_does_not_wait_for_the_server(postgres: Database, tmp_path: Path) -> None:
    postgres.run("create view slow as select pg_sleep(30)::text as x")
    shop = CommandLine(home=tmp_path)
    command = shop.command("export", postgres.url, "--quiet")
    at_work = "select count(*) from pg_stat_activity where query like 'COPY%' and state = 'active'"
    at_work += f" and datname = '{postgres.name}'"

    with subprocess.Popen(command, env=shop.environment(), cwd=tmp_path) as process:
        while postgres.rows(at_work) == [(0,)]:
            assert process.poll() is None
            time.sleep(0.05)
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=25)

    assert code == 130
    assert time.monotonic() - asked < 10
    assert leftovers(tmp_path / "exports") == []


# --- Dagster ---


def test_definitions_load_and_materialize_with_a_server(postgres: Database, tmp_path: Path) -> None:
    postgres.run(*SHOP)
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "shop.yaml").write_text(configured(postgres.url), encoding="utf-8")

    definitions = build_definitions(load_workspace(tmp_path, environ={}))
    keys = {key.to_user_string() for key in definitions.resolve_all_asset_keys()}
    job = definitions.resolve_implicit_job_def_def_for_assets(
        [dg.AssetKey(["shop", "customers", "parquet"])]
    )
    assert job is not None
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(["shop", "customers", "parquet"])],
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )

    assert {"shop/orders/parquet", "shop/customers/csv"} <= keys
    assert result.success


def test_definitions_load_when_the_server_is_down(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    address = "postgresql://u:k4n4ry@127.0.0.1:1/db"
    (tmp_path / "sources" / "shop.yaml").write_text(configured("${SHOP_URL}"), encoding="utf-8")

    definitions = build_definitions(load_workspace(tmp_path, environ={"SHOP_URL": address}))

    keys = {key.to_user_string() for key in definitions.resolve_all_asset_keys()}
    assert {"shop/orders/parquet", "shop/orders/csv"} <= keys


def test_a_server_that_is_down_is_told_in_one_line(tmp_path: Path) -> None:
    shop = CommandLine(home=tmp_path)

    done = shop.run("export", "postgresql://u:k4n4ry@127.0.0.1:1/db")

    assert done.code == RemoteTransient.exit_code
    assert len(done.err.strip().splitlines()) == 1
    assert "k4n4ry" not in done.out + done.err
