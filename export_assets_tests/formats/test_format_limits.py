"""Memory stays flat, and a full disk is loud."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from export_assets_tests.effort import SOAK
from export_assets_tests.formats.tables_of_every_type import LAYOUTS
from export_assets_tests.proof.plugin import Proven

WRITE_AND_READ = """
import sys
from pathlib import Path
import polars as pl
from export_assets.formats.base import FormatOptions
from export_assets.formats.registry import format_named
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets_tests.peak_memory import peak_kilobytes

fmt, path, batches = format_named(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
kinds = {"n": LogicalType.INTEGER, "f": LogicalType.FLOAT, "t": LogicalType.TEXT}
schema = TableSchema(name="t", columns=tuple(Column(name=n, logical=k) for n, k in kinds.items()))
n = pl.int_range(50_000, eager=True)
frame = pl.DataFrame({"n": n, "f": n * 1.1, "t": "text number " + n.cast(pl.String)})
writer = fmt.open(path, schema, FormatOptions(), {})
for _ in range(batches):
    writer.write(Batch(frame))
writer.close()
rows = sum(batch.rows for batch in fmt.read(path, schema, FormatOptions()))
assert rows == batches * 50_000, rows
print(peak_kilobytes())
"""

ROWS_OF_A_KEY = """
import sys
from pathlib import Path
import polars as pl
from export_assets.formats.base import FormatOptions
from export_assets.formats.joiners import JOINERS
from export_assets.formats.joining import part_of
from export_assets.formats.registry import format_named
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets_tests.peak_memory import peak_kilobytes

name, home, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
fmt, options = format_named(name), FormatOptions()
kinds = {"id": LogicalType.INTEGER, "f": LogicalType.FLOAT, "t": LogicalType.TEXT}
columns = tuple(Column(name=name, logical=kind) for name, kind in kinds.items())
schema = TableSchema(name="t", columns=columns, primary_key=("id",))
path = home / f"part{fmt.suffix(options)}"
writer = fmt.open(path, schema, options, {})
for start in range(0, rows, 10_000):
    n = pl.int_range(start, start + 10_000, eager=True)
    texts = pl.Series([f"{one:0100d}" for one in range(start, start + 10_000)])
    writer.write(Batch(pl.DataFrame({"id": n, "f": n * 1.1, "t": texts})))
writer.close()
part = part_of(fmt, path, schema, options)
assert part.digest.rows == rows
if name in JOINERS:
    whole = home / "whole"
    JOINERS[name].join(whole, {"t": part}, options, origin=None)
    JOINERS[name].prove(whole, {"t": part}, options, origin=None)
print(peak_kilobytes())
"""

FULL_DISK = """
import random, resource, signal, sys
from pathlib import Path
import polars as pl
from export_assets.tables.batch import Batch
from export_assets_tests.formats.tables_of_every_type import LAYOUTS, layout, table_of

schema, frame = table_of(["integer", "text"])
chance = random.Random(1)
noise = [chance.randbytes(40).hex() for _ in range(frame.height)]
frame = frame.with_columns(text=pl.Series(noise))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
for name in sys.argv[3:]:
    fmt, options = layout(name)
    writer = fmt.open(Path(sys.argv[1]) / name, schema, options, {})
    try:
        for _ in range(50):
            writer.write(Batch(frame))
        writer.close()
    except OSError as error:
        writer.abort()
        print(f"{name}: {error.errno}")
    else:
        print(f"{name}: silence")
"""


def run(code: str, *arguments: str) -> str:
    environment = {**os.environ, "POLARS_MAX_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.suite("limits")
@pytest.mark.promise("flat-memory")
@pytest.mark.parametrize("name", ["xlsx", "duckdb", *(["tsv", "sqlite"] if SOAK else [])])
def test_ten_times_the_rows_are_written_read_joined_and_proven_in_the_same_memory(
    name: str, tmp_path: Path, proven: Proven
) -> None:
    peaks = list[int]()
    for rows in (20_000, 200_000):
        home = tmp_path / str(rows)
        home.mkdir()
        peaks.append(int(run(ROWS_OF_A_KEY, name, str(home), str(rows))))

    # 200,000 rows are 24 MB, and of DuckDB their key is in memory beside them.
    assert peaks[1] < peaks[0] * 1.3, peaks
    proven(200_000, "rows", "less than a third more memory than for a tenth of them")


@pytest.mark.suite("limits")
@pytest.mark.promise("flat-memory")
@pytest.mark.parametrize("name", ["parquet", "json", *(["csv", "ndjson"] if SOAK else [])])
def test_ten_times_the_rows_need_the_same_memory(name: str, tmp_path: Path, proven: Proven) -> None:
    small = int(run(WRITE_AND_READ, name, str(tmp_path / "small"), "6"))
    large = int(run(WRITE_AND_READ, name, str(tmp_path / "large"), "60"))

    # Three million rows are 130 MB in memory and more as text; held, they would show.
    assert large - small < 60 * 1024
    proven(3_000_000, "rows", "at most sixty megabytes more than for a tenth of them")


@pytest.mark.suite("full-disk")
@pytest.mark.promise("complete-or-loud")
@pytest.mark.parametrize("limit", [0, 1000])
def test_a_full_disk_is_an_os_error_in_every_layout(
    limit: int, tmp_path: Path, proven: Proven
) -> None:
    said = run(FULL_DISK, str(tmp_path), str(limit), *LAYOUTS).splitlines()

    assert said == [f"{name}: {errno.EFBIG}" for name in LAYOUTS]
    proven(len(said), "layouts at the limit of a file", "all told")


@pytest.mark.suite("full-disk")
@pytest.mark.promise("complete-or-loud")
@pytest.mark.parametrize("limit", [20_000, 100_000, 200_000])
def test_a_disk_full_in_the_middle_is_an_os_error_of_duckdb(limit: int, tmp_path: Path) -> None:
    assert run(FULL_DISK, str(tmp_path), str(limit), "duckdb") == f"duckdb: {errno.EFBIG}"
