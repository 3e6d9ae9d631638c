"""Rows that break a rule: their partition is not published, the others are."""

from dataclasses import replace
from pathlib import Path

import pytest

from export_assets.engine.report import rows_break
from export_assets.errors import UsageError
from export_assets.tables.schema import TableSchema
from export_assets_tests.engine.engine_world import (
    ALL_FORMATS,
    SHOP,
    FakeSnapshot,
    FakeSource,
    contents,
    record_of,
    shop,
    statuses,
)

CHECKED = SHOP.replace("every: day}}", "every: day}, checks: [{column: total, ge: 2%s}]}")


def test_only_the_partition_that_breaks_a_rule_fails(tmp_path: Path) -> None:
    world = shop(tmp_path, CHECKED % "")

    report = world.export(formats=ALL_FORMATS)

    assert {name for name, status in statuses(report).items() if status == "failed"} == {
        f"orders/{fmt}/2026-02-08" for fmt in ALL_FORMATS
    }
    failed = record_of(report, "orders/csv/2026-02-08")
    assert failed.error == (
        "orders/csv/2026-02-08: 1 row breaks 'total >= 2'; nothing was published"
    )
    assert failed.exit_code == 30
    assert report.exit_code == 4
    assert not world.partition("orders", "csv", "day=2026-02-08").exists()


def test_the_old_generation_stays_where_new_rows_break_a_rule(tmp_path: Path) -> None:
    world = shop(tmp_path, CHECKED % "")
    world.sql("update orders set total = 9")
    world.export(formats=("csv",))
    before = world.manifest("orders", "csv", "day=2026-02-09")
    world.sql("update orders set total = -1 where id = 3")

    report = world.export(formats=("csv",))
    again = world.export(formats=("csv",))

    assert world.manifest("orders", "csv", "day=2026-02-09") == before
    assert report.exit_code == again.exit_code == 4


def test_where_everything_breaks_a_rule_the_run_says_so(tmp_path: Path) -> None:
    world = shop(tmp_path, CHECKED % "")
    world.sql("update orders set total = 0")

    report = world.export(tables=("orders",), formats=("csv", "json"))

    assert report.exit_code == 30
    assert not contents(world.exports)


def test_a_warning_publishes_and_is_told(tmp_path: Path) -> None:
    world = shop(tmp_path, CHECKED % ", severity: warn")
    world.sql("update orders set total = 0 where id in (1, 2, 4)")

    report = world.export(tables=("orders",), formats=("csv", "json"))

    assert set(statuses(report).values()) == {"success"}
    assert list(report.warnings) == ["orders: 3 rows break 'total >= 2', in 2 partitions"]
    assert report.exit_code == 3


class Strict(FakeSnapshot):
    """Declares every column NOT NULL, as a source may that does not enforce it."""

    def describe(self, table: str) -> TableSchema:
        schema = super().describe(table)
        columns = tuple(replace(column, nullable=False) for column in schema.columns)
        return replace(schema, columns=columns)


def test_a_value_missing_where_the_source_declares_one_breaks_the_contract(tmp_path: Path) -> None:
    world = shop(tmp_path)
    source = FakeSource(world.exporter().source.source, Strict)

    report = world.export(source=source, tables=("orders",), formats=("csv",))

    assert [(r.partition, r.exit_code) for r in report.failed] == [("2026-02-08", 30)]
    assert "1 row breaks 'note is not null'" in (report.failed[0].error or "")


def test_a_value_that_occurs_twice_breaks_uniqueness_of_its_partition(tmp_path: Path) -> None:
    yaml = SHOP.replace("every: day}}", "every: day}, checks: [{column: note, unique: true}]}")
    world = shop(tmp_path, yaml)
    world.sql("update orders set note = 'same' where id in (1, 2, 3)")

    report = world.export(tables=("orders",), formats=("csv",))

    assert statuses(report) == {
        "orders/csv/2026-02-08": "failed",
        "orders/csv/2026-02-09": "success",
        "orders/csv/2026-02-10": "success",
    }


@pytest.mark.parametrize(
    "table",
    [
        "customers: {checks: [{column: nmae, not_null: true}]}",
        "customers: {checks: [{column: id, ge: soon}]}",
        "customers: {redact: [emial]}",
        "customers: {anonymize: [emial]}",
        "customers: {expose: [emial]}",
        "customers: {types: {emial: text}}",
        "customers: {order_by: [emial]}",
        "customers: {primary_key: [emial]}",
        "customers: {columns: [emial]}",
        "customers: {exclude_columns: [emial]}",
        "customers: {column_descriptions: {emial: x}}",
        "customers: {partition_by: {column: emial}}",
        "customers: {partition_by: {column: name}}",
        "customers: {anonymize: [email]}",
    ],
)
def test_a_rule_about_what_does_not_exist_stops_the_run_before_it_reads(
    table: str, tmp_path: Path
) -> None:
    world = shop(tmp_path, SHOP.replace("customers: {}", table))

    with pytest.raises(UsageError):
        world.export(formats=("csv",))

    assert not contents(world.exports)


def test_a_rule_for_every_table_may_name_columns_some_lack(tmp_path: Path) -> None:
    world = shop(tmp_path, SHOP.replace("customers: {}", "'*': {redact: [email, phone]}"))

    report = world.export(tables=("customers",), formats=("csv",))

    assert report.exit_code == 0


@pytest.mark.parametrize(("rows", "said"), [(1, "1 row breaks 'x'"), (2, "2 rows break 'x'")])
def test_one_row_breaks_and_two_break(rows: int, said: str) -> None:
    assert rows_break(rows, "x") == said
