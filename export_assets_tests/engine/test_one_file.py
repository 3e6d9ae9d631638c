"""A whole source as one file: what it holds, and when there is none."""

import gzip
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from export_assets.engine.report import ExportReport
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.errors import IntegrityError, UsageError
from export_assets.formats.base import FormatOptions
from export_assets.formats.joiners import joiner_of
from export_assets.formats.joining import Origin, Parts
from export_assets.systems.registry import load_workspace

NOW = datetime(2026, 2, 8, 10, 30, tzinfo=UTC)


def shop(home: Path, statements: str) -> Path:
    path = home / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(statements)
    connection.close()
    return path


PLAIN = """
    create table customers (id integer primary key, name text, likes json);
    insert into customers values
        (1, 'Zoë "Z"', '{"teas": [1, 2]}'), (2, '', null), (3, null, 'null');
    create table empty (id integer primary key);
"""


def export(home: Path, path: Path, **request: Any) -> ExportReport:
    workspace = load_workspace(home, environ={})
    given: dict[str, Any] = {"formats": ("json",), "output_dir": home / "out", "one_file": True}
    asked = ExportRequest(**given | request)
    source = workspace.source(str(path))
    return Exporter(
        workspace=workspace, source=source, request=asked, run=Run(id="run", now=NOW)
    ).export()


def written(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "out").iterdir())


def test_every_table_is_a_member_of_one_document(tmp_path: Path) -> None:
    report = export(tmp_path, shop(tmp_path, PLAIN))

    document = json.loads((tmp_path / "out" / "shop_20260208_103000.json").read_bytes())
    assert list(document) == ["metadata", "customers", "empty"]
    assert document["customers"] == [
        {"id": 1, "name": 'Zoë "Z"', "likes": {"teas": [1, 2]}},
        {"id": 2, "name": "", "likes": None},
        {"id": 3, "name": None, "likes": "null"},
    ]
    assert document["empty"] == []
    assert document["metadata"] == {
        "source": "shop",
        "exported_at": "2026-02-08T10:30:00+00:00",
        "tables": ["customers", "empty"],
        "record_counts": {"customers": 3, "empty": 0},
        "total_records": 3,
    }
    assert report.exit_code == 0
    assert written(tmp_path) == ["_manifest.json", "shop_20260208_103000.json"]


@pytest.mark.parametrize("pretty", [False, True])
def test_the_document_can_be_compressed_indented_and_bare(tmp_path: Path, pretty: bool) -> None:  # noqa: FBT001 - parametrised
    path = shop(tmp_path, PLAIN)
    workspace = load_workspace(tmp_path, environ={})
    options = workspace.source(str(path)).config.format_options_of("*", "json")
    options = options.model_copy(update={"compression": "gzip", "pretty": pretty})

    export(tmp_path, path, document_metadata=False, options={"json": options})

    text = gzip.decompress((tmp_path / "out" / "shop_20260208_103000.json.gz").read_bytes())
    assert list(json.loads(text)) == ["customers", "empty"]
    assert (b'\n    "id": 1' in text) is pretty


def test_a_table_that_fails_leaves_no_document(tmp_path: Path) -> None:
    path = shop(tmp_path, PLAIN + "create view broken as select x from gone;")

    report = export(tmp_path, path, include=("broken",))

    told = {
        record.table: (record.status, record.error, record.exit_code) for record in report.records
    }
    assert told["broken"][0] == "failed"
    assert told["customers"][:2] == ("skipped", "no file was written, for broken is not in it")
    assert report.exit_code == told["broken"][2] == 2  # nothing is there: no part of it succeeded
    assert written(tmp_path) == []


def test_a_document_that_exists_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = shop(tmp_path, PLAIN)
    export(tmp_path, path)
    there = tmp_path / "out" / "shop_20260208_103000.json"
    there.write_bytes(b"mine")

    kept = export(tmp_path, path)
    after = there.read_bytes()
    replaced = export(tmp_path, path, overwrite=True)

    assert {record.status for record in kept.records} == {"skipped"}
    assert after == b"mine"
    assert replaced.exit_code == 0
    assert json.loads(there.read_bytes())["metadata"]["total_records"] == 3


def test_a_table_called_metadata_is_no_metadata(tmp_path: Path) -> None:
    path = shop(tmp_path, "create table metadata (id integer); insert into metadata values (7);")

    with pytest.raises(UsageError, match="metadata: a table of this name"):
        export(tmp_path, path)
    bare = export(tmp_path, path, document_metadata=False)

    assert bare.exit_code == 0
    assert json.loads((tmp_path / "out" / "shop_20260208_103000.json").read_bytes()) == {
        "metadata": [{"id": 7}]
    }


