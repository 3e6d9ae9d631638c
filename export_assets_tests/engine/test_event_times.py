"""Which column says when a row happened, and how finely a table is sliced by it."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from export_assets.engine.event_times import (
    MOST_PARTITIONS,
    FoundTime,
    choose_length,
    find_time,
)
from export_assets.sources.sqlite import SqliteSource

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
ROWS = 1_200


def found(
    path: Path, columns: str, values: Sequence[object], *, table: str = "orders"
) -> FoundTime | None:
    """Look at a table whose second column holds *values*, all of them again and again."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"create table {table} (id integer primary key, {columns})")
        connection.executemany(
            f"insert into {table} values (?{', ?' * (columns.count(',') + 1)})",
            [(row, *[values[row % len(values)]] * (columns.count(",") + 1)) for row in range(ROWS)],
        )
    with SqliteSource("shop", path).snapshot() as snapshot:
        schema = snapshot.describe(table)
        return find_time(snapshot, schema, rows=ROWS, now=NOW, untyped=True)


@pytest.mark.parametrize(
    "name", ["ordered_at", "order_date", "occurred_at", "timestamp", "created_at", "eventTime"]
)
def test_a_column_named_like_an_event_is_the_time(tmp_path: Path, name: str) -> None:
    time = found(tmp_path / "a.db", f"{name} timestamp not null", ["2024-01-01 10:00:00"])

    assert time is not None
    assert (time.column, time.every, time.encoding) == (name, "day", None)
    assert time.first == time.last == datetime(2024, 1, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("name", ["updated_at", "deleted_at", "due_date", "birth_date", "note"])
def test_a_column_that_says_something_else_is_not(tmp_path: Path, name: str) -> None:
    assert found(tmp_path / "a.db", f"{name} timestamp not null", ["2024-01-01"]) is None


def test_the_event_is_preferred_to_the_entry_into_the_database(tmp_path: Path) -> None:
    columns = "created_at timestamp, shipped_at timestamp, ordered_at timestamp"

    time = found(tmp_path / "a.db", columns, ["2024-01-01 10:00:00"])

    assert time is not None
    assert time.column == "ordered_at"


@pytest.mark.parametrize(
    ("declared", "value", "encoding"),
    [
        ("text", "2024-01-01T00:00:00Z", "iso"),
        ("integer", int(FIRST.timestamp()), "epoch_s"),
        ("integer", int(FIRST.timestamp()) * 1_000, "epoch_ms"),
        ("integer", int(FIRST.timestamp()) * 1_000_000, "epoch_us"),
    ],
)
def test_text_and_numbers_that_are_times_are_recognised(
    tmp_path: Path, declared: str, value: object, encoding: str
) -> None:
    time = found(tmp_path / "a.db", f"ordered_at {declared}", [value])

    assert time is not None
    assert (time.encoding, time.first) == (encoding, FIRST)


@pytest.mark.parametrize(
    "values",
    [["2024-01-01", None], ["2024-01-01", "soon"], ["1900-01-01"], ["2999-01-01"], [17]],
    ids=["null", "text", "too early", "too late", "a small number"],
)
@pytest.mark.parametrize("declared", ["timestamp", "text"])
def test_one_row_without_a_likely_time_is_too_many(
    tmp_path: Path, declared: str, values: list[object]
) -> None:
    assert found(tmp_path / "a.db", f"ordered_at {declared}", values) is None


@pytest.mark.parametrize(
    ("rows", "days", "every"),
    [
        (50, 10, None),
        (1_000, 1, "day"),
        (100_000, 365, "day"),
        (10_000, 365, "month"),
        (1_000, 3_000, "year"),
        (10_000_000, 3_640, "day"),
        (10_000_000, 3_700, "month"),
        (50_000_000, 5, "hour"),
        (2_000, 36_500, None),
    ],
)
def test_partitions_are_neither_too_many_nor_tiny(rows: int, days: int, every: str | None) -> None:
    assert choose_length(rows, FIRST, FIRST + timedelta(days=days)) == every


def test_dates_are_not_sliced_by_the_hour() -> None:
    assert choose_length(10**8, FIRST, FIRST + timedelta(days=5), hours=False) == "day"


def test_ten_years_of_days_are_the_most() -> None:
    last = FIRST + timedelta(days=MOST_PARTITIONS)

    assert choose_length(10**8, FIRST, last - timedelta(seconds=1)) == "day"
    assert choose_length(10**8, FIRST, last) == "month"
