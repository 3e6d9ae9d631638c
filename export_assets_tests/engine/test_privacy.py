"""Columns that look personal leave only knowingly; what is hidden joins only with its like."""

import csv
from pathlib import Path

import pytest

from export_assets.engine.inspection import inspect_source
from export_assets.engine.planning import plan_exports
from export_assets.errors import ConfigError, ContractViolation
from export_assets_tests.engine.engine_world import (
    ALL_FORMATS,
    CREATE_SHOP,
    SHOP,
    World,
    shop,
    statuses,
    tree,
)

KEY = {"EXPORT_ASSETS_ANONYMIZE_KEY": "0123456789abcdef0123456789abcdef"}
OTHER = {"EXPORT_ASSETS_ANONYMIZE_KEY": "fedcba9876543210fedcba9876543210"}

JOINED = """
source: shop
url: shop.db
formats: [csv]
tables:
  customers: {anonymize: [id], expose: [email]}
  orders: {anonymize: [customer_id]}
relations: [{from: orders.customer_id, to: customers.id}]
"""
CREATE_JOINED = """
create table customers (id integer primary key, name text, email text);
create table orders (id integer primary key, customer_id text, total real);
insert into customers values (1, 'Ann', 'a@b.c'), (2, 'Bob', null), (42, 'Cy', null);
insert into orders values (1, '42', 1), (2, '2', 2), (3, '42', 3), (4, null, 4);
"""


def refusing(yaml: str = SHOP) -> str:
    return yaml + "unclassified: refuse\n"


def column(world: World, table: str, name: str) -> list[str]:
    (part,) = world.partition(table, "csv", "all").glob("part-*")
    with part.open(encoding="utf-8", newline="") as file:
        return [row[name] for row in csv.DictReader(file)]


def test_a_personal_looking_column_leaves_with_a_note_and_exit_code_0(tmp_path: Path) -> None:
    world = shop(tmp_path)

    first, again = world.export(), world.export()

    assert first.exit_code == again.exit_code == 0
    assert list(first.notes) == list(again.notes)
    assert first.notes[0] == (
        "customers.email (e-mail) looks personal and is not classified; name what may leave in "
        "expose, the rest in redact or anonymize, as in `customers: {expose: [email]}`"
    )


def test_a_source_may_refuse_them_before_anything_is_written(tmp_path: Path) -> None:
    world = shop(tmp_path, refusing())
    world.sql("alter table customers add column phone text; alter table orders add column zip text")

    with pytest.raises(ContractViolation) as refused:
        world.export(formats=ALL_FORMATS)

    assert refused.value.exit_code == 30
    assert "\n" not in str(refused.value)
    for name in ("customers.email (e-mail)", "customers.phone (phone)", "orders.zip (address)"):
        assert name in str(refused.value)
    assert not world.exports.exists() or not any(world.exports.rglob("*"))
    with pytest.raises(ContractViolation, match=r"customers\.email"):
        plan_exports(world.exporter())


