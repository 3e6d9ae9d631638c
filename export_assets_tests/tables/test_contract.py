import math
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.config.rules import ColumnCheck
from export_assets.errors import InternalError, UsageError
from export_assets.tables.batch import Batch
from export_assets.tables.contract import CheckOutcome, Contract
from export_assets.tables.failing import FailingRow
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets.tables.statistics import StatisticsBuilder

L = LogicalType


def contract(logical: LogicalType, *checks: dict[str, Any], **facts: Any) -> Contract:
    schema = TableSchema(name="t", columns=(Column(name="c", logical=logical, **facts),))
    return Contract(schema, [ColumnCheck(column="c", **check) for check in checks])


def outcomes(bound: Contract, *batches: Sequence[Any]) -> list[CheckOutcome]:
    partition = bound.start()
    statistics = StatisticsBuilder(bound.schema)
    for values in batches:
        series = pl.Series(values, dtype=bound.schema.columns[0].dtype)
        batch = Batch(pl.DataFrame({"c": series}))
        statistics.update(batch)
        partition.update(batch, clean=bound.is_clean(batch))
    return partition.outcomes(statistics)


def failures(bound: Contract, *batches: Sequence[Any]) -> dict[str, int]:
    return {outcome.check: outcome.failures for outcome in outcomes(bound, *batches)}


UTC_2026 = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("logical", "facts", "check", "values", "broken"),
    [
        (L.INTEGER, {}, {"ge": 0}, [0, 1, -1, None, -2], 2),
        (L.INTEGER, {}, {"gt": 0}, [0, 1, None], 1),
        (L.INTEGER, {}, {"le": 1.5}, [1, 2, None], 1),
        (L.INTEGER, {}, {"lt": "2"}, [1, 2, 3, None], 2),
        (L.INTEGER, {}, {"isin": [1, 2]}, [1, 2, 3, None], 1),
        (L.INTEGER, {}, {"le": 2**63}, [2**63 - 1], 0),
        (L.FLOAT, {}, {"ge": 0}, [0.0, -0.0, -0.1, math.nan, math.inf, None], 2),
        (L.FLOAT, {}, {"gt": 0}, [0.0, 5e-324, math.nan], 2),
        (L.FLOAT, {}, {"le": 0}, [math.nan, -math.inf, 1.0], 2),
        (L.FLOAT, {}, {"lt": 1}, [math.nan, 0.0], 1),
        (
            L.DECIMAL,
            {"precision": 9, "scale": 2},
            {"gt": 0.1},
            [Decimal("0.10"), Decimal("0.11")],
            1,
        ),
        (L.DECIMAL, {"precision": 9, "scale": 2}, {"ge": "0.1"}, [Decimal("0.1"), Decimal(0)], 1),
        (L.DECIMAL, {"precision": 38, "scale": 0}, {"le": 10**20}, [Decimal(10**20 + 1)], 1),
        (L.TEXT, {}, {"ge": "b"}, ["a", "b", "", None], 2),
        (L.TEXT, {}, {"le": 5}, ["5.00", "743.00", "-1", "1e1", "NaN", "x", "", None], 5),
        (L.TEXT, {}, {"ge": 100}, ["99", "100", "Infinity", "-Infinity"], 2),
        (L.TEXT, {}, {"gt": 0.3}, ["0.30000000000000000001", "0.3", "0.30"], 2),
        (L.TEXT, {}, {"lt": 2**63}, ["9223372036854775807", "9223372036854775808"], 1),
        (L.TEXT, {}, {"isin": ["x", ""]}, ["x", "", "y", None], 1),
        (L.TEXT, {}, {"isin": [5]}, ["5", "6"], 1),
        (L.TEXT, {}, {"matches": "^a.c$"}, ["abc", "xabc", "", None], 2),
        (L.UUID, {}, {"matches": "^[0-9a-f-]{36}$"}, ["x"], 1),
        (L.BOOLEAN, {}, {"isin": [True]}, [True, False, None], 1),
        (L.DATE, {}, {"ge": "2026-01-02"}, [date(2026, 1, 1), date(2026, 1, 2), None], 1),
        (L.TIME, {}, {"lt": "12:00"}, [time(12), time(11, 59, 59, 999_999)], 1),
        (L.TIMESTAMP, {}, {"gt": "2026-01-01T01:00:00+01:00"}, [UTC_2026, None], 1),
        (L.TIMESTAMP, {"encoding": "epoch_s"}, {"ge": "2026-01-01"}, [UTC_2026], 0),
        (L.NAIVE_TIMESTAMP, {}, {"le": "2026-01-01"}, [datetime(2026, 1, 1, 0, 0, 1)], 1),  # noqa: DTZ001 - a wall clock
    ],
)
def test_counts_the_rows_that_break_a_rule(
    logical: LogicalType,
    facts: dict[str, Any],
    check: dict[str, Any],
    values: list[Any],
    broken: int,
) -> None:
    found = outcomes(contract(logical, check, **facts), values)

    assert [(one.column, one.failures, one.passed) for one in found] == [("c", broken, broken == 0)]


