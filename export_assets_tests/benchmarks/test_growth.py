"""Curves are measured, the law they follow is found, and pictures are drawn of them."""

import json
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from math import log2
from pathlib import Path

import pytest

from benchmarks.data import daily
from benchmarks.growth import page, record
from benchmarks.growth.fit import fit
from benchmarks.growth.plot import MOST_BYTES
from benchmarks.growth.points import Axis, Cost, measure_axis
from benchmarks.growth.tables import (
    FIRST,
    SPLIT_ROWS,
    WIDE_ROWS,
    expect_parquet,
    measure_columns,
)
from benchmarks.measure import CommandFailed

SIZES = (10, 100, 1_000, 10_000, 100_000)
NOISE = (1.04, 0.97, 1.05, 0.96, 1.02)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def noisy(law: Callable[[int], float]) -> list[float]:
    return [law(n) * noise for n, noise in zip(SIZES, NOISE, strict=True)]


@pytest.mark.parametrize(
    ("law", "verdict", "exponent"),
    [
        (lambda _: 2.0, "does not grow", None),
        (lambda n: 2 + 1e-3 * n, "within n log n", 1.0),
        (lambda n: 2 + 1e-3 * n**0.5, "does not grow", None),
        (lambda n: 0.1 + 1e-3 * n**0.5, "within n log n", 0.5),
        (lambda n: 2 + 1e-4 * n * log2(n), "within n log n", 1.08),
        (lambda n: 2 + 1e-4 * n**1.5, "worse than n log n", 1.5),
        (lambda n: 2 + 1e-7 * n**2, "worse than n log n", 2.0),
    ],
    ids=["flat", "n", "a root beside the start", "a root", "n log n", "n to 1.5", "n squared"],
)
def test_the_law_of_a_curve_is_found_under_noise(
    law: Callable[[int], float], verdict: str, exponent: float | None
) -> None:
    found = fit(SIZES, noisy(law))

    assert found.verdict == verdict
    assert found.exponent == (None if exponent is None else pytest.approx(exponent, abs=0.06))


def test_a_square_that_shows_at_the_largest_size_alone_is_noticed() -> None:
    found = fit(SIZES, noisy(lambda n: 2 + 1e-4 * n + 1e-8 * n**2))

    assert found.verdict == "worse than n log n"
    assert found.beyond is not None
    assert found.beyond > 1.25


def test_two_points_tell_no_law() -> None:
    assert fit((10, 100), (1.0, 9.0)).verdict == "too few points"


def axis_of(costs: dict[int, float]) -> Axis:
    return Axis(
        name="things",
        counted="things",
        sizes=tuple(costs),
        curves={"work": "Work & play, by things"},
        measure=lambda _, n: {"work": Cost(seconds=costs[n], peak=50_000_000)},
    )


def test_curves_are_kept_beside_what_else_was_measured_and_shown(tmp_path: Path) -> None:
    measured = tmp_path / "measured.json"
    kept = {"peers": {"a": 1}, "growth": {"curves": {}}}
    measured.write_text(json.dumps(kept), encoding="utf-8")
    axis = axis_of({size: 2 + 1e-3 * size for size in SIZES})

    points = measure_axis(axis, tmp_path, axis.up_to(10_000), rounds=2)
    entry = record.keep(measured, record.curves_of(axis, points), now=NOW)
    [picture] = page.write_images(entry, tmp_path / "images")
    lines = page.section(entry)

    stored = json.loads(measured.read_text(encoding="utf-8"))
    assert stored == {"peers": {"a": 1}, "growth": entry}
    assert "| 10,000 | 12.00 | 50 | 2 |" in lines
    assert "Not measured: 100,000." in lines
    assert any(line.startswith("Time within n log n, k = 1.00") for line in lines)
    assert any(line.endswith("](images/growth-things-work.svg)") for line in lines)
    assert picture.name == "growth-things-work.svg"
    assert picture.stat().st_size < MOST_BYTES
    drawn = ET.fromstring(picture.read_text(encoding="utf-8"))
    assert len(drawn.findall(".//{http://www.w3.org/2000/svg}circle")) == 4


def test_a_long_point_is_measured_once_and_one_that_would_take_too_long_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    axis = axis_of({1: 1.0, 2: 60.0, 200: 6000.0})
    # Started and over, for each round.
    clock = iter([0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 63.0])
    monkeypatch.setattr("benchmarks.growth.points.time.perf_counter", lambda: next(clock))

    points = measure_axis(axis, tmp_path, list(axis.sizes), rounds=3)

    assert [len(point.costs) for point in points["work"]] == [3, 1]
    assert record.curves_of(axis, points)["things-work"]["left_out"] == [200]


def test_rows_lie_on_every_day_there_is_a_partition_for(tmp_path: Path) -> None:
    with closing(sqlite3.connect(daily(tmp_path, 2_000, days=365, first=FIRST))) as connection:
        query = "select count(*), count(distinct date(recorded_at)) from measurements"
        found = connection.execute(query).fetchone()

    assert found == (2_000, 365)
    assert SPLIT_ROWS == 200_000


def test_a_wide_table_is_exported_whole_and_an_output_that_is_not_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.growth.tables.WIDE_ROWS", 100)

    cost = measure_columns(tmp_path, 30)["export"]

    assert cost.seconds > 0.1
    with pytest.raises(CommandFailed, match=f"100 rows instead of {WIDE_ROWS}"):
        expect_parquet(tmp_path / "output", files=1, rows=WIDE_ROWS, columns=30)


def test_an_exponent_is_not_told_from_growth_that_the_start_outweighs() -> None:
    # Measured on a busy machine: partitions of one table.
    found = fit((1, 10, 100, 365), (5.67, 5.95, 6.39, 9.73))

    assert (found.exponent, found.verdict) == (None, "within n log n")
