"""Who holds a DuckDB file, and what a snapshot makes of it: six cases."""

import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from export_assets.errors import SourceBusy
from export_assets_tests.end_to_end.world import World
from export_assets_tests.proof.plugin import Proven
from export_assets_tests.sources.duckdb_holders import holder
from export_assets_tests.sources.test_duckdb_source import files, make, read, source

pytestmark = [pytest.mark.suite("duckdb-locks"), pytest.mark.promise("source-left-alone")]


def test_a_holder_is_named_with_its_process(tmp_path: Path, proven: Proven) -> None:
    path = tmp_path / "app.duckdb"
    with holder(path, "held") as child:
        begun = time.monotonic()

        with (
            pytest.raises(SourceBusy, match=rf"shop: held for writing by process {child.pid} "),
            source(path, busy_timeout=0.6).snapshot(),
        ):
            pass

        assert 0.5 < time.monotonic() - begun < 5

        shop = World(home=tmp_path)
        shop.configure("source: shop\nurl: app.duckdb\nbusy_timeout: 0.1\n")
        done = shop.run("export", "shop")
        assert done.code == SourceBusy.exit_code == 11
        assert f"held for writing by process {child.pid} " in done.err

    proven(1, "holder for writing", f"exit {done.code}, named with its process")


def test_a_holder_that_lets_go_in_time_is_waited_for(tmp_path: Path, proven: Proven) -> None:
    path = tmp_path / "app.duckdb"
    with holder(path, "held") as child:
        closer = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import os, sys, time; time.sleep(0.3); os.kill(int(sys.argv[1]), 9)",
                str(child.pid),
            ]
        )
        with source(path, busy_timeout=10).snapshot() as snapshot:
            rows = read(snapshot, "t")
        closer.wait()

    assert rows == [(1,), (2,)]
    proven(1, "holder that lets go", f"waited for, {len(rows)} rows")


def test_the_owner_may_write_while_the_snapshot_is_read(tmp_path: Path, proven: Proven) -> None:
    path = make(tmp_path / "app.duckdb", "create table t as select 1 as a")
    with source(path).snapshot() as snapshot, holder(path, "held"):
        rows = read(snapshot, "t")

    assert rows == [(1,)]
    proven(
        1, "owner that begins to write while it is read", f"both go on, {len(rows)} row as before"
    )


def test_the_log_of_a_killed_writer_is_replayed_in_the_copy_only(
    tmp_path: Path, proven: Proven
) -> None:
    path = tmp_path / "app.duckdb"
    with holder(path, "killed"):
        pass
    before = files(tmp_path)
    assert set(before) == {"app.duckdb", "app.duckdb.wal"}

    with source(path).snapshot() as snapshot:
        rows = read(snapshot, "t")

    assert files(tmp_path) == before

    assert rows == [(1,), (2,)]
    proven(1, "log of a killed writer", f"replayed in the copy, {len(rows)} rows")


def test_this_process_holding_the_file_is_said_to_be_so(tmp_path: Path, proven: Proven) -> None:
    path = make(tmp_path / "app.duckdb", "create table t(a integer)")
    with (
        closing(duckdb.connect(path)),
        pytest.raises(SourceBusy, match="shop: held open by this very process") as told,
        source(path).snapshot(),
    ):
        pass

    proven(1, "holder that is this process", f"exit {told.value.exit_code}, said to be so")


def test_holders_that_read_are_no_matter(tmp_path: Path, proven: Proven) -> None:
    path = make(tmp_path / "app.duckdb", "create table t as select 1 as a")
    before = files(tmp_path)

    with (
        holder(path, "read"),
        holder(path, "read"),
        source(path, busy_timeout=0).snapshot() as snapshot,
    ):
        rows = read(snapshot, "t")

    assert rows == [(1,)]
    assert files(tmp_path) == before
    proven(1, "holders that read", f"read beside them, {len(rows)} row")
