"""Types configured per column: forms, zones, words for null and booleans, what does not fit."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from export_assets.config.rules import ColumnType
from export_assets.engine.inspection import inspect_source
from export_assets.errors import ContractViolation, UsageError
from export_assets.store.contents import ColumnRecord
from export_assets_tests.engine.engine_world import World
from export_assets_tests.fidelity.trial import export_all


def exported(
    home: Path, declared: str, values: str, **rules: Any
) -> tuple[ColumnRecord, list[Any]]:
    """Export a column of *values*, SQL literals, typed by *rules*; return what it became."""
    world = World(home)
    rows = ", ".join(f"({value})" for value in values.split(" | "))
    world.sql(f"create table t (c {declared}); insert into t values {rows};")
    report = export_all(world, {"t": {"types": {"c": rules}}})
    assert [record.error for record in report.records if record.error] == []
    manifest = world.manifest("t", "parquet", "all")
    path = world.partition("t", "parquet", "all") / manifest.files[0].path
    return manifest.columns[0], [str(value) for value in pl.read_parquet(path)["c"].to_list()]


@pytest.mark.parametrize(
    ("declared", "values", "rules", "expected"),
    [
        ("text", "'31.12.2024' | null", {"type": "date", "format": "%d.%m.%Y"}, "2024-12-31"),
        (
            "text",
            "'31.12.2024 10:30'",
            {"type": "timestamp", "format": "%d.%m.%Y %H:%M", "timezone": "Europe/Berlin"},
            "2024-12-31 09:30:00+00:00",
        ),
        (
            "text",
            "'31/Dec/2024:10:30:00 +0200'",
            {"type": "timestamp", "format": "%d/%b/%Y:%H:%M:%S %z"},
            "2024-12-31 08:30:00+00:00",
        ),
        (
            "datetime",
            "'2024-07-01 10:30:00'",
            {"type": "timestamp", "encoding": "iso", "timezone": "America/New_York"},
            "2024-07-01 14:30:00+00:00",
        ),
        (
            "integer",
            "0",
            {"type": "timestamp", "encoding": "epoch_ms"},
            "1970-01-01 00:00:00+00:00",
        ),
        ("text", "'9h05'", {"type": "time", "format": "%Hh%M"}, "09:05:00"),
        (
            "text",
            "'05.01.2026 09:00:00,5'",
            {"type": "naive_timestamp", "format": "%d.%m.%Y %H:%M:%S,%f"},
            "2026-01-05 09:00:00.500000",
        ),
        (
            "text",
            "'ja' | 'nein' | null",
            {"type": "boolean", "true_values": ["ja"], "false_values": ["nein", "no"]},
            "True",
        ),
        ("integer", "1", {"type": "boolean", "true_values": ["1"], "false_values": ["2"]}, "True"),
        ("text", "'true' | 'F'", {"type": "boolean", "on_mismatch": "null"}, "True"),
        (
            "text",
            "'1.10'",
            {"type": "decimal", "precision": 6, "scale": 2, "on_mismatch": "null"},
            "1.10",
        ),
    ],
)
def test_a_column_is_read_as_configured(
    declared: str, values: str, rules: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    column, found = exported(tmp_path, declared, values, **rules)

    assert (column.logical_type, column.fidelity) == (rules["type"], "exact")
    assert found[0] == expected
    assert len(found) == len(values.split(" | "))


@pytest.mark.parametrize(
    ("rules", "values", "expected", "count"),
    [
        (
            {"type": "integer", "null_values": ["", "n/a"]},
            "1 | 'n/a' | '' | null",
            ["1", *["None"] * 3],
            2,
        ),
        ({"type": "float", "on_mismatch": "null"}, "0.5 | 'x' | 2", ["0.5", "None", "2.0"], 1),
        ({"type": "float", "on_mismatch": "null"}, "9007199254740993 | 1", ["None", "1.0"], 1),
        ({"type": "text", "null_values": ["-"]}, "'-' | 'a'", ["None", "a"], 1),
        (
            {"type": "timestamp", "encoding": "iso", "on_mismatch": "null"},
            "'soon' | '2024-07-01T10:30'",
            ["None", "2024-07-01 10:30:00+00:00"],
            1,
        ),
    ],
)
def test_what_is_read_as_null_is_counted_as_lost(
    rules: dict[str, Any], values: str, expected: list[str], count: int, tmp_path: Path
) -> None:
    column, found = exported(tmp_path, "", values, **rules)

    assert found == expected
    assert (column.logical_type, column.fidelity) == (rules["type"], "lossy")
    assert (column.fidelity_count, column.nulls) == (count, found.count("None"))
    assert column.fidelity_reason.endswith("are null, as configured")


def test_what_does_not_fit_widens_where_that_is_allowed(tmp_path: Path) -> None:
    rules = {"type": "date", "format": "%d.%m.%Y", "on_mismatch": "widen", "null_values": ["?"]}

    column, found = exported(tmp_path, "text", "'31.12.2024' | 'soon' | '?'", **rules)

    assert found == ["31.12.2024", "soon", "?"]
    assert (column.logical_type, column.fidelity, column.fidelity_count) == ("text", "widened", 1)


def test_a_blob_is_never_read_as_null(tmp_path: Path) -> None:
    column, found = exported(tmp_path, "", "1 | x'00'", type="integer", on_mismatch="null")

    assert found == ["b'1'", r"b'\x00'"]
    assert (column.logical_type, column.fidelity) == ("binary", "widened")


@pytest.mark.parametrize("extra", [{}, {"null_values": ["n/a"]}])
def test_what_does_not_fit_fails_the_table_by_default(
    extra: dict[str, Any], tmp_path: Path
) -> None:
    world = World(tmp_path)
    world.sql("create table t (c text); insert into t values ('31.12.2024'), ('soon'), ('n/a');")

    rules = {"type": "date", "format": "%d.%m.%Y", **extra}
    report = export_all(world, {"t": {"types": {"c": rules}}})

    assert report.exit_code == ContractViolation.exit_code
    assert {record.error for record in report.records} == {
        "t.c: values are no exact date, as configured"
    }


@pytest.mark.parametrize(
    ("rules", "fact"),
    [
        ({"type": "integer", "format": "%d"}, "format belongs to dates and times"),
        ({"type": "date", "format": "dd.mm"}, "format is a pattern such as"),
        ({"type": "date", "format": "%d", "encoding": "iso"}, "no place for an encoding"),
        ({"type": "date", "format": "%d.%m."}, "format: '%d.%m.' lacks %Y"),
        ({"type": "timestamp", "format": "%Y-%m-%d %T"}, "format: %T is no sign"),
        ({"type": "time", "format": "%d %H:%M"}, "format: .* is no part of a time of day"),
        ({"type": "date", "timezone": "UTC"}, "timezone belongs to timestamp"),
        ({"type": "timestamp", "timezone": "Mars/One"}, "no time zone 'Mars/One'"),
        ({"type": "text", "true_values": ["x"]}, "belong to boolean"),
        ({"type": "boolean", "true_values": ["x"]}, "give both"),
        ({"type": "boolean", "true_values": ["x"], "false_values": ["x"]}, "in them twice"),
        ({"type": "date", "on_mismatch": "ignore"}, "'refuse', 'widen' or 'null'"),
    ],
)
def test_rules_that_make_no_sense_are_refused(rules: dict[str, Any], fact: str) -> None:
    with pytest.raises(ValueError, match=fact):
        ColumnType.model_validate(rules)


def test_the_rules_hold_for_a_source_of_another_kind(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "shop.duckdb") as connection:
        connection.execute(
            "create table t as select * from (values ('31.12.2024', 'n/a', 'ja'),"
            " ('soon', '7', 'nein')) as v(day, number, said)"
        )
    world = World(tmp_path)
    world.config(
        "source: shop\nurl: shop.duckdb\ntables:\n  t:\n    types:\n"
        "      day: {type: date, format: '%d.%m.%Y', on_mismatch: 'null'}\n"
        "      number: {type: integer, null_values: [n/a]}\n"
        "      said: {type: boolean, true_values: [ja], false_values: [nein]}\n"
    )

    report = world.export()

    assert [record.error for record in report.records if record.error] == []
    manifest = world.manifest("t", "parquet", "all")
    frame = pl.read_parquet(world.partition("t", "parquet", "all") / manifest.files[0].path)
    assert frame.sort("said").rows() == [(None, 7, False), (date(2024, 12, 31), None, True)]
    assert [one.fidelity for one in manifest.columns] == ["lossy", "lossy", "exact"]
    assert [one.fidelity_count for one in manifest.columns] == [1, 1, 0]


def test_inspecting_shows_what_will_be_lost(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sql("create table t (c text); insert into t values ('1'), ('n/a');")
    world.config(
        "source: shop\nurl: shop.db\n"
        "tables: {t: {types: {c: {type: integer, null_values: [n/a]}}}}\n"
    )

    (table,) = inspect_source(world.workspace().source("shop")).tables

    found = table.columns[0].column
    assert (found.logical, found.fidelity.verdict, found.fidelity.count) == ("integer", "lossy", 1)


def test_times_as_text_stay_exact_beside_a_column_that_widens(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sql(
        "create table t (c integer, at text, moved datetime);"
        "insert into t values (1, '2024-01-31 10:00:00', '2024-01-31T10:00:00'), ('x', null, null);"
    )
    types = {"at": {"type": "timestamp"}, "moved": {"type": "timestamp"}}

    report = export_all(world, {"t": {"types": types}})

    assert [record.error for record in report.records if record.error] == []
    kinds = {one.name: (one.logical_type, one.fidelity) for one in columns_of(world)}
    assert kinds["at"] == kinds["moved"] == ("timestamp", "exact")


def columns_of(world: World) -> tuple[ColumnRecord, ...]:
    return tuple(world.manifest("t", "parquet", "all").columns)


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        ({"type": "boolean", "true_values": ["ja"], "false_values": ["nein"]}, "true"),
        ({"type": "text", "null_values": ["n/a"]}, None),
    ],
)
def test_a_filter_on_what_is_read_by_words_is_refused(
    rules: dict[str, Any], wanted: str | None, tmp_path: Path
) -> None:
    world = World(tmp_path)
    world.sql("create table t (c text); insert into t values ('ja'), ('n/a');")

    export_all(world, {"t": {"types": {"c": rules}}})
    with pytest.raises(UsageError, match=r"t\.c: is read by a rule of its own"):
        world.export(formats=("csv",), output_dir=tmp_path / "out", where={"c": wanted})
