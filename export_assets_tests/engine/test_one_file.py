"""A whole source as one JSON document: what it holds, and when there is none."""

import gzip
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from export_assets.engine.report import ExportReport
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.errors import UsageError
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
    asked = ExportRequest(formats=("json",), output_dir=home / "out", one_file=True, **request)
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


@pytest.mark.parametrize(
    ("request_changes", "fact"),
    [
        ({"output_dir": None}, "one-file: needs an output directory"),
        ({"formats": ("json", "csv")}, "one-file: give one format of json, xlsx, sqlite, duckdb"),
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
