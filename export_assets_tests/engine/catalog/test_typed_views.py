"""What a view gives is what was published: every type, every format, nothing guessed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from export_assets.engine.catalog.session import open_catalog
from export_assets.formats.base import FormatOptions
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets_tests.engine.catalog.published_tables import (
    NOW,
    ROWS,
    TYPES,
    VALUES,
    Publisher,
    with_columns,
)

CASES = [
    ("parquet", FormatOptions()),
    ("csv", FormatOptions()),
    ("csv", FormatOptions(profile="legacy")),
    ("csv", FormatOptions(profile="excel")),
    ("csv", FormatOptions(delimiter=";", compression="gzip")),
    ("csv", FormatOptions(delimiter="§", compression="zstd")),
    ("ndjson", FormatOptions()),
    ("ndjson", FormatOptions(compression="zstd")),
    ("json", FormatOptions(compression="gzip")),
    ("json", FormatOptions(pretty=True)),
]


def rows_in(root: Path, sql: str) -> list[tuple[object, ...]]:
    with open_catalog(root) as catalog:
        return catalog.fetch(sql)


def types_in(root: Path, table: str) -> list[str]:
    return [str(row[1]) for row in rows_in(root, f"DESCRIBE {table}")]


@pytest.mark.parametrize(
    ("fmt", "options"), CASES, ids=[f"{fmt}-{number}" for number, (fmt, _) in enumerate(CASES)]
)
def test_every_value_comes_as_it_was_published(
    tmp_path: Path, fmt: str, options: FormatOptions
) -> None:
    Publisher(root=tmp_path).publish(VALUES, ROWS, fmt=fmt, options=options)

    found = rows_in(tmp_path, 'FROM shop."values"')

    assert found == ROWS
    assert types_in(tmp_path, 'shop."values"') == TYPES


@pytest.mark.parametrize("options", [FormatOptions(), FormatOptions(profile="legacy")])
def test_null_and_empty_text_stay_two_things_in_a_table_of_one_column(
    tmp_path: Path, options: FormatOptions
) -> None:
    one = TableSchema(name="one", columns=(Column(name="t", logical=LogicalType.TEXT),))
    rows: list[tuple[object, ...]] = [(None,), ("",), ("x",), (None,)]
    Publisher(root=tmp_path).publish(one, rows, fmt="csv", options=options)

    assert rows_in(tmp_path, "FROM shop.one") == rows


@pytest.mark.parametrize("fmt", ["parquet", "csv", "ndjson", "json"])
def test_a_table_without_rows_has_its_columns(tmp_path: Path, fmt: str) -> None:
    Publisher(root=tmp_path).publish(VALUES, [], fmt=fmt)

    assert rows_in(tmp_path, 'SELECT count(*) FROM shop."values"') == [(0,)]
    assert types_in(tmp_path, 'shop."values"') == TYPES


def test_text_of_a_json_column_is_the_source_s_own_whether_it_is_json_or_not(
    tmp_path: Path,
) -> None:
    table = TableSchema(name="notes", columns=(Column(name="note", logical=LogicalType.JSON),))
    publisher = Publisher(root=tmp_path)
    publisher.publish(
        table, [('{"a" : 1.00}',)], partition="2026-01-01", directory="day=2026-01-01"
    )
    publisher.publish(table, [("no json",)], partition="2026-01-02", directory="day=2026-01-02")

    assert rows_in(tmp_path, "SELECT note FROM shop.notes ORDER BY day") == [
        ('{"a" : 1.00}',),
        ("no json",),
    ]


def test_lists_and_structs_stay_what_they_are(tmp_path: Path) -> None:
    kind = pl.List(pl.Struct({"it's": pl.Int64, "b": pl.String}))
    table = TableSchema(
        name="deep", columns=(Column(name="d", logical=LogicalType.NESTED, nested=kind),)
    )
    value = [{"it's": 1, "b": "x"}, {"it's": None, "b": None}]
    for fmt in ("parquet", "csv", "ndjson"):
        root = tmp_path / fmt
        Publisher(root=root).publish(table, [(value,), (None,), ([],)], fmt=fmt)

        assert rows_in(root, "FROM shop.deep") == [(value,), (None,), ([],)], fmt


def decimals(digits: int) -> TableSchema:
    column = Column(name="d", logical=LogicalType.DECIMAL, precision=digits, scale=10)
    return TableSchema(name="sums", columns=(column,))


def test_decimals_that_json_would_round_are_read_from_csv_or_not_at_all(tmp_path: Path) -> None:
    value = Decimal("1234567890123456789.0123456789")
    publisher = Publisher(root=tmp_path)
    publisher.publish(decimals(38), [(value,)], fmt="ndjson")

    with open_catalog(tmp_path) as catalog:
        left_out = catalog.left_out
    publisher.publish(decimals(38), [(value,)], fmt="csv")

    assert left_out == (
        "shop.sums: no view, ndjson: DuckDB would round column d, whose numbers may have 38 digits",
    )
    assert rows_in(tmp_path, "FROM shop.sums") == [(value,)]


def test_lines_that_are_no_rows_have_no_view(tmp_path: Path) -> None:
    Publisher(root=tmp_path).publish(VALUES, ROWS, fmt="ndjson", dialect={"lines": "logged"})

    with open_catalog(tmp_path) as catalog:
        assert catalog.left_out == (
            "shop.values: no view, ndjson: its lines are not the rows of the table",
        )


def test_columns_that_came_later_are_null_before_and_types_that_grew_hold_both(
    tmp_path: Path,
) -> None:
    def table(*columns: Column) -> TableSchema:
        return TableSchema(name="t", columns=columns)

    publisher = Publisher(root=tmp_path)
    ident = Column(name="id", logical=LogicalType.INTEGER)
    old = table(ident, Column(name="n", logical=LogicalType.INTEGER))
    new = table(
        ident,
        Column(name="n", logical=LogicalType.DECIMAL, precision=10, scale=2),
        Column(name="added", logical=LogicalType.TEXT),
    )
    publisher.publish(old, [(1, 7)], partition="2026-01-01", directory="day=2026-01-01")
    publisher.publish(
        new,
        [(2, Decimal("1.50"), "x")],
        partition="2026-01-02",
        directory="day=2026-01-02",
        at=NOW + timedelta(seconds=1),
    )

    assert rows_in(tmp_path, "SELECT * EXCLUDE day FROM shop.t ORDER BY id") == [
        (1, Decimal("7.00"), None),
        (2, Decimal("1.50"), "x"),
    ]
    assert types_in(tmp_path, "shop.t") == ["BIGINT", "DECIMAL(21,2)", "VARCHAR", "DATE"]


def test_names_of_all_kinds_are_names(tmp_path: Path) -> None:
    names = ["", "path", "c0", 'qu"ote', "it's", "select", "é", "filename", "*", "day"]
    table = TableSchema(
        name='od"d.tab le', columns=tuple(Column(name=n, logical=LogicalType.TEXT) for n in names)
    )
    row = tuple(f"value of {name}" for name in names)
    for fmt in ("parquet", "csv", "ndjson"):
        usable = table if fmt != "ndjson" else table.select(tuple(names[1:]))
        root = tmp_path / fmt
        Publisher(root=root).publish(usable, [row[-len(usable.names) :]], fmt=fmt)

        found = rows_in(root, 'FROM shop."od""d.tab le"')

        assert found == [row[-len(usable.names) :]], fmt


def test_columns_that_differ_in_case_only_are_read_from_csv(tmp_path: Path) -> None:
    table = with_columns(
        TableSchema(name="t", columns=(Column(name="id", logical=LogicalType.INTEGER),)),
        Column(name="ID", logical=LogicalType.INTEGER),
    )
    publisher = Publisher(root=tmp_path)
    for fmt in ("parquet", "csv"):
        publisher.publish(table, [(1, 2)], fmt=fmt)

    with open_catalog(tmp_path) as catalog:
        found = catalog.query("FROM shop.t")
        assert (found.columns, found.fetchall()) == (["id", "ID_1"], [(1, 2)])


def test_tables_and_sources_that_duckdb_would_mix_up_have_a_view_each(tmp_path: Path) -> None:
    def named(name: str) -> TableSchema:
        return replace(VALUES.select(("id",)), name=name)

    Publisher(root=tmp_path).publish(named("orders"), [(1,)], directory="all")
    Publisher(root=tmp_path).publish(named("Orders"), [(2,)])
    for source in ("main", "information_schema", "temp"):
        Publisher(root=tmp_path, source=source).publish(named("t"), [(3,)])

    with open_catalog(tmp_path) as catalog:
        views: Sequence[tuple[str, ...]] = catalog.query(
            "SELECT schema, name FROM (SHOW ALL TABLES) ORDER BY 1, 2"
        ).fetchall()
        assert catalog.left_out == ()
    assert views == [
        ("information_schema_", "t"),
        ("main", "t"),
        ("shop", "Orders"),
        ("shop", "orders_1"),
        ("temp_", "t"),
    ]
