"""However many users a store has, reading it needs the same memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from export_assets.systems.weights.sample import make_many
from export_assets_tests.effort import SOAK

EXPORT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.systems.registry import load_workspace
from export_assets_tests.peak_memory import peak_kilobytes

workspace = load_workspace(Path(sys.argv[1]), environ={})
report = Exporter(
    workspace=workspace,
    source=workspace.source("weights"),
    request=ExportRequest(tables=("states", "measurements"), formats=("parquet",)),
    run=Run(id="run", now=datetime.now(UTC)),
).export()
assert not report.failed
rows = {record.table: record.rows for record in report.records}
print(rows["states"], peak_kilobytes())
"""


def exported(home: Path, users: int) -> tuple[int, int]:
    """Export a store of so many *users* in a process of its own; return rows and peak kilobytes."""
    make_many(home / "data" / "weights" / "states", users=users)
    done = subprocess.run(
        [sys.executable, "-c", EXPORT, str(home)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=1_800,
        check=True,
    )
    rows, peak = done.stdout.split()
    return int(rows), int(peak)


def test_ten_times_the_users_need_about_the_same_memory(tmp_path: Path) -> None:
    few, peak_of_few = exported(tmp_path / "few", 2_000)
    many, peak_of_many = exported(tmp_path / "many", 20_000)

    assert (few, many) == (2_000, 20_000)
    # Batches fill up, once; files of 18,000 more users are 13 MB.
    assert peak_of_many < peak_of_few * 1.5


@pytest.mark.skipif(not SOAK, reason="a million files take a quarter of an hour")
def test_a_million_users(tmp_path: Path) -> None:
    few, peak_of_few = exported(tmp_path / "few", 100_000)
    many, peak_of_many = exported(tmp_path / "many", 1_000_000)

    assert (few, many) == (100_000, 1_000_000)
    assert peak_of_many < peak_of_few * 1.3
