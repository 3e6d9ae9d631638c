"""References that nobody declared are found by name and proven by value."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from export_assets.engine import links
from export_assets.engine.links import Link, find_links
from export_assets.sources.sqlite import SqliteSource

CUSTOMERS = "create table customers (id integer primary key); insert into customers values (1), (2)"

DECLARED = "create table orders (customer_id integer references customers (id))"


def found(path: Path, script: str) -> list[Link]:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(script)
    with SqliteSource("shop", path).snapshot() as snapshot:
        schemas = [snapshot.describe(name) for name in snapshot.tables()]
        return find_links(snapshot, schemas, {s.name: snapshot.count(s.name) for s in schemas})


@pytest.mark.parametrize("name", ["customer_id", "customers_id", "customerId"])
def test_a_column_whose_every_value_is_a_key_is_a_reference(tmp_path: Path, name: str) -> None:
    script = f"{CUSTOMERS}; create table orders ({name} integer)"

    filled = f"{script}; insert into orders values (1), (1), (null), (2)"

    assert found(tmp_path / "a.db", filled) == [
        Link(table="orders", column=name, ref_table="customers", ref_column="id")
    ]


@pytest.mark.parametrize(
    "orders",
    [
        "create table orders (customer_id integer); insert into orders values (1), (3)",
        "create table orders (customer_id integer)",
        "create table orders (customer_id text); insert into orders values ('1')",
        f"{DECLARED}; insert into orders values (1)",
        "create table orders (customer integer); insert into orders values (1)",
        "create table orders (customer_id integer); insert into orders values (1), ('x')",
    ],
    ids=["a value without a key", "no value", "another type", "declared", "name", "odd value"],
)
def test_what_a_value_contradicts_is_no_reference(tmp_path: Path, orders: str) -> None:
    assert found(tmp_path / "a.db", f"{CUSTOMERS}; {orders}") == []


def test_a_key_is_no_reference_to_itself(tmp_path: Path) -> None:
    script = "create table customer (customer_id integer primary key); "

    assert found(tmp_path / "a.db", f"{script}insert into customer values (1)") == []


def test_plurals_in_ies_are_known(tmp_path: Path) -> None:
    script = "create table categories (id integer primary key); insert into categories values (1); "

    script += "create table items (category_id integer); insert into items values (1)"

    assert [link.ref_table for link in found(tmp_path / "a.db", script)] == ["categories"]


def test_nothing_is_said_of_tables_too_large_to_compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST_ROWS", 1)
    script = f"{CUSTOMERS}; create table orders (customer_id integer)"

    assert found(tmp_path / "a.db", f"{script}; insert into orders values (1)") == []
