"""Whole commands on a small project: what is there before, and what has to be there after them."""

import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path

from export_assets.cli.app import main
from export_assets_tests.end_to_end.world import Ended

SHOP = """\
source: shop
url: shop.db
formats: [parquet, csv, ndjson, json]
keep: {daily: 1}
tables:
  orders: {partition_by: {column: at, every: day}}
  customers: {}
"""
ROWS = """\
create table customers (id text primary key, name text not null);
create table orders (id integer primary key, at timestamp, customer text references customers (id));
insert into customers values ('c1', 'Ann'), ('c2', 'Bob');
insert into orders values (1, '2026-02-08T10:00:00', 'c1'), (2, '2026-02-09T10:00:00', 'c2');
"""
MORE = """\
update customers set name = 'Eve' where id = 'c1';
insert into orders values (3, '2026-02-09T11:00:00', 'c1'), (4, '2026-02-10T11:00:00', 'c1');
"""
WEB = "source: web\nkind: event_log\nurl: logs\nlog: {offload: {min_idle: 0}}\n"
LONG_AGO = 1_768_500_000


def run(*arguments: str) -> Ended:
    """Run a command in this process and return what became of it."""
    said = (TextIOWrapper(BytesIO(), "utf-8"), TextIOWrapper(BytesIO(), "utf-8"))
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = said
    try:
        code = main(arguments)
    finally:
        sys.stdout, sys.stderr = before
    for one in said:
        one.flush()
    out, err = (one.buffer.getvalue().decode() for one in said)
    return Ended(code=code, out=out, err=err)


def well(*arguments: str) -> None:
    """Run a command that has to succeed."""
    done = run(*arguments)
    assert done.code == 0, done


def sql(script: str) -> None:
    """Change the shop."""
    with closing(sqlite3.connect("shop.db")) as connection, connection:
        connection.executescript(script)


def shop() -> None:
    """Make a shop that is published, and has changed since."""
    Path("sources").mkdir()
    Path("sources/shop.yaml").write_text(SHOP, encoding="utf-8")
    Path("export_assets.yaml").write_text("allow_delete: true\n", encoding="utf-8")
    sql(ROWS)
    well("export", "shop")
    sql(MORE)


def line(name: str, number: int) -> str:
    """Return a line that is nowhere else."""
    return f'{{"ts": "2026-01-15T12:00:0{number}Z", "n": {number}, "of": "{name}"}}\n'


def log(name: str, *numbers: int) -> None:
    """Add lines to a log, which then was written long ago."""
    path = Path("logs", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(line(name, number) for number in numbers)
    os.utime(path, (LONG_AGO, LONG_AGO))


def logs() -> None:
    """Make logs that are read, and grew since."""
    Path("sources").mkdir()
    Path("sources/web.yaml").write_text(WEB, encoding="utf-8")
    Path("export_assets.yaml").write_text("allow_delete: true\n", encoding="utf-8")
    log("a.jsonl", 1, 2)
    log("bay/b.jsonl", 3)
    well("export", "web")
    log("a.jsonl", 4)
    log("c.jsonl", 5)


OFFLOAD = ("offload", "web", "--delete-source", "--yes")


def archived() -> None:
    """Make logs that are in the trash."""
    logs()
    well(*OFFLOAD)
    soon = WEB.replace("min_idle: 0", "min_idle: 0, grace: 0")
    Path("sources/web.yaml").write_text(soon, encoding="utf-8")


def gone() -> None:
    """Make logs that are only in an archive, and a file in the way of one."""
    logs()
    well(*OFFLOAD, "--no-grace", "--archive-name", "all")
    Path("back").mkdir()
    Path("back/a.jsonl").write_text("mine", encoding="utf-8")


def published() -> None:
    """Make a shop that is published as it is."""
    shop()
    well("export", "shop")


def written() -> None:
    """Make a shop and an older output of it."""
    shop()
    well("export", "shop", "-o", "out", "-f", "json", "--overwrite")


def damaged() -> None:
    """Make a shop of which a published file is cut."""
    published()
    (part,) = Path("exports/shop/customers/csv/all").glob("part-*")
    part.write_bytes(part.read_bytes()[:-2])


@dataclass(frozen=True)
class Flow:
    """A command, and what comes before it.

    Attributes:
        name: What a replay calls it.
        prepare: Makes the project in the working directory.
        command: As it is typed; `--json` is added.
            lines: Whether every line of a log that is there before has to be somewhere at any time.
    """

    name: str
    prepare: Callable[[], None]
    command: tuple[str, ...]
    lines: bool = False
    each_time: int = 3
    """How many errors are tried in continuous integration."""


ONE_FILE = ("export", "shop", "-o", "out", "--one-file", "--no-metadata", "--overwrite")

FLOWS = (
    Flow("publish", shop, ("export", "shop"), each_time=8),
    Flow("output directory", written, ("export", "shop", "-o", "out", "--overwrite"), each_time=8),
    *(
        Flow(f"one file {fmt}", shop, (*ONE_FILE, "-f", fmt), each_time=3)
        for fmt in ("json", "xlsx", "sqlite", "duckdb")
    ),
    Flow("bundle", shop, ("bundle", "shop", "customers", "--id", "c1", "-f", "csv,parquet")),
    Flow(
        "query",
        published,
        ("query", "select * from shop.orders order by id", "-o", "rows.csv", "--overwrite"),
    ),
    Flow("prune", published, ("prune", "shop", "--yes")),
    Flow("repair", damaged, ("repair", "shop")),
    Flow("ingest", logs, ("export", "web"), lines=True),
    Flow("match", logs, ("archive", "web", "--match-id", "m"), lines=True),
    Flow("offload", logs, OFFLOAD, lines=True, each_time=8),
    Flow("offload at once", logs, (*OFFLOAD, "--no-grace"), lines=True),
    Flow("purge", archived, ("offload", "web", "--purge"), lines=True),
    Flow("restore", gone, ("restore", "all", "--to", "back", "--overwrite"), lines=True),
)
