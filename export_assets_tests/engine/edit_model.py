"""A database that is edited at random, and what must be published of it, by sqlite3 alone."""

import csv
import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from export_assets.store.manifest import Manifest, read_manifest
from export_assets.tables.partitions import UNDATED
from export_assets_tests.engine.engine_world import World

Row = tuple[object, ...]
Partitions = dict[str, list[Row]]

CREATE = """
create table orders (id integer primary key, at timestamp, total integer, note text,
                     updated_at timestamp);
create index orders_at on orders (at);
create index orders_updated on orders (updated_at);
create table other (x);
"""


@dataclass
class Editor:
    """Edits the database of *world*; every edit moves the cursor, and time goes on."""

    world: World
    random: random.Random
    clock: int = 0
    ids: int = 0
    columns: int = 0
    copies: list[Path] = field(default_factory=list)

    def moment(self) -> str:
        """Return the time of the next change."""
        self.clock += 1
        hours, minutes = divmod(self.clock, 60)
        return f"2026-02-{10 + hours // 24:02d}T{hours % 24:02d}:{minutes:02d}:00"

    def day(self) -> str | None:
        """Return some time, or once in a while none."""
        if self.random.random() < 0.05:
            return None
        return f"2026-02-{self.random.randint(1, 6):02d}T{self.random.randint(0, 23):02d}:00:00"

    def step(self) -> str:
        """Make one edit and return its name."""
        edits = (
            (self.insert, 5),
            (self.edit, 5),
            (self.move, 3),
            (self.delete, 3),
            (self.elsewhere, 3),
            (self.delete_day, 1),
            (self.add_column, 0.5),
            (self.restore, 1),
        )
        chosen = self.random.choices([one for one, _ in edits], [weight for _, weight in edits])[0]
        chosen()
        return chosen.__name__

    def insert(self) -> None:
        for _ in range(self.random.randint(1, 4)):
            self.ids += 1
            row = (self.ids, self.day(), self.random.randint(0, 9), "n", self.moment())
            names = "id, at, total, note, updated_at"
            self.sql(f"insert into orders ({names}) values (?, ?, ?, ?, ?)", row)

    def edit(self) -> None:
        values = (self.random.randint(10, 10**6), self.moment(), self.some_id())
        self.sql("update orders set total = ?, updated_at = ? where id = ?", values)

    def move(self) -> None:
        values = (self.day(), self.moment(), self.some_id())
        self.sql("update orders set at = ?, updated_at = ? where id = ?", values)

    def delete(self) -> None:
        self.sql("delete from orders where id = ?", (self.some_id(),))

    def delete_day(self) -> None:
        self.sql("delete from orders where substr(at, 1, 10) = substr(?, 1, 10)", (self.day(),))

    def elsewhere(self) -> None:
        self.sql("insert into other values (1)")

    def add_column(self) -> None:
        self.columns += 1
        self.sql(f"alter table orders add column more_{self.columns} integer")

    def restore(self) -> None:
        """Put an older copy of the file in place, and keep one of this moment for later."""
        copy = self.world.home / f"copy-{len(self.copies)}.db"
        shutil.copy(self.world.db, copy)
        # One that lacks a column is another shape, which is refused; see `engine.shape_changes`.
        fitting = [old for old in self.copies if len(columns(old)) == len(columns(copy))]
        if fitting:
            shutil.copy(self.random.choice(fitting), self.world.db)
        self.copies.append(copy)

    def some_id(self) -> int:
        with closing(sqlite3.connect(self.world.db)) as connection:
            ids = [row[0] for row in connection.execute("select id from orders order by id")]
        return int(self.random.choice(ids)) if ids else 0

    def sql(self, statement: str, values: tuple[object, ...] = ()) -> None:
        with closing(sqlite3.connect(self.world.db)) as connection, connection:
            connection.execute(statement, values)


def columns(db: Path) -> list[str]:
    with closing(sqlite3.connect(db)) as connection:
        return [row[1] for row in connection.execute("pragma table_info(orders)")]


def in_database(world: World) -> Partitions:
    """Return the rows of every day, as the database has them."""
    found: Partitions = {}
    with closing(sqlite3.connect(world.db)) as connection:
        for row in connection.execute("select * from orders order by id"):
            found.setdefault(row[1][:10] if row[1] else UNDATED, []).append(row)
    return found


def published(world: World, fmt: str) -> Partitions:
    """Return the rows of every partition, as a stranger reads the files."""
    found: Partitions = {}
    for path in sorted((world.exports / "shop" / "orders" / fmt).iterdir()):
        rows = _read_parquet(path) if fmt == "parquet" else _read_csv(path)
        found[path.name.partition("=")[2] if "=" in path.name else "all"] = sorted(rows)
    return found


def manifests(world: World) -> dict[tuple[str, str], Manifest]:
    """Return all manifests of the table by format and directory."""
    root = world.exports / "shop" / "orders"
    return {
        (path.parts[-3], path.parts[-2]): read_manifest(path)
        for path in root.glob("*/*/_manifest.json")
    }


def _read_parquet(path: Path) -> list[Row]:
    frame = pl.concat([pl.read_parquet(part) for part in sorted(path.glob("part-*"))])
    times = frame.select(pl.selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S"))
    return frame.with_columns(times).rows()


def _read_csv(path: Path) -> list[Row]:
    rows: list[Row] = []
    for part in sorted(path.glob("part-*")):
        with part.open(encoding="utf-8", newline="") as lines:
            found = csv.DictReader(lines)
            rows += [tuple(_value(name, text) for name, text in row.items()) for row in found]
    return rows


def _value(name: str, text: str) -> object:
    if text == "":
        return None
    if name in {"at", "updated_at"}:
        return text[:19].replace(" ", "T")
    return text if name == "note" else int(text)