@pytest.mark.parametrize(
    ("logical", "facts", "check"),
    [
        (L.DATE, {}, {"ge": 5}),
        (L.DATE, {}, {"ge": "soon"}),
        (L.TIMESTAMP, {}, {"ge": 1_770_546_600}),
        (L.INTEGER, {}, {"ge": "1.5"}),
        (L.INTEGER, {}, {"isin": [True]}),
        (L.INTEGER, {}, {"matches": "5"}),
        (L.BOOLEAN, {}, {"ge": 1}),
        (L.BOOLEAN, {}, {"isin": ["true"]}),
        (L.TEXT, {}, {"isin": ["yes", False]}),
        (L.BINARY, {}, {"ge": "a"}),
        (L.BINARY, {}, {"matches": "a"}),
        (L.NESTED, {"nested": pl.List(pl.Int64())}, {"isin": [1]}),
    ],
)
def test_refuses_rules_the_type_cannot_break(
    logical: LogicalType, facts: dict[str, Any], check: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match=r"^t\.c: check [^\n]+$"):
        contract(logical, check, **facts)


def test_refuses_a_column_that_does_not_exist() -> None:
    schema = TableSchema(name="t", columns=())

    with pytest.raises(UsageError, match=r"^t: a check names column d, which does not exist$"):
        Contract(schema, [ColumnCheck(column="d", unique=True)])


def test_a_settled_partition_keeps_what_it_counted_and_takes_no_more_rows() -> None:
    partition = contract(L.INTEGER, {"unique": True}).start()
    batch = Batch(pl.DataFrame({"c": [1, 2, 1]}))
    partition.update(batch)

    partition.settle()

    outcome, *_ = partition.outcomes(StatisticsBuilder(TableSchema(name="t", columns=())))
    assert outcome.failures == 1
    with pytest.raises(InternalError, match="t: rows came for a partition that was complete"):
        partition.update(batch)


def test_a_value_is_unique_in_the_partition_not_in_the_batch() -> None:
    unique = contract(L.INTEGER, {"unique": True})

    assert failures(unique, [1, 2], [3, None], [None, 4]) == {"c is unique": 0}
    assert failures(unique, [1, 2], [2, 2], [1]) == {"c is unique": 3}
    assert failures(unique, [], []) == {"c is unique": 0}
    assert failures(unique) == {"c is unique": 0}


def test_two_partitions_know_nothing_of_each_other() -> None:
    unique = contract(L.INTEGER, {"unique": True, "ge": 0})

    assert failures(unique, [1, -1]) == failures(unique, [1, -1])


@pytest.mark.parametrize(
    ("logical", "facts", "values"),
    [
        (L.TEXT, {}, ["", "a", "", None, None]),
        (L.BINARY, {}, [b"", b"", b"a"]),
        (L.FLOAT, {}, [math.nan, math.nan, 0.0, -0.0]),
        (L.NESTED, {"nested": pl.List(pl.Int64())}, [[1], [1], [], None]),
        (L.BOOLEAN, {}, [True, True, False]),
        (L.DECIMAL, {"precision": 5, "scale": 1}, [Decimal(1), Decimal(1), Decimal(-1)]),
    ],
)
def test_uniqueness_holds_for_any_type(
    logical: LogicalType, facts: dict[str, Any], values: list[Any]
) -> None:
    assert failures(contract(logical, {"unique": True}, **facts), values) == {"c is unique": 1}


def test_nulls_break_not_null_only() -> None:
    bound = contract(L.TEXT, {"not_null": True, "unique": True, "ge": "a", "matches": "x"})

    assert failures(bound, [None, "x"], [None]) == {
        "c >= a": 0,
        "c matches x": 0,
        "c is not null": 2,
        "c is unique": 0,
    }


