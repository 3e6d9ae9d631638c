"""The project the browser looks at: a shop of ninety days, and a warehouse that is followed."""

import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from export_assets_tests.end_to_end.world import World

DAYS = 90
"""Days of the shop, the last of which is the present one: what Dagster offers first."""
FORMATS = ("parquet", "csv", "ndjson")

ORDERS = ("shop", "orders", "parquet")
PAYMENTS = ("shop", "payments", "csv")
"""Keys of assets."""

SHOP = """\
source: shop
url: sqlite:///data/shop.db
description: The database of a small shop, a day after the other.
formats: [parquet, csv, ndjson]
tables:
  orders:
    description: One row per order.
    partition_by: {{column: ordered_at, every: day, start: {first}}}
    primary_key: [id]
    column_descriptions: {{ordered_at: "When it came in, in UTC.", total: "What is to be paid."}}
    chart: {{kind: trace, x: ordered_at, y: total}}
    checks:
      - {{column: id, unique: true, not_null: true}}
      - {{column: total, ge: 0, le: 1000, severity: warn}}
  payments:
    description: What was paid of an order, and when.
    partition_by: {{column: paid_at, every: day, start: {first}}}
    primary_key: [id]
    checks:
      - {{column: amount, ge: 0}}
  customers: {{description: Who orders.}}
relations:
  - {{from: orders.customer_id, to: customers.id}}
  - {{from: payments.order_id, to: orders.id}}
"""
STOCK = """\
source: stock
url: sqlite:///data/stock.db
description: What lies in the warehouse; followed while it changes.
formats: [parquet]
monitor: {every: 5s}
tables:
  levels: {description: Pieces of each article.}
"""


@dataclass(frozen=True, kw_only=True)
class Project:
    """What was generated, and where."""

    world: World
    days: tuple[date, ...]

    @property
    def dear_day(self) -> date:
        """The day of an order of more than orders should come to: a check warns of it."""
        return self.days[40]

    @property
    def broken_day(self) -> date:
        """The day of a payment below nothing: a check that publishes nothing."""
        return self.days[50]

    def move_stock(self) -> None:
        """Change the warehouse, as its application would."""
        path = self.world.home / "data" / "stock.db"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("update levels set pieces = pieces - 1 where article = 1")


def make_project(home: Path, *, today: date) -> Project:
    """Write databases and configuration below *home*."""
    days = tuple(today - timedelta(days=DAYS - 1 - n) for n in range(DAYS))
    project = Project(world=World(home=home), days=days)
    (home / "data").mkdir(parents=True)
    (home / "sources").mkdir()
    _make_shop(home / "data" / "shop.db", project)
    with closing(sqlite3.connect(home / "data" / "stock.db")) as connection, connection:
        connection.execute("create table levels (article integer primary key, pieces integer)")
        connection.executemany("insert into levels values (?, ?)", [(n, 100) for n in range(1, 9)])
    (home / "sources" / "shop.yaml").write_text(SHOP.format(first=days[0]), encoding="utf-8")
    (home / "sources" / "stock.yaml").write_text(STOCK, encoding="utf-8")
    (home / "export_assets.yaml").write_text("systems: []\n", encoding="utf-8")
    return project


def _make_shop(path: Path, project: Project) -> None:
    chance = random.Random(90)
    orders: list[tuple[object, ...]] = []
    payments: list[tuple[object, ...]] = []
    for number, day in enumerate(project.days):
        for _ in range(30 + number // 3 + chance.randrange(12)):
            order, hour = len(orders) + 1, chance.randrange(24)
            total = chance.randrange(500, 90_000) / 100
            customer = chance.randrange(1, 200)
            orders.append(
                (order, customer, f"{day} {hour:02d}:{chance.randrange(60):02d}:00", total)
            )
            payments.append((order, order, f"{day} {hour:02d}:59:00", total))
        if day == project.dear_day:
            orders.append((len(orders) + 1, 1, f"{day} 12:00:00", 1_250.0))
            payments.append((len(orders), len(orders), f"{day} 12:00:00", 1_250.0))
        if day == project.broken_day:
            payments[-1] = (*payments[-1][:3], -5.0)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            """
            create table customers (id integer primary key, name text not null, city text);
            create table orders (
                id integer primary key,
                customer_id integer not null references customers (id),
                ordered_at timestamp not null,
                total real not null
            );
            create table payments (
                id integer primary key,
                order_id integer not null references orders (id),
                paid_at timestamp not null,
                amount real not null
            );
            """
        )
        cities = ("Aarhus", "Bergen", "Cork", "Dresden", "Évora")
        connection.executemany(
            "insert into customers values (?, ?, ?)",
            [(n, f"Customer {n}", cities[n % len(cities)]) for n in range(1, 200)],
        )
        connection.executemany("insert into orders values (?, ?, ?, ?)", orders)
        connection.executemany("insert into payments values (?, ?, ?, ?)", payments)
