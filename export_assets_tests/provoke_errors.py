"""Provokes the errors of every library we use and prints what `translate` makes of them.

python provoke_errors.py DIRECTORY SIDES
A process of its own, because a file-size limit cannot be taken back. SIDES is a JSON object from
the name of an error to the side it is on.
"""

import json
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import adbc_driver_sqlite.dbapi
import duckdb
import polars as pl
import pyarrow.csv
import pyarrow.parquet

from export_assets.translate import Side, translate

FRAME = pl.DataFrame({"a": range(100_000), "b": [f"x{n * 7919}" for n in range(100_000)]})
HOLD_DUCKDB = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
input()
"""
HOLD_SQLITE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("begin exclusive")
print("held", flush=True)
input()
"""

Provocation = tuple[str, Callable[[], object]]


def query_sqlite(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        connection.execute(statement).fetchall()


def query_adbc(path: Path, statement: str) -> None:
    with (
        closing(adbc_driver_sqlite.dbapi.connect(str(path))) as connection,
        closing(connection.cursor()) as cursor,
    ):
        cursor.execute(statement)
        cursor.fetch_arrow_table()


def query_duckdb(path: Path, statement: str) -> None:
    with closing(duckdb.connect(str(path), read_only=True)) as connection:
        connection.execute(statement).fetchall()


def query_memory(statement: str) -> None:
    with closing(duckdb.connect()) as connection:
        connection.execute(statement).fetchall()


def spoil(path: Path, positions: range) -> None:
    content = bytearray(path.read_bytes())
    for position in positions:
        content[position] ^= 255
    path.write_bytes(content)


def fill_sqlite(path: Path, *, pages: int = 0) -> None:
    with closing(sqlite3.connect(path)) as connection:
        if pages:
            connection.execute(f"pragma max_page_count = {pages}")
        connection.execute("create table t (a)")
        connection.executemany("insert into t values (?)", [("x" * 1000,) for _ in range(500)])
        connection.commit()


def sources(root: Path) -> Iterator[Provocation]:
    """Errors of reading."""
    missing = root / "missing" / "x"
    garbage = root / "garbage"
    garbage.write_bytes(b"PAR1" + b"g" * 9_000 + b"PAR1")
    malformed = root / "malformed.db"
    fill_sqlite(malformed)
    spoil(malformed, range(4096, malformed.stat().st_size, 7))
    corrupt = root / "corrupt.duckdb"
    with closing(duckdb.connect(str(corrupt))) as connection:
        connection.execute("create table t as select range a, 'x' || range b from range(300000)")
    spoil(corrupt, range(12_300, corrupt.stat().st_size, 5_000))
    yield "missing: polars", lambda: pl.read_parquet(missing)
    yield "missing: duckdb file", lambda: query_memory(f"from '{missing}.parquet'")
    yield "missing: duckdb database", lambda: query_duckdb(root / "none.duckdb", "select 1")
    yield "missing: sqlite", lambda: query_sqlite(missing, "select 1")
    yield "missing: adbc", lambda: query_adbc(missing, "select 1")
    yield "garbage: polars parquet", lambda: pl.read_parquet(garbage)
    yield "garbage: pyarrow parquet", lambda: pyarrow.parquet.read_table(garbage)
    yield (
        "garbage: duckdb parquet",
        lambda: query_memory(f"from read_parquet('{garbage}')"),
    )
    yield "garbage: duckdb database", lambda: query_duckdb(garbage, "select 1")
    yield "garbage: sqlite", lambda: query_sqlite(garbage, "select * from t")
    yield "garbage: adbc", lambda: query_adbc(garbage, "select * from t")
    yield "malformed: sqlite", lambda: query_sqlite(malformed, "select count(*), max(a) from t")
    yield "malformed: adbc", lambda: query_adbc(malformed, "select count(*), max(a) from t")
    yield "corrupt: duckdb", lambda: query_duckdb(corrupt, "select sum(a), max(b) from t")


def destinations(root: Path) -> Iterator[Provocation]:
    """Errors of writing; the process must be limited in the size of its files."""
    out = root / "out"
    out.mkdir()
    arrow = FRAME.to_arrow()
    yield "file limit: polars parquet", lambda: FRAME.write_parquet(out / "a")
    yield "file limit: polars parquet sink", lambda: FRAME.lazy().sink_parquet(out / "b")
    yield "file limit: polars csv", lambda: FRAME.write_csv(out / "c")
    yield "file limit: polars ndjson", lambda: FRAME.write_ndjson(out / "d")
    yield "file limit: pyarrow parquet", lambda: pyarrow.parquet.write_table(arrow, out / "e")
    yield "file limit: pyarrow csv", lambda: pyarrow.csv.write_csv(arrow, out / "f")
    yield "file limit: duckdb csv", lambda: copy_out(f"'{out}/g' (format csv)")
    yield "file limit: duckdb parquet", lambda: copy_out(f"'{out}/h' (format parquet)")
    yield "file limit: duckdb database", lambda: fill_duckdb(out / "i")
    yield "file limit: sqlite", lambda: fill_sqlite(out / "j")
    yield "file limit: sqlite backup", lambda: back_up(root / "big.db", out / "k")
    yield "file limit: python", lambda: (out / "l").write_bytes(b"x" * 1_000_000)
    yield "page limit: sqlite", lambda: fill_sqlite(out / "m", pages=10)
    yield "directory missing: polars", lambda: FRAME.write_parquet(root / "missing" / "x")
    yield "read-only: sqlite", lambda: write_read_only(root / "big.db")
    yield "panic: polars", lambda: pl.DataFrame({"a": [b"x"]}).write_ndjson(out / "n")
    yield "bug: python", lambda: int("not a number")


def full_disk(root: Path) -> Iterator[Provocation]:
    """A full disk, met through links: some libraries delete the file they fail to write."""
    for name in ("polars parquet", "polars csv", "python"):
        (root / name).symlink_to("/dev/full")
    yield "disk full: polars parquet", lambda: FRAME.write_parquet(root / "polars parquet")
    yield "disk full: polars csv", lambda: FRAME.write_csv(root / "polars csv")
    yield "disk full: python", lambda: (root / "python").write_bytes(b"x")


def copy_out(target: str) -> None:
    with closing(duckdb.connect()) as connection:
        connection.register("frame", FRAME.to_arrow())
        connection.execute(f"copy (from frame) to {target}")


def fill_duckdb(path: Path) -> None:
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute("create table t as select range a, 'x' || range b from range(300000)")


def back_up(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def write_read_only(path: Path) -> None:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("create table other (a)")


def locks(root: Path) -> Iterator[Provocation]:
    """Files held by another process.

    Another process, because locks of one process do not keep its own second copy of SQLite out,
    and the ADBC driver is one.
    """
    held = root / "held.db"
    fill_sqlite(held)
    with holding(HOLD_SQLITE, held):
        yield "locked: sqlite", lambda: query_sqlite(held, "select * from t")
        yield "locked: adbc", lambda: query_adbc(held, "select * from t")
    database = root / "held.duckdb"
    with holding(HOLD_DUCKDB, database) as pid:
        (root / "holder").write_text(str(pid), encoding="utf-8")
        yield "locked: duckdb", lambda: query_duckdb(database, "select 1")


@contextmanager
def holding(code: str, path: Path) -> Iterator[int]:
    """Run a process that opens *path* and keeps it; give its id."""
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield holder.pid
        holder.kill()


def attempt(provocation: Callable[[], object], side: Side) -> dict[str, str]:
    try:
        provocation()
    except BaseException as error:  # noqa: BLE001 - a Rust panic is no Exception
        told = translate(
            error, subject="subject", side="source" if side == "source" else "destination"
        )
        raw = f"{type(error).__module__}.{type(error).__name__}: {error}"
        return {"class": type(told).__name__, "message": str(told), "raw": raw}
    return {"class": "nothing was raised", "message": "", "raw": ""}


def main() -> None:
    root, sides = Path(sys.argv[1]), json.loads(sys.argv[2])
    results = {}
    fill_sqlite(root / "big.db")
    for name, provocation in (*sources(root), *full_disk(root)):
        results[name] = attempt(provocation, sides[name])
    for name, provocation in locks(root):
        results[name] = attempt(provocation, sides[name])
    results["locked: duckdb"]["holder"] = (root / "holder").read_text(encoding="utf-8")
    # Without the signal the limit shows as the errno EFBIG.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    for name, provocation in destinations(root):
        results[name] = attempt(provocation, sides[name])
    print(json.dumps(results))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