def test_what_the_source_declares_not_null_is_checked_unasked() -> None:
    declared = contract(L.INTEGER, nullable=False)
    asked = contract(L.INTEGER, {"not_null": True, "severity": "warn"}, nullable=False)
    second = (FailingRow(number=2),)

    assert outcomes(declared, [1, None]) == [
        CheckOutcome(check="c is not null", column="c", severity="error", failures=1, rows=second)
    ]
    assert outcomes(asked, [1, None]) == [
        CheckOutcome(check="c is not null", column="c", severity="warn", failures=1, rows=second)
    ]


def test_the_severity_of_a_rule_is_the_one_given() -> None:
    bound = contract(L.INTEGER, {"ge": 0, "severity": "warn"}, {"le": 9})

    assert bound.rules == {"c >= 0": "warn", "c <= 9": "error"}
    assert [one.severity for one in outcomes(bound, [-1, 10])] == ["warn", "error"]


@pytest.mark.parametrize("order", [("warn", "error"), ("error", "warn")])
def test_a_rule_given_twice_counts_once_and_strictly(order: tuple[str, str]) -> None:
    bound = contract(L.INTEGER, *({"ge": 0, "severity": severity} for severity in order))

    first = (FailingRow(number=1),)
    assert outcomes(bound, [-1, 1]) == [
        CheckOutcome(check="c >= 0", column="c", severity="error", failures=1, rows=first)
    ]


def test_one_check_may_hold_all_rules() -> None:
    check = {"ge": 0, "lt": 5, "isin": [1, 2, 9], "unique": True, "not_null": True}

    assert failures(contract(L.INTEGER, check), [1, 1, -1], [9, None, 3]) == {
        "c >= 0": 1,
        "c < 5": 1,
        "c is one of 1, 2, 9": 2,
        "c is not null": 1,
        "c is unique": 1,
    }


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.none() | st.integers(-3, 12), max_size=6), max_size=4))
def test_counts_as_python_does_and_clean_batches_are_those_without_failures(
    batches: list[list[int | None]],
) -> None:
    bound = contract(L.INTEGER, {"ge": 0, "le": 9, "unique": True})
    values = [value for batch in batches for value in batch if value is not None]

    for batch in batches:
        frame = pl.DataFrame({"c": pl.Series(batch, dtype=pl.Int64)})
        inside = all(value is None or 0 <= value <= 9 for value in batch)
        assert bound.is_clean(Batch(frame)) is inside
    assert failures(bound, *batches) == {
        "c >= 0": sum(value < 0 for value in values),
        "c <= 9": sum(value > 9 for value in values),
        "c is unique": len(values) - len(set(values)),
    }


def test_rows_of_another_schema_are_a_bug_and_no_pass() -> None:
    bound = contract(L.INTEGER, {"ge": 0})

    with pytest.raises(InternalError, match=r"^t: the rows checked are not of the table's schema"):
        bound.is_clean(Batch(pl.DataFrame({"c": ["x"]})))


@pytest.mark.parametrize(
    ("checks", "imported"),
    [("", False), ("unique=True, not_null=True", False), ("ge=0", False), ("ge=2", True)],
)
def test_pandera_is_imported_where_a_row_breaks_a_rule(checks: str, imported: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    check = f"ColumnCheck(column='c', {checks})" if checks else ""
    script = (
        "import sys, polars as pl\n"
        "from export_assets.config.rules import ColumnCheck\n"
        "from export_assets.tables.batch import Batch\n"
        "from export_assets.tables.contract import Contract\n"
        "from export_assets.tables.schema import Column, LogicalType, TableSchema\n"
        "from export_assets.tables.statistics import StatisticsBuilder\n"
        "column = Column(name='c', logical=LogicalType.INTEGER, nullable=False)\n"
        "schema = TableSchema(name='t', columns=(column,))\n"
        f"contract = Contract(schema, [{check}])\n"
        "batch = Batch(pl.DataFrame({'c': [1]}))\n"
        "part, statistics = contract.start(), StatisticsBuilder(schema)\n"
        "part.update(batch, clean=contract.is_clean(batch)); statistics.update(batch)\n"
        "failed = any(not one.passed for one in part.outcomes(statistics))\n"
        "assert failed == ('pandera' in sys.modules)\n"
        "print(failed)\n"
    )

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.strip() == str(imported)
