"""Every type of MySQL and MariaDB, from a real server through every format and back."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from docs.fidelity import TOGETHER, page
from docs.generate import REFERENCE
from export_assets.engine.report import ExportReport
from export_assets.sources.mysql_types import nature
from export_assets.store.manifest import Manifest
from export_assets_tests.engine.engine_world import ALL_FORMATS, World
from export_assets_tests.fidelity.mysql_matrix import CASES, statements, verdicts
from export_assets_tests.fidelity.readback import Duck, Promise, readers
from export_assets_tests.mariadb_server import MariaDb, mariadb

__all__ = ["mariadb"]  # a fixture

READERS = {"parquet": "polars", "csv": "duckdb", "ndjson": "python", "json": "python"}
JSON_TYPES = ("ndjson", "json")


def _statements() -> tuple[str, ...]:
    return (
        *statements(),
        "create view seen as select id, flag, ubig, money, wall, raw from matrix",
        "create table keyless (a int, b varchar(9))",
        "insert into keyless values (1, 'x'), (1, 'x'), (null, null)",
        "create table hollow (a int, at datetime)",
        'create table `we``ird "☃%s:x` (`select` int, `qu"ote``` int, `a%b:c d` int)',
        'insert into `we``ird "☃%s:x` values (1, 2, 3)',
    )


@pytest.fixture(scope="module")
def exported(
    mariadb: MariaDb, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, ExportReport]]:
    world = World(tmp_path_factory.mktemp("values"))
    with mariadb.database(*_statements(), name="type_matrix") as url:
        world.environ["SHOP_URL"] = url
        world.config("source: shop\nurl: ${SHOP_URL}\nformats: [all]\nredact_defaults: false\n")
        yield world, world.export()


def _manifest(world: World, table: str, fmt: str) -> tuple[Manifest, Path]:
    manifest = world.manifest(table, fmt, "all")
    return manifest, world.partition(table, fmt, "all")


def _rows(world: World, table: str, fmt: str) -> list[tuple[object, ...]]:
    manifest, directory = _manifest(world, table, fmt)
    promises = [Promise.of(column) for column in manifest.columns]
    with closing(Duck()) as duck:
        read = readers(duck)[fmt][READERS[fmt]]
        return [row for path in sorted(directory.glob("part-*")) for row in read(path, promises)]


def test_everything_is_published(exported: tuple[World, ExportReport]) -> None:
    _, report = exported

    assert {record.error for record in report.records} == {None}
    assert len(report.records) == len(ALL_FORMATS) * 5
    assert report.warnings == []


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_every_value_comes_back_from_every_format(
    exported: tuple[World, ExportReport], fmt: str
) -> None:
    world, _ = exported
    manifest, _ = _manifest(world, "matrix", fmt)

    found = _rows(world, "matrix", fmt)

    names = [column.name for column in manifest.columns]
    assert names == ["id", *CASES, "doubled", "stored"]
    for name, (declared, _, logical, values, _, _) in CASES.items():
        position = names.index(name)
        got = [row[position] for row in found]
        wanted: list[object] = [*values, None]
        if logical == "json" and fmt not in JSON_TYPES:
            wanted = ['{"a": [1, null]}', "[]", None]
        assert got == wanted, f"{name} {declared}"
    assert [row[-2:] for row in found] == [(2, 3), (4, 6), (6, 9)]


@pytest.mark.parametrize("name", CASES)
def test_the_manifest_says_what_became_of_a_column(
    exported: tuple[World, ExportReport], name: str
) -> None:
    world, _ = exported
    _, _, logical, _, fidelity, count = CASES[name]

    manifest, _ = _manifest(world, "matrix", "parquet")
    (column,) = (one for one in manifest.columns if one.name == name)

    assert (column.logical_type, column.fidelity, column.fidelity_count) == (
        logical,
        fidelity,
        count,
    )
    assert (column.fidelity == "exact") == (column.fidelity_reason == "")


def test_the_reference_page_is_up_to_date(exported: tuple[World, ExportReport]) -> None:
    world, _ = exported
    manifest, _ = _manifest(world, "matrix", "parquet")

    written = (REFERENCE / "fidelity-mysql.md").read_text(encoding="utf-8")

    assert written == page("MySQL and MariaDB", verdicts(manifest), how=TOGETHER)


def test_views_tables_without_key_and_odd_names_are_tables_too(
    exported: tuple[World, ExportReport],
) -> None:
    world, _ = exported
    weird = next(path for path in (world.exports / "shop").iterdir() if path.name.startswith("we"))

    assert [row[:2] for row in _rows(world, "seen", "csv")] == [(1, False), (2, True), (3, None)]
    assert sorted(map(str, _rows(world, "keyless", "csv"))) == [
        "(1, 'x')",
        "(1, 'x')",
        "(None, None)",
    ]
    assert _rows(world, "hollow", "parquet") == []
    assert next(weird.glob("csv/all/part-*")).read_text(encoding="utf-8") == (
        'select,"qu""ote`",a%b:c d\n1,2,3\n'
    )


@pytest.mark.parametrize(
    ("declared", "logical", "digits"),
    [
        ("BIGINT(20) UNSIGNED ZEROFILL", "decimal", (20, 0)),
        ("bigint unsigned", "decimal", (20, 0)),
        ("decimal(38,38)", "decimal", (38, 38)),
        ("decimal(39,0)", "text", (None, None)),
        ("double precision", "float", (None, None)),
        ("double(10,2) unsigned", "float", (None, None)),
        ("enum('a)','tinyint(1)')", "text", (None, None)),
        ("geomcollection", "binary", (None, None)),
        ("vector(3)", "binary", (None, None)),
        ("something(1)", "text", (None, None)),
    ],
)
def test_a_declaration_has_one_meaning(
    declared: str, logical: str, digits: tuple[int | None, int | None]
) -> None:
    found = nature(declared)

    assert (str(found.logical), (found.precision, found.scale)) == (logical, digits)
