"""Runs out of events: the rules, one by one, and against a plain state machine."""

import json
import random
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.systems.leadville.model import RUNS
from export_assets.systems.leadville.runs import Runs, aggregate_runs
from export_assets_tests.systems.leadville.leadville_events import (
    TEN,
    Oracle,
    event,
    events_frame,
    sequence,
)

SUMMARY = "String Time: 9.00s; Shots Detected: 1; Impacts Detected: 0"


def runs_of(events: list[dict[str, Any]], **options: Any) -> Runs:
    return aggregate_runs(events_frame(events), **options)


def figures(runs: Runs) -> list[tuple[Any, ...]]:
    return runs.frame.select("status", "end_reason", "shots_detected", "impacts_detected").rows()


def test_a_whole_string_is_one_run_with_its_impacts() -> None:
    words = "button, beep, shot, impact, shot, impact, impact, stop"

    runs = runs_of([*sequence(words), event("String Time: 60.00s", 71)])

    (run,) = runs.frame.to_dicts()
    assert figures(runs) == [("completed", "summary", 2, 3)]
    assert (run["start_time"], run["beep_time"]) == (TEN, TEN + timedelta(seconds=10))
    assert (run["duration_seconds"], run["correlation_success_rate"]) == (60.0, 1.5)
    assert run["last_impact_time"] == TEN + timedelta(seconds=60)
    assert (run["start_device"], run["start_device_id"]) == ("Timer", "AA:01")
    assert runs.report.more_impacts_than_shots == [run["run_id"]]
    assert run["summary_mismatch"] is None


def test_a_start_after_activity_closes_the_run_before() -> None:
    runs = runs_of([*sequence("button, shot, button, shot"), event(SUMMARY, 50)])

    assert figures(runs) == [("incomplete", "superseded", 1, 0), ("completed", "summary", 1, 0)]
    assert runs.frame["duration_seconds"].to_list() == [10.0, 9.0]


@pytest.mark.parametrize("names", [("b", "c"), ("c", "b"), ("z_main_20250914", "a_debug_20250914")])
def test_what_files_are_called_makes_no_difference(names: tuple[str, str]) -> None:
    first = sequence("button, shot", file=f"{names[0]}.ndjson")
    second = [
        event(word, 20 + index, file=f"{names[1]}.ndjson")
        for index, word in enumerate(["shot", SUMMARY, "beep"])
    ]

    runs = runs_of([*second, *first])

    assert figures(runs) == [("completed", "summary", 2, 0), ("active", None, 0, 0)]
    assert runs.frame["run_id"].to_list() == runs_of([*first, *second]).frame["run_id"].to_list()
    assert runs.frame["source_files"][0].count("ndjson") == 2


def test_the_worked_case_with_a_summary_of_thirty_seconds() -> None:
    events = [
        event("button", 0),
        event("shot", 10),
        event("impact", 11),
        event("String Time: 30.00s; Shots Detected: 1; Impacts Detected: 1", 30),
    ]

    (run,) = runs_of(events).frame.to_dicts()

    assert (run["shots_detected"], run["impacts_detected"]) == (1, 1)
    assert (run["duration_seconds"], run["correlation_success_rate"]) == (30.0, 1.0)
    assert (run["status"], run["summary_mismatch"]) == ("completed", False)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("button, beep, started, shot, stop", [("completed", "stopped", 1, 0)]),
        ("button, stop, beep", [("completed", "stopped", 0, 0), ("active", None, 0, 0)]),
        ("button, shot, stop, stop", [("completed", "stopped", 1, 0)]),
        ("button, shot, stop, shot, impact", [("completed", "stopped", 1, 0)]),
        ("button, frame, beep, shot, frame", [("active", None, 1, 0)]),
        ("button, impact", [("active", None, 0, 1)]),
        ("shot, impact, stop, status", []),
        ("status", []),
    ],
)
def test_rules_of_start_and_stop(words: str, expected: list[tuple[Any, ...]]) -> None:
    assert figures(runs_of(sequence(words, step=1))) == expected


