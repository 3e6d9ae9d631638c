"""SQLite databases: what any program finds in them."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from export_assets.errors import IntegrityError, UsageError
from export_assets.formats.base import FormatOptions
from export_assets.formats.registry import FORMATS
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets_tests.formats.tables_of_every_type import read, table_of, write

SQLITE = FORMATS["sqlite"]
L = LogicalType


def query(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()


def keyed(*columns: Column, key: Sequence[str] = ("id",), name: str = "t") -> TableSchema:
    return TableSchema(name=name, columns=columns, primary_key=tuple(key))


def test_values_are_what_sqlite_itself_understands(tmp_path: Path) -> None:
    schema = TableSchema(
        name="t",
        columns=(
            Column(name="yes", logical=L.BOOLEAN),
            Column(name="price", logical=L.DECIMAL, precision=10, scale=2),
            Column(name="long", logical=L.DECIMAL, precision=30, scale=2),
            Column(name="at", logical=L.TIMESTAMP),
            Column(name="wall", logical=L.NAIVE_TIMESTAMP),
            Column(name="day", logical=L.DATE),
            Column(name="clock", logical=L.TIME),
            Column(name="digits", logical=L.UUID),
            Column(name="five", logical=L.JSON),
        ),
    )
    frame = pl.DataFrame(
        {
            "yes": [True],
            "price": [Decimal("19.99")],
            "long": [Decimal("1234567890123456789.10")],
            "at": [datetime(2026, 2, 8, 10, 30, tzinfo=UTC)],
            "wall": [datetime(2026, 2, 8, 10, 30)],  # noqa: DTZ001 - a wall clock reading
            "day": [date(2026, 2, 8)],
            "clock": [time(10, 30)],
            "digits": ["12345678901234567890123456789012"],
            "five": ["5"],
        },
        schema=schema.polars,
    )

    write(SQLITE, tmp_path / "t", schema, [frame])

    assert query(tmp_path / "t", "select * from t") == [
        (
            1,
            19.99,
            "1234567890123456789.10",
            "2026-02-08 10:30:00.000000+00:00",
            "2026-02-08 10:30:00.000000",
            "2026-02-08",
            "10:30:00.000000",
            "12345678901234567890123456789012",
            "5",
        )
    ]
    told = query(tmp_path / "t", "select date(at), time(wall), sum(price) * 2 from t")
    assert told == [("2026-02-08", "10:30:00", 39.98)]


def test_the_table_has_the_key_and_what_is_never_null(tmp_path: Path) -> None:
    schema = keyed(
        Column(name="id", logical=L.INTEGER, nullable=False),
        Column(name="name", logical=L.TEXT, nullable=False),
        Column(name="note", logical=L.TEXT),
    )
    frame = pl.DataFrame({"id": [2, 1], "name": ["b", "a"], "note": [None, "x"]})

    write(SQLITE, tmp_path / "t", schema, [frame])

    columns = query(tmp_path / "t", 'select name, type, "notnull", pk from pragma_table_info("t")')
    assert columns == [("id", "INTEGER", 1, 1), ("name", "TEXT", 1, 0), ("note", "TEXT", 0, 0)]
    assert query(tmp_path / "t", "select strict from pragma_table_list where name = 't'") == [(1,)]
    # A whole number as the key is the number of the row, and the rows come in its order.
    assert read(SQLITE, tmp_path / "t", schema)["id"].to_list() == [1, 2]
    assert [one.name for one in tmp_path.iterdir()] == ["t"]


BROKEN: dict[str, tuple[dict[str, list[Any]], tuple[int, int]]] = {
    "a key twice": ({"id": [3, 1, 3, 2], "name": ["a", "b", "c", "d"]}, (0, 1)),
    "a key that is null": ({"id": [3, None, 1, None], "name": ["a", "b", "c", "d"]}, (0, 1)),
    "a name that is null": ({"id": [1, 2, 3, 4], "name": ["a", None, "c", None]}, (1, 0)),
    "both": ({"id": [1, 2, 1, None], "name": ["a", "c", None, None]}, (0, 0)),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("key", [("id",), ("id", "more")], ids=["one column", "two columns"])
def test_a_promise_that_rows_break_is_taken_back_and_no_row_is_lost(
    case: str, key: tuple[str, ...], tmp_path: Path
) -> None:
    data, (keys, required) = BROKEN[case]
    schema = keyed(
        Column(name="id", logical=L.INTEGER),
        Column(name="name", logical=L.TEXT, nullable=False),
        Column(name="more", logical=L.INTEGER),
        key=key,
    )
    frame = pl.DataFrame({**data, "more": [0] * 4}, schema=schema.polars)

    write(SQLITE, tmp_path / "whole", schema, [frame])
    for cut in range(1, 4):
        write(SQLITE, tmp_path / f"cut {cut}", schema, [frame[:cut], frame[cut:]])

    files = {path.read_bytes() for path in tmp_path.iterdir()}
    assert len(files) == 1
    back = read(SQLITE, tmp_path / "whole", schema)
    assert_frame_equal(back, frame, check_row_order=False)
    found = query(tmp_path / "whole", 'select name, "notnull", pk from pragma_table_info("t")')
    assert found[0][2] == keys
    assert found[1][1] == required


def test_what_sqlite_takes_for_null_is_counted_and_told(tmp_path: Path) -> None:
    schema = TableSchema(name="t", columns=(Column(name="f", logical=L.FLOAT),))
    frame = pl.DataFrame({"f": [float("nan"), -0.0, 0.0, float("inf"), -2.5, None]})

    writer = write(SQLITE, tmp_path / "t", schema, [frame])
    back = read(SQLITE, tmp_path / "t", schema)

    held = SQLITE.carried_rows(Batch(frame), schema, FormatOptions())
    assert list(map(repr, back["f"])) == list(map(repr, held.frame["f"]))
    assert list(map(repr, back["f"])) == ["None", "0.0", "0.0", "inf", "-2.5", "None"]
    assert writer.fidelity()["f"].verdict == "lossy"
    assert writer.fidelity()["f"].count == 2


@pytest.mark.parametrize(
    "name",
    ["sqlite_master", 'a "quoted" one', "select", "n" * 300, "таблица", "", "x; drop table t", "."],
)
def test_any_name_is_the_name_of_a_table_and_of_a_column(name: str, tmp_path: Path) -> None:
    schema = TableSchema(
        name=name,
        columns=tuple(
            Column(name=one, logical=L.INTEGER)
            for one in (name, name.upper() + "x", "rowid", "Oid")
        ),
        primary_key=(name,),
    )
    frame = pl.DataFrame({one: [1, 2] for one in schema.names}, schema=schema.polars)

    write(SQLITE, tmp_path / "t", schema, [frame])

    assert_frame_equal(read(SQLITE, tmp_path / "t", schema), frame)


def test_columns_that_differ_in_case_alone_stay_two(tmp_path: Path) -> None:
    names = ("Id", "id", "ID_2", "")
    schema = TableSchema(
        name="t", columns=tuple(Column(name=one, logical=L.INTEGER) for one in names)
    )
    frame = pl.DataFrame(dict(zip(names, ([1], [2], [3], [4]), strict=True)), schema=schema.polars)

    write(SQLITE, tmp_path / "t", schema, [frame])

    assert_frame_equal(read(SQLITE, tmp_path / "t", schema), frame)
    found = query(tmp_path / "t", 'select name from pragma_table_info("t")')
    assert found == [("Id",), ("id_3",), ("ID_2",), ("column",)]


@pytest.mark.parametrize("columns", [0, 2_001])
def test_a_table_of_no_or_too_many_columns_is_refused_before_anything_is_read(columns: int) -> None:
    schema = TableSchema(
        name="wide",
        columns=tuple(Column(name=f"c{index}", logical=L.INTEGER) for index in range(columns)),
    )

    with pytest.raises(UsageError, match=r"^wide: .*a table of SQLite has 1 to 2,000$"):
        SQLITE.carried(schema, FormatOptions())


def test_every_byte_of_a_page_that_holds_rows_is_watched_by_the_digest_or_refused(
    tmp_path: Path,
) -> None:
    schema, frame = table_of(["integer", "text"])
    path = tmp_path / "t"
    write(SQLITE, path, schema, [frame])
    whole = path.read_bytes()

    for place in range(4_096, len(whole), 997):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            back = read(SQLITE, path, schema)
        except IntegrityError as error:
            assert str(error).startswith("t: ")  # noqa: PT017 - some are refused, the others differ
        else:
            free = whole[place] == 0 or back.height == frame.height
            assert free or not back.equals(frame)


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ("update t set i = 'x' where rowid = 1", "column i holds 1 values that are no integer"),
        ("update t set b = 7", "column b holds 2 values that are no boolean"),
        ("update t set d = 'soon'", "column d does not hold date"),
        ("alter table t add column more", "the columns are not those of the table"),
    ],
)
def test_values_of_another_kind_are_refused(change: str, fact: str, tmp_path: Path) -> None:
    schema = TableSchema(
        name="t",
        columns=(
            Column(name="i", logical=L.INTEGER),
            Column(name="b", logical=L.BOOLEAN),
            Column(name="d", logical=L.DATE),
        ),
    )
    frame = pl.DataFrame({"i": [1, 2], "b": [True, None], "d": [None, None]}, schema=schema.polars)
    if change.startswith("update t set b"):
        frame = frame.with_columns(b=pl.Series([True, False]))
    write(SQLITE, tmp_path / "t", schema, [frame])
    with closing(sqlite3.connect(tmp_path / "t")) as connection, connection:
        connection.execute(change)

    with pytest.raises(IntegrityError, match=f"^t: {fact}$"):
        read(SQLITE, tmp_path / "t", schema)
