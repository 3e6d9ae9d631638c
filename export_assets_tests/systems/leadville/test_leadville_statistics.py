"""Summary tables per session and per match."""

from datetime import timedelta

import polars as pl
import pytest

from export_assets.systems.leadville.runs import aggregate_runs
from export_assets.systems.leadville.statistics import (
    MATCH_STATISTICS,
    SESSION_STATISTICS,
    match_statistics,
    session_statistics,
    split_times,
)
from export_assets_tests.systems.leadville.leadville_events import (
    TEN,
    event,
    events_frame,
    sequence,
)


@pytest.fixture
def events() -> pl.DataFrame:
    shots = [event("shot", at) for at in (2, 3, 5, 5)]
    second = [event(word, 100 + at) for at, word in enumerate(["button", "shot", "impact", "stop"])]
    stray = event("shot", 50)
    return events_frame(
        [
            *sequence("button, beep", step=1),
            *shots,
            event("impact", 6),
            event("stop", 9),
            stray,
            *second,
        ]
    )


def test_splits_are_between_shots_of_one_run_and_repeats_are_none(events: pl.DataFrame) -> None:
    runs = aggregate_runs(events).frame

    splits = split_times(runs, events)

    assert splits.select("shot", "split_seconds").rows() == [(2, 1.0), (3, 2.0)]
    assert set(splits["run_id"]) == {runs["run_id"][0]}


def test_a_session_is_summed_up(events: pl.DataFrame) -> None:
    runs = aggregate_runs(events).frame

    table = session_statistics(runs, split_times(runs, events))

    assert table.schema == SESSION_STATISTICS.polars
    (row,) = table.to_dicts()
    assert (row["session_id"], row["runs"], row["completed_runs"]) == ("none", 2, 2)
    assert (row["shots"], row["impacts"], row["correlation_success_rate"]) == (4, 2, 0.5)
    assert (row["splits"], row["split_min"], row["split_max"]) == (2, 1.0, 2.0)
    assert (row["split_p10"], row["split_median"], row["split_p90"]) == (
        pytest.approx(1.1),
        1.5,
        pytest.approx(1.9),
    )
    assert row["mean_duration_seconds"] == 6.0


def test_unknown_impacts_do_not_make_a_rate() -> None:
    events = events_frame(sequence("started, shot, stop", session="s", dialect="timer_jsonl"))
    runs = aggregate_runs(events).frame

    (row,) = session_statistics(runs, split_times(runs, events)).to_dicts()

    assert (row["shots"], row["impacts"], row["correlation_success_rate"]) == (1, None, None)


def test_a_match_has_the_runs_that_started_in_it(events: pl.DataFrame) -> None:
    runs = aggregate_runs(events).frame
    later = TEN + timedelta(seconds=100)
    starts = runs["start_time"]
    matches = {"m1": starts < later, "m2": starts >= later, "m3": starts < TEN}

    table = match_statistics(runs, split_times(runs, events), matches)

    assert table.schema == MATCH_STATISTICS.polars
    assert table.select("match_id", "runs", "shots", "splits").rows() == [
        ("m1", 1, 3, 2),
        ("m2", 1, 1, 0),
        ("m3", 0, 0, 0),
    ]


def test_nothing_gives_no_rows() -> None:
    runs = aggregate_runs(events_frame([])).frame
    splits = split_times(runs, events_frame([]))

    assert session_statistics(runs, splits).is_empty()
    assert match_statistics(runs, splits, {}).is_empty()
