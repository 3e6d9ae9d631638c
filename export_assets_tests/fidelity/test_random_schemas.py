"""Random SQLite schemas and values: every format, read back by every reader, equals the source."""

import os
import random
import secrets
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.json as arrow_json
import pytest

from export_assets_tests.effort import SOAK, effort
from export_assets_tests.engine.engine_world import World
from export_assets_tests.fidelity.random_schemas import make_database, random_table
from export_assets_tests.fidelity.readback import Duck
from export_assets_tests.fidelity.trial import Tally, compare, export_all, published
from export_assets_tests.proof.plugin import Proven

SCHEMAS = int(os.environ.get("EXPORT_ASSETS_SCHEMAS", effort(60, soak=1000)))
TOGETHER = 25


def first_seed() -> int:
    """Return the seed asked for, in a soak a new one that all workers of the run agree upon."""
    if "EXPORT_ASSETS_SEED" in os.environ:
        return int(os.environ["EXPORT_ASSETS_SEED"])
    if not SOAK:
        return 0
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex(8)
    return random.Random(run).getrandbits(24)


FIRST = first_seed()
READERS = {
    "parquet/polars", "parquet/duckdb", "parquet/pyarrow",
    "csv/polars", "csv/duckdb", "csv/pyarrow",
    "ndjson/polars", "ndjson/duckdb", "ndjson/pyarrow", "ndjson/python",
    "json/polars", "json/duckdb", "json/python",
}  # fmt: skip
"""All pairs but JSON and pyarrow, which reads no list of records."""


@pytest.fixture(scope="module")
def duck() -> Iterator[Duck]:
    opened = Duck()
    yield opened
    opened.close()


def run(home: Path, duck: Duck, seeds: range, tally: Tally) -> None:
    """Export the tables of *seeds*, which share one database, and compare them."""
    tables = [random_table(seed) for seed in seeds]
    world = World(home)
    make_database(world.db, tables)
    rules = {
        table.name: {"partition_by": {"column": table.partition_by, "every": table.every}}
        for table in tables
        if table.partition_by
    }
    report = export_all(world, rules)
    failed = [record for record in report.records if record.error]
    tally.problems += [f"{one.table}/{one.format}: {one.error}" for one in failed]
    found = published(world)
    for table in tables:
        sliced = table.partition_by is not None
        compare(world, duck, table.name, found[table.name], tally, sliced=sliced)


@pytest.mark.suite("random-schemas")
@pytest.mark.promise("nothing-changed-silently")
@pytest.mark.parametrize("first", range(FIRST, FIRST + SCHEMAS, TOGETHER))
def test_a_random_schema_reads_back_equal(
    first: int, duck: Duck, tmp_path: Path, proven: Proven
) -> None:
    tally = Tally()
    number = min(TOGETHER, FIRST + SCHEMAS - first)

    run(tmp_path, duck, range(first, first + number), tally)

    replay = (
        f"EXPORT_ASSETS_SEED={first} EXPORT_ASSETS_SCHEMAS={number} pytest {Path(__file__).name}"
    )
    assert not tally.problems, "\n".join([replay, *tally.problems])
    assert tally.tables == number
    assert set(tally.cells) == READERS, replay
    assert min(tally.cells.values()) > 0, replay
    cells = f"{tally.cells.total()} cells in {len(tally.cells)} pairs of format and reader"
    proven(tally.tables, "schemas", f"{cells}, {len(tally.problems)} unequal")


def test_pyarrow_reads_no_list_of_records(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'[\n{"a":1},\n{"a":2}\n]\n')

    with pytest.raises(pa.ArrowInvalid):
        arrow_json.read_json(path)


def test_a_changed_value_a_lost_row_and_a_wrong_count_are_noticed(
    duck: Duck, tmp_path: Path
) -> None:
    world = World(tmp_path)
    world.sql("create table t1 (a integer, b real); insert into t1 values (1, 9e999), (2, 0.5)")
    export_all(world, {})
    found = published(world)["t1"]
    seen = {}
    for change in (
        "select 1",
        "update t1 set a = 3 where a = 2",
        "delete from t1 where a = 2",
        "update t1 set b = 1.5 where a = 1",
    ):
        world.sql(change)
        tally = Tally()
        compare(world, duck, "t1", found, tally)
        seen[change] = len(tally.problems)

    assert seen.pop("select 1") == 0
    assert min(seen.values()) >= 13
