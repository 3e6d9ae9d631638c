"""Databases and configurations that are not as they should be: one clear line, the rest goes on."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from export_assets.config.models import SourceConfig
from export_assets.config.urls import SourceUrl
from export_assets.engine.inspection import inspect_source
from export_assets.engine.planning import plan_exports
from export_assets.engine.system import System
from export_assets.engine.verification import verify_source
from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import EXIT_PARTIAL, ContractViolation, UsageError
from export_assets.tables.partitions import Window
from export_assets_tests.engine.engine_world import shop, statuses

BY_DAY = "source: shop\nurl: shop.db\ntables: {t: {partition_by: {column: at}}}\n"
CREATE_T = "create table t (at timestamp); insert into t values ('2026-01-01T00:00:00');"

odd_times = pytest.mark.parametrize(
    ("value", "fact"),
    [
        ("'not a date'", "holds text that is no timestamp (1 value)"),
        ("'2026-01-01T00:00:00.1234567'", "holds text that is no timestamp (1 value)"),
        ("1770000000", "holds integer, text values (1 value)"),
        ("x'00'", "holds text, blob values (1 value)"),
    ],
)


@odd_times
def test_a_time_that_is_none_fails_a_table_sliced_by_it(
    value: str, fact: str, tmp_path: Path
) -> None:
    world = shop(tmp_path, BY_DAY, f"{CREATE_T} insert into t values ({value});")

    report = world.export()

    assert report.exit_code == ContractViolation.exit_code
    (record,) = report.records
    assert record.error == f"t.at: {fact}, and partition_by needs every value a timestamp"


def test_a_window_over_a_time_that_is_none_fails_the_table(tmp_path: Path) -> None:
    world = shop(tmp_path, BY_DAY, f"{CREATE_T} insert into t values ('soon');")
    window = Window(start=datetime(2025, 1, 1, tzinfo=UTC))

    report = world.export(output_dir=tmp_path / "out", window=window)

    assert report.exit_code == ContractViolation.exit_code


def test_a_time_that_is_none_leaves_a_table_that_is_not_sliced_alone(tmp_path: Path) -> None:
    world = shop(tmp_path, BY_DAY, f"{CREATE_T} insert into t values ('soon');")

    report = world.export(output_dir=tmp_path / "out")

    assert statuses(report) == {"t/parquet/all": "success"}
    assert report.rows == 2


def test_verifying_against_a_time_that_is_none_says_so(tmp_path: Path) -> None:
    world = shop(tmp_path, BY_DAY, CREATE_T)
    world.export()
    world.sql("insert into t values ('soon')")

    (found,) = verify_source(world.exporter())

    assert (found.verdict, found.exit_code) == ("unreadable", ContractViolation.exit_code)
    assert found.fact.startswith("t.at: holds text that is no timestamp")


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        (
            "tables: {'*': {}, customer: {redact: [email]}}",
            r"^tables\.customer: source has no such table, did you mean customers\?$",
        ),
        (
            "relations: [{from: order.id, to: customers.id}]",
            r"^relations\.order: source has no such table, did you mean orders\?$",
        ),
        (
            "relations: [{from: orders.id, to: customers.idd}]",
            r"^relations\.customers: source has no column idd, did you mean id\?$",
        ),
    ],
)
def test_a_name_in_the_configuration_that_the_source_lacks_is_refused(
    yaml: str, message: str, tmp_path: Path
) -> None:
    world = shop(tmp_path, f"source: shop\nurl: shop.db\n{yaml}\n")

    with pytest.raises(UsageError, match=message):
        world.export()

    assert not world.exports.exists()


def test_a_misspelt_table_is_refused_where_nothing_would_be_read(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export()
    world.config("source: shop\nurl: shop.db\ntables: {'*': {}, customer: {redact: [email]}}\n")

    with pytest.raises(UsageError, match=r"^tables\.customer: source has no such table"):
        world.export()


class Tills(System):
    """May have a table that a source lacks."""

    name = "tills"
    yaml = Path("tills.yaml")

    def make_sample(self, url: SourceUrl, config: SourceConfig) -> str:
        raise NotImplementedError

    def tables(self) -> Sequence[str]:
        return ("customers", "tills")


def test_a_table_that_only_the_system_knows_is_warned_of(tmp_path: Path) -> None:
    yaml = (
        "source: shop\nurl: shop.db\ntables: {customers: {}, tills: {}, v: {query: select 1 x}}\n"
    )
    world = shop(tmp_path, yaml)

    def with_system(source: ConfiguredSource) -> ConfiguredSource:
        return replace(source, system=Tills())

    first, second = (world.export(configured=with_system) for _ in range(2))

    assert statuses(first) == {"customers/parquet/all": "success", "v/parquet/all": "success"}
    assert list(first.warnings) == ["tables.tills: source has no such table"]
    assert list(second.warnings) == list(first.warnings)


BROKEN = (
    "create table t (a integer); insert into t values (1); create view bad as select * from gone;"
)
ANY = "source: shop\nurl: shop.db\n"


def test_a_view_of_what_is_gone_fails_alone(tmp_path: Path) -> None:
    world = shop(tmp_path, ANY, BROKEN)

    report = world.export()

    assert statuses(report) == {"t/parquet/all": "success", "bad/parquet/all": "failed"}
    assert report.exit_code == EXIT_PARTIAL
    assert report.failed[0].error == "shop: view bad: no such table: main.gone"


def test_a_view_of_what_is_gone_is_refused_where_it_alone_was_asked_for(tmp_path: Path) -> None:
    world = shop(tmp_path, ANY, BROKEN)

    with pytest.raises(UsageError, match=r"^shop: view bad: no such table: main\.gone$"):
        world.export(tables=("bad",))


def test_inspecting_shows_the_rest_beside_a_view_of_what_is_gone(tmp_path: Path) -> None:
    world = shop(tmp_path, ANY, BROKEN)

    found = inspect_source(world.workspace().source("shop"))

    assert [table.schema.name for table in found.tables] == ["t"]
    facts = {name: str(error) for name, error in found.unreadable.items()}
    assert facts == {"bad": "shop: view bad: no such table: main.gone"}


def test_a_table_in_an_order_only_the_application_knows_is_exported(tmp_path: Path) -> None:
    world = shop(tmp_path, ANY, "create table t (id integer);")
    with closing(sqlite3.connect(world.db)) as connection, connection:
        connection.create_collation("mine", lambda a, b: (a < b) - (a > b))
        connection.executescript("""
            drop table t;
            create table u (id integer primary key, a text collate mine);
            create index i on u (a);
            insert into u values (1, 'b'), (2, 'a'), (3, 'c');
            create table w (a text collate "mine" primary key, id integer) without rowid;
            insert into w select a, id from u;
            create view v as select * from u;
        """)

    world.config(f"{ANY}tables: {{'*': {{order_by: [a]}}}}\n")
    report = world.export(tables=("u", "v", "w"))
    found = world.export(tables=("u", "v", "w"), where={"a": "c"}, output_dir=tmp_path / "out")

    assert (report.exit_code, found.exit_code) == (0, 0)
    assert [world.ids(table)["all"] for table in "uvw"] == [[2, 1, 3]] * 3
    assert [record.rows for record in found.records] == [1, 1, 1]


def test_a_virtual_table_without_its_module_fails_alone(tmp_path: Path) -> None:
    world = shop(tmp_path, ANY, "create table t (a integer); insert into t values (1);")
    world.sql("""
        pragma writable_schema = on;
        insert into sqlite_schema values
          ('table', 'x', 'x', 0, 'create virtual table x using nowhere(a)');
    """)

    report = world.export()

    assert statuses(report) == {"t/parquet/all": "success", "x/parquet/all": "failed"}
    assert report.failed[0].error == "x: virtual table, its module is not at hand"


def test_planning_says_which_table_would_fail(tmp_path: Path) -> None:
    world = shop(tmp_path, ANY, BROKEN)

    planned = {one.table: (one.action, one.reason) for one in plan_exports(world.exporter())}

    assert planned["bad"] == ("refuse", "shop: view bad: no such table: main.gone")
    assert planned["t"][0] == "publish"
