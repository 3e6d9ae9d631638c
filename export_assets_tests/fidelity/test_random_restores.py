"""Random SQLite databases come back from the one file they were written to, every value equal."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from export_assets.engine.report import ExportReport
from export_assets.formats.findings import NOT_IN_SQLITE, NOT_JSON, NOT_UUIDS
from export_assets_tests.effort import effort
from export_assets_tests.engine.engine_world import World
from export_assets_tests.fidelity.random_schemas import make_database, random_table
from export_assets_tests.proof.plugin import Proven

SCHEMAS = effort(12, soak=252)
TOGETHER = 12
YAML = "{source: shop, url: shop.db, redact_defaults: false, tables: {'*': {}}}"
ABOUT = "_export_assets"


@dataclass(frozen=True)
class Told:
    """What a manifest says of one table."""

    row_digest: str
    columns: dict[str, tuple[str, str]]
    """Type and digest by column."""


def told(world: World, url: str, out: Path) -> dict[str, Told]:
    report = world.export(url=url, formats=("parquet",), output_dir=out)
    assert report.exit_code in {0, 3}, report
    found = {}
    for record in report.records:
        assert record.manifest is not None
        columns = {one.name: (one.logical_type, one.digest) for one in record.manifest.columns}
        found[record.table] = Told(record.manifest.row_digest, columns)
    return found


def changed(report: ExportReport, *reasons: str) -> set[tuple[str, str]]:
    """Return the tables and columns of which *report* tells one of *reasons*."""
    return {
        (record.table, column.name)
        for record in report.records
        for column in (record.manifest.columns if record.manifest else ())
        if any(change.reason in reasons for change in column.changes)
    }


@pytest.mark.suite("random-schemas")
@pytest.mark.promise("nothing-changed-silently")
@pytest.mark.parametrize("first", range(0, SCHEMAS, TOGETHER))
@pytest.mark.parametrize("fmt", ["sqlite", "duckdb"])
def test_a_random_database_comes_back_from_its_one_file(
    fmt: str, first: int, tmp_path: Path, proven: Proven
) -> None:
    world = World(tmp_path)
    make_database(world.db, [random_table(seed) for seed in range(first, first + TOGETHER)])
    world.config(YAML)
    before = told(world, f"sqlite:///{world.db}", tmp_path / "before")

    report = world.export(formats=(fmt,), output_dir=tmp_path / "whole", one_file=True)

    assert report.exit_code in {0, 3}, report
    [whole] = (tmp_path / "whole").glob(f"*.{fmt}")
    after = told(world, f"{fmt}:///{whole}", tmp_path / "after")
    assert after.pop(ABOUT).columns.keys() >= {"table", "rows", "row_digest"}
    assert after.keys() == before.keys()
    as_text = changed(report, NOT_JSON, NOT_UUIDS)
    rounded = changed(report, NOT_IN_SQLITE)
    different = {}
    for table, one in before.items():
        for name, (kind, digest) in one.columns.items():
            # DuckDB has no column of JSON or UUIDs that holds anything else; the run tells so.
            expected = ("text" if (table, name) in as_text else kind, digest)
            found = after[table].columns.get(name)
            # Neither has SQLite a negative zero in a column of floats, which the run tells, too.
            if (table, name) in rounded and found is not None:
                expected = (expected[0], found[1])
            if found != expected:
                different[table, name] = expected, found
    assert different == {}
    result = f"come back from {fmt}, {len(different)} columns differ"
    proven(len(before), "tables of one file", result)
