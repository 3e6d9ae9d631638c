"""The harness measures what it says and notices an output that is wrong."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import peer_tools
from benchmarks.contenders import Contender, Role
from benchmarks.data import TABLE, database
from benchmarks.limits import READ, WRITE, read_file, scan_table, write_bytes
from benchmarks.measure import CommandFailed, Usage, run_measured
from benchmarks.measured import KEPT
from benchmarks.peer_tools import stdlib
from benchmarks.report import bars, table
from benchmarks.rounds import Result, best_peer, ratio, run_rounds, verify

ROOT = Path(__file__).parents[2]
ROWS = 500
ALL = ("parquet", "csv", "ndjson")
with_sqlite3 = pytest.mark.skipif(shutil.which("sqlite3") is None, reason="no program sqlite3")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return database(tmp_path / "work", ROWS)


def spend(code: str, directory: Path, timeout: float = 30) -> Usage:
    command = [sys.executable, "-c", code]
    return run_measured(command, directory=directory, environment={}, timeout=timeout)


def result(contender: str, job: tuple[str, ...], *walls: float) -> Result:
    usages = [Usage(wall=wall, cpu=wall, peak=100_000_000) for wall in walls]
    role: Role = "ours" if contender in {"ours", "export-assets"} else "peer"
    return Result(job=job, contender=contender, usages=usages, role=role)


def copier(output_of: Path) -> Contender:
    """A contender that copies files made before."""
    code = "import shutil, sys; shutil.copytree(sys.argv[1], sys.argv[2], dirs_exist_ok=True)"
    return Contender(
        name="copier",
        command=lambda _, output, __: [sys.executable, "-c", code, str(output_of), str(output)],
    )


def test_the_same_size_gives_the_same_rows(tmp_path: Path) -> None:
    first, second = (database(tmp_path / name, ROWS) for name in ("a", "b"))

    assert first.read_bytes() == second.read_bytes()


def test_a_small_table_is_the_beginning_of_a_large_one(tmp_path: Path) -> None:
    def fetch(count: int) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(database(tmp_path, count))
        rows = connection.execute(f"select * from {TABLE} order by id limit 100").fetchall()
        connection.close()
        return rows

    assert fetch(100) == fetch(300)


def test_an_interrupted_generation_is_started_over(tmp_path: Path) -> None:
    (tmp_path / "measurements-v1-500.tmp").write_bytes(b"half a database")

    path = database(tmp_path, ROWS)

    connection = sqlite3.connect(path)
    assert connection.execute(f"select count(*) from {TABLE}").fetchone() == (ROWS,)
    connection.close()


def test_memory_of_descendants_at_the_same_time_is_added_up(tmp_path: Path) -> None:
    hold = "import time; block = bytearray(60_000_000); time.sleep(0.6)"
    start = f"import subprocess, sys; other = subprocess.Popen([sys.executable, '-c', '{hold}'])"

    usage = spend(f"{start}; {hold}; other.wait()", tmp_path)

    assert usage.peak > 120_000_000


def test_time_and_memory_of_one_process_are_its_own(tmp_path: Path) -> None:
    ballast = bytearray(200_000_000)  # what the one who measures holds is not counted

    usage = spend(
        "block = bytearray(80_000_000)\nwhile __import__('time').process_time() < 0.3: 1", tmp_path
    )

    assert ballast
    assert 80_000_000 < usage.peak < 110_000_000
    assert 0.3 <= usage.cpu < 2
    assert usage.wall >= 0.3


def test_a_failing_command_gives_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="exit 7\nno such table"):
        spend("import sys; print('no such table'); sys.exit(7)", tmp_path)


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="took too long"):
        spend("import time; time.sleep(60)", tmp_path, timeout=0.3)


def test_every_contender_runs_every_round_and_is_verified(source: Path, tmp_path: Path) -> None:
    results = run_rounds(source, [ALL], [stdlib()], count=2, work=tmp_path)

    [only] = results
    assert (len(only.usages), only.failure) == (2, "")
    assert only.bytes > ROWS * 100
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("fmt", "change", "complaint"),
    [
        ("csv", lambda text: text.replace('"new"', '"gone"', 1), "status is"),
        ("csv", lambda text: text[: text.rindex("\n", 0, -1) + 1], "rows is 499 instead of 500"),
        ("ndjson", lambda text: text.replace('"active": 1', '"active": 0', 1), "active is"),
    ],
    ids=["a changed value", "a missing row", "a changed flag"],
)
def test_a_wrong_output_fails_the_contender(
    source: Path, tmp_path: Path, fmt: str, change: object, complaint: str
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    subprocess.run(stdlib().command(source, made, [fmt]), check=True)
    [path] = made.iterdir()
    assert callable(change)
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

    [wrong] = run_rounds(source, [(fmt,)], [copier(made)], count=2, work=tmp_path)

    assert complaint in wrong.failure
    assert wrong.usages == []


def test_a_missing_output_fails_the_contender(source: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    [wrong] = run_rounds(source, [("csv",)], [copier(empty)], count=1, work=tmp_path)

    assert wrong.failure == "no file of format csv"


@with_sqlite3
def test_a_contender_does_only_what_it_can(source: Path, tmp_path: Path) -> None:
    program = peer_tools.sqlite_program(tmp_path)

    results = run_rounds(source, [("parquet",), ("ndjson",)], [program], count=1, work=tmp_path)

    [only] = results
    assert (only.job, only.failure, only.near) == (("ndjson",), "", False)


@with_sqlite3
def test_digits_that_a_peer_leaves_out_are_told(tmp_path: Path) -> None:
    path = tmp_path / "digits.db"
    shutil.copy(database(tmp_path / "work", ROWS), path)
    connection = sqlite3.connect(path)
    # With 15 digits it is 0.5 less a bit, and falls on the other side.
    connection.execute(f"update {TABLE} set ratio = 1234567.8901234565 where id = 1")
    connection.commit()
    connection.close()

    [only] = run_rounds(
        path, [("csv",)], [peer_tools.sqlite_program(tmp_path)], count=1, work=tmp_path
    )

    assert (only.failure, only.near) == ("", True)


def test_one_output_may_be_several_files(source: Path, tmp_path: Path) -> None:
    subprocess.run(stdlib().command(source, tmp_path, ["ndjson"]), check=True)
    [path] = tmp_path.glob("*.ndjson")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:100]), encoding="utf-8")
    with pytest.raises(CommandFailed, match="rows is 100 instead of 500"):
        verify(source, tmp_path, ["ndjson"])

    path.with_name("more.ndjson").write_text("".join(lines[100:]), encoding="utf-8")

    verify(source, tmp_path, ["ndjson"])


def test_limits_take_part_and_are_given_the_bytes_of_the_first(
    source: Path, tmp_path: Path
) -> None:
    everyone = [stdlib(), read_file(), scan_table(), write_bytes()]

    results = run_rounds(source, [("csv",)], everyone, count=1, work=tmp_path)

    assert [one.failure for one in results] == [""] * 4
    assert [one.contender for one in results if one.role == "limit"][::2] == [READ, WRITE]
    assert best_peer(results, ("csv",)) is results[0]
    assert "limit" in table(results).splitlines()[-1]


def test_a_ratio_is_taken_round_by_round() -> None:
    # The machine was three times slower in the second round, for both.
    ours, peer = result("ours", ALL, 1.0, 3.0, 1.0), result("peer", ALL, 2.0, 6.0, 2.0)

    assert ratio(ours, peer, "wall") == 0.5


def test_bars_say_whether_they_are_met() -> None:
    results = [
        result("export-assets", ("parquet",), 1.2),
        result("duckdb", ("parquet",), 1.0),
        result("export-assets", ALL, 4.0),
        result("duckdb", ALL, 5.0),
    ]

    verdicts = {verdict.name: verdict.met for verdict in bars(results, rows=1000)}

    assert verdicts == {
        "parquet, time to DuckDB's": True,
        "parquet, peak memory": True,
        "parquet + csv + ndjson, time to DuckDB's": False,
    }


def test_a_failed_contender_stands_in_the_table_without_figures() -> None:
    failed = Result(job=ALL, contender="peer", failure="exit 1")

    lines = table([result("ours", ALL, 1.0), failed]).splitlines()

    assert lines[2].split() == ["parquet+csv+ndjson", "peer", "failed"]


def test_the_command_prints_a_table_and_keeps_the_figures(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "benchmarks",
        tmp_path / "benchmarks",
        ignore=shutil.ignore_patterns("work", "results"),
    )
    options = ["--rows", str(ROWS), "--rounds", "1", "--only", "sqlite3 + pyarrow"]

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "sqlite", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "sqlite3 + pyarrow" in line]
    assert [line.split()[-1] for line in lines] == ["equal"] * 4
    stored = json.loads(
        (tmp_path / "benchmarks" / "results" / f"sqlite-{ROWS}.json").read_text(encoding="utf-8")
    )
    peer = [one for one in stored["results"] if one["role"] == "peer"]
    assert [one["job"] for one in peer] == ["parquet", "csv", "ndjson", "+".join(ALL)]
    kept = tmp_path / "benchmarks" / "results" / "measured.json"
    assert json.loads(kept.read_text(encoding="utf-8"))["sqlite"]["rows"] == ROWS
    assert (tmp_path / "benchmarks" / "measured.json").read_bytes() == KEPT.read_bytes()
