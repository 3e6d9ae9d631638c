"""Whatever a command does, descriptors, threads, children and temporary files are as before."""

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from export_assets_tests.archives.conftest import quick
from export_assets_tests.effort import effort
from export_assets_tests.faults.flows import FLOWS, WEB, run, shop
from export_assets_tests.faults.flows import logs as with_logs
from export_assets_tests.proof.plugin import Proven

__all__ = ["quick"]

pytestmark = [pytest.mark.suite("limits"), pytest.mark.promise("source-left-alone")]

MANY = effort(80, soak=200)

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("export", "shop", "--full", "--overwrite", "-f", "parquet,csv,tsv,ndjson,json"),
    ("export", "shop", "-o", "out", "--overwrite", "-f", "xlsx,sqlite,duckdb"),
    ("export", "shop", "nothing"),
    ("export", "gone.db"),
    ("export", "broken.db"),
    ("export", "shop", "-o", "shop.db"),
    ("plan", "shop"),
    ("inspect", "shop"),
    ("list",),
    ("query", "select count(*) from shop.orders"),
    ("query", "select nothing"),
    ("verify", "shop", "--deep", "--source"),
    ("repair", "shop", "--against-source"),
    ("validate",),
    ("bundle", "shop", "customers", "--id", "c1", "--overwrite"),
    ("bundle", "shop", "customers", "--id", "none"),
    ("export", "web"),
    ("offload", "web", "--archive-name", "all"),
    ("archive", "web", "--match-id", "m", "--force"),
    ("restore", "all", "--to", "back"),
    ("restore", "none"),
    ("verify", "archives"),
    ("watch", "shop", "--interval", "0.1", "--for", "0.3"),
    ("prune", "shop"),
    ("notify",),
)
"""Of every family of commands, those that go well and those that fail."""


def held() -> tuple[list[str], list[str], list[str]]:
    """Return what is open, which threads run and which children there are."""
    places = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            places.append(str(descriptor.readlink()))
        except OSError:
            continue  # the one that lists them
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    return sorted(places), sorted(one.name for one in threading.enumerate()), children


def shared_memory() -> set[str]:
    """Return what libraries share between processes, under their own names."""
    names = (
        {path.name for path in Path("/dev/shm").iterdir()} if Path("/dev/shm").is_dir() else set()
    )
    return {name for name in names if name.startswith(("psm_", "sem.", "export-assets"))}


def project(home: Path) -> None:
    """Make a project with a database, logs, and a file that is no database."""
    os.chdir(home)
    shop()
    Path("sources").rename("kept")
    Path("export_assets.yaml").unlink()
    with_logs()
    Path("kept/shop.yaml").rename("sources/shop.yaml")
    Path("broken.db").write_bytes(b"SQLite format 3\0" + b"x" * 5_000)


def test_every_command_gives_back_what_it_opened(
    quick: Path, monkeypatch: pytest.MonkeyPatch, proven: Proven
) -> None:
    home, temporary = quick / "home", quick / "tmp"
    home.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    project(home)
    shared = shared_memory()
    codes: dict[tuple[str, ...], int] = {}
    kept: list[str] = []

    for command in COMMANDS:
        codes[command] = run(*command).code  # once, so that caches are filled
        before = held()
        for _ in range(2):
            assert run(*command).code == codes[command], command
        after = held()
        if after != before:
            kept.append(f"{command}: {before} then {after}")
        left = sorted(path.name for path in temporary.iterdir())
        kept += [f"{command}: temporary {name}" for name in left]

    assert kept == []
    assert {0, 2, 10, 12} <= set(codes.values())
    assert shared_memory() <= shared
    proven(3 * len(COMMANDS), "commands", f"{len(kept)} kept something")


def test_every_command_of_the_program_is_among_them() -> None:
    """`dev`, `demo`, `init` and `dump-db` start servers or projects of their own."""
    from export_assets.cli.app import program

    known = set(program().commands)  # type: ignore[attr-defined]  # it is a group
    here = {command[0] for command in COMMANDS} | {flow.command[0] for flow in FLOWS}

    assert known - here == {"demo", "dev", "dump-db", "init"}


FEW_FILES = """
import os, resource, sys
from pathlib import Path
from export_assets.cli.app import main
hard = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
count = lambda: len(os.listdir("/proc/self/fd"))
codes, opened = [], []
for _ in range(2):
    codes.append(main(sys.argv[2:]))
    opened.append(count())
print(codes, opened, file=sys.stderr)
sys.exit(codes[-1] if opened[0] == opened[1] else 99)
"""


def many_partitions() -> None:
    """Make a table of many days."""
    Path("sources").mkdir()
    yaml = "source: shop\nurl: shop.db\ntables: {t: {partition_by: {column: at, every: day}}}\n"
    Path("sources/shop.yaml").write_text(yaml, encoding="utf-8")
    with closing(sqlite3.connect("shop.db")) as connection, connection:
        connection.execute("create table t (id integer primary key, at timestamp)")
        connection.executescript(
            f"with recursive n(i) as (select 0 union all select i + 1 from n where i < {MANY - 1})"
            " insert into t select i, datetime('2025-01-01', i || ' days') from n;"
        )


def many_tables() -> None:
    """Make many tables."""
    Path("sources").mkdir()
    Path("sources/shop.yaml").write_text("source: shop\nurl: shop.db\n", encoding="utf-8")
    with closing(sqlite3.connect("shop.db")) as connection, connection:
        for number in range(MANY):
            connection.execute(f"create table t{number} (id integer primary key)")


def many_logs() -> None:
    """Make many logs."""
    Path("sources").mkdir()
    Path("sources/web.yaml").write_text(WEB, encoding="utf-8")
    Path("logs").mkdir()
    for number in range(MANY):
        Path(f"logs/{number}.jsonl").write_text(
            f'{{"ts": "2026-01-15T12:00:00Z", "n": {number}}}\n'
        )


@pytest.mark.parametrize(
    "row",
    [
        (many_partitions, ("export", "shop", "-f", "csv"), "exports/shop/t/csv/day=*/part-*"),
        (many_tables, ("export", "shop", "-o", "out", "-f", "csv"), "out/*.csv"),
        (many_logs, ("export", "web"), "exports/web/_segments/parquet/*/part-*"),
    ],
    ids=["partitions", "files", "logs"],
)
def test_64_open_files_are_enough_for_many_more(
    row: tuple[Callable[[], None], tuple[str, ...], str],
    quick: Path,
    monkeypatch: pytest.MonkeyPatch,
    proven: Proven,
) -> None:
    make, arguments, files = row
    monkeypatch.chdir(quick)
    make()
    (quick / "tmp").mkdir()

    done = subprocess.run(
        [sys.executable, "-c", FEW_FILES, "64", *arguments],
        env=dict(os.environ) | {"TMPDIR": str(quick / "tmp"), "POLARS_MAX_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr[-1500:]
    assert "Traceback" not in done.stderr
    assert list((quick / "tmp").iterdir()) == []
    published = len(list(quick.glob(files)))
    assert published in {MANY, 2 * MANY}  # files of a directory have the time in their names
    proven(published, "files with 64 descriptors", f"exit {done.returncode}")