def test_a_summary_after_the_stop_belongs_to_its_run_and_the_next_does_not() -> None:
    events = [*sequence("button, shot, stop", step=1), event(SUMMARY, 4), event(SUMMARY + " ", 5)]

    runs = runs_of(events)

    assert figures(runs) == [("completed", "summary", 1, 0)]
    assert runs.report.orphan_summaries == 1


def test_counts_of_the_summary_never_replace_ours() -> None:
    text = "String Time: 9.00s; Shots Detected: 7; Impacts Detected: 5"

    (run,) = runs_of([*sequence("button, shot"), event(text, 30)]).frame.to_dicts()

    assert (run["shots_detected"], run["summary_shots"], run["summary_impacts"]) == (1, 7, 5)
    assert run["summary_mismatch"] is True


@pytest.mark.parametrize(("silence", "status"), [(300, "active"), (300.01, "incomplete")])
def test_silence_ends_a_run_when_it_is_longer_than_the_timeout(silence: float, status: str) -> None:
    events = [*sequence("button, shot", step=1), event("status", 1 + silence)]

    (run,) = runs_of(events).frame.to_dicts()

    assert run["status"] == status
    assert run["end_time"] == (TEN + timedelta(seconds=1) if status == "incomplete" else None)


def test_the_timeout_and_the_end_of_the_logs_can_be_given() -> None:
    events = sequence("button, shot, shot", step=20)

    assert figures(runs_of(events, idle_timeout=timedelta(seconds=19)))[0][1:3] == ("idle", 0)
    late = runs_of(events, as_of={"event": TEN + timedelta(hours=1)})
    assert figures(late) == [("incomplete", "idle", 2, 0)]


def test_a_sign_of_life_keeps_a_run_open() -> None:
    events = [event("button", 0), event("frame", 250), event("shot", 500)]

    assert figures(runs_of(events)) == [("active", None, 1, 0)]


def test_orphans_are_counted_and_make_no_run() -> None:
    events = sequence("shot, impact, button, shot, stop, shot", step=1)

    runs = runs_of(events)

    assert figures(runs) == [("completed", "stopped", 1, 0)]
    assert (runs.report.orphan_shots, runs.report.orphan_impacts) == (2, 1)


def test_a_repeated_event_is_counted_once_and_told() -> None:
    events = [event("button", 0), event("shot", 1), event("shot", 1), event("shot", 2)]

    runs = runs_of(events)

    assert figures(runs) == [("active", None, 2, 0)]
    assert runs.frame["duplicate_events"].to_list() == [1]
    assert runs.report.duplicate_events == 1


def test_a_run_across_midnight_and_two_files_is_one() -> None:
    midnight = 14 * 3600
    events = [
        event("button", midnight - 5, file="x_main_20250914.csv"),
        event("shot", midnight - 1, file="x_main_20250914.csv"),
        event("shot", midnight + 1, file="x_main_20250915.csv"),
        event(SUMMARY, midnight + 2, file="x_main_20250915.csv"),
    ]

    runs = runs_of(events)

    assert figures(runs) == [("completed", "summary", 2, 0)]
    assert runs.frame["source_files"].to_list() == ['["x_main_20250914.csv","x_main_20250915.csv"]']


def test_no_shots_give_no_rate_and_no_error() -> None:
    (run,) = runs_of(sequence("button, impact, stop", step=1)).frame.to_dicts()

    assert (run["correlation_success_rate"], run["impacts_detected"]) == (None, 1)


def test_a_timer_without_sensors_has_unknown_impacts() -> None:
    events = sequence("started, shot, stop", step=1, session="s", dialect="timer_jsonl")

    (run,) = runs_of(events).frame.to_dicts()

    assert (run["shots_detected"], run["impacts_detected"]) == (1, None)
    assert run["correlation_success_rate"] is None


def test_sequence_numbers_that_start_again_give_other_runs() -> None:
    events = [event("button", at, seq=0) for at in (0, 400)] + [
        event("shot", at, seq=1) for at in (1, 401)
    ]

    frame = runs_of(events).frame

    assert frame["run_id"].n_unique() == 2
    assert frame["run_id"].str.contains(r"^run_20250914T1000\d\d_[0-9a-f]{6}$").to_list()[0]


