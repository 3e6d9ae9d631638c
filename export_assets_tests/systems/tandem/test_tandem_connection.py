"""Who holds the file, and files that cannot be refreshed: real processes, real permissions."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import pytest

from export_assets.errors import SourceBusy, SourceCorrupt, SourceMissing
from export_assets.systems.tandem.pipeline import refresh_all
from export_assets_tests.systems.tandem.tandem_events import counts, database, document, rows

HOLD = """
import sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
print("held", flush=True)
sys.stdin.readline()
con.close()
"""

REFRESH_AS_NOBODY = """
import os, sys
from pathlib import Path
import duckdb, pyarrow
from export_assets.systems.tandem.pipeline import refresh_all
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    refresh_all(Path(sys.argv[1]))
except Exception as error:
    print(type(error).__name__, error)
"""


@contextmanager
def held(path: Path, mode: str) -> Iterator[int]:
    """Hold the file in another process, whose id is given."""
    command = [sys.executable, "-c", HOLD, str(path), mode]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(timeout=30) == 0


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_file_held_by_another_process_is_busy_and_names_it(tmp_path: Path, mode: str) -> None:
    path = database(tmp_path / "pump.duckdb", [document(currentglucosedisplayvalue=120)])

    with held(path, mode) as pid, pytest.raises(SourceBusy) as caught:
        refresh_all(path)

    assert f"pump.duckdb: held by process {pid} (" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.retriable
    assert refresh_all(path).inserted == 2


def test_a_file_open_in_this_process_is_busy(tmp_path: Path) -> None:
    path = database(tmp_path / "pump.duckdb")

    with (
        closing(duckdb.connect(path, read_only=True)),
        pytest.raises(SourceBusy, match="open elsewhere in this process"),
    ):
        refresh_all(path)


def test_a_file_that_is_not_there_is_missing_and_not_created(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match=r"pump\.duckdb: no such file"):
        refresh_all(tmp_path / "pump.duckdb")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"SQLite format 3\0" + bytes(4_096), b"text", bytes(8) + b"DUCK"]
)
def test_what_is_no_duckdb_file_is_corrupt_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pump.duckdb"
    path.write_bytes(content)

    with pytest.raises(SourceCorrupt) as caught:
        refresh_all(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_read_only_file_is_refused_and_left_as_it_is() -> None:
    # pytest's own directories are closed to everybody else.
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        path = database(directory / "pump.duckdb", [document()])
        path.chmod(0o444)
        directory.chmod(0o755)

        done = subprocess.run(
            [sys.executable, "-c", REFRESH_AS_NOBODY, str(path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )

        assert done.stdout == f"DestPermission {path}: not writable, cannot be refreshed\n"
        assert counts(path)["events"] == 0


def test_a_refresh_that_the_file_refuses_is_one_clear_line(tmp_path: Path) -> None:
    path = database(tmp_path / "pump.duckdb", [document()])
    with closing(duckdb.connect(path)) as con:
        con.execute("DROP TABLE cgm_readings; DROP TABLE basal_deliveries; DROP TABLE events")
        con.execute(
            """CREATE TABLE events (id INTEGER, raw_events_id INTEGER, created TIMESTAMP,
               timestamp TIMESTAMP, event_id INTEGER CHECK (event_id > 1), event_name TEXT,
               event_data JSON)"""
        )

    with pytest.raises(SourceCorrupt, match=r"pump\.duckdb: cannot be refreshed: Constraint"):
        refresh_all(path)

    assert rows(path, "SELECT count(*) FROM events") == [(0,)]
