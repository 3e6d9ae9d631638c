"""One file of several tables: everything in it, and nothing else."""

import json
import random
import sqlite3
import zipfile
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from export_assets.errors import IntegrityError, UsageError
from export_assets.formats.base import FormatOptions
from export_assets.formats.joiners import JOINERS, joiner_of
from export_assets.formats.joining import Origin, Part, TableJoiner, part_of
from export_assets.formats.registry import FORMATS
from export_assets.tables.schema import Column, ForeignKey, LogicalType, TableSchema
from export_assets_tests.formats.tables_of_every_type import table_of, write
from export_assets_tests.formats.test_format_properties import NAME, new_file, tables

L = LogicalType
ORIGIN = Origin(
    source="shop",
    taken_at=datetime(2026, 2, 8, 10, 30, tzinfo=UTC),
    exported_at=datetime(2026, 2, 8, 10, 31, tzinfo=UTC),
)
DATABASES = ["sqlite", "duckdb"]
BY_TABLE = [name for name, joiner in JOINERS.items() if isinstance(joiner, TableJoiner)]
Tables = Mapping[str, tuple[TableSchema, pl.DataFrame]]


def parts_of(fmt: str, home: Path, given_tables: Tables) -> dict[str, Part]:
    home.mkdir(exist_ok=True)
    options = FormatOptions()
    parts = {}
    for index, (name, (schema, frame)) in enumerate(given_tables.items()):
        path = home / f"part-{index}{FORMATS[fmt].suffix(options)}"
        write(FORMATS[fmt], path, schema, [frame])
        parts[name] = part_of(FORMATS[fmt], path, schema, options)
    return parts


def joined(
    fmt: str, home: Path, given_tables: Tables, *, origin: Origin | None = ORIGIN
) -> tuple[Path, dict[str, Part]]:
    parts = parts_of(fmt, home, given_tables)
    path = home / f"whole.{fmt}"
    joiner_of(fmt).join(path, parts, FormatOptions(), origin=origin)
    joiner_of(fmt).prove(path, parts, FormatOptions(), origin=origin)
    return path, parts


def integers(name: str, *columns: str, key: str = "", **keys: Any) -> TableSchema:
    return TableSchema(
        name=name,
        columns=tuple(Column(name=one, logical=L.INTEGER) for one in columns),
        primary_key=(key,) if key else (),
        **keys,
    )


def back(fmt: str, path: Path, parts: Mapping[str, Part], table: str) -> pl.DataFrame:
    joiner = joiner_of(fmt)
    assert isinstance(joiner, TableJoiner)
    frames = [batch.frame for batch in joiner.read(path, parts, table)]
    return pl.concat([pl.DataFrame(schema=parts[table].schema.polars), *frames])


@pytest.mark.parametrize("fmt", BY_TABLE)
def test_every_table_is_in_the_file_with_every_type_of_value(fmt: str, tmp_path: Path) -> None:
    every = table_of()
    given_tables = {
        "every": every,
        "none": (every[0], every[1].clear()),
        "Every": (integers("Every", "a"), pl.DataFrame({"a": [1, 2]})),
        'a "b"': (integers('a "b"', "select"), pl.DataFrame({"select": [3]})),
        "n" * 300: (integers("n" * 300, "m" * 300), pl.DataFrame({"m" * 300: [4]})),
        "sqlite_x": (integers("sqlite_x", "a"), pl.DataFrame({"a": [5]})),
    }

    path, parts = joined(fmt, tmp_path, given_tables)

    for name, (_, frame) in given_tables.items():
        assert_frame_equal(back(fmt, path, parts, name), frame, check_exact=True)
    left = {one.name for one in tmp_path.iterdir()} - {part.path.name for part in parts.values()}
    assert left == {path.name}


