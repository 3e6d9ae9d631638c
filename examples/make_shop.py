"""Make the database of the examples: a small shop in SQLite, the same one every time.

python examples/make_shop.py data/shop.db
"""

import random
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 60
CUSTOMERS = 400
PRODUCTS = 60
ORDERS = 6_600

SCHEMA = """
create table customers (
    id integer primary key, name text not null, email text, phone text, created_at timestamp
);
create table products (id integer primary key, name text not null, price numeric(8, 2));
create table orders (
    id integer primary key,
    customer_id integer not null,
    ordered_at timestamp not null,
    total numeric(10, 2),
    note text
);
create table order_items (
    order_id integer not null references orders (id),
    product_id integer not null references products (id),
    quantity integer not null,
    primary key (order_id, product_id)
);
"""
_FIRST_NAMES = ("Ada", "Björn", "Chloé", "Đặng", "Émile", "Fatma", "Grace", "Hồ", "Ivo", "Jürgen")
_NOTES = (None, None, None, "", "a gift", 'says "thanks"', "leave it\nat the door")


def make_shop(path: Path) -> None:
    """Write the database to *path*, over whatever is there."""
    chance = random.Random(20260101)  # noqa: S311 - the same shop every time
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    prices = [chance.randint(99, 9_999) for _ in range(PRODUCTS)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCHEMA)
        connection.executemany(
            "insert into products values (?, ?, ?)",
            [(n + 1, f"Product {n + 1}", price / 100) for n, price in enumerate(prices)],
        )
        connection.executemany(
            "insert into customers values (?, ?, ?, ?, ?)",
            [_customer(number) for number in range(1, CUSTOMERS + 1)],
        )
        for number in range(1, ORDERS + 1):
            _add_order(connection, number, prices, chance)


def _customer(number: int) -> tuple[object, ...]:
    name = f"{_FIRST_NAMES[number % len(_FIRST_NAMES)]} {number}"
    moment = FIRST_DAY - timedelta(days=number % 300)
    return number, name, f"c{number}@example.org", f"+49 30 {number:06d}", _written(moment)


def _add_order(
    connection: sqlite3.Connection, number: int, prices: list[int], chance: random.Random
) -> None:
    moment = FIRST_DAY + timedelta(seconds=DAYS * 86_400 * (number - 1) // ORDERS)
    chosen = {chance.randint(1, PRODUCTS): chance.randint(1, 4) for _ in range(1 + number % 3)}
    total = sum(prices[product - 1] * quantity for product, quantity in chosen.items())
    customer, note = chance.randint(1, CUSTOMERS), chance.choice(_NOTES)
    connection.execute(
        "insert into orders values (?, ?, ?, ?, ?)",
        (number, customer, _written(moment), total / 100, note),
    )
    connection.executemany(
        "insert into order_items values (?, ?, ?)",
        [(number, product, quantity) for product, quantity in chosen.items()],
    )


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


if __name__ == "__main__":
    make_shop(Path(sys.argv[1] if len(sys.argv) > 1 else "data/shop.db"))