EVERY_FORMAT = ("json", "xlsx", "sqlite", "duckdb")


@pytest.mark.parametrize("fmt", EVERY_FORMAT)
def test_one_file_is_published_whole_in_every_format(fmt: str, tmp_path: Path) -> None:
    path = shop(tmp_path, PLAIN)

    report = export(tmp_path, path, formats=(fmt,))
    again = export(tmp_path, path, formats=(fmt,))

    assert report.exit_code == 0
    assert [record.rows for record in report.records] == [3, 0]
    assert {record.status for record in again.records} == {"skipped"}
    assert written(tmp_path) == ["_manifest.json", f"shop_20260208_103000.{fmt}"]
    entry = json.loads((tmp_path / "out" / "_manifest.json").read_bytes())["files"][0]
    assert (entry["rows"], entry["table"], entry["format"]) == (3, "*", fmt)


@pytest.mark.parametrize("fmt", EVERY_FORMAT)
def test_what_reads_back_as_something_else_is_not_published(
    fmt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shop(tmp_path, PLAIN)
    joiner = joiner_of(fmt)
    join = joiner.join

    def less(path: Path, parts: Parts, options: FormatOptions, *, origin: Origin | None) -> None:
        empty = {name: replace(part, path=parts["empty"].path) for name, part in parts.items()}
        join(path, parts if fmt != "json" else empty, options, origin=origin)
        if fmt != "json":
            path.write_bytes(path.read_bytes()[:-1])

    monkeypatch.setattr(joiner, "join", less)

    with pytest.raises(IntegrityError, match=f"^shop_20260208_103000.{fmt}: "):
        export(tmp_path, path, formats=(fmt,))

    assert written(tmp_path) == []


APPLICATION = """
    create table customers (
        id integer primary key, email text unique not null, joined datetime, vip boolean,
        likes json, uid uuid, "select" text, photo blob, score real
    );
    create table orders (
        id integer primary key autoincrement, customer integer not null references customers(id),
        mail varchar(50) references customers(email), total decimal(10,2), large decimal(30,4),
        placed timestamp, day date, clock time, note text
    );
    create table "order ""big"" items" (
        "order" integer references orders(id), place integer, name text,
        primary key ("order", place)
    );
    create table anything (a, b numeric, c);
    create table empty (a integer, b text);
    insert into customers values
        (1, 'a@x', '2024-01-01 10:00:00', 1, '{"a": 1.50}',
         '2f8a6bd6-3d0f-4c3a-9a4a-1d6f6f1f2c11', '=1+1', x'00ff', 0.1),
        (9, 'B@x', null, 0, '5', '2f8a6bd6-3d0f-4c3a-9a4a-1d6f6f1f2c12', '', x'', -1e300);
    insert into orders values
        (7, 1, 'a@x', 19.99, 1234567890123, '2024-02-02T00:00:00.123456Z', '2024-02-02',
         '10:30:00', 'x'),
        (3, 1, 'b@x', null, null, null, null, null, null);
    insert into "order ""big"" items" values (7, 1, 'tea'), (7, 2, null), (99, 1, 'dangling');
    insert into anything values (1, 2.5, 'x'), ('two', 3, x'00'), (null, null, null);
"""

Columns = list[tuple[str, str, str]]


def exported(home: Path, path: Path) -> dict[str, tuple[str, tuple[str, ...], Columns]]:
    """Return of each table its row digest, its key, and the types of its columns."""
    name = f"out-{path.name}"
    report = export(home, path, formats=("parquet",), output_dir=home / name, one_file=False)
    assert report.exit_code in {0, 3}
    found = {}
    for record in report.records:
        manifest = record.manifest
        assert manifest is not None
        types = [(one.name, one.logical_type, one.physical_type) for one in manifest.columns]
        found[record.table] = manifest.row_digest, manifest.primary_key, types
    return {table: told for table, told in found.items() if table != "_export_assets"}


@pytest.mark.parametrize("fmt", ["sqlite", "duckdb"])
def test_an_application_is_restored_from_its_one_file(fmt: str, tmp_path: Path) -> None:
    path = shop(tmp_path, APPLICATION)

    report = export(tmp_path, path, formats=(fmt,))

    assert report.exit_code == 0
    [whole] = (tmp_path / "out").glob(f"*.{fmt}")
    assert exported(tmp_path, whole) == exported(tmp_path, path)


def test_the_sql_of_an_application_works_on_the_restored_database(tmp_path: Path) -> None:
    export(tmp_path, shop(tmp_path, APPLICATION), formats=("sqlite",))
    [whole] = (tmp_path / "out").glob("*.sqlite")

    with closing(sqlite3.connect(whole)) as connection, connection:
        connection.execute("pragma foreign_keys = on")
        connection.execute("insert into customers (email, vip) values ('c@x', 1)")
        connection.execute("insert into orders (customer, total) values (10, 5.25)")
        joined = connection.execute(
            "select c.email, o.id, sum(o.total), date(max(o.placed)) from customers c "
            "join orders o on o.customer = c.id where c.vip group by 1 order by 1"
        ).fetchall()
        plan = connection.execute(
            "explain query plan select * from orders where customer = 1"
        ).fetchall()

    assert joined == [("a@x", 7, 19.99, "2024-02-02"), ("c@x", 8, 5.25, None)]
    assert "orders_customer_index" in str(plan)


@pytest.mark.parametrize("fmt", ["duckdb", "sqlite"])
def test_a_duckdb_database_is_restored_from_its_one_file(fmt: str, tmp_path: Path) -> None:
    path = tmp_path / "lake.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(
            """
            create schema side;
            create table owners (id integer primary key, name varchar not null);
            create table side.things (
                id hugeint, owner integer, moment timestamptz, wall timestamp,
                fine time_ns, clock time, day date, price decimal(38,10), small decimal(4,1),
                tags varchar[], deep struct(a integer, b struct(c varchar[], d double)[]),
                doc json, uid uuid, raw blob, f float, flags bit, mood enum('good', 'bad'),
                m map(varchar, integer)
            );
            """
        )
        connection.execute("insert into owners values (2, 'b'), (1, 'ä')")
        connection.execute(
            """
            insert into side.things select
                170141183460469231731687303715884105 / 10, 1, '2024-01-01 10:00:00+02',
                '2024-06-01 10:00:00', '10:30:00.000000001', '10:30:00', '2024-02-29',
                1234567890.0123456789, 1.5, ['a', null, '"'],
                {'a': 1, 'b': [{'c': ['x'], 'd': 0.25}]}, '{"k": [1, 2.50]}',
                '2f8a6bd6-3d0f-4c3a-9a4a-1d6f6f1f2c11', 'ab'::blob, 0.1, '101', 'good',
                map {'a': 1}
            """
        )
        connection.execute("insert into side.things default values")

    report = export(tmp_path, path, formats=(fmt,))

    assert report.exit_code == 0, report
    [whole] = (tmp_path / "out").glob(f"*.{fmt}")
    again, first = exported(tmp_path, whole), exported(tmp_path, path)
    if fmt == "sqlite":
        # SQLite has no lists and structs: they are JSON there, and have another digest.
        for found in (first, again):
            _, key, types = found["side.things"]
            types = [one for one in types if one[0] not in {"tags", "deep"}]
            found["side.things"] = "", key, types
    assert again == first


