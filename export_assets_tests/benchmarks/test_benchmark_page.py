"""The page of the benchmarks says what was measured, and what was not."""

import json
import re
from datetime import date
from pathlib import Path

import pytest

from benchmarks.contenders import Role
from benchmarks.limits import WRITE
from benchmarks.measure import Usage
from benchmarks.measured import KEPT, Entry, entry_of, read_entries, write_entry
from benchmarks.page import PAGE, bound, main, page
from benchmarks.promises import PROMISES
from benchmarks.report import Bar, Outcome, Part, to_best
from benchmarks.rounds import Result, best_peer

JOB = ("parquet",)


def result(name: str, role: Role, *walls: float, failure: str = "") -> Result:
    usages = [Usage(wall=wall, cpu=wall, peak=150_000_000) for wall in walls]
    return Result(job=JOB, contender=name, role=role, usages=usages, failure=failure)


RESULTS = [
    result("export-assets", "ours", 2.0, 6.0, 2.0),
    result("duckdb", "peer", 2.5, 7.5, 2.5),
    result("dlt", "peer", 8.0, 24.0, 8.0),
    result("sqlite-utils", "peer", failure="exit 1\n| no such table"),
    result(WRITE, "limit", 0.5, 0.5, 0.5),
]


def entry(*bars: Bar) -> Entry:
    outcome = Outcome(
        results=RESULTS,
        parts=[Part(name="a part", seconds=[1.0, 3.0])],
        bars=bars,
        left_out={"rivet": "rivet: no wheel"},
    )
    return entry_of(outcome, rows=1_000_000, on=date(2026, 2, 8))


def test_the_page_in_the_repository_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(read_entries(KEPT))


def test_the_best_peer_is_the_fastest_whose_output_is_right() -> None:
    wrong = result("wrong", "peer", 0.1, 0.1, 0.1, failure="wrong output")
    unverified = result("unverified", "peer", 0.1, 0.1, 0.1)
    unverified.unverified = True

    results = [*RESULTS, wrong, unverified]

    assert best_peer(results, JOB) is RESULTS[1]
    assert to_best(RESULTS[0], results) == 0.8
    assert to_best(RESULTS[1], results) is None
    assert best_peer(results, ("csv",)) is None


def test_a_job_tells_every_tool_and_who_was_left_out() -> None:
    text = page({"sqlite": entry()})

    assert "| parquet | **export-assets** | 2.00 | 0.80 x | 150 | 0 | equal |" in text
    assert "| parquet | duckdb | 2.50 | | 150 | 0 | equal |" in text
    assert "| parquet | sqlite-utils | | | | | failed: exit 1 |" in text
    assert "- Left out: rivet: no wheel" in text
    assert "| a part | 2.00 |" in text
    assert f"{WRITE} 0.50 s | 2.00 s | 4.00 x |" in text


def test_a_bar_shows_its_worst_figure() -> None:
    good = Bar(name="csv", measured=200, limit=250, unit=" MB", promise="parquet-memory")
    bad = Bar(name="ndjson", measured=260, limit=250, unit=" MB", promise="parquet-memory")

    def line(*bars: Bar) -> str:
        [found] = re.findall("^.*at most 250 MB.*$", page({"sqlite": entry(*bars)}), re.MULTILINE)
        return str(found)

    assert line(good).endswith("| 200 MB | met |")
    assert line(bad, good).endswith("| 260 MB | **NOT met** |")
    assert line().endswith("| not measured | |")


def test_what_was_never_measured_is_said_to_be_so() -> None:
    text = page({})

    assert text.count("| not measured | |") == len(PROMISES)
    assert "Not measured: `python -m benchmarks ticks`." in text
    assert "met |" not in text
    assert page({"another": {"on": "2026-02-08"}}) == text


@pytest.mark.parametrize(
    ("cpu", "limits", "start", "told"),
    [
        (0.4, {WRITE: 0.1}, 1.5, "starting up"),
        (0.4, {WRITE: 1.2}, 0.1, "the disk"),
        (3.6, {WRITE: 0.1}, 0.1, "several processors"),
        (1.8, {}, 0.1, "one processor"),
        (0.4, {}, 0.1, "waiting"),
    ],
)
def test_what_bounds_a_job(cpu: float, limits: dict[str, float], start: float, told: str) -> None:
    assert bound({"wall": 2.0, "cpu": cpu}, limits, start=start).startswith(f"{told}; ")


def test_a_job_measured_again_takes_its_own_place_alone(tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    write_entry(path, "sqlite", {"rows": 1})
    write_entry(path, "logs", {"rows": 2})

    write_entry(path, "sqlite", {"rows": 3})

    assert json.loads(path.read_bytes()) == {"logs": {"rows": 2}, "sqlite": {"rows": 3}}


def test_a_page_out_of_date_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured, written = tmp_path / "measured.json", tmp_path / "page.md"
    where = ["--measured", str(measured), "--page", str(written)]
    assert main(where) == 0
    assert main([*where, "--check"]) == 0

    write_entry(measured, "sqlite", entry())

    assert main([*where, "--check"]) == 1
    assert capsys.readouterr().out == "page.md: out of date, run make docs\n"
