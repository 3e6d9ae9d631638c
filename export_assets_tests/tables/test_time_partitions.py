from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from export_assets.errors import UsageError
from export_assets.tables.partition_keys import key_expr
from export_assets.tables.partitions import (
    ALL,
    UNDATED,
    Every,
    NoPartitions,
    TimePartitions,
    Window,
)

EVERY: tuple[Every, ...] = get_args(Every)
every_length = pytest.mark.parametrize("every", EVERY)
bounded = settings(max_examples=40, deadline=None)
instants = st.datetimes(timezones=st.just(UTC))
NEW_YORK = ZoneInfo("America/New_York")


def partitions(every: Every) -> TimePartitions:
    return TimePartitions(column="at", every=every)


def utc(year: int, month: int = 1, day: int = 1, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


@bounded
@given(instants, st.sampled_from(EVERY))
@example(utc(1), "day")
@example(utc(9999, 12, 31, 23), "hour")
@example(utc(9999, 12, 31, 23), "year")
@example(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "hour")
def test_every_moment_is_in_the_window_of_its_key(moment: datetime, every: Every) -> None:
    sliced = partitions(every)

    window = sliced.window(sliced.key_of(moment))

    assert window.start is not None
    assert window.start <= moment
    assert window.end is None or moment < window.end
    assert sliced.key_of(window.start) == sliced.key_of(moment)
    if window.end is not None:
        assert sliced.key_of(window.end) != sliced.key_of(moment)
        assert sliced.key_of(window.end - timedelta(microseconds=1)) == sliced.key_of(moment)


@bounded
@given(instants, st.sampled_from(EVERY))
def test_directories_stand_for_their_keys(moment: datetime, every: Every) -> None:
    sliced = partitions(every)
    key = sliced.key_of(moment)

    directory = sliced.directory(key)

    assert sliced.key_of_directory(directory) == key
    assert directory.startswith(f"{every}=")
    assert not set(directory) & set(":/\\ ")
    others = [partitions(other) for other in EVERY if other != every]
    assert [other.key_of_directory(directory) for other in others] == [None] * 3


@bounded
@given(st.lists(st.none() | instants, max_size=8), st.sampled_from(EVERY))
@example([utc(1), utc(999, 12, 31, 23), utc(9999, 12, 31), utc(1969, 12, 31, 23), None], "hour")
def test_rows_get_the_key_of_their_moment(moments: list[datetime | None], every: Every) -> None:
    sliced = partitions(every)
    expected = [None if moment is None else sliced.key_of(moment) for moment in moments]
    aware = pl.Series("at", moments, dtype=pl.Datetime("us", "UTC"))

    for column in (aware, aware.dt.replace_time_zone(None)):
        assert column.to_frame().select(key_expr(sliced)).to_series().to_list() == expected


@bounded
@given(st.lists(st.none() | st.dates(), max_size=8), st.sampled_from(EVERY))
def test_days_get_the_key_of_their_midnight(days: list[date | None], every: Every) -> None:
    sliced = partitions(every)
    frame = pl.DataFrame({"at": pl.Series(days, dtype=pl.Date)})

    keys = frame.select(key_expr(sliced)).to_series().to_list()

    assert keys == [
        None if day is None else sliced.key_of(utc(day.year, day.month, day.day)) for day in days
    ]


@pytest.mark.parametrize(
    ("every", "key", "start", "end"),
    [
        ("hour", "2024-02-28-23:00", utc(2024, 2, 28, 23), utc(2024, 2, 29)),
        ("day", "2024-02-29", utc(2024, 2, 29), utc(2024, 3, 1)),
        ("day", "2023-02-28", utc(2023, 2, 28), utc(2023, 3, 1)),
        ("day", "1900-02-28", utc(1900, 2, 28), utc(1900, 3, 1)),
        ("day", "2025-03-09", utc(2025, 3, 9), utc(2025, 3, 10)),
        ("month", "2024-01", utc(2024, 1), utc(2024, 2)),
        ("month", "2024-12", utc(2024, 12), utc(2025, 1)),
        ("year", "2024", utc(2024), utc(2025)),
        ("year", "0001", utc(1), utc(2)),
        ("hour", "9999-12-31-23:00", utc(9999, 12, 31, 23), None),
        ("day", "9999-12-31", utc(9999, 12, 31), None),
        ("month", "9999-12", utc(9999, 12), None),
        ("year", "9999", utc(9999), None),
    ],
)
def test_windows_follow_the_calendar(
    every: Every, key: str, start: datetime, end: datetime | None
) -> None:
    assert partitions(every).window(key) == Window(start=start, end=end)


@pytest.mark.parametrize(
    ("every", "first", "last", "count", "second"),
    [
        ("day", "2024-02-28", "2024-03-01", 3, "2024-02-29"),
        ("day", "2023-02-28", "2023-03-01", 2, "2023-03-01"),
        ("hour", "2025-03-09-00:00", "2025-03-09-23:00", 24, "2025-03-09-01:00"),
        ("hour", "2025-11-02-00:00", "2025-11-02-23:00", 24, "2025-11-02-01:00"),
        ("month", "2023-11", "2024-02", 4, "2023-12"),
        ("year", "1968", "1971", 4, "1969"),
        ("day", "9999-12-30", "9999-12-31", 2, "9999-12-31"),
    ],
)
def test_ranges_hold_both_ends(
    every: Every, first: str, last: str, count: int, second: str
) -> None:
    keys = list(partitions(every).keys(first, last))

    assert (len(keys), keys[0], keys[1], keys[-1]) == (count, first, second, last)
    assert keys == sorted(keys)


def test_a_range_that_ends_before_it_starts_is_empty() -> None:
    assert list(partitions("day").keys("2026-02-09", "2026-02-08")) == []


@pytest.mark.parametrize(
    ("moment", "day", "hour"),
    [
        (datetime(2025, 3, 9, 1, 59, tzinfo=NEW_YORK), "2025-03-09", "2025-03-09-06:00"),
        (datetime(2025, 3, 9, 3, 0, tzinfo=NEW_YORK), "2025-03-09", "2025-03-09-07:00"),
        (datetime(2025, 11, 2, 1, 30, tzinfo=NEW_YORK), "2025-11-02", "2025-11-02-05:00"),
        (datetime(2025, 11, 2, 1, 30, fold=1, tzinfo=NEW_YORK), "2025-11-02", "2025-11-02-06:00"),
        (datetime(2025, 12, 31, 23, 0, tzinfo=NEW_YORK), "2026-01-01", "2026-01-01-04:00"),
    ],
)
def test_keys_are_in_utc_whatever_the_clocks_do(moment: datetime, day: str, hour: str) -> None:
    assert partitions("day").key_of(moment) == day
    assert partitions("hour").key_of(moment) == hour


@pytest.mark.parametrize(
    ("every", "key"),
    [
        ("day", ""),
        ("day", "all"),
        ("day", "2026-02-30"),
        ("day", "2026-2-8"),
        ("day", "2026-02-08 "),
        ("day", "2026-02"),
        ("day", "26-02-08"),
        ("day", "0000-01-01"),
        ("day", "10000-01-01"),
        ("day", "\uff12026-02-08"),
        ("day", "2026-02-08\n"),
        ("day", UNDATED),
        ("hour", "2026-02-08-10:30"),
        ("hour", "2026-02-08-10"),
        ("hour", "2026-02-08-24:00"),
        ("hour", "2026-02-08T10"),
        ("month", "2026-13"),
        ("month", "2026-2"),
        ("month", "2026-02-08"),
        ("year", "26"),
        ("year", "02026"),
    ],
)
def test_what_is_no_key_is_refused_in_one_line(every: Every, key: str) -> None:
    sliced = partitions(every)
    uses: list[Callable[[], object]] = [
        lambda: sliced.window(key),
        lambda: list(sliced.keys(key, key)),
    ]
    if key != UNDATED:
        uses.append(lambda: sliced.directory(key))

    for use in uses:
        with pytest.raises(UsageError, match=r"^partition '[^\n]*': [^\n]+$"):
            use()


@pytest.mark.parametrize(
    ("every", "directory"),
    [
        ("day", "2026-02-08"),
        ("day", "day=2026-2-8"),
        ("day", "day=\uff12026-02-08"),
        ("day", "day="),
        ("day", "day=2026-02-08=x"),
        ("day", "Day=2026-02-08"),
        ("day", "month=2026-02"),
        ("day", ".day=2026-02-08.run.tmp"),
        ("day", ALL),
        ("hour", "hour=2026-02-08T10:00"),
        ("hour", "hour=2026-02-08T9"),
    ],
)
def test_other_directories_stand_for_no_key(every: Every, directory: str) -> None:
    assert partitions(every).key_of_directory(directory) is None


@every_length
def test_rows_without_a_time_have_a_directory_of_their_own(every: Every) -> None:
    sliced = partitions(every)

    directory = sliced.directory(UNDATED)

    assert directory == f"{every}=__HIVE_DEFAULT_PARTITION__"
    assert sliced.key_of_directory(directory) == UNDATED


def test_the_start_hides_nothing() -> None:
    sliced = TimePartitions(column="at", start=date(2026, 1, 1))

    assert sliced.window("2020-01-01").start == utc(2020)
    assert sliced.start == date(2026, 1, 1)


def test_an_unpartitioned_table_is_one_partition() -> None:
    whole = NoPartitions()

    assert whole.directory(ALL) == ALL
    assert whole.key_of_directory(ALL) == ALL
    assert whole.key_of_directory("day=2026-02-08") is None
    with pytest.raises(UsageError, match=r"^partition '2026-02-08': the table is not partitioned$"):
        whole.directory("2026-02-08")


@pytest.mark.parametrize(
    ("outer", "inner", "inside"),
    [
        (Window(), Window(), True),
        (Window(), Window(start=utc(2026)), True),
        (Window(start=utc(2026)), Window(), False),
        (Window(start=utc(2026)), Window(start=utc(2026)), True),
        (Window(start=utc(2026)), Window(start=utc(2025)), False),
        (Window(end=utc(2026)), Window(end=utc(2026)), True),
        (Window(end=utc(2026)), Window(end=utc(2027)), False),
        (Window(end=utc(2026)), Window(start=utc(2025)), False),
        (Window(start=utc(2025), end=utc(2027)), Window(start=utc(2026), end=utc(2027)), True),
    ],
)
def test_a_window_holds_what_lies_inside(
    outer: Window,
    inner: Window,
    inside: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    assert outer.holds(inner) is inside


def test_a_window_is_bounded_by_either_side() -> None:
    assert not Window().bounded
    assert Window(start=utc(2026)).bounded
    assert Window(end=utc(2026)).bounded