def test_two_runs_that_would_share_a_name_get_longer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export_assets.systems.leadville.run_rows._SHORT", 0)
    events = [event("started", 0, session=name, dialect="timer_jsonl") for name in ("a", "b")]

    names = runs_of(events).frame["run_id"].to_list()

    assert len(set(names)) == 2


def test_nothing_gives_no_runs_of_the_right_shape() -> None:
    runs = aggregate_runs(events_frame([]))

    assert runs.frame.schema == RUNS.polars
    assert runs.frame.is_empty()


def test_the_order_of_rows_makes_no_difference() -> None:
    events = sequence("button, beep, shot, impact, shot, impact, stop", step=0)
    frame = events_frame([*events, event(SUMMARY, 0)])
    expected = aggregate_runs(frame).frame
    rng = random.Random(8)

    for _ in range(40):
        shuffled = frame[rng.sample(range(frame.height), frame.height)]

        assert aggregate_runs(shuffled).frame.equals(expected)


def test_events_that_tie_in_everything_still_have_one_order() -> None:
    events = [
        event(word, 0, seq=None, source_offset=0)
        for word in ("button", "beep", "shot", "impact", "stop", SUMMARY)
    ]
    frame = events_frame(events)

    runs = [
        aggregate_runs(frame[order]).frame for order in ([0, 1, 2, 3, 4, 5], [5, 3, 1, 4, 2, 0])
    ]

    assert runs[0].equals(runs[1])


def test_a_lazy_frame_will_do() -> None:
    frame = events_frame(sequence("button, shot, stop"))

    assert aggregate_runs(frame.lazy()).frame.equals(aggregate_runs(frame).frame)


def test_two_timers_in_one_log_stay_apart() -> None:
    events = [
        event("button", 0, timer="AA:01"),
        event("button", 1, timer="AA:02"),
        event("shot", 2, timer="AA:01"),
        event("impact", 3),
        event("shot", 4, timer="AA:02"),
        event("stop", 5, timer="AA:01"),
        event(SUMMARY, 6),
        event("stop", 7, timer="AA:02"),
    ]

    runs = runs_of(events)

    assert figures(runs) == [("completed", "summary", 1, 1), ("completed", "stopped", 1, 0)]


BAYS = ("bay1_main_20250914.ndjson", "bay2_main_20250914.ndjson")


def two_bays(*timers: str | None, files: tuple[str, str] = BAYS) -> list[dict[str, Any]]:
    """One string in each of two bays at the same time, where the second has impacts."""
    first = [("beep", 0), ("shot", 2), ("shot", 4), ("shot", 6), (f"{SUMMARY} 3 shots", 9)]
    second = [
        ("beep", 1), ("shot", 3), ("impact", 5), ("shot", 5), ("impact", 7), ("String Time: 8s", 8),
    ]  # fmt: skip
    return [
        event(word, at, timer=timer, file=file)
        for life, timer, file in zip((first, second), timers, files, strict=True)
        for word, at in life
    ]


@pytest.mark.parametrize("timers", [("AA:01", "AA:02"), (None, None)], ids=["named", "nameless"])
def test_what_one_logger_tells_is_of_no_timer_of_another(timers: tuple[str | None, ...]) -> None:
    runs = runs_of(two_bays(*timers))

    assert figures(runs) == [("completed", "summary", 3, 0), ("completed", "summary", 2, 2)]
    assert runs.frame["source_files"].to_list() == [f'["{name}"]' for name in BAYS]
    assert (runs.report.orphan_impacts, runs.report.orphan_summaries) == (0, 0)


def test_impacts_of_a_logger_without_timers_are_of_no_run() -> None:
    events = [*sequence("beep, shot", step=1, file=BAYS[0]), event("impact", 2, file=BAYS[1])]

    runs = runs_of(events)

    assert figures(runs) == [("active", None, 1, 0)]
    assert runs.report.orphan_impacts == 1


def test_the_name_of_the_logger_is_in_no_run_id() -> None:
    plain = ("a.ndjson", "a.ndjson.1")

    named, renamed = (runs_of(two_bays("AA:01", "AA:02", files=files)) for files in (BAYS, plain))

    assert named.frame["run_id"].to_list() == renamed.frame["run_id"].to_list()


