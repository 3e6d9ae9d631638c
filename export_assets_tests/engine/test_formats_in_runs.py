"""TSV, workbooks and databases in the store: published, proven and left alone like any format."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from export_assets.engine.judge import same_content
from export_assets.engine.published import differing_values
from export_assets.engine.report import changed_values
from export_assets.formats.findings import NOT_JSON
from export_assets.formats.registry import FORMATS
from export_assets.store.manifest import read_manifest
from export_assets_tests.engine.engine_world import SHOP, World, contents, shop

NEW = ("tsv", "xlsx", "sqlite", "duckdb")
SUFFIXES = {name: f"part-00000.{name}" for name in NEW}


def test_partitions_are_published_read_back_and_republished_where_rows_changed(
    tmp_path: Path,
) -> None:
    world = shop(tmp_path)

    first = world.export(formats=NEW)
    again = world.export(formats=NEW, full=True)
    world.sql("update orders set note = 'new' where id = 3")
    changed = world.export(formats=NEW)

    assert first.exit_code == again.exit_code == changed.exit_code == 0
    assert {record.status for record in first.records} == {"success"}
    assert {record.status for record in again.records} == {"unchanged"}
    done = {(one.partition, one.format) for one in changed.records if one.status == "success"}
    assert done == {("2026-02-09", fmt) for fmt in NEW}
    found = list(world.exports.rglob("_manifest.json"))
    assert len(found) == 4 * len(NEW)
    for path in found:
        assert differing_values(path.parent, read_manifest(path)) is None
        fmt = path.parent.parent.name
        assert {one.name for one in path.parent.iterdir()} == {"_manifest.json", SUFFIXES[fmt]}


def test_a_database_that_was_changed_is_found_by_its_values(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export(formats=("sqlite",))
    directory = world.partition("customers", "sqlite", "all")
    with closing(sqlite3.connect(directory / "part-00000.sqlite")) as connection, connection:
        connection.execute("update customers set name = 'Eve' where id = 1")

    told = differing_values(directory, read_manifest(directory / "_manifest.json"))

    assert told == "its values differ from those recorded in name"


def test_a_partition_of_more_rows_than_a_file_takes_has_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FORMATS["xlsx"], "most_rows", 3)
    yaml = SHOP.replace("  orders: {partition_by: {column: at, every: day}}", "  orders: {}")
    world = shop(tmp_path, yaml)

    report = world.export(formats=("xlsx", "csv"))

    assert report.exit_code == 0
    files = world.manifest("orders", "xlsx", "all").files
    assert [(one.path, one.rows) for one in files] == [
        ("part-00000.xlsx", 3),
        ("part-00001.xlsx", 1),
    ]
    assert len(world.manifest("orders", "csv", "all").files) == 1


def test_one_file_of_more_rows_than_a_sheet_takes_is_refused_not_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export_assets.formats.xlsx_writer.MOST_ROWS", 4)
    world = shop(tmp_path)

    report = world.export(formats=("xlsx",), output_dir=tmp_path / "out")

    told = {record.table: record for record in report.records}
    assert told["customers"].status == "success"
    assert told["orders"].exit_code == 2
    assert told["orders"].error == (
        "orders: a sheet of Excel ends after 3 rows; choose another format, or partitions"
    )
    assert not [one for one in (tmp_path / "out").iterdir() if one.name.startswith("orders")]


def test_databases_of_equal_rows_are_the_same_although_their_bytes_are_not(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export(formats=("duckdb",))
    manifest = world.manifest("customers", "duckdb", "all")
    before = contents(world.exports)

    world.export(formats=("duckdb",), overwrite=True)

    written = world.manifest("customers", "duckdb", "all")
    assert contents(world.exports) != before
    assert same_content(manifest, written, bytes_tell=False)
    assert not same_content(manifest, written, bytes_tell=True)
    other = msgspec.structs.replace(written, row_digest="0" * 16)
    assert not same_content(manifest, other, bytes_tell=False)


def test_what_the_source_and_what_the_format_changed_are_both_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sql("""
        create table notes (id integer primary key, body json);
        insert into notes values (1, 5), (2, 'no {json'), (3, 'nor [this');
    """)
    world.config("{source: shop, url: shop.db, tables: {notes: {}}}")

    report = world.export(formats=("duckdb",))

    [record] = report.records
    [line] = changed_values(report.records)
    assert record.manifest is not None
    assert [(change.reason, change.count) for change in record.manifest.columns[1].changes] == [
        ("holds numbers that SQLite took out of their JSON text", 1),
        (NOT_JSON, 2),
    ]
    assert f"({NOT_JSON}: 2 values)" in line
    assert "took out of their JSON text: 1 value)" in line
    [path] = world.exports.rglob("_manifest.json")
    assert read_manifest(path).columns == record.manifest.columns
