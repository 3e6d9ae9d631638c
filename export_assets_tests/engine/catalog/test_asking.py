"""A catalogue answers what is asked of it, and nothing else of the machine."""

import os
import threading
import time
from pathlib import Path

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from export_assets.engine.catalog.names import CATALOG
from export_assets.engine.catalog.rows import rows_of
from export_assets.engine.catalog.session import open_catalog
from export_assets.errors import ExportError, IntegrityError, UsageError
from export_assets.store.contents import BundleRecord
from export_assets.store.local import read_if_there
from export_assets.store.manifest import encode_manifest
from export_assets_tests.engine.catalog.published_tables import NUMBERS, Publisher
from export_assets_tests.engine.engine_world import SHOP, shop
from export_assets_tests.proof.plugin import Proven

ENDLESS = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"

READING = [
    "SELECT 1",
    "FROM shop.numbers",
    "TABLE shop.numbers",
    "VALUES (1)",
    "WITH n AS (FROM shop.numbers) SELECT * FROM n",
    "DESCRIBE shop.numbers",
    "SUMMARIZE shop.numbers",
    "SHOW ALL TABLES",
    "EXPLAIN FROM shop.numbers",
    "EXPLAIN ANALYZE FROM shop.numbers",
    "EXPLAIN (FORMAT json) FROM shop.numbers",
    " -- first\n/* then */ SELECT 1; -- last",
]

