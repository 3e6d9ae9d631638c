"""Rows, columns and partitions of a SQLite table, each exported by the command line."""

import random
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.contenders import program, published
from benchmarks.data import TABLE, daily, database
from benchmarks.growth.points import Axis, Cost
from benchmarks.measure import CommandFailed, run_measured
from benchmarks.projects import one_source
from benchmarks.rounds import TIMEOUT_SECONDS, is_data, run_rounds

WIDE_ROWS = 20_000
SPLIT_ROWS = 200_000
FIRST = date(2014, 1, 1)
DAILY = f"""\
source: days
url: sqlite:///{{database}}
formats: [parquet]
monitor: {{{{enabled: false}}}}
tables:
  {TABLE}: {{{{partition_by: {{{{column: recorded_at, every: day, start: {FIRST}}}}}}}}}
"""

_KINDS = ("integer", "real", "text", "boolean", "datetime")
_EXPORT = "export"


def measure_rows(work: Path, count: int) -> Mapping[str, Cost]:
    """Export a table of *count* rows and compare what was written with it."""
    source = database(work, count)
    [result] = run_rounds(source, [("parquet",)], [published()], count=1, work=work)
    if result.failure:
        raise CommandFailed(result.failure)
    return {_EXPORT: Cost.of(result.usages[0])}


def measure_columns(work: Path, count: int) -> Mapping[str, Cost]:
    """Export a table of *count* columns."""
    source = wide_table(work, count)
    output = _emptied(work / "output")
    command = [program(), "export", str(source.resolve()), "--format", "parquet", "--quiet"]
    usage = run_measured(command, directory=output, environment={}, timeout=TIMEOUT_SECONDS)
    expect_parquet(output, files=1, rows=WIDE_ROWS, columns=count)
    return {_EXPORT: Cost.of(usage)}


def measure_partitions(work: Path, count: int) -> Mapping[str, Cost]:
    """Export a table by day, *count* of them."""
    source = daily(work, SPLIT_ROWS, days=count, first=FIRST)
    home = one_source(work / "output", "days", DAILY.format(database=source.resolve()))
    command = [program(), "export", "days", "--quiet"]
    usage = run_measured(command, directory=home, environment={}, timeout=TIMEOUT_SECONDS)
    expect_parquet(home, files=count, rows=SPLIT_ROWS)
    return {_EXPORT: Cost.of(usage)}


def wide_table(work: Path, columns: int) -> Path:
    """Return the SQLite file of a table with so many columns, made where it is missing."""
    path = work / f"wide-{columns}.db"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".tmp")
        unfinished.unlink(missing_ok=True)
        kinds = [_KINDS[number % len(_KINDS)] for number in range(columns)]
        declared = ", ".join(f"c{number} {kind}" for number, kind in enumerate(kinds))
        marks = ", ".join("?" * columns)
        with closing(sqlite3.connect(unfinished)) as connection, connection:
            connection.execute(f"create table {TABLE} ({declared})")
            connection.executemany(f"insert into {TABLE} values ({marks})", _wide_rows(kinds))
        unfinished.rename(path)
    return path


def expect_parquet(output: Path, *, files: int, rows: int, columns: int | None = None) -> None:
    """Compare the Parquet files below *output* with what there should be.

    Raises:
        CommandFailed: A number differs.
    """
    found = [path for path in output.rglob("*.parquet") if is_data(output, path)]
    records = [pq.read_metadata(path) for path in found]
    have = {"files": len(found), "rows": sum(record.num_rows for record in records)}
    want = {"files": files, "rows": rows}
    if columns is not None:
        have["columns"] = max((record.num_columns for record in records), default=0)
        want["columns"] = columns
    wrong = [f"{have[name]} {name} instead of {want[name]}" for name in want]
    if have != want:
        msg = f"wrong output: {', '.join(wrong)}"
        raise CommandFailed(msg)


def _wide_rows(kinds: list[str]) -> Iterator[list[object]]:
    draw = random.Random(20240101)
    # Values repeat beyond these: making ten million takes longer than exporting them.
    drawn = [[_value(kind, draw) for kind in kinds] for _ in range(997)]
    for number in range(WIDE_ROWS):
        yield drawn[number % len(drawn)]


def _value(kind: str, draw: random.Random) -> object:
    number = int(draw.random() * 1_000_000)
    match kind:
        case "real":
            return number / 100
        case "text":
            return f"label {number:06d}"
        case "boolean":
            return number % 2
        case "datetime":
            return f"2024-01-{1 + number % 28:02d} 10:{number % 60:02d}:00"
        case _:
            return number


def _emptied(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


ROWS = Axis(
    name="rows",
    counted="rows",
    sizes=(10_000, 100_000, 1_000_000, 10_000_000),
    curves={_EXPORT: "A SQLite table to Parquet, by rows"},
    measure=measure_rows,
)
COLUMNS = Axis(
    name="columns",
    counted="columns",
    sizes=(5, 20, 50, 100, 200, 500),
    curves={_EXPORT: f"A table of {WIDE_ROWS:,} rows to Parquet, by columns"},
    measure=measure_columns,
)
PARTITIONS = Axis(
    name="partitions",
    counted="partitions",
    sizes=(1, 10, 100, 365, 1_000, 3_650),
    curves={_EXPORT: f"A table of {SPLIT_ROWS:,} rows to Parquet by day, by partitions"},
    measure=measure_partitions,
)