def test_runs_that_nothing_but_the_logger_tells_apart_have_two_names() -> None:
    events = [event("beep", 0, timer=None, file=file) for file in BAYS]
    frame = events_frame(events).with_columns(event_id=pl.Series(["a" * 32, "b" * 32]))

    both = aggregate_runs(frame).frame["run_id"].to_list()
    alone = aggregate_runs(frame[:1]).frame["run_id"].to_list()

    assert len(set(both)) == 2
    assert {len(name) for name in both} == {len(alone[0]) + 10}


def test_a_timer_that_is_not_named_takes_no_name_from_before_a_silence() -> None:
    events = [event("beep", 0), event("shot", 1), event("beep", 900, timer=None)]

    together = runs_of(events).frame["run_id"].to_list()

    assert together[1:] == runs_of(events[2:]).frame["run_id"].to_list()


@pytest.mark.parametrize("name", ["a\nb.ndjson", 'tab\t"\\.csv', "\x00\x1f\u2028é.log"])
def test_files_are_listed_as_json_whatever_they_are_called(name: str) -> None:
    (listed,) = runs_of(sequence("beep, shot", file=name)).frame["source_files"]

    assert json.loads(listed) == [name]


words = st.sampled_from(
    ["button", "beep", "started", "shot", "shot", "impact", "stop", "frame", "status", SUMMARY]
)
steps = st.sampled_from([0.0, 0.01, 1.0, 5.0, 299.0, 301.0])
lives = st.lists(st.tuples(words, steps), min_size=1, max_size=25)


def lived(life: list[tuple[str, float]], **columns: Any) -> list[dict[str, Any]]:
    at, events = 0.0, []
    for word, step in life:
        at += step
        events.append(event(word, at, **columns))
    return events


def compare(frame: pl.DataFrame) -> None:
    runs = aggregate_runs(frame)
    oracle = Oracle()
    expected = oracle.feed(frame.to_dicts())
    columns = [
        "start_time", "end_time", "status", "end_reason", "shots_detected", "impacts_detected",
        "beep_time", "duplicate_events",
    ]  # fmt: skip
    # Two runs may begin at the same moment; then they are in no order.
    assert sorted(runs.frame.select(columns).rows(), key=str) == sorted(
        (
            (
                run.start,
                run.end,
                run.status,
                run.reason,
                run.shots,
                run.impacts,
                run.beep,
                run.copies,
            )
            for run in expected
        ),
        key=str,
    )
    assert runs.report.orphan_shots + runs.report.orphan_impacts == oracle.orphans
    assert runs.frame["run_id"].n_unique() == len(expected)


@settings(max_examples=60, deadline=None)
@given(life=lives)
def test_any_sequence_gives_what_the_state_machine_gives(life: list[tuple[str, float]]) -> None:
    compare(events_frame(lived(life)))


def random_life(rng: random.Random) -> list[tuple[str, float]]:
    kinds = ["button", "beep", "shot", "shot", "impact", "stop", "frame", SUMMARY]
    return [
        (rng.choice(kinds), rng.choice([0.01, 1.0, 5.0, 290.0, 301.0]))
        for _ in range(rng.randint(1, 15))
    ]


def test_interleaved_sessions_give_the_runs_each_gives_alone() -> None:
    rng = random.Random(11)
    sessions: list[dict[str, Any]] = []
    alone = []
    for number in range(500):
        shift = number % 5 * 0.003
        events = lived(random_life(rng), session=f"s{number:03d}", timer=f"T{number % 7}")
        for one in events:
            one["occurred_at"] += timedelta(seconds=shift + number // 5 * 3600 * 4)
        last = max(one["occurred_at"] for one in events)
        alone.append((events, last))
        sessions += events
    together = events_frame(rng.sample(sessions, len(sessions)))

    runs = aggregate_runs(together, idle_timeout=timedelta(seconds=300))

    compare(together)
    for events, _ in rng.sample(alone, 40):
        name = events[0]["session_id"]
        end = together["occurred_at"].max()
        mine = aggregate_runs(events_frame(events), as_of={"event": end})  # type: ignore[dict-item]  # a datetime
        theirs = runs.frame.filter(session_id=name)
        assert mine.frame.drop("first_event_id").equals(theirs.drop("first_event_id"))
