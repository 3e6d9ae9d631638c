"""A proposed YAML file is read back as it was meant, whatever the database calls things."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.config.load import load_source
from export_assets.config.models import SourceConfig
from export_assets.config.yaml_text import parse_yaml
from export_assets.engine.address import read_address
from export_assets.engine.discovery import discover
from export_assets.engine.proposal import Proposal, propose_source, scalar
from export_assets.errors import UsageError

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ODD = ["*", "<<", "true", "a: b", "# x", '"q"', "ünï", "${HOME}", "no", "1", " ", "a\nb", "\u2028"]


def proposed(home: Path, script: str, *, name: str = "shop.db") -> tuple[str, SourceConfig]:
    with closing(sqlite3.connect(home / name)) as connection, connection:
        connection.executescript(script)
    source, address = read_address(name, name=None, home=home, base=home, environ={})
    found = discover(propose_source(source, address, temp_dir=None), now=NOW)
    text = Proposal(name=source, address=address, found=found).checked({})
    path = home / "source.yaml"
    path.write_text(text, encoding="utf-8")
    return text, load_source(path, environ={}).config


def filled(table: str, column: str, declared: str = "timestamp") -> str:
    table, column = (name.replace('"', '""') for name in (table, column))
    return f"""
        create table "{table}" (id integer primary key, "{column}" {declared});
        with recursive n (i) as (select 1 union all select i + 1 from n where i < 1200)
        insert into "{table}" select i, datetime('2024-01-01', i || ' minutes') from n;
    """


@given(text=st.text(st.characters(codec="utf-8"), min_size=1))
@settings(max_examples=60, deadline=None)
def test_any_name_is_read_back_as_it_is(text: str) -> None:
    line = f"{{{scalar(text, key=True)}: {scalar(text, key=True)}}}"

    assert parse_yaml(line, shown="x") == {text: text}


@pytest.mark.parametrize("name", [name for name in ODD if name != "*"])
def test_odd_names_of_tables_and_columns_are_configured_exactly(tmp_path: Path, name: str) -> None:
    _, by_table = proposed(tmp_path, filled(name, "created_at"))
    (tmp_path / "shop.db").unlink()
    _, by_column = proposed(tmp_path, filled("t", f"t{name}_at"))

    assert by_table.table(name).partition_by is not None
    rule = by_column.table("t").partition_by
    assert rule is not None
    assert rule.column == f"t{name}_at"


def test_a_table_called_star_is_not_taken_for_every_other(tmp_path: Path) -> None:
    _, config = proposed(tmp_path, filled("*", "created_at"))

    assert config.table("*").partition_by is None


def test_times_that_only_their_values_show_get_their_type(tmp_path: Path) -> None:
    _, config = proposed(tmp_path, filled("orders", "ordered_at", "text"))

    kind = config.types_of("orders")["ordered_at"]
    assert (kind.type, kind.encoding) == ("timestamp", "iso")


def test_the_file_is_short_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    script = filled("orders", "ordered_at") + "create table customers (id integer primary key);"

    text, config = proposed(tmp_path, script)

    assert len(text.splitlines()) <= 13
    assert config.formats == ("parquet", "csv")
    assert config.selects("customers")
    assert config.selects("a table of tomorrow")
    assert "2 tables, 1,200 rows" in text


def test_relations_are_proposed_and_hold_once_they_are_wanted(tmp_path: Path) -> None:
    script = """
        create table customers (id integer primary key); insert into customers values (1);
        create table orders (customer_id integer); insert into orders values (1);
    """

    text, config = proposed(tmp_path, script)

    assert config.relations == ()
    wanted = "\n".join(line.removeprefix("# ") for line in text.splitlines() if "relations" in line)
    pair = next(line.removeprefix("#") for line in text.splitlines() if "from:" in line)
    (tmp_path / "with.yaml").write_text(f"{text}{wanted}\n{pair}\n", encoding="utf-8")
    related = load_source(tmp_path / "with.yaml", environ={}).config.relations
    assert [(one.child, one.parent) for one in related] == [("orders.customer_id", "customers.id")]


def test_a_view_that_cannot_be_read_is_told_and_keeps_nothing_back(tmp_path: Path) -> None:
    script = "create table t (id integer); create view v as select * from t; drop table t; "

    text, config = proposed(tmp_path, script + "create table kept (id integer);")

    assert "# v cannot be read" in text
    assert config.selects("kept")


@pytest.mark.parametrize("name", ["a b.db", "ü.db", "100%.db", "what?.db", "#1.db", "${X}.db"])
def test_an_odd_file_name_leads_back_to_the_file(tmp_path: Path, name: str) -> None:
    _, config = proposed(tmp_path, "create table t (id integer)", name=name)

    _, address = read_address(config.url, name=None, home=tmp_path, base=tmp_path, environ={})
    assert address.url.path == tmp_path / name


def test_a_file_below_the_project_is_named_relative_to_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)

    below = read_address("shop.db", name=None, home=home, base=home / "data", environ={})[1]
    beside = read_address("../shop.db", name=None, home=home, base=home, environ={})[1]

    assert below.text == "sqlite:///data/shop.db"
    assert beside.text == f"sqlite:///{tmp_path}/shop.db"


@pytest.mark.parametrize(
    ("url", "name", "written"),
    [
        ("postgresql://ann@db.example/shop", "shop", None),
        ("postgresql://ann:s3cret@db.example/shop", "shop", "SHOP_URL"),
        ("postgresql://ann:s3cret@db.example/shop?sslmode=require", "shop", "SHOP_URL"),
        ("mysql+pymysql://ann:s3/cr@et@db.example/my-shop", "my_shop", "MY_SHOP_URL"),
        ("postgresql://db.example/shop?password=s3cret", "shop", "SHOP_URL"),
    ],
)
def test_a_password_is_replaced_by_a_variable(
    tmp_path: Path, url: str, name: str, written: str | None
) -> None:
    found, address = read_address(url, name=None, home=tmp_path, base=tmp_path, environ={})

    assert (found, address.variable) == (name, written)
    assert "s3" not in address.shown
    assert "s3" not in repr(address)


def test_a_variable_given_instead_of_an_address_is_what_is_written(tmp_path: Path) -> None:
    environ = {"PG": "postgresql://ann:s3cret@db.example/shop"}

    name, address = read_address("${PG}", name=None, home=tmp_path, base=tmp_path, environ=environ)

    assert (name, address.variable, address.url.kind) == ("shop", "PG", "postgresql")
    assert address.shown == "${PG}"
    with pytest.raises(UsageError, match="environment variable PG is not set"):
        read_address("${PG}", name=None, home=tmp_path, base=tmp_path, environ={})


def test_columns_that_look_personal_are_named_and_can_be_hidden(tmp_path: Path) -> None:
    script = 'create table people (id integer, email text, "cell phone" text, total real)'

    text, config = proposed(tmp_path, script)

    assert "people.email (e-mail), people.cell phone (phone)" in text
    assert config.unclassified == "warn"
    assert not config.redacts("people", "email")
    wanted = text.replace("# redact: ", "redact: ")
    (tmp_path / "with.yaml").write_text(wanted, encoding="utf-8")
    hidden = load_source(tmp_path / "with.yaml", environ={}).config
    assert [hidden.redacts("people", name) for name in ("email", "cell phone", "total")] == [
        True,
        True,
        False,
    ]
