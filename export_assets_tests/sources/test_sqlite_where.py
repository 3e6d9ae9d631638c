"""What an equality filter finds in SQLite: values as they are exported, however they are stored."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from export_assets.errors import UsageError
from export_assets.sources.base import Scan
from export_assets.sources.sqlite_where import equality
from export_assets.tables.schema import Column, LogicalType, TableSchema

NOON = (
    "2026-02-08T12:00:00.000000",
    "2026-02-08 12:00:00",
    "2026-02-08T12:00",
    "2026-02-08 12:00:00.000",
    "2026-02-08T12:00:00Z",
    "2026-02-08 12:00:00+00:00",
)
OTHERS = ("2026-02-08T12:00:01", "2026-02-08T12:00:00+01:00", "soon", None)


def found(column: Column, stored: tuple[object, ...], wanted: object, zone: str = "UTC") -> list:  # type: ignore[type-arg]  # whatever is stored
    schema = TableSchema(name="t", columns=(column,))
    scan = Scan(table="t", schema=schema, assume_timezone=zone)
    condition, values = equality(scan, column.name, wanted, collated=False)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f'create table t ("{column.name}")')
        connection.executemany("insert into t values (?)", [(value,) for value in stored])
        return [row[0] for row in connection.execute(f"select * from t where {condition}", values)]


def moment() -> Column:
    return Column(name="at", logical=LogicalType.TIMESTAMP, encoding="iso")


@pytest.mark.parametrize(
    "wanted",
    [*NOON, "2026-02-08T13:00:00+01:00", datetime(2026, 2, 8, 12, tzinfo=UTC)],
    ids=str,
)
def test_a_moment_is_found_however_it_is_written(wanted: object) -> None:
    assert found(moment(), NOON + OTHERS, wanted) == list(NOON)


def test_a_moment_without_a_zone_is_read_in_the_source_s_own() -> None:
    stored = ("2026-02-08T12:00:00", "2026-02-08T13:00:00", "2026-02-08T12:00:00Z")

    assert found(moment(), stored, "2026-02-08T13:00:00", "Europe/Berlin") == list(stored[1:])


def test_a_fraction_is_found_with_and_without_its_zeros() -> None:
    stored = ("2026-02-08T12:00:00.5", "2026-02-08T12:00:00.500", "2026-02-08T12:00:00.500000")

    assert found(moment(), (*stored, *NOON), "2026-02-08T12:00:00.50") == list(stored)


def test_a_day_alone_is_its_midnight() -> None:
    stored = ("2026-02-08", "2026-02-08 00:00:00")

    assert found(moment(), stored, "2026-02-08T00:00:00Z") == list(stored)


def test_what_is_no_time_is_looked_for_as_it_is() -> None:
    assert found(moment(), NOON + OTHERS, "soon") == ["soon"]
    assert found(moment(), NOON + OTHERS, None) == [None]


def test_a_time_of_day_is_found_however_it_is_written() -> None:
    column = Column(name="at", logical=LogicalType.TIME, encoding="iso")
    stored = ("10:30", "10:30:00", "10:30:00.000000")

    assert found(column, (*stored, "10:31"), "10:30:00") == list(stored)


@pytest.mark.parametrize(("word", "stored"), [("true", 1), ("No", 0), ("1", 1), (False, 0)])
def test_a_boolean_takes_words_and_digits(word: object, stored: int) -> None:
    column = Column(name="at", logical=LogicalType.BOOLEAN)

    assert found(column, (0, 1, None), word) == [stored]


@pytest.mark.parametrize(
    ("logical", "wanted", "says"),
    [
        (LogicalType.BOOLEAN, "maybe", "t.at: 'maybe' is no boolean"),
        (LogicalType.INTEGER, "1.5", "t.at: '1.5' is no integer"),
        (LogicalType.FLOAT, "x", "t.at: 'x' is no float"),
        (LogicalType.INTEGER, 2**63, "t.at: 9223372036854775808 is beyond 64 bits"),
    ],
)
def test_a_value_the_column_cannot_hold_is_refused(
    logical: LogicalType, wanted: object, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        found(Column(name="at", logical=logical), (), wanted)