@pytest.mark.parametrize("fmt", [fmt for fmt in JOINERS if FORMATS[fmt].reproducible])
@pytest.mark.parametrize("described", [True, False])
def test_equal_parts_give_equal_bytes(fmt: str, described: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter of the test
    given_tables = {
        "a": (integers("a", "x"), pl.DataFrame({"x": range(1_000)})),
        "b": (integers("b", "y"), pl.DataFrame({"y": [None, 2]}, schema={"y": pl.Int64})),
    }
    origin = ORIGIN if described else None

    one, _ = joined(fmt, tmp_path / "one", given_tables, origin=origin)
    other, _ = joined(fmt, tmp_path / "other", given_tables, origin=origin)

    assert one.read_bytes() == other.read_bytes()


random_tables = st.dictionaries(
    NAME.filter(lambda name: name.casefold() != "_export_assets"), tables(), min_size=1, max_size=3
)


@pytest.mark.parametrize("fmt", JOINERS)
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(drawn=random_tables)
def test_random_tables_of_any_name_are_joined_and_proven(fmt: str, drawn: Tables) -> None:
    with new_file() as home:
        home.mkdir()
        path, parts = joined(fmt, home, drawn)

        for name, (_, frame) in drawn.items():
            if fmt in BY_TABLE:
                assert_frame_equal(back(fmt, path, parts, name), frame, check_exact=True)


def sqlite_changed(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("update b set y = 3 where y = 2")


def duckdb_changed(path: Path) -> None:
    with duckdb.connect(path) as connection:
        connection.execute("update b set y = 3 where y = 2")


def xlsx_changed(path: Path) -> None:
    content = {}
    with zipfile.ZipFile(path) as package:
        content = {name: package.read(name) for name in package.namelist()}
    sheet = content["xl/worksheets/sheet2.xml"]
    content["xl/worksheets/sheet2.xml"] = sheet.replace(b"<v>2</v>", b"<v>3</v>")
    with zipfile.ZipFile(path, "w") as package:
        for name, data in content.items():
            package.writestr(name, data)


def json_changed(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"y":2', b'"y":3'))


CHANGES: dict[str, Callable[[Path], None]] = {
    "sqlite": sqlite_changed,
    "duckdb": duckdb_changed,
    "xlsx": xlsx_changed,
    "json": json_changed,
}


@pytest.mark.parametrize("fmt", JOINERS)
def test_one_value_that_differs_is_found(fmt: str, tmp_path: Path) -> None:
    given_tables = {
        "a": (integers("a", "x"), pl.DataFrame({"x": [1]})),
        "b": (integers("b", "y"), pl.DataFrame({"y": [1, 2]})),
    }
    path, parts = joined(fmt, tmp_path, given_tables)

    CHANGES[fmt](path)

    with pytest.raises(IntegrityError, match=f"^whole.{fmt}: (b differs|the document is not)"):
        joiner_of(fmt).prove(path, parts, FormatOptions(), origin=ORIGIN)


@pytest.mark.parametrize("fmt", JOINERS)
def test_a_table_called_as_the_metadata_is_refused_only_beside_them(fmt: str) -> None:
    joiner = joiner_of(fmt)

    with pytest.raises(UsageError, match=f"^{joiner.about}: a table of this name"):
        joiner.check(["a", joiner.about], described=True)
    joiner.check(["a", joiner.about], described=False)


def test_a_format_of_one_table_a_file_joins_nothing() -> None:
    with pytest.raises(UsageError, match=r"^csv: one file holds one table; formats of several "):
        joiner_of("csv")


FAMILY: Tables = {
    "child": (
        integers(
            "child",
            "id",
            "parent",
            "code",
            "other",
            key="id",
            foreign_keys=(
                ForeignKey(columns=("PARENT",), ref_table="Parent", ref_columns=("id",)),
                ForeignKey(columns=("code",), ref_table="parent", ref_columns=("code",)),
                ForeignKey(columns=("other",), ref_table="parent", ref_columns=("loose",)),
                ForeignKey(columns=("other",), ref_table="gone", ref_columns=("id",)),
                ForeignKey(columns=("left out",), ref_table="parent", ref_columns=("id",)),
            ),
        ),
        pl.DataFrame(
            {"id": [1, 2, 3], "parent": [1, 2, None], "code": [7, 8, 7], "other": [1] * 3}
        ),
    ),
    "parent": (
        integers(
            "parent",
            "id",
            "code",
            "loose",
            "boss",
            key="id",
            foreign_keys=(ForeignKey(columns=("boss",), ref_table="parent", ref_columns=("id",)),),
        ),
        pl.DataFrame({"id": [1, 2], "code": [7, 8], "loose": [1, 1], "boss": [2, None]}),
    ),
}


def dangling() -> Tables:
    schema, frame = FAMILY["child"]
    return {**FAMILY, "child": (schema, frame.with_columns(parent=pl.Series([1, 99, None])))}


@pytest.mark.parametrize("rows", ["whole", "dangling"])
def test_sqlite_declares_every_key_that_leads_to_one_row(rows: str, tmp_path: Path) -> None:
    path, _ = joined("sqlite", tmp_path, FAMILY if rows == "whole" else dangling())

    with closing(sqlite3.connect(path)) as connection:
        keys = connection.execute(
            'select "from", "table", "to" from pragma_foreign_key_list(?) order by 1', ("child",)
        ).fetchall()
        indexes = connection.execute(
            "select tbl_name, name from sqlite_schema where sql like 'create index%' order by name"
        ).fetchall()
        broken = connection.execute("pragma foreign_key_check").fetchall()
        whole = connection.execute("pragma integrity_check").fetchall()
        connection.execute("pragma foreign_keys = on")
        connection.execute("insert into child values (4, 2, 8, null)")
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            connection.execute("insert into child values (5, 98, null, null)")

    assert keys == [("code", "parent", "code"), ("parent", "parent", "id")]
    assert indexes == [
        ("child", "child_code_index"),
        ("child", "child_parent_index"),
        ("parent", "parent_boss_index"),
    ]
    assert len(broken) == (rows == "dangling")
    assert whole == [("ok",)]


@pytest.mark.parametrize("rows", ["whole", "dangling"])
def test_duckdb_declares_the_keys_that_every_row_keeps(rows: str, tmp_path: Path) -> None:
    path, parts = joined("duckdb", tmp_path, FAMILY if rows == "whole" else dangling())

    with duckdb.connect(path, read_only=True) as connection:
        found = connection.execute(
            "select table_name, constraint_column_names from duckdb_constraints() "
            "where constraint_type = 'FOREIGN KEY' order by all"
        ).fetchall()
    expected = [("child", ["code"]), ("child", ["parent"])]
    assert [one for one in found if one[0] == "child"] == expected[: 1 + (rows == "whole")]
    assert back("duckdb", path, parts, "parent").equals(FAMILY["parent"][1])


@pytest.mark.parametrize("fmt", DATABASES)
def test_references_in_a_circle_are_no_reason_to_fail(fmt: str, tmp_path: Path) -> None:
    tables_of_both = {
        name: (
            integers(
                name,
                "id",
                "to",
                key="id",
                foreign_keys=(ForeignKey(columns=("to",), ref_table=other, ref_columns=("id",)),),
            ),
            pl.DataFrame({"id": [1, 2], "to": [2, 1]}),
        )
        for name, other in (("a", "b"), ("b", "a"))
    }

    path, parts = joined(fmt, tmp_path, tables_of_both)

    assert back(fmt, path, parts, "b").equals(tables_of_both["b"][1])


def told_sqlite(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("select * from _export_assets").fetchall()


def told_duckdb(path: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect(path, read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        return connection.execute(
            "select * replace (strftime(taken_at, '%Y-%m-%d %H:%M:%S.%f+00:00') as taken_at) "
            "from _export_assets"
        ).fetchall()


def told_xlsx(path: Path) -> list[tuple[Any, ...]]:
    sheet = openpyxl.load_workbook(path)["_export_assets"]
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    return [(*row[:-1], f"{row[-1]:%Y-%m-%d %H:%M:%S.%f}+00:00") for row in rows]


@pytest.mark.parametrize(
    ("fmt", "told", "second"),
    [("sqlite", told_sqlite, "a_2"), ("duckdb", told_duckdb, "a_2"), ("xlsx", told_xlsx, "a (2)")],
)
def test_the_file_tells_where_each_table_comes_from(
    fmt: str, told: Callable[[Path], list[tuple[Any, ...]]], second: str, tmp_path: Path
) -> None:
    path, parts = joined(
        fmt,
        tmp_path,
        {
            "A": (integers("A", "x"), pl.DataFrame({"x": [1]})),
            "a": (integers("a", "x"), pl.DataFrame({"x": [1, 2]})),
        },
    )

    moment = "2026-02-08 10:30:00.000000+00:00"
    assert told(path) == [
        ("A", "A", 1, parts["A"].digest.row_digest, "shop", moment),
        ("a", second, 2, parts["a"].digest.row_digest, "shop", moment),
    ]
    assert str(tmp_path).encode() not in path.read_bytes()


def test_a_document_is_proven_whatever_its_blocks(tmp_path: Path) -> None:
    chance = random.Random(5)
    rows = pl.DataFrame({"x": [chance.randrange(10**18) for _ in range(200_000)]})
    given_tables = {"a": (integers("a", "x"), rows), "b": (integers("b", "x"), rows[:7])}

    path, parts = joined("json", tmp_path, given_tables)

    document = json.loads(path.read_bytes())
    assert document["metadata"]["record_counts"] == {"a": 200_000, "b": 7}
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(IntegrityError, match="the document is not what its tables are"):
        joiner_of("json").prove(path, parts, FormatOptions(), origin=ORIGIN)
