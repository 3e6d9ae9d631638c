"""Odd tables, columns and names of SQLite: exported in every format, told apart, read back."""

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from export_assets_tests.engine.engine_world import ALL_FORMATS, World
from export_assets_tests.fidelity.random_schemas import NAMES
from export_assets_tests.fidelity.readback import Duck
from export_assets_tests.fidelity.trial import Tally, compare, export_all, published
from export_assets_tests.proof.plugin import Proven

HOSTILE = (
    *(
        "select",
        'say "hi"',
        "it's",
        '"; drop table t; --',
        "a b",
        "../up",
        "CON",
        "日本",
        "x.y",
        "*",
    ),
    *("^a.*$", "%2e%2e", "x" * 300, "-", "\t", "_under", "Ä", "ä", "e\u0301", "é"),
)


@pytest.fixture(scope="module")
def duck() -> Iterator[Duck]:
    opened = Duck()
    yield opened
    opened.close()


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def check(
    home: Path, duck: Duck, script: str, tables: Mapping[str, Mapping[str, object]] | None = None
) -> World:
    """Export what *script* makes and compare every table with what is read back."""
    world = World(home)
    world.sql(script)
    report = export_all(world, tables or {})
    assert [record.error for record in report.records if record.error] == []
    tally = Tally()
    found = published(world)
    for table, parts in found.items():
        compare(world, duck, table, parts, tally)
    assert tally.problems == []
    assert len(tally.cells) == 13
    return world


def test_a_column_that_is_null_for_its_first_hundred_thousand_rows(
    duck: Duck, tmp_path: Path
) -> None:
    world = check(
        tmp_path,
        duck,
        "create table late (a, b integer);"
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)"
        " insert into late select null, null from n;"
        "insert into late values ('at last', 'text');",
    )

    kinds = [column.logical_type for column in world.manifest("late", "csv", "all").columns]
    assert kinds == ["text", "text"]


def test_strict_and_keyed_and_generated_and_virtual_tables_and_views(
    duck: Duck, tmp_path: Path
) -> None:
    world = check(
        tmp_path,
        duck,
        """
        create table strict_one (a integer, b any, c blob) strict;
        insert into strict_one values (1, '007', x''), (null, 7, null), (3, x'00', x'ff');
        create table keyed (k text primary key, v real) without rowid;
        insert into keyed values ('b', 0.5), ('', -0.0), ('a', null);
        create table made (a integer, v integer as (a * 2), s text generated always as (a || '!')
            stored);
        insert into made values (1), (null), (9007199254740993);
        create table twice (a text, b integer);
        insert into twice values ('same', 1), ('same', 1), ('other', null);
        create table no_rows (a integer, b text, c json, d datetime, e decimal(6, 2), f blob);
        create virtual table words using fts5(body);
        insert into words values ('hello world'), ('');
        create virtual table boxes using rtree(id, low, high);
        insert into boxes values (1, 0.5, 1.5);
        create view untyped as
            select a || '' as t, a + 0.5 as r, null as n, x'00' as b, a from made;
        create view mixed as select 1 as v union all select 'two' union all select 3.5;
        """,
    )

    tables = {path.name for path in (world.exports / "shop").iterdir()}
    assert {"strict_one", "keyed", "made", "twice", "no_rows", "words", "boxes"} <= tables
    assert {"untyped", "mixed"} <= tables
    for fmt in ALL_FORMATS:
        assert world.manifest("twice", fmt, "all").rows == 3
        assert world.manifest("no_rows", fmt, "all").rows == 0
        assert len(world.manifest("no_rows", fmt, "all").columns) == 6


@pytest.mark.suite("security")
@pytest.mark.promise("nothing-changed-silently")
def test_tables_of_hostile_names_are_published_apart(duck: Duck, tmp_path: Path) -> None:
    names = ["", *HOSTILE]
    script = "".join(
        f"create table {quote(name)} (a integer); insert into {quote(name)} values ({index});"
        for index, name in enumerate(names)
    )

    world = check(tmp_path, duck, script)

    assert set(published(world)) == set(names)
    folders = [path.name for path in (world.exports / "shop").iterdir()]
    assert len({folder.casefold() for folder in folders}) == len(names)


@pytest.mark.suite("security")
@pytest.mark.promise("nothing-changed-silently")
def test_columns_of_hostile_and_five_hundred_random_names_keep_them(
    duck: Duck, tmp_path: Path, proven: Proven
) -> None:
    chance = random.Random(7)
    names = {name.lower(): name for name in ("", *HOSTILE[:-4], *NAMES)}
    while len(names) < 500:
        name = "".join(chr(chance.choice((*range(1, 127), 0xE9, 0x65E5))) for _ in range(6))
        names.setdefault(name.lower(), name)
    kinds = ("integer", "text", "decimal(6,2)", "datetime", "json", "real", "blob", "time", "date")
    columns = [(name, chance.choice(kinds)) for name in names.values()]
    made = ", ".join(f"{quote(name)} {kind}" for name, kind in columns)
    nulls = ", ".join("null" for _ in columns)

    world = check(tmp_path, duck, f"create table wide ({made}); insert into wide values ({nulls});")

    found = world.manifest("wide", "parquet", "all").columns
    kept = [column.name for column in found]
    assert kept == [name for name, _ in columns]
    proven(len(kept), "hostile and random columns in 13 ways", "all keep their names")


def test_two_thousand_columns_are_exported(duck: Duck, tmp_path: Path) -> None:
    columns = ", ".join(f"c{index} integer" for index in range(2000))
    values = ", ".join("'odd'" if index == 1999 else str(index) for index in range(2000))

    world = check(tmp_path, duck, f"create table t({columns}); insert into t values ({values});")

    found = world.manifest("t", "csv", "all").columns
    assert [column.logical_type for column in found[-2:]] == ["integer", "text"]


def test_one_table_of_no_use_stops_no_other(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sql(
        "create table gone (a integer); create view broken as select a from gone;"
        "drop table gone; create table sound (a integer); insert into sound values (1);"
    )

    report = export_all(world, {})

    said = {record.table: record.status for record in report.records}
    assert said == {"broken": "failed", "sound": "success"}


@pytest.mark.parametrize("name", ["*", "^a.*$"])
def test_a_table_is_sliced_by_a_column_whose_name_is_a_pattern_to_polars(
    name: str, tmp_path: Path
) -> None:
    world = World(tmp_path)
    world.sql(
        f"create table t (id integer primary key, {quote(name)} timestamp, ab text);"
        "insert into t values (1, '2026-01-01T00:00:00', 'x'), (2, null, 'y'),"
        " (3, '2026-01-02T00:00:00', 'z');"
    )
    rules = {"partition_by": {"column": name, "every": "day"}, "exclude_columns": ["ab"]}

    report = export_all(world, {"t": rules})

    keys = {record.partition for record in report.records if record.status == "success"}
    assert keys == {"2026-01-01", "2026-01-02", "__HIVE_DEFAULT_PARTITION__"}
    assert world.ids("t")["day=2026-01-02"] == [3]
