"""Processes that hold a DuckDB file: for writing, for reading, or until they are killed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOLD = """
import duckdb, os, sys
if sys.argv[2] == "read":
    connection = duckdb.connect(sys.argv[1], read_only=True)
    print("ready", flush=True)
    sys.stdin.readline()
    sys.exit()
connection = duckdb.connect(sys.argv[1])
connection.execute("pragma disable_checkpoint_on_shutdown")
connection.execute("set checkpoint_threshold = '1GB'")
connection.execute("create table if not exists t(a integer)")
connection.execute("insert into t values (1), (2)")
print("ready", flush=True)
if sys.argv[2] == "killed":
    os._exit(9)
sys.stdin.readline()
"""


@contextmanager
def holder(path: Path, state: str) -> Iterator["subprocess.Popen[str]"]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), state],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "ready\n"
        yield child
    finally:
        child.stdin.close()
        child.wait(timeout=10)
        child.stdout.close()
