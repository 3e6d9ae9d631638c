"""Whether an output holds what the database holds: sums read by a reader that wrote neither.

python -m benchmarks.verify [--near=FIGURE]… DB TABLE FILE…     exits 1, says which figure differs

Columns that a tool adds of its own are not looked at, and neither is the order of rows. Files of
one format are the parts of one output.
"""

import argparse
import math
import sqlite3
import sys
from collections.abc import Collection, Sequence
from itertools import groupby
from pathlib import Path

import duckdb

# One figure per column, exact in every format: counts, sums of integers, lengths of texts.
_FIGURES = {
    "rows": "count(*)",
    "id": "sum(cast(id as bigint))",
    "device_id": "sum(cast(device_id as bigint))",
    "quantity": "sum(cast(quantity as bigint))",
    "price": "sum(cast(round(cast(price as double) * 100) as bigint))",
    "ratio": "sum(cast(round(cast(ratio as double) * 1e9) as bigint))",
    "status": "sum(length(status))",
    "label": "sum(length(label))",
    "comment": "sum(length(comment))",
    "comments": "count(comment)",
}
_IN_SQLITE = {
    "active": "sum(active)",
    "first": "min(cast(strftime('%s', recorded_at) as bigint))",
    "last": "max(cast(strftime('%s', recorded_at) as bigint))",
}
_IN_FILES = {
    "active": "sum(cast(lower(cast(active as varchar)) in ('1', 'true') as bigint))",
    "first": "min(cast(epoch(cast(cast(recorded_at as varchar) as timestamp)) as bigint))",
    "last": "max(cast(epoch(cast(cast(recorded_at as varchar) as timestamp)) as bigint))",
}
_READERS = {
    ".parquet": "read_parquet({paths})",
    ".csv": "read_csv({paths}, header = true, all_varchar = true)",
    ".ndjson": "read_ndjson({paths})",
    ".jsonl": "read_ndjson({paths})",
    ".json": "read_json({paths}, format = 'array')",
}

Figures = dict[str, int]


def expected(database: Path, table: str) -> Figures:
    """Return the figures of the table itself."""
    query = ", ".join((_FIGURES | _IN_SQLITE).values())
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        row = connection.execute(f"select {query} from {table}").fetchone()
    finally:
        connection.close()
    return dict(zip(_FIGURES | _IN_SQLITE, map(int, row), strict=True))


def found(paths: Sequence[Path]) -> Figures:
    """Return the figures of one output, in one file or several of one format."""
    reader = _READERS[paths[0].suffix].format(paths=[str(path) for path in paths])
    figures = _FIGURES | _IN_FILES
    connection = duckdb.connect()
    try:
        connection.execute("set timezone = 'UTC'")
        row = connection.execute(f"select {', '.join(figures.values())} from {reader}").fetchone()
    finally:
        connection.close()
    assert row is not None
    return {name: int(value or 0) for name, value in zip(figures, row, strict=True)}


def differences(want: Figures, have: Figures, *, near: Collection[str] = ()) -> list[str]:
    """Return one sentence per figure that differs."""
    return [
        f"{name} is {have[name]} instead of {want[name]}"
        for name in want
        if have[name] != want[name]
        and not (name in near and math.isclose(have[name], want[name], rel_tol=1e-9))
    ]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verify")
    parser.add_argument("--near", action="append", default=[], choices=_FIGURES)
    parser.add_argument("database", type=Path)
    parser.add_argument("table")
    parser.add_argument("files", nargs="+", type=Path)
    options = parser.parse_args(arguments)
    want, failed = expected(options.database, options.table), 0
    for suffix, files in groupby(options.files, lambda path: path.suffix):
        for fact in differences(want, found(list(files)), near=options.near):
            print(f"{suffix}: {fact}")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
