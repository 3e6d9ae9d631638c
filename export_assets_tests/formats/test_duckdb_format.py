"""DuckDB databases: what any program finds in them."""

from datetime import time
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from export_assets.errors import IntegrityError, UsageError
from export_assets.formats.base import FormatOptions
from export_assets.formats.registry import FORMATS
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets_tests.formats.tables_of_every_type import read, table_of, write

DUCKDB = FORMATS["duckdb"]
L = LogicalType
UUID = "2f8a6bd6-3d0f-4c3a-9a4a-1d6f6f1f2c11"


def query(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(path, read_only=True) as connection:
        return connection.execute(statement).fetchall()


def types(path: Path) -> dict[str, str]:
    return dict(
        query(path, "select column_name, data_type from duckdb_columns() where not internal")
    )


def test_columns_have_the_types_that_duckdb_has_for_them(tmp_path: Path) -> None:
    names = ["boolean", "integer", "float", "decimal", "text", "date", "timestamp", "naive", "uuid"]
    schema, frame = table_of([*names, "binary", "nested", "nested hard"])
    path = tmp_path / "t.duckdb"

    write(DUCKDB, path, schema, [frame])

    assert types(path) == {
        "boolean": "BOOLEAN",
        "integer": "BIGINT",
        "float": "DOUBLE",
        "decimal": "DECIMAL(20,4)",
        "text": "VARCHAR",
        "date": "DATE",
        "timestamp": "TIMESTAMP WITH TIME ZONE",
        "naive": "TIMESTAMP",
        "uuid": "UUID",
        "binary": "BLOB",
        "nested": "STRUCT(a BIGINT, b VARCHAR[], f DOUBLE)[]",
        "nested hard": "JSON",
    }
    assert [one.name for one in tmp_path.iterdir()] == ["t.duckdb"]


FALLBACKS: dict[str, tuple[LogicalType, list[Any], str, str]] = {
    "json": (L.JSON, ['{"a": 1}', None, "[1e400]"], "{", "VARCHAR"),
    "uuid": (L.UUID, [UUID, None], UUID.upper(), "VARCHAR"),
    "digits": (L.UUID, [UUID, None], UUID.replace("-", ""), "VARCHAR"),
    "time": (L.TIME, [time(1, 2, 3, 4), None], "finer", "TIME_NS"),
}


@pytest.mark.parametrize("case", FALLBACKS)
@pytest.mark.parametrize("rows", [3, 150_000], ids=["at once", "after a row group"])
def test_a_value_that_fits_no_type_changes_the_type_and_is_counted(
    case: str, rows: int, tmp_path: Path
) -> None:
    logical, fitting, odd, fallback = FALLBACKS[case]
    schema = TableSchema(name="t", columns=(Column(name="c", logical=logical),))
    plain = pl.DataFrame({"c": fitting * (rows // len(fitting))}, schema=schema.polars)
    strange = pl.Series([1], dtype=pl.Int64).cast(pl.Time) if odd == "finer" else pl.Series([odd])
    last = pl.DataFrame({"c": strange}, schema=schema.polars)

    write(DUCKDB, tmp_path / "plain", schema, [plain])
    writer = write(DUCKDB, tmp_path / "odd", schema, [plain, last, plain[:2]])

    assert types(tmp_path / "plain")["c"] == logical.upper()
    assert types(tmp_path / "odd")["c"] == fallback
    assert writer.fidelity()["c"].verdict == "widened"
    assert writer.fidelity()["c"].count == 1
    assert_frame_equal(read(DUCKDB, tmp_path / "plain", schema), plain)
    assert_frame_equal(read(DUCKDB, tmp_path / "odd", schema), pl.concat([plain, last, plain[:2]]))


@pytest.mark.parametrize(
    ("ids", "key"), [([2, 1, 3], True), ([2, 2, 3], False), ([2, None, 3], False)]
)
def test_the_key_is_there_where_every_row_has_one_of_its_own(
    ids: list[int | None],
    key: bool,  # noqa: FBT001 - a parameter of the test
    tmp_path: Path,
) -> None:
    schema = TableSchema(
        name="t",
        columns=(
            Column(name="id", logical=L.INTEGER),
            Column(name="name", logical=L.TEXT, nullable=False),
            Column(name="note", logical=L.TEXT, nullable=False),
        ),
        primary_key=("id",),
    )
    frame = pl.DataFrame({"id": ids, "name": ["a", "b", "c"], "note": ["a", None, "c"]})

    write(DUCKDB, tmp_path / "t", schema, [frame[:1], frame[1:]])

    constraints = query(
        tmp_path / "t", "select constraint_type, constraint_column_names from duckdb_constraints()"
    )
    assert (("PRIMARY KEY", ["id"]) in constraints) is key
    assert ("NOT NULL", ["name"]) in constraints
    assert ("NOT NULL", ["note"]) not in constraints
    assert_frame_equal(read(DUCKDB, tmp_path / "t", schema), frame)


@pytest.mark.parametrize("name", ['a "b"', "select", "n" * 300, "таблица", "", "main.t", "x;--"])
def test_any_name_is_the_name_of_a_table_and_of_a_column(name: str, tmp_path: Path) -> None:
    schema = TableSchema(
        name=name,
        columns=tuple(
            Column(name=one, logical=L.INTEGER) for one in (name, name + "X", name + "x", "rowid")
        ),
        primary_key=(name,),
    )
    frame = pl.DataFrame({one: [2, 1] for one in schema.names}, schema=schema.polars)
    path = tmp_path / "it's.duckdb"

    write(DUCKDB, path, schema, [frame])

    assert_frame_equal(read(DUCKDB, path, schema), frame)


def test_a_table_without_columns_is_refused_before_anything_is_read() -> None:
    with pytest.raises(UsageError, match=r"^none: a table of DuckDB has at least one column$"):
        DUCKDB.carried(TableSchema(name="none", columns=()), FormatOptions())


def test_a_damaged_block_is_refused(tmp_path: Path) -> None:
    schema, frame = table_of(["integer", "text"])
    path = tmp_path / "t"
    write(DUCKDB, path, schema, [frame])
    data = bytearray(path.read_bytes())
    data[3 * 4_096 + 5_000] ^= 0xFF
    path.write_bytes(data)

    with pytest.raises(IntegrityError, match=r"^t: not a whole DuckDB database"):
        read(DUCKDB, path, schema)