REFUSED = [
    "",
    "-- nothing",
    "SELEC 1",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP VIEW shop.numbers",
    "COPY (SELECT 1) TO '{out}'",
    "COPY (SELECT 1) TO '{part}' (USE_TMP_FILE false)",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{part}' (USE_TMP_FILE false)",
    "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{part}' (USE_TMP_FILE false)",
    "EXPLAIN /* ( */ ANALYZE /* ) */ COPY (SELECT 1) TO '{part}' (USE_TMP_FILE false)",
    "EXPORT DATABASE '{out}'",
    "IMPORT DATABASE '{out}'",
    "ATTACH '{out}'",
    "ATTACH ':memory:' AS m",
    "DETACH catalog",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '1GB'",
    "SET VARIABLE exports = '/etc'",
    "RESET lock_configuration",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "CREATE TABLE x (a INT)",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE MACRO m() AS 1",
    "CREATE SECRET (TYPE s3)",
    "DROP VIEW shop.numbers",
    "INSERT INTO shop.numbers VALUES (1)",
    "WITH x AS (INSERT INTO shop.numbers VALUES (1) RETURNING 1) FROM x",
    "UPDATE shop.numbers SET id = 1",
    "DELETE FROM shop.numbers",
    "BEGIN",
    "CHECKPOINT",
    "PREPARE p AS SELECT 1",
    "USE memory",
    "FROM read_csv('/etc/passwd')",
    "FROM read_text('/etc/passwd')",
    "FROM '/etc/passwd'",
    "FROM read_blob('/proc/self/environ')",
    "FROM sniff_csv('/etc/passwd')",
    "FROM glob('/**')",
    "FROM glob('{root}/**')",
    "FROM read_text('{root}/.state/_catalog.json')",
    "FROM read_text('{root}/shop/numbers/parquet/day=2026-01-01/_manifest.json')",
    "FROM read_parquet('{root}/shop/numbers/parquet/*/*.parquet')",
    "FROM read_parquet('{root}/shop/numbers/parquet/day=2026-01-01/../secret.parquet')",
    "FROM read_parquet('{root}/shop/numbers/parquet/day=2030-01-01/part-00000.parquet')",
    "FROM 'https://example.com/x.parquet'",
    "SELECT getenv('HOME')",
    "FROM local_variable",
    "FROM enable_logging('QueryLog', storage = 'file', storage_path = '{out}')",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Exports of one table, beside files that nobody published."""
    root = tmp_path / "exports"
    publisher = Publisher(root=root)
    for number, day in enumerate(("2026-01-01", "2026-01-02")):
        publisher.publish(NUMBERS, [(number,)], partition=day, directory=f"day={day}")
    table = root / "shop" / "numbers" / "parquet"
    part = (table / "day=2026-01-01" / "part-00000.parquet").read_bytes()
    (table / "secret.parquet").write_bytes(part)
    (table / "day=2030-01-01").mkdir()
    (table / "day=2030-01-01" / "part-00000.parquet").write_bytes(part)
    return root


def hashes(root: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not {".locks", ".state"} & set(path.parts)
    }


@pytest.mark.parametrize("sql", READING)
def test_what_only_reads_is_answered(root: Path, sql: str) -> None:
    with open_catalog(root) as catalog:
        assert catalog.fetch(sql)


@pytest.mark.suite("security")
@pytest.mark.promise("source-left-alone")
def test_all_else_is_refused_in_one_line_and_writes_nothing(
    root: Path, tmp_path: Path, proven: Proven
) -> None:
    local_variable = {"a": [1]}
    places = {
        "root": str(root),
        "out": str(tmp_path / "out"),
        "part": str(root / "shop/numbers/parquet/day=2026-01-01/part-00000.parquet"),
    }
    with open_catalog(root) as catalog:
        before = hashes(tmp_path)
        for sql in REFUSED:
            with pytest.raises(UsageError) as refused:
                catalog.fetch(sql.format(**places))
            assert str(refused.value).startswith("query: "), sql
            assert len(str(refused.value).splitlines()) == 1, sql
            assert refused.value.exit_code == 2, sql
        assert catalog.fetch("SELECT count(*) FROM shop.numbers") == [(2,)]

    after = hashes(tmp_path)
    assert after == before
    assert local_variable
    proven(len(REFUSED), "statements that do more", f"{len(after.keys() - before.keys())} written")


@pytest.mark.suite("security")
@pytest.mark.promise("source-left-alone")
def test_links_out_of_the_exports_are_not_followed(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.parquet"
    part = root / "shop" / "numbers" / "parquet" / "day=2026-01-01" / "part-00000.parquet"
    part.rename(outside)
    part.symlink_to(outside)

    with open_catalog(root) as catalog, pytest.raises(ExportError, match="Cannot access file"):
        catalog.fetch("FROM shop.numbers")


@pytest.mark.parametrize(
    ("sql", "line"),
    [
        ("FROM shop.number", "query: there is no table number; did you mean shop.numbers?"),
        ("FROM numbers", "query: there is no table numbers; did you mean shop.numbers?"),
        ("FROM wholly.other", 'no table "wholly.other".*SHOW ALL TABLES names'),
        ("SELECT idd FROM shop.numbers", "query: Referenced column .idd. not found.*id"),
    ],
)
def test_what_does_not_exist_is_named_with_what_is_nearest(root: Path, sql: str, line: str) -> None:
    with open_catalog(root) as catalog, pytest.raises(UsageError, match=line):
        catalog.query(sql)


def test_a_table_without_a_view_says_why(root: Path) -> None:
    publisher = Publisher(root=root, source="lab")
    publisher.publish(NUMBERS, [(1,)], fmt="ndjson", dialect={"lines": "logged"})

    with open_catalog(root) as catalog, pytest.raises(UsageError, match="are not the rows of"):
        catalog.query("FROM lab.numbers")


def test_sets_and_bundles_have_no_view_and_say_so(tmp_path: Path) -> None:
    world = shop(tmp_path, f"{SHOP}sets: {{orders_all: {{}}}}\n")
    world.export()
    root = world.exports
    manifest = read_if_there(root / "shop" / "orders_all" / "set" / "all")
    assert manifest is not None
    bundle = {"format": "bundle", "partition": "id=1", "set": UNSET}
    for table in ("customers", "orders_tied"):
        made = replace(
            manifest, table=table, **bundle, bundle=BundleRecord(key=("id",), ids=("1",))
        )
        place = root / "shop" / table / "bundle" / "id=1"
        place.mkdir(parents=True, exist_ok=True)
        (place / "_manifest.json").write_bytes(encode_manifest(made))

    with open_catalog(root) as catalog:
        for asked in ("shop.orders_all", 'Shop."ORDERS_ALL"'):
            with pytest.raises(
                UsageError, match=r"^query: shop.orders_all: no view, a set is files"
            ):
                catalog.query(f"FROM {asked}")
        with pytest.raises(
            UsageError, match=r"^query: shop.orders_tied: no view, bundles are rows"
        ):
            catalog.query("FROM shop.orders_tied")
        with pytest.raises(UsageError, match=r"did you mean shop\.orders\?"):
            catalog.query("FROM shop.orders_")
        assert catalog.fetch("SELECT count(*) FROM shop.customers") == [(2,)]
        assert len(catalog.left_out) == 2


def test_a_part_that_is_gone_is_told_as_damage(root: Path) -> None:
    with open_catalog(root) as catalog:
        gone = root / "shop" / "numbers" / "parquet" / "day=2026-01-01" / "part-00000.parquet"
        gone.unlink()

        with pytest.raises(IntegrityError, match=r"part-00000.parquet is gone"):
            catalog.fetch("FROM shop.numbers")


def test_a_query_ends_when_its_time_is_over_or_somebody_interrupts_it(root: Path) -> None:
    with open_catalog(root, seconds=0.3) as catalog:
        begun = time.monotonic()
        with pytest.raises(UsageError, match=r"took longer than 0.3 s"):
            list(rows_of(catalog, ENDLESS).batches)
        assert time.monotonic() - begun < 5

    with open_catalog(root) as catalog:
        timer = threading.Timer(0.3, os.kill, (os.getpid(), 2))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            list(rows_of(catalog, ENDLESS).batches)
        assert catalog.fetch("SELECT 1") == [(1,)]


def test_a_query_has_no_more_memory_than_it_may_have(root: Path, tmp_path: Path) -> None:
    greedy = "SELECT list(range) FROM range(50000000)"
    with open_catalog(root, memory="100MB") as catalog, pytest.raises(UsageError, match="memory"):
        catalog.fetch(greedy)
    with pytest.raises(UsageError, match="memory 'much'"), open_catalog(root, memory="much"):
        pass
    assert not (tmp_path / ".tmp").exists()


def test_rows_come_in_types_that_every_format_has(root: Path) -> None:
    sql = """
        SELECT sum(range)::HUGEINT AS h, INTERVAL 1 MONTH AS i, [1, 2] AS l, {'a': 1} AS s,
            1::UTINYINT AS t, 1.5::DECIMAL(4, 1) AS d, TIME '10:00' AS c, 1 AS d, NULL AS n
        FROM range(3) -- and a comment
    """
    with open_catalog(root) as catalog:
        rows = rows_of(catalog, sql)
        frame = next(rows.batches).frame

    assert rows.schema.names == ("h", "i", "l", "s", "t", "d", "c", "d_1", "n")
    assert frame.schema == rows.schema.polars
    assert frame["l"].to_list() == ["[1,2]"]


def test_the_catalogue_is_never_written_by_who_asks(root: Path) -> None:
    with open_catalog(root):
        pass
    before = (root / CATALOG).stat()

    with open_catalog(root) as catalog:
        catalog.fetch("FROM shop.numbers")

    assert (root / CATALOG).stat().st_mtime_ns == before.st_mtime_ns
