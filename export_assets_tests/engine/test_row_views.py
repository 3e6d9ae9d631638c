"""Formats that see some rows of a table, and files that hold some of its columns."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from export_assets.engine.comparing import compare_exports
from export_assets.engine.published import differing_values, published_options
from export_assets.engine.verification import verify_source
from export_assets.errors import UsageError
from export_assets.formats.ndjson import NdjsonFormat
from export_assets.store.manifest import read_manifest
from export_assets.store.verify import verify_tree
from export_assets_tests.engine.engine_world import (
    World,
    record_of,
    shop,
    statuses,
    tree,
)

KINDS = """
create table orders (id integer primary key, at timestamp, kind text, body json);
insert into orders values
  (1, '2026-02-08T10:00:00', 'sale', '{"n":1}'), (2, '2026-02-08T11:00:00', 'debug', '{"n":2}'),
  (3, '2026-02-09T10:00:00', 'debug', '{"n":3}'), (4, '2026-02-10T00:00:00', null, '{"at":1}'),
  (5, '2026-02-10T01:00:00', 'gift', '{}');
"""
TABLE = "tables: {orders: {partition_by: {column: at}, format_options: {%s}}}"


def kinds(home: Path, options: str, extra: str = "") -> World:
    home.mkdir(exist_ok=True)
    return shop(home, f"source: shop\nurl: shop.db\n{extra}{TABLE % options}\n", KINDS)


def verdicts(world: World, **request: Any) -> set[str]:
    return {one.verdict for one in verify_source(world.exporter(**request))}


def test_a_format_leaves_out_rows_that_others_have(tmp_path: Path) -> None:
    world = kinds(tmp_path, "csv: {without: {kind: debug}}, json: {only: {kind: [sale, gift]}}")

    world.export(formats=("csv", "json", "parquet"))

    every = {"day=2026-02-08": [1, 2], "day=2026-02-09": [3], "day=2026-02-10": [4, 5]}
    assert world.ids(fmt="parquet") == every
    assert world.ids(fmt="csv") == {"day=2026-02-08": [1], "day=2026-02-10": [4, 5]}
    assert world.ids(fmt="json") == {"day=2026-02-08": [1], "day=2026-02-10": [5]}
    assert world.manifest("orders", "csv", "day=2026-02-10").rows == 2


def test_what_a_format_does_not_see_is_no_difference_from_the_source(tmp_path: Path) -> None:
    world = kinds(tmp_path, "csv: {without: {kind: debug}}")
    world.export(formats=("csv", "parquet"))
    before = tree(world.exports)

    again = world.export(formats=("csv", "parquet"), full=True)

    assert set(statuses(again).values()) == {"unchanged"}
    assert tree(world.exports) == before
    assert verdicts(world, formats=("csv", "parquet")) == {"equal"}
    planned = compare_exports(world.exporter(formats=("csv", "parquet"), full=True)).planned
    assert {one.action for one in planned} == {"nothing"}


def test_a_change_among_rows_that_are_left_out_writes_the_other_format_alone(
    tmp_path: Path,
) -> None:
    world = kinds(tmp_path, "csv: {without: {kind: debug}}")
    world.export(formats=("csv", "parquet"))
    world.sql("update orders set body = '{}' where id = 2")

    report = world.export(formats=("csv", "parquet"))

    assert record_of(report, "orders/parquet/2026-02-08").status == "success"
    assert record_of(report, "orders/csv/2026-02-08").status == "unchanged"


def test_a_partition_whose_last_row_is_left_out_now_is_published_empty(tmp_path: Path) -> None:
    world = kinds(tmp_path, "csv: {without: {kind: debug}}")
    world.export(formats=("csv",))
    world.sql("update orders set kind = 'debug' where id = 1")

    report = world.export(formats=("csv",))

    assert record_of(report, "orders/csv/2026-02-08").status == "empty"


def test_another_choice_of_rows_is_another_configuration(tmp_path: Path) -> None:
    world = kinds(tmp_path, "csv: {without: {kind: debug}}")
    world.export(formats=("csv",))
    world.config(f"source: shop\nurl: shop.db\n{TABLE % 'csv: {pretty: null}'}\n")

    world.export(formats=("csv",))

    assert world.ids(fmt="csv")["day=2026-02-09"] == [3]


def test_limit_counts_rows_that_are_seen(tmp_path: Path) -> None:
    world = kinds(tmp_path, "json: {without: {kind: debug}}")

    world.export(formats=("json",), output_dir=tmp_path / "out", limit=2, offset=1)

    (path,) = (tmp_path / "out").glob("orders_*.json")
    assert [row["id"] for row in json.loads(path.read_bytes())] == [4, 5]


def test_rows_are_chosen_by_columns_that_are_not_exported(tmp_path: Path) -> None:
    world = kinds(tmp_path, "json: {only: {kind: sale}}")

    world.export(formats=("json",), output_dir=tmp_path / "out", columns=("id",))

    (path,) = (tmp_path / "out").glob("orders_*.json")
    assert json.loads(path.read_bytes()) == [{"id": 1}]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("csv: {only: {knid: sale}}", "orders: only: there is no column knid"),
        ("csv: {without: {at: noon}}", "at: 'noon' is no timestamp"),
        ("ndjson: {profile: logged, members_of: bdy}", "members_of: orders has no column bdy"),
        ("parquet: {partition_by: body}", "partition_by: orders.body is json"),
    ],
)
def test_choices_that_cannot_be_are_refused_before_anything_is_written(
    options: str, says: str, tmp_path: Path
) -> None:
    world = kinds(tmp_path, options)

    with pytest.raises(UsageError, match=says):
        world.export(formats=("csv", "ndjson", "parquet"))

    assert not world.exports.exists()


LOGGED = "ndjson: {profile: logged, members_of: body, stamps: [id], as_of: at}"


def test_lines_that_hold_some_columns_are_proven_by_these(tmp_path: Path) -> None:
    world = kinds(tmp_path, LOGGED)

    report = world.export(formats=("ndjson",))

    assert set(statuses(report).values()) == {"success"}
    part = world.partition("orders", "ndjson", "day=2026-02-10") / "part-00000.ndjson"
    header, first, second = map(json.loads, part.read_text(encoding="utf-8").splitlines())
    assert header["_timestamp"] == "2026-02-10T01:00:00.000000Z"
    assert [first, second] == [
        {"_schema_version": "1.0.0", "_exported_at": header["_timestamp"], "_id": 4, "at": 1},
        {"_schema_version": "1.0.0", "_exported_at": header["_timestamp"], "_id": 5},
    ]
    assert verdicts(world, formats=("ndjson",)) == {"equal"}


def test_a_manifest_tells_how_its_lines_are_read_and_what_is_not_in_them(tmp_path: Path) -> None:
    world = kinds(tmp_path, LOGGED)
    world.export(formats=("ndjson",))

    manifest = world.manifest("orders", "ndjson", "day=2026-02-08")

    told = {one.name: (one.fidelity, one.fidelity_reason) for one in manifest.columns}
    absent = ("lossy", "not in the lines of this file")
    assert told == {"id": ("exact", ""), "at": absent, "kind": absent, "body": ("exact", "")}
    options = published_options(manifest)
    assert NdjsonFormat().canonical(options).profile == "logged"
    assert (options.members_of, options.stamps, options.as_of) == ("body", ("id",), "at")


def test_a_changed_value_in_such_lines_is_found(tmp_path: Path) -> None:
    world = kinds(tmp_path, LOGGED)
    world.export(formats=("ndjson",))
    path = world.partition("orders", "ndjson", "day=2026-02-08")
    part = path / "part-00000.ndjson"
    manifest = read_manifest(path / "_manifest.json")
    assert differing_values(path, manifest) is None

    part.write_bytes(part.read_bytes().replace(b'"n":2', b'"n":7'))

    assert "body" in str(differing_values(path, manifest))
    found = [one for verdict in verify_tree(world.exports) for one in verdict.findings]
    assert [one.problem for one in found] == ["sha256"]


def test_equal_rows_give_equal_lines_in_every_run(tmp_path: Path) -> None:
    one, other = kinds(tmp_path / "a", LOGGED), kinds(tmp_path / "b", LOGGED)
    other.now = one.now.replace(year=2031)

    one.export(formats=("ndjson",))
    other.export(formats=("ndjson",))
    again = one.export(formats=("ndjson",), overwrite=True)

    parts = [
        [part.read_bytes() for part in sorted(world.exports.rglob("part-*"))]
        for world in (one, other)
    ]
    assert parts[0] == parts[1]
    assert record_of(again, "orders/ndjson/2026-02-08").status == "success"


def test_tombstones_need_their_key_in_the_lines(tmp_path: Path) -> None:
    options = "ndjson: {profile: logged, members_of: body}"
    world = kinds(tmp_path, options + "}, tombstones: true, column_descriptions: {")

    with pytest.raises(UsageError, match="orders: tombstones need id, which is not in its ndjson"):
        world.export(formats=("ndjson",))


def test_columns_asked_for_are_plain_rows(tmp_path: Path) -> None:
    world = kinds(tmp_path, LOGGED)

    world.export(formats=("ndjson",), output_dir=tmp_path / "out", columns=("kind", "id"))

    (path,) = (tmp_path / "out").glob("*.ndjson")
    assert pl.read_ndjson(path).columns == ["kind", "id"]
