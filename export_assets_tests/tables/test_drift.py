"""What counts as a change of a table's shape, and which changes break readers."""

from dataclasses import replace

import pytest

from export_assets.tables.drift import Drift, compare_schemas
from export_assets.tables.schema import Column, Fidelity, LogicalType, TableSchema

INTEGER = Column(name="total", logical=LogicalType.INTEGER, declared="INTEGER")
TEXT = Column(name="total", logical=LogicalType.TEXT, declared="TEXT")


def decimal(precision: int, scale: int) -> Column:
    return Column(
        name="total",
        logical=LogicalType.DECIMAL,
        declared=f"NUMERIC({precision},{scale})",
        precision=precision,
        scale=scale,
    )


def table(*columns: Column) -> TableSchema:
    return TableSchema(name="orders", columns=columns)


def test_a_new_column_is_harmless_and_a_lost_one_is_not() -> None:
    note = replace(TEXT, name="note")

    assert compare_schemas(table(TEXT), table(TEXT, note)) == Drift(
        harmless=("column note appeared",)
    )
    assert compare_schemas(table(TEXT, note), table(TEXT)) == Drift(
        breaking=("column note is gone",)
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (INTEGER, TEXT),
        (INTEGER, decimal(38, 2)),
        (decimal(10, 2), decimal(12, 2)),
        (decimal(10, 2), TEXT),
        (
            replace(INTEGER, logical=LogicalType.DATE, declared="DATE"),
            replace(INTEGER, logical=LogicalType.TIMESTAMP, declared="TIMESTAMP"),
        ),
    ],
    ids=str,
)
def test_a_type_that_holds_every_old_value_is_harmless(old: Column, new: Column) -> None:
    drift = compare_schemas(table(old), table(new))

    assert (len(drift.harmless), drift.breaking) == (1, ())
    assert len(compare_schemas(table(new), table(old)).breaking) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (decimal(12, 2), decimal(12, 3)),
        (INTEGER, decimal(10, 0)),
        (replace(TEXT, logical=LogicalType.BINARY, declared="BLOB"), TEXT),
        (replace(TEXT, logical=LogicalType.TIMESTAMP, declared="TIMESTAMP"), INTEGER),
    ],
    ids=str,
)
def test_a_type_that_cannot_hold_every_old_value_breaks(old: Column, new: Column) -> None:
    assert len(compare_schemas(table(old), table(new)).breaking) == 1


def test_a_column_that_may_be_null_now_is_told() -> None:
    required = replace(TEXT, nullable=False)

    assert compare_schemas(table(required), table(TEXT)).harmless == (
        "column total may be null now",
    )
    assert compare_schemas(table(TEXT), table(required)) == Drift()


def test_values_that_widened_a_column_are_no_change_of_its_declaration() -> None:
    widened = replace(
        INTEGER, logical=LogicalType.TEXT, fidelity=Fidelity(verdict="widened", reason="a text")
    )

    assert compare_schemas(table(widened), table(INTEGER)) == Drift()


def test_another_spelling_of_the_same_type_is_no_change() -> None:
    spelt = replace(TEXT, declared="varchar( 20 )")

    assert compare_schemas(table(TEXT), table(spelt)) == Drift()
