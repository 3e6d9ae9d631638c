"""One bundle in detail: what its tree says, what never leaves, what is refused, what is odd."""

import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import polars as pl
import pytest

from export_assets.engine.bundles.checking import differing_content, verify_bundles
from export_assets.errors import DestConflict, UsageError
from export_assets.store.verify import verify_partition
from export_assets_tests.engine.bundle_world import NOW, Bundles, rows_of
from export_assets_tests.proof.plugin import Proven

CLINIC = """
create table clients (id text primary key, name text, password_hash text);
create table births (id text primary key, client_id text not null references clients (id), at date);
create table charts (
  id text primary key, client_id text references clients (id),
  birth_id text not null references births (id), data json);
create table notes (id integer primary key, client_id text references clients (id), note text);
insert into clients values ('c1', 'Ann', 'secret'), ('c2', 'Bob', 'secret'), ('c3', 'Eve', 'x');
insert into births values ('b1', 'c1', '1990-01-01'), ('b2', 'c2', '1991-01-01');
insert into charts values
  ('h1', null, 'b1', '{"planets": [1, 2.50]}'), ('h2', 'c1', 'b1', 'null'),
  ('h3', 'c2', 'b2', null);
insert into notes values
  (1, 'c1', 'two' || char(10) || 'lines'), (2, 'c1', null), (3, 'c9', 'lost');
"""


@pytest.fixture
def clinic(tmp_path: Path) -> Bundles:
    bundles = Bundles(tmp_path)
    bundles.sql(CLINIC)
    return bundles


def tree_of(path: Path | None) -> dict[str, Any]:
    assert path is not None
    file = path / "bundle.json" if path.is_dir() else path
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".locks" not in path.parts
    }


def test_children_stand_inside_the_row_they_refer_to(clinic: Bundles) -> None:
    report = clinic.bundler("clients", "c1", formats=("csv",)).export()

    assert report.tables == {"clients": 1, "births": 1, "charts": 2, "notes": 2}
    assert report.exit_code == 0
    [client] = tree_of(report.path)["clients"]
    assert client["name"] == "Ann"
    assert [note["note"] for note in client["notes"]] == ["two\nlines", None]
    [birth] = client["births"]
    assert birth["charts"] == [
        {"id": "h1", "client_id": None, "birth_id": "b1", "data": {"planets": [1, 2.5]}},
        {"$ref": "charts/h2"},
    ]
    assert client["charts"] == [
        {"id": "h2", "client_id": "c1", "birth_id": "b1", "data": "null"},
    ]


def test_json_columns_keep_the_digits_of_their_numbers(clinic: Bundles) -> None:
    report = clinic.bundler("clients", "c1").export()

    assert report.path is not None
    assert "2.50" in (report.path / "bundle.json").read_text(encoding="utf-8")


def test_what_is_redacted_leaves_in_no_file_of_the_set(clinic: Bundles) -> None:
    report = clinic.bundler("clients", "c1", "c2", formats=("csv", "ndjson", "json")).export()

    assert report.path is not None
    for name, content in files(report.path).items():
        assert b"secret" not in content, name
    assert tree_of(report.path)["clients"][0]["password_hash"] is None


def test_files_hold_every_column_whatever_the_shape_of_exports(tmp_path: Path) -> None:
    options = "ndjson: {profile: logged, members_of: data}, parquet: {partition_by: id}"
    tables = f"{{charts: {{format_options: {{{options}}}}}, '*': {{}}}}"
    yaml = f"source: shop\nurl: shop.db\ntables: {tables}\n"
    clinic = Bundles(tmp_path, yaml=yaml)
    clinic.sql(CLINIC)

    report = clinic.bundler("clients", "c1", formats=("ndjson", "parquet")).export()

    assert report.path is not None
    names = {path.name for path in report.path.iterdir()}
    assert {"charts.ndjson", "charts.parquet"} <= names
    first = (report.path / "charts.ndjson").read_text(encoding="utf-8").splitlines()[0]
    assert list(json.loads(first)) == ["id", "client_id", "birth_id", "data"]


