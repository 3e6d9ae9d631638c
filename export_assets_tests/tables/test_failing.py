"""Which rows break a rule: their numbers, and no more than may be told."""

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from export_assets.config.rules import ColumnCheck
from export_assets.tables.batch import Batch
from export_assets.tables.contract import Contract
from export_assets.tables.failing import MOST_LISTED, NOTHING, FailingRow, Telling, told
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets.tables.statistics import StatisticsBuilder

SCHEMA = TableSchema(
    name="t",
    columns=(
        Column(name="id", logical=LogicalType.INTEGER, nullable=False),
        Column(name="c", logical=LogicalType.INTEGER),
    ),
    primary_key=("id",),
)


def broken(
    check: dict[str, Any], *batches: Sequence[tuple[int | None, int | None]], telling: Telling
) -> tuple[FailingRow, ...]:
    rules = [ColumnCheck.model_validate({"column": "c", **check})]
    contract = Contract(SCHEMA, rules, telling=telling).start()
    statistics = StatisticsBuilder(SCHEMA)
    for rows in batches:
        batch = Batch(pl.DataFrame(list(rows), schema=SCHEMA.polars, orient="row"))
        statistics.update(batch)
        contract.update(batch)
    [outcome] = [one for one in contract.outcomes(statistics) if one.column == "c"]
    return outcome.rows


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ({"ge": 0}, [2, 5]),
        ({"isin": [0, 1]}, [2, 4, 5]),
        ({"not_null": True}, [3]),
        ({"unique": True}, [5, 6]),
    ],
)
def test_rows_are_numbered_over_all_batches(check: dict[str, Any], expected: list[int]) -> None:
    found = broken(check, [(1, 0), (2, -1), (3, None)], [(4, 7), (5, -1), (6, 0)], telling=NOTHING)

    assert [row.number for row in found] == expected
    assert all((row.key, row.value) == ("", None) for row in found)


def test_keys_and_values_are_told_where_they_may_be() -> None:
    both = Telling(key=("id",), values=frozenset({"c"}))

    [found] = broken({"ge": 0}, [(71, 5), (72, -3)], telling=both)

    assert found == FailingRow(number=2, key="id 72", value="-3")


def test_only_the_first_rows_are_listed_and_all_are_counted() -> None:
    found = broken({"lt": 0}, *[[(number, number)] for number in range(50)], telling=NOTHING)

    assert [row.number for row in found] == list(range(1, MOST_LISTED + 1))


def test_what_is_told_is_one_short_line() -> None:
    assert told("a\nb\t c") == "a b c"
    assert len(told("x" * 1_000)) == 80
    assert told(b"secret") == "6 bytes"