def test_what_was_published_before_is_refused_as_well(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export()
    before = tree(world.exports)
    world.config(refusing())

    with pytest.raises(ContractViolation, match=r"customers\.email"):
        world.export()

    assert tree(world.exports) == before


@pytest.mark.parametrize(
    "rules",
    [
        "{redact: [email]}",
        "{anonymize: [email]}",
        "{expose: [email]}",
        "{exclude_columns: [email]}",
        "{columns: [id, name]}",
    ],
)
def test_classified_columns_and_those_that_stay_are_let_be(rules: str, tmp_path: Path) -> None:
    world = shop(tmp_path, refusing(SHOP.replace("customers: {}", f"customers: {rules}")))
    world.environ = KEY

    report = world.export()

    assert (report.exit_code, list(report.notes)) == (0, [])


@pytest.mark.parametrize("rule", ["unclassified: allow", "expose: ['E*mail']", "redact: [email]"])
def test_a_source_may_decide_for_all_its_tables(rule: str, tmp_path: Path) -> None:
    world = shop(tmp_path, f"{SHOP}{rule}\n")

    assert list(world.export().notes) == []


def test_a_pattern_of_the_source_exposes_nothing_that_is_redacted(tmp_path: Path) -> None:
    world = shop(tmp_path, SHOP + "redact: [email]\nexpose: ['*']\n")

    world.export(formats=("csv",))

    assert column(world, "customers", "email") == ["", ""]


def test_pseudonyms_of_a_number_and_its_text_join(tmp_path: Path) -> None:
    world = shop(tmp_path, JOINED, CREATE_JOINED)
    world.environ = KEY

    report = world.export()

    ids = dict(
        zip(column(world, "customers", "name"), column(world, "customers", "id"), strict=True)
    )
    assert column(world, "orders", "customer_id") == [ids["Cy"], ids["Bob"], ids["Cy"], ""]
    assert len(set(ids.values())) == 3
    assert (report.exit_code, list(report.notes)) == (0, [])


def test_another_key_publishes_everything_anew_and_joins_nothing(tmp_path: Path) -> None:
    world = shop(tmp_path, JOINED, CREATE_JOINED)
    world.environ = KEY
    world.export()
    before = column(world, "customers", "id")

    world.environ = OTHER
    report = world.export()
    world.environ = KEY
    back = world.export()

    assert set(statuses(report).values()) == {"success"}
    assert set(statuses(back).values()) == {"success"}
    assert column(world, "customers", "id") == before
    world.environ = OTHER
    world.export(tables=("customers",))
    assert not set(column(world, "customers", "id")) & set(column(world, "orders", "customer_id"))


def test_the_manifest_tells_which_key_and_not_the_key(tmp_path: Path) -> None:
    world = shop(tmp_path, JOINED, CREATE_JOINED)
    reasons = []
    for world.environ in (KEY, OTHER):
        report = world.export()
        manifest = world.manifest("customers", "csv", "all")
        reasons.append(manifest.columns[0].fidelity_reason)
        (key,) = world.environ.values()
        assert key not in repr((world.workspace(), world.exporter(), report, manifest))
        assert not [
            p for p in world.exports.rglob("*") if p.is_file() and key.encode() in p.read_bytes()
        ]

    assert reasons[0] != reasons[1]
    assert all(reason.startswith("pseudonyms of key ") for reason in reasons)


def test_a_key_from_a_file_makes_the_same_pseudonyms(tmp_path: Path) -> None:
    world = shop(tmp_path, JOINED, CREATE_JOINED)
    world.environ = KEY
    world.export()
    path = tmp_path / "key"
    path.write_text(next(iter(KEY.values())) + "\n")
    path.chmod(0o600)
    world.environ = {"EXPORT_ASSETS_ANONYMIZE_KEY_FILE": str(path)}

    report = world.export()
    path.chmod(0o640)

    assert set(statuses(report).values()) == {"unchanged"}
    with pytest.raises(ConfigError, match="may be read or written by others"):
        world.exporter()


@pytest.mark.parametrize(
    ("customers", "orders", "told"),
    [
        ("{anonymize: [id]}", "{}", "customers.id is pseudonymised"),
        ("{}", "{anonymize: [customer_id]}", "orders.customer_id is pseudonymised"),
        ("{redact: [id]}", "{}", "customers.id is redacted"),
        ("{redact: [id]}", "{anonymize: [customer_id]}", "orders.customer_id is pseudonymised and"),
    ],
)
@pytest.mark.parametrize("declared", [True, False])
def test_a_join_that_breaks_is_told(
    customers: str, orders: str, told: str, *, declared: bool, tmp_path: Path
) -> None:
    yaml = JOINED.replace("{anonymize: [id], expose: [email]}", customers)
    yaml = yaml.replace("{anonymize: [customer_id]}", orders) + "unclassified: allow\n"
    script = CREATE_JOINED
    if declared:
        yaml = yaml.replace("relations:", "# relations:")
        script = script.replace("customer_id text", "customer_id text references customers (id)")
    world = shop(tmp_path, yaml, script)
    world.environ = KEY

    (note,) = world.export().notes

    assert note.startswith("orders.customer_id refers to customers.id, but ")
    assert told in note
    assert note.endswith("the exported rows do not join")


def test_inspect_says_what_is_done_about_each_column(tmp_path: Path) -> None:
    yaml = SHOP.replace("customers: {}", "customers: {redact: [name], expose: [zip, fax]}")
    world = shop(tmp_path, yaml, CREATE_SHOP)
    world.sql("alter table customers add column zip text; alter table customers add column fax int")

    found = inspect_source(world.workspace().source("shop"), tables=("customers",))

    assert {one.column.name: one.treatment for one in found.tables[0].columns} == {
        "id": "",
        "name": "redacted",
        "email": "unclassified",
        "zip": "exposed",
        "fax": "exposed",
    }