def test_pseudonyms_hold_in_rows_references_ids_and_names(tmp_path: Path) -> None:
    yaml = (
        "source: shop\nurl: shop.db\ntables:\n  clients: {anonymize: [id]}\n"
        "  births: {anonymize: [client_id]}\n  charts: {anonymize: [client_id]}\n"
        "  notes: {anonymize: [client_id]}\n"
    )
    environ = {"EXPORT_ASSETS_ANONYMIZE_KEY": "k" * 32}
    clinic = Bundles(tmp_path, yaml=yaml, environ=environ)
    clinic.sql(CLINIC)

    report = clinic.bundler("clients", "c1", "c7", formats=("csv",)).export()

    assert report.path is not None
    assert report.missing == ("c7",)
    [client] = tree_of(report.path)["clients"]
    assert client["births"][0]["client_id"] == client["id"]
    assert client["id"] in report.path.name
    everything = b"".join(files(tmp_path / "exports").values()) + str(report.path).encode()
    for secret in (b"c1", b"c7"):
        assert b'"' + secret + b'"' not in everything
        assert b"=" + secret not in everything
        assert b"," + secret not in everything


def test_rows_are_not_named_by_a_column_that_never_leaves(clinic: Bundles) -> None:
    with pytest.raises(UsageError, match=r"clients\.password_hash: is redacted"):
        clinic.bundler("clients", "secret", key=("password_hash",)).export()


def test_hidden_and_excluded_columns_still_join(tmp_path: Path) -> None:
    yaml = "source: shop\nurl: shop.db\ntables: {births: {exclude_columns: [client_id]}, '*': {}}\n"
    clinic = Bundles(tmp_path, yaml=yaml)
    clinic.sql(CLINIC)

    report = clinic.bundler("clients", "c1").export()

    assert tree_of(report.path)["clients"][0]["births"][0]["id"] == "b1"
    assert "client_id" not in tree_of(report.path)["clients"][0]["births"][0]


def test_parents_stand_inside_as_objects_and_are_not_followed_down(clinic: Bundles) -> None:
    report = clinic.bundler("charts", "h2", follow="parents").export()

    assert report.tables == {"charts": 1, "clients": 1, "births": 1}
    [chart] = tree_of(report.path)["charts"]
    assert chart["client"]["name"] == "Ann"
    assert chart["birth"]["client"] == {"$ref": "clients/c1"}


def test_both_is_the_children_and_the_parents_of_all_of_them(clinic: Bundles) -> None:
    clinic.sql("insert into charts values ('h4', 'c3', 'b1', null)")

    data = clinic.bundler("clients", "c1", follow="both").collect()
    alone = clinic.bundler("clients", "c1").collect()

    # h4 hangs on Ann's birth and belongs to Eve, whose own rows are none of Ann's business.
    assert {row["id"] for row in rows_of(data, "clients")["clients"]} == {"c1", "c3"}
    assert {row["id"] for row in rows_of(alone, "clients")["clients"]} == {"c1"}
    assert [row["id"] for row in data.roots] == ["c1"]


def test_references_to_nothing_are_told_and_counted(clinic: Bundles) -> None:
    report = clinic.bundler("notes", "1", "3", follow="parents").export()

    assert report.exit_code == 3
    assert list(report.warnings) == [
        "notes.client_id -> clients.id: 1 row of notes refers to no row of clients"
    ]
    assert tree_of(report.path)["notes"][1]["client"] is None


def test_some_ids_missing_is_a_warning_and_all_missing_an_error(clinic: Bundles) -> None:
    report = clinic.bundler("clients", "c1", "zz").export()

    assert (report.exit_code, report.found, report.missing) == (3, ("c1",), ("zz",))
    with pytest.raises(UsageError, match="clients: no row has id in: yy, zz"):
        clinic.bundler("clients", "zz", "yy").export()
    with pytest.raises(UsageError, match="no row has id in: x"):
        clinic.bundler("notes", "x").export()


