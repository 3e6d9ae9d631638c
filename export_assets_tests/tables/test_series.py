"""Gaps in a steady beat, and columns that decrease."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.tables.partitions import Window
from export_assets.tables.series import CadenceResult, check_cadence, check_monotone

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def at(*minutes: float) -> pl.DataFrame:
    moments = [NOON + timedelta(minutes=minute) for minute in minutes]
    return pl.DataFrame({"at": moments}, schema={"at": pl.Datetime("us", "UTC")})


def check(frame: pl.DataFrame, window: Window | None = None) -> CadenceResult:
    return check_cadence(frame, "at", minutes=5, max_gap_minutes=10, window=window)


def test_a_steady_beat_has_no_gap() -> None:
    result = check(at(0, 5, 10, 15))

    assert (result.present, result.missing, result.gap_count, result.share) == (4, 0, 0, 1.0)


def test_a_gap_has_its_start_and_its_minutes() -> None:
    result = check(at(0, 5, 30, 35))

    assert [(gap.start, gap.end, gap.minutes) for gap in result.gaps] == [
        (NOON + timedelta(minutes=5), NOON + timedelta(minutes=30), 25.0)
    ]
    assert (result.expected, result.missing) == (8, 4)
    assert result.share == 0.5


def test_a_silence_as_long_as_allowed_is_no_gap_but_lacks_a_row() -> None:
    result = check(at(0, 10))

    assert (result.gap_count, result.missing) == (0, 1)


def test_rows_a_little_early_or_late_lack_nothing() -> None:
    result = check(at(0, 5.2, 9.9, 15.3, 20))

    assert (result.missing, result.gap_count) == (0, 0)


def test_the_order_of_rows_nulls_and_repeats_do_not_matter() -> None:
    frame = pl.concat([at(30, 0, 5, 5, 35), pl.DataFrame({"at": [None]}, schema=at().schema)])

    assert check(frame) == check(at(0, 5, 30, 35))


def test_silence_at_the_edges_of_a_window_counts() -> None:
    window = Window(start=NOON - timedelta(minutes=20), end=NOON + timedelta(minutes=40))

    result = check(at(-60, 0, 5, 60), window)

    assert [gap.minutes for gap in result.gaps] == [20.0, 35.0]
    assert (result.present, result.missing) == (2, 9)


def test_a_window_without_rows_is_one_gap() -> None:
    window = Window(start=NOON, end=NOON + timedelta(days=1))

    result = check(at(), window)

    assert [(gap.start, gap.minutes) for gap in result.gaps] == [(NOON, 1440.0)]
    assert result.share == 0.0


def test_no_rows_and_no_window_are_nothing_to_complain_about() -> None:
    result = check(at())

    assert (result.present, result.missing, result.gaps, result.share) == (0, 0, (), 1.0)


def test_the_longest_gaps_are_listed_and_all_are_counted() -> None:
    result = check_cadence(
        at(0, 20, 120, 135, 200), "at", minutes=5, max_gap_minutes=10, max_listed=2
    )

    assert result.gap_count == 4
    assert [gap.minutes for gap in result.gaps] == [100.0, 65.0]


def test_other_zones_naive_times_dates_and_lazy_frames_are_read() -> None:
    aware = at(0, 30).with_columns(pl.col("at").dt.convert_time_zone("Asia/Tokyo"))
    naive = at(0, 30).with_columns(pl.col("at").dt.replace_time_zone(None).cast(pl.Datetime("ms")))
    days = pl.LazyFrame({"at": [date(2026, 7, 1), date(2026, 7, 4)]})

    assert check(aware) == check(naive) == check(at(0, 30))
    found = check_cadence(days, "at", minutes=1_440, max_gap_minutes=1_440)
    assert (found.missing, found.gap_count) == (2, 1)


@settings(max_examples=50, deadline=None)
@given(beats=st.sets(st.integers(0, 300), min_size=1))
def test_on_an_exact_beat_what_is_expected_is_the_whole_span(beats: set[int]) -> None:
    result = check(at(*(5 * beat for beat in beats)))

    assert result.present == len(beats)
    assert result.expected == max(beats) - min(beats) + 1


@pytest.mark.parametrize(
    ("values", "decreases", "repeats"),
    [([1, 2, 3], 0, 0), ([1, 1, 2], 0, 1), ([3, 1, 2, 1], 2, 0), ([], 0, 0), ([None], 0, 0)],
)
def test_decreases_and_repeats_are_counted(
    values: list[int | None], decreases: int, repeats: int
) -> None:
    frame = pl.DataFrame({"n": values}, schema={"n": pl.Int64})

    result = check_monotone(frame, "n")

    assert (result.rows, result.decreases, result.repeats) == (len(values), decreases, repeats)
    assert result.holds is (decreases == 0)


def test_a_decrease_hidden_behind_nulls_is_found() -> None:
    result = check_monotone(pl.DataFrame({"n": [5, None, None, 4]}), "n")

    assert [(found.row, found.previous, found.value) for found in result.breaks] == [(3, 5, 4)]
    assert result.nulls == 2


def test_only_the_first_decreases_are_listed() -> None:
    result = check_monotone(pl.LazyFrame({"n": list(range(100, 0, -1))}), "n", max_listed=3)

    assert result.decreases == 99
    assert [found.row for found in result.breaks] == [1, 2, 3]


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_sorted_values_hold_and_others_do_not(values: list[int]) -> None:
    frame = pl.DataFrame({"n": values}, schema={"n": pl.Int64})

    assert check_monotone(frame, "n").holds is (values == sorted(values))
    assert check_monotone(frame.sort("n"), "n").holds
