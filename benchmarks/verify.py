"""Whether an output holds what the database holds: sums read by a reader that wrote neither.

python -m benchmarks.verify DB TABLE FILE…     exits 1 and says which figure differs
"""

import sqlite3
import sys
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
    ".parquet": "read_parquet('{path}')",
    ".csv": "read_csv('{path}', header = true, all_varchar = true)",
    ".ndjson": "read_ndjson('{path}')",
    ".jsonl": "read_ndjson('{path}')",
    ".json": "read_json('{path}', format = 'array')",
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


def found(path: Path) -> Figures:
    """Return the figures of one output file."""
    reader = _READERS[path.suffix].format(path=path)
    figures = _FIGURES | _IN_FILES
    connection = duckdb.connect()
    try:
        connection.execute("set timezone = 'UTC'")
        row = connection.execute(f"select {', '.join(figures.values())} from {reader}").fetchone()
    finally:
        connection.close()
    assert row is not None
    return dict(zip(figures, map(int, row), strict=True))


def differences(want: Figures, have: Figures) -> list[str]:
    """Return one sentence per figure that differs."""
    return [
        f"{name} is {have[name]} instead of {want[name]}"
        for name in want
        if have[name] != want[name]
    ]


def main(database: str, table: str, *files: str) -> int:
    want = expected(Path(database), table)
    wrong = [
        f"{Path(file).name}: {fact}"
        for file in files
        for fact in differences(want, found(Path(file)))
    ]
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
