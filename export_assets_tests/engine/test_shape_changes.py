"""A table whose columns changed since it was published: told, refused, or allowed."""

from pathlib import Path

import pytest

from export_assets.engine.planning import plan_exports
from export_assets_tests.engine.engine_world import SHOP, World, shop, statuses

DROP = """
create table other as select id, at, total from orders;
drop table orders;
create table orders (id integer primary key, at timestamp, total real);
insert into orders select * from other;
drop table other;
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = shop(tmp_path)
    assert world.export().exit_code == 0
    return world


def test_a_new_column_is_published_and_told_once(world: World) -> None:
    world.sql("alter table customers add column city text")

    first = world.export()
    world.sql("insert into customers values (3, 'Eve', null, 'Ulm')")
    second = world.export()

    assert first.warnings == ["shop/customers: column city appeared"]
    assert first.exit_code == 3
    names = [column.name for column in world.manifest("customers", "parquet", "all").columns]
    assert names == ["id", "name", "email", "city"]
    assert (second.warnings, second.exit_code) == ([], 0)


def test_a_lost_column_fails_the_table_and_leaves_the_others(world: World) -> None:
    world.sql(DROP)
    before = world.manifest("orders", "parquet", "day=2026-02-08")

    report = world.export()

    said = (
        "shop/orders: column note is gone; nothing was published. Publish it once with "
        "--overwrite, or always with `drift: warn` in the source's YAML"
    )
    assert {record.error for record in report.failed} == {said}
    assert statuses(report) == {"orders/parquet/*": "failed", "customers/parquet/all": "unchanged"}
    assert {record.exit_code for record in report.failed} == {30}
    assert report.exit_code == 4
    assert world.manifest("orders", "parquet", "day=2026-02-08") == before


def test_a_narrower_type_of_a_whole_table_is_refused(world: World) -> None:
    world.sql(
        "drop table customers; create table customers (id integer primary key, name integer, "
        "email text); insert into customers values (1, 7, 'ann@example.org')"
    )

    report = world.export(tables=("customers",))

    assert report.exit_code == 30
    assert "column name is integer now, was text" in str(report.failed[0].error)


def test_overwriting_publishes_the_new_shape_and_says_so(world: World) -> None:
    world.sql(DROP)

    report = world.export(overwrite=True)

    assert report.warnings == ["shop/orders: column note is gone"]
    assert report.failed == []
    assert world.export().exit_code == 0


@pytest.mark.parametrize(
    ("manner", "warnings"), [("warn", ["shop/orders: column note is gone"]), ("allow", [])]
)
@pytest.mark.parametrize("level", ["source", "table"])
def test_the_configuration_may_warn_or_allow(
    world: World, level: str, manner: str, warnings: list[str]
) -> None:
    world.sql(DROP)
    if level == "source":
        world.config(f"{SHOP}drift: {manner}\n")
    else:
        world.config(SHOP.replace("every: day}}", f"every: day}}, drift: {manner}}}"))

    report = world.export()

    assert (report.warnings, report.failed) == (warnings, [])
    published = world.manifest("orders", "parquet", "day=2026-02-08")
    assert [column.name for column in published.columns] == ["id", "at", "total"]


def test_columns_left_out_by_a_changed_configuration_are_no_drift(world: World) -> None:
    world.config(SHOP.replace("customers: {}", "customers: {exclude_columns: [email]}"))

    report = world.export()

    assert (report.warnings, report.failed) == ([], [])


def test_redacted_and_anonymised_columns_are_compared_as_they_leave(tmp_path: Path) -> None:
    world = shop(
        tmp_path, SHOP.replace("customers: {}", "customers: {redact: [name], anonymize: [email]}")
    )
    world.environ["EXPORT_ASSETS_ANONYMIZE_KEY"] = "k" * 16
    world.export()
    world.sql("insert into customers values (3, 'Eve', 'eve@example.org')")

    report = world.export()

    assert (report.warnings, report.exit_code) == ([], 0)


def test_values_that_widen_a_column_from_run_to_run_are_no_drift(world: World) -> None:
    world.sql("insert into orders values (5, '2026-02-10T10:00:00', 'many', 'x')")
    widened = world.export()
    world.sql("delete from orders where id = 5")

    back = world.export()

    assert (widened.failed, back.failed, back.warnings) == ([], [], [])


def test_one_partition_is_enough_to_see_the_change(world: World) -> None:
    world.sql(DROP)

    report = world.export(tables=("orders",), partitions=("2026-02-09",))

    assert statuses(report) == {"orders/parquet/2026-02-09": "failed"}


def test_a_damaged_manifest_compares_with_nothing(world: World) -> None:
    world.sql(DROP)
    for manifest in world.exports.glob("shop/orders/parquet/*/_manifest.json"):
        manifest.write_text("{", encoding="utf-8")

    assert "is gone" not in " ".join(str(record.error) for record in world.export().records)


def test_the_plan_says_that_a_run_would_refuse(world: World) -> None:
    world.sql(DROP)

    planned = plan_exports(world.exporter(tables=("orders",)))

    assert [(one.action, one.partition) for one in planned] == [("refuse", "*")]
    assert "column note is gone" in planned[0].reason


def test_files_in_a_directory_of_ones_own_are_compared_with_nothing(world: World) -> None:
    world.sql(DROP)

    report = world.export(output_dir=world.home / "out")

    assert (report.warnings, report.failed) == ([], [])


def test_a_run_in_which_every_table_is_refused_forgets_no_table(world: World) -> None:
    world.sql(DROP)
    world.export(tables=("orders",))

    again = world.export(tables=("orders",))

    assert "column note is gone" in str(again.failed[0].error)