def test_collect_gives_the_same_rows_and_writes_nothing(clinic: Bundles) -> None:
    data = clinic.bundler("clients", "c1", "zz").collect()

    assert [row["id"] for row in data.roots] == ["c1"]
    assert {name: len(rows) for name, rows in data.related.items()} == {
        "births": 1,
        "charts": 2,
        "notes": 2,
    }
    assert data.related["charts"][0]["data"] == {"planets": [1, 2.5]}
    assert data.missing == ("zz",)
    assert msgspec.json.decode(data.tree)[0]["births"][0]["id"] == "b1"
    assert not clinic.exports.exists()


def test_collecting_only_unknown_ids_is_empty_and_names_them(clinic: Bundles) -> None:
    data = clinic.bundler("clients", "zz").collect()

    assert (data.roots, data.missing) == ([], ("zz",))
    assert data.related == {"births": [], "charts": [], "notes": []}


def test_the_root_alone_where_nothing_is_followed(clinic: Bundles) -> None:
    data = clinic.bundler("clients", "c1", include_related=False).collect()

    assert (len(data.roots), data.related) == (1, {})


def test_a_table_without_rows_has_its_file_with_a_header(clinic: Bundles) -> None:
    report = clinic.bundler("clients", "c3", formats=("csv",)).export()

    assert report.path is not None
    with (report.path / "charts.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["id", "client_id", "birth_id", "data"]]


def test_files_whose_bytes_are_their_own_are_left_as_they_are_too(clinic: Bundles) -> None:
    formats = ("tsv", "xlsx", "sqlite", "duckdb")

    first = clinic.bundler("clients", "c1", formats=formats).export()
    before = files(clinic.exports)
    same = clinic.bundler("clients", "c1", formats=formats).export()

    assert [one.records[0].status for one in (first, same)] == ["success", "unchanged"]
    assert files(clinic.exports) == before


def test_equal_rows_are_left_as_they_are_and_other_ones_replaced(clinic: Bundles) -> None:
    first = clinic.bundler("clients", "c1", formats=("parquet",)).export()
    before = files(clinic.exports)
    clinic.sql("insert into notes values (9, 'c2', 'of another client')")

    same = clinic.bundler("clients", "c1", formats=("parquet",)).export()
    after = files(clinic.exports)
    clinic.sql("insert into notes values (10, 'c1', 'new')")
    other = clinic.bundler("clients", "c1", formats=("parquet",)).export()

    assert [one.records[0].status for one in (first, same, other)] == [
        "success",
        "unchanged",
        "success",
    ]
    assert before == after
    assert other.manifest is not None
    assert other.manifest.generation == 2


def test_the_order_of_ids_and_of_reading_makes_no_other_bytes(
    clinic: Bundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = clinic.bundler("clients", "c2", "c1", formats=("csv", "json")).export()
    assert first.path is not None
    before = files(first.path)
    monkeypatch.setattr("export_assets.engine.bundles.reader._MOST_LOOKUPS", 0)
    monkeypatch.setattr("export_assets.engine.bundles.reader.MOST_KEYS", 1)
    clinic.sql("create table more as select * from notes; vacuum")

    again = clinic.bundler("clients", "c1", "c2", formats=("csv", "json"), overwrite=True).export()

    assert again.path == first.path
    after = files(first.path)
    before.pop("_manifest.json")
    after.pop("_manifest.json")
    assert before == after


def test_an_output_directory_gets_flat_files_with_their_record(
    clinic: Bundles, tmp_path: Path
) -> None:
    report = clinic.bundler("clients", "c1", formats=("csv",), output_dir=tmp_path / "o").export()

    names = sorted(path.name for path in (tmp_path / "o").iterdir())
    stamp = f"{NOW:%Y%m%d_%H%M%S}"
    tables = ("births", "charts", "clients", "notes")
    assert set(names) == {
        "_manifest.json",
        f"clients_bundle_c1_{stamp}.json",
        *(f"clients_bundle_c1_{table}_{stamp}.csv" for table in tables),
    }
    assert "exported_at" in tree_of(report.path)["metadata"]
    again = clinic.bundler("clients", "c1", formats=("csv",), output_dir=tmp_path / "o").export()
    assert (again.records[0].status, again.exit_code) == ("skipped", 3)


def test_what_is_published_is_verified_and_compared_with_the_source(clinic: Bundles) -> None:
    report = clinic.bundler("clients", "c1", "zz", formats=("parquet", "csv")).export()
    exporter = clinic.bundler("clients", "c1").exporter
    assert report.path is not None
    assert report.manifest is not None

    assert not verify_partition(report.path)
    assert differing_content(report.path, report.manifest) is None
    assert [one.verdict for one in verify_bundles(exporter)] == ["equal"]
    clinic.sql("update births set at = '1990-01-02' where id = 'b1'")
    [found] = verify_bundles(clinic.bundler("clients", "c1").exporter)
    assert (found.verdict, found.fact) == ("different", "rows of births differ")
    data = (report.path / "charts.parquet").read_bytes()
    flipped = bytes([data[200] ^ 1])
    (report.path / "charts.parquet").write_bytes(data[:200] + flipped + data[201:])
    assert [one.problem for one in verify_partition(report.path)] == ["sha256"]


def test_an_id_is_looked_for_as_the_column_compares_it(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path)
    bundles.sql(
        "create table a (id integer primary key, v text);"
        "create table b (a_text text references a (id), n integer);"
        "create table c (a_any references a (id), n integer);"
        "insert into a values (1, 'x'), (2, 'y');"
        "insert into b values ('1', 1), ('01', 2), ('2', 3), (null, 4);"
        "insert into c values ('1', 1), (1, 2), (2, 3), ('x', 4), (x'31', 5);"
    )

    data = bundles.bundler("a", "1").collect()

    assert [row["n"] for row in data.related["b"]] == [1]
    # Beside blobs, what is no blob is carried as its bytes, and so x'31' looks like the rest.
    assert {row["n"] for row in data.related["c"]} == {1, 2, 5}


def test_mixed_values_in_a_reference_widen_it_and_still_join(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path)
    bundles.sql(
        "create table a (id integer primary key, v integer);"
        "create table b (n integer, a_id integer references a (id));"
        "insert into a values (1, 10), (2, 'text in an integer column');"
        "insert into b values (1, 1), (2, 'no key'), (3, 2), (4, null);"
    )

    report = bundles.bundler("a", "1", "2", formats=("csv",)).export()

    assert report.tables == {"a": 2, "b": 2}
    assert [len(one["b"]) for one in tree_of(report.path)["a"]] == [1, 1]


def test_keys_of_another_type_than_declared_are_found_as_well(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path)
    bundles.sql(
        "create table a (id integer primary key desc, v integer);"
        "create table b (n integer, a_id integer references a (id));"
        "insert into a values (1, 10), ('one', 11);"
        "insert into b values (1, 1), (2, 'one'), (3, 'One'), (4, 2), (5, null);"
    )

    data = bundles.bundler("a", "one", "two").collect()

    assert [row["v"] for row in data.roots] == [11]
    assert [row["n"] for row in data.related["b"]] == [2]
    assert data.missing == ("two",)


@pytest.mark.parametrize("column", ["u", "d", "t", "z", "n", "e", "h", "b", "f"])
def test_keys_of_every_type_of_duckdb(column: str, tmp_path: Path) -> None:
    columns = (
        "i integer, u uuid, d date, t timestamp, z timestamptz, n decimal(10, 2), "
        "e enum ('x', 'y'), h hugeint, b blob, f double"
    )
    first = (
        "'3b0e5ee2-0000-4000-8000-000000000001', '2020-01-01', '2020-01-01 10:00:00.123456', "
        "'2020-01-01 10:00:00+02', 1.10, 'x', 170141183460469231731687303715884105727, "
        "'\\x01'::blob, 0.1"
    )
    other = (
        "'3b0e5ee2-0000-4000-8000-000000000002', '2020-01-02', '2020-01-01 09:00:00.123456', "
        "'2020-01-01 11:00:00+02', 1.11, 'y', 170141183460469231731687303715884105726, "
        "'\\x02'::blob, 0.2"
    )
    yaml = (
        "source: shop\nurl: duckdb:///shop.duckdb\nassume_timezone: Europe/Berlin\n"
        f"relations: [{{from: q.{column}, to: p.{column}}}]\n"
    )
    with closing(duckdb.connect(str(tmp_path / "shop.duckdb"))) as database:
        database.execute(f"create table p ({columns}); create table q ({columns})")
        database.execute(f"insert into p values (1, {first})")
        database.execute(f"insert into q values (1, {first}), (2, {other})")

    data = Bundles(tmp_path, yaml=yaml).bundler("p", "1", key=("i",)).collect()

    assert [row["i"] for row in data.related["q"]] == [1]


def test_keys_of_several_columns_and_ids_with_commas(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path)
    bundles.sql(
        "create table a (x integer, y text, primary key (x, y));"
        "create table b (x integer, y text, n integer, foreign key (x, y) references a);"
        "insert into a values (1, 'p'), (1, 'q,r');"
        "insert into b values (1, 'p', 1), (1, 'q,r', 2), (1, null, 3);"
    )

    report = bundles.bundler("a", '1,"q,r"').export()

    assert [row["n"] for row in tree_of(report.path)["a"][0]["b"]] == [2]
    with pytest.raises(UsageError, match="id '1': expected 2 values"):
        bundles.bundler("a", "1").export()


def test_two_references_to_one_table_are_told_apart(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path)
    bundles.sql(
        "create table airports (id text primary key, flights text);"
        "create table flights (id integer primary key, from_id text references airports (id),"
        " to_id text references Airports (ID));"
        "insert into airports values ('A', 'x'), ('B', 'y');"
        "insert into flights values (1, 'A', 'B'), (2, 'B', 'A'), (3, 'A', 'A');"
    )

    report = bundles.bundler("airports", "A").export()

    [airport] = tree_of(report.path)["airports"]
    assert [row.get("id") for row in airport["flights_by_from_id"]] == [1, 3]
    assert airport["flights_by_to_id"] == [
        {"id": 2, "from_id": "B", "to_id": "A"},
        {"$ref": "flights/3"},
    ]
    up = tree_of(bundles.bundler("flights", "1", follow="parents").export().path)["flights"][0]
    assert (up["from"]["id"], up["to"]["id"]) == ("A", "B")


def test_names_that_clash_get_a_suffix(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path)
    bundles.sql(
        "create table metadata (id integer primary key, items text);"
        "create table items (id integer primary key, metadata_id integer references metadata (id));"
        "insert into metadata values (1, 'x'); insert into items values (1, 1);"
    )

    report = bundles.bundler("metadata", "1", formats=("json",)).export()

    assert tree_of(report.path)["metadata_rows"][0] == {
        "id": 1,
        "items": "x",
        "items_rows": [{"id": 1, "metadata_id": 1}],
    }


def test_a_table_called_bundle_does_not_take_the_place_of_the_tree(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path)
    bundles.sql("create table bundle (id integer primary key); insert into bundle values (1)")

    report = bundles.bundler("bundle", "1", formats=("json",)).export()

    assert report.path is not None
    names = {path.name for path in report.path.iterdir()}
    assert {"_manifest.json", "bundle.json"} < names
    assert len(names) == 3
    assert tree_of(report.path)["bundle"] == [{"id": 1}]


def test_long_chains_end_in_references_and_lose_nothing(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path)
    rows = ", ".join(f"({n}, {n - 1 if n else 499})" for n in range(500))
    bundles.sql(
        "create table links (id integer primary key, before integer references links (id));"
        f"insert into links values {rows}"
    )

    report = bundles.bundler("links", "0").export()

    assert report.tables == {"links": 500}
    tree = tree_of(report.path)
    assert {one["table"] for one in tree["continued"]} == {"links"}
    assert report.manifest is not None
    assert report.path is not None
    assert differing_content(report.path, report.manifest) is None


ODD = [
    'say "hi"', "semi; drop table x", "select", "ünïcode", "emoji 🎉", "with space", "a.b",
    "back\\slash", "slash/ed", "%percent", "^start$", "*",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_names_of_tables_and_columns_are_names_like_any_other(
    name: str, tmp_path: Path
) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    child = '"' + name.replace('"', '""') + ' child"'
    bundles = Bundles(tmp_path)
    bundles.sql(
        f"create table {quoted} ({quoted} text primary key, v integer);"
        f"create table {child} (id integer primary key, {quoted} text references {quoted});"
        f"insert into {quoted} values ('k', 1); insert into {child} values (7, 'k'), (8, null)"
    )

    report = bundles.bundler(name, "k", formats=("parquet", "csv", "json"), follow="both").export()

    assert report.tables == {name: 1, f"{name} child": 1}
    [root] = tree_of(report.path)[name]
    assert root[f"{name} child"][0]["id"] == 7
    assert report.manifest is not None
    assert report.path is not None
    assert differing_content(report.path, report.manifest) is None


@pytest.mark.parametrize(
    ("ids", "directory"),
    [
        (("c1",), "id=c1"),
        (("a", "b"), "id=a,b"),
        (("a,b",), "id=a%2Cb"),
        (("ü/..",), "id=%C3%BC%2F.."),
        (("x" * 300,), "ids="),
    ],
)
def test_the_directory_is_called_by_the_ids(
    ids: tuple[str, ...], directory: str, tmp_path: Path
) -> None:
    bundles = Bundles(tmp_path)
    values = ", ".join(f"('{one}')" for one in ids)
    bundles.sql(f"create table t (id text primary key); insert into t values {values}")

    report = bundles.bundler("t", *ids).export()

    assert report.path is not None
    assert report.path.name.startswith(directory)
    assert len(report.path.name) < 130


def test_rows_named_by_another_column_lie_under_its_name(clinic: Bundles) -> None:
    report = clinic.bundler("clients", "Bob", key=("name",)).export()

    assert report.path is not None
    assert report.path.name == "name=Bob"
    assert report.tables["charts"] == 1


def test_each_id_gets_a_bundle_of_its_own_from_one_snapshot(clinic: Bundles) -> None:
    reports = clinic.bundler("clients", "c1", "c2", "zz").export_each()

    assert [one.path.name for one in reports if one.path] == ["id=c1", "id=c2"]
    assert reports[0].missing == ("zz",)
    taken = {one.manifest.snapshot.taken_at for one in reports if one.manifest}
    assert len(taken) == 1


def test_relations_of_the_configuration_count_and_broken_ones_are_told(tmp_path: Path) -> None:
    yaml = (
        "source: shop\nurl: shop.db\nrelations:\n  - {from: b.a_id, to: a.id}\n"
        "  - {from: gone.a_id, to: a.id}\n  - {from: b.nothing, to: a.id}\n"
    )
    bundles = Bundles(tmp_path, yaml=yaml)
    bundles.sql(
        "create table a (id integer primary key); create table b (a_id integer, n integer);"
        "insert into a values (1); insert into b values (1, 1), (1, 1), (2, 1)"
    )

    report = bundles.bundler("a", "1").export()

    assert report.tables == {"a": 1, "b": 2}
    assert list(report.warnings) == [
        "relations: gone.a_id to a.id: source has no table gone",
        "relations: b.nothing to a.id: source has no column b.nothing",
    ]


def test_a_table_without_a_key_is_named_by_a_column(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path)
    bundles.sql("create table t (a text, b integer); insert into t values ('x', 1), ('x', 1)")

    with pytest.raises(UsageError, match="t: has no primary key"):
        bundles.bundler("t", "x").export()
    assert bundles.bundler("t", "x", key=("a",)).export().tables == {"t": 2}


def test_what_does_not_exist_is_refused_by_name(clinic: Bundles) -> None:
    with pytest.raises(UsageError, match=r"Invalid table name 'client'\. Did you mean"):
        clinic.bundler("client", "c1").export()
    with pytest.raises(UsageError, match="Invalid table name 'note'"):
        clinic.bundler("clients", "c1", exclude=("note",)).export()
    with pytest.raises(UsageError, match="clients: source has no column nam"):
        clinic.bundler("clients", "c1", key=("nam",)).export()
    with pytest.raises(UsageError, match="is the root"):
        clinic.bundler("clients", "c1", exclude=("clients",))
    with pytest.raises(UsageError, match="Unsupported export format: xml"):
        clinic.bundler("clients", "c1", formats=("xml",)).export()
    with pytest.raises(UsageError, match="computes no columns"):
        clinic.bundler("clients", "c1", computed=True).export()
    assert not clinic.exports.exists()


def test_many_rows_are_streamed_in_the_order_of_the_key(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path)
    bundles.sql(
        "create table a (id integer primary key);"
        "create table b (id integer primary key, a_id integer references a (id));"
        "insert into a values (1), (2);"
        "insert into b select 40000 - value, 1 + value % 2 from "
        "(with recursive s(value) as (select 0 union all select value + 1 from s limit 40000)"
        " select value from s)"
    )

    report = bundles.bundler("a", "1", formats=("parquet",)).export()

    assert report.path is not None
    found = pl.read_parquet(report.path / "b.parquet")["id"]
    assert found.len() == 20_000
    assert found.is_sorted()


KILLED = """
import sys
from pathlib import Path
from export_assets_tests.engine.bundle_world import Bundles
Bundles(Path(sys.argv[1])).bundler("clients", "c1", formats=("csv",)).export()
"""
POINTS = ["staged", "parts_synced", "manifest_synced", "staging_synced", "published"]


@pytest.mark.suite("crash-points")
@pytest.mark.promise("whole-or-absent")
def test_killed_at_any_point_leaves_the_old_set_or_the_new(clinic: Bundles, proven: Proven) -> None:
    first = clinic.bundler("clients", "c1", formats=("csv",)).export()
    assert first.path is not None
    old = files(first.path)
    clinic.sql("insert into notes values (10, 'c1', 'new')")
    seen = set()

    for point in POINTS:
        environ = {**os.environ, "EXPORT_ASSETS_TESTING": "1", "EXPORT_ASSETS_CRASH": f"{point}:1"}
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(KILLED), str(clinic.home)],
            env=environ,
            timeout=60,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, point
        assert not verify_partition(first.path), point
        seen.add(files(first.path) == old)

    assert seen == {True, False}
    after = clinic.bundler("clients", "c1", formats=("csv",)).export()
    assert after.tables["notes"] == 3
    assert not [path for path in clinic.exports.rglob("*") if path.name.endswith((".tmp", ".old"))]
    proven(len(POINTS), "kills at points of a bundle", f"old and new seen: {len(seen) == 2}")


def test_another_database_of_the_same_name_does_not_replace_it(
    clinic: Bundles, tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    for directory in (tmp_path, other):
        Bundles(directory).sql("create table x (id integer primary key); insert into x values (1)")
    workspace = clinic.workspace()

    def bundler(directory: Path) -> Any:
        copy = directory / "own.db"
        copy.write_bytes((directory / "shop.db").read_bytes())
        made = clinic.bundler("x", "1")
        return replace(made, source=workspace.source(str(copy)))

    bundler(tmp_path).export()

    with pytest.raises(DestConflict, match="from another database"):
        bundler(other).export()


def test_rows_that_spell_a_key_otherwise_are_told_of(tmp_path: Path) -> None:
    world = Bundles(tmp_path)
    world.sql(
        "create table countries (code text collate nocase primary key);"
        "create table cities (id integer primary key, code text references countries (code));"
        "create table rivers (id integer primary key, code text references countries);"
        "insert into countries values ('DE'), ('FR');"
        "insert into cities values (1, 'DE'), (2, 'de'), (3, 'De'), (4, 'fr');"
        "insert into rivers values (1, 'DE');"
    )

    (told,) = world.bundler("countries", "DE").export().warnings
    exact = world.bundler("countries", "DE", exclude=("cities",)).export()

    assert "cities.code -> countries.code: 2 rows of cities refer" in told
    assert not exact.warnings