def test_what_sqlite_cannot_hold_is_told_and_the_file_is_published(tmp_path: Path) -> None:
    path = tmp_path / "lake.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("create table t (id integer, f double)")
        connection.execute("insert into t values (1, 'nan'), (2, '-0'), (3, 'inf'), (4, 0.5)")

    report = export(tmp_path, path, formats=("sqlite",))

    assert report.exit_code == 0, report
    [whole] = (tmp_path / "out").glob("*.sqlite")
    with closing(sqlite3.connect(whole)) as connection:
        held = connection.execute("select f from t").fetchall()
    assert held == [(None,), (0.0,), (float("inf"),), (0.5,)]
    [record] = report.records
    assert record.status == "success"
    assert record.manifest is not None
    told = record.manifest.columns[1]
    assert (told.fidelity, told.fidelity_count) == ("lossy", 2)


@pytest.mark.parametrize(
    ("request_changes", "fact"),
    [
        ({"output_dir": None}, "one-file: needs an output directory"),
        ({"formats": ("json", "csv")}, "one-file: give one format of json, xlsx, sqlite, duckdb"),
        ({"formats": ("parquet",)}, "one-file: give one format of json, xlsx, sqlite, duckdb"),
        ({"formats": ()}, "one-file: give one format of json, xlsx, sqlite, duckdb"),
        ({"partitions": ("2026-02-01",)}, "one-file: holds whole tables"),
    ],
)
def test_what_cannot_be_one_document_is_refused(
    tmp_path: Path, request_changes: dict[str, Any], fact: str
) -> None:
    asked: dict[str, Any] = {
        "formats": ("json",),
        "output_dir": tmp_path,
        "one_file": True,
    } | request_changes

    with pytest.raises(UsageError, match=fact):
        ExportRequest(**asked)
