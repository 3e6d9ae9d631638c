"""Times of the loggers: their own form, their zone, and the hours the clock is changed."""

import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from export_assets.sources.logs.moments import Fold, Gap, LocalTime, read_iso_times
from export_assets.systems.leadville.local_time import read_logger_times, read_logger_wall

NEW_YORK = LocalTime(zone="America/New_York")


def as_logged(moment: datetime) -> str:
    """The logger's form, by the C library's words and not by ours."""
    text = moment.strftime("%m/%d/%y %I:%M:%S.") + f"{moment.microsecond // 10_000:02d}"
    month, day, rest = text.split("/", 2)
    year, clock = rest.split(" ")
    return f"{int(month)}/{int(day)}/{year} {clock.lstrip('0')}{moment.strftime('%p').lower()}"


def test_ten_thousand_times_read_back_as_they_were_logged() -> None:
    rng = random.Random(6)
    first = datetime(2000, 1, 1)  # noqa: DTZ001 - a wall clock
    span = int(timedelta(days=365 * 60).total_seconds()) * 100
    moments = [first + timedelta(milliseconds=10 * rng.randrange(span)) for _ in range(9_000)]
    day = datetime(2025, 9, 14)  # noqa: DTZ001 - a wall clock
    moments += [day + timedelta(minutes=rng.choice([0, 719, 720, 1439])) for _ in range(500)]
    moments += [day + timedelta(hours=n % 24, milliseconds=10 * n) for n in range(500)]

    read = read_logger_wall(pl.Series([as_logged(moment) for moment in moments]))

    assert read.to_list() == moments


@pytest.mark.parametrize(
    ("text", "hour"),
    [("12:00:00.00am", 0), ("12:59:59.99am", 0), ("12:00:00.00pm", 12), ("1:00:00.00PM", 13)],
)
def test_midnight_and_noon_are_twelve(text: str, hour: int) -> None:
    (moment,) = read_logger_wall(pl.Series([f"9/14/25 {text}"])).to_list()

    assert moment.hour == hour


@pytest.mark.parametrize(
    "text",
    [
        "", "9/14/25", "9/14/25 8:44:01.22", "9/14/25 13:44:01.22pm", "9/14/25 0:44:01.22am",
        "13/1/25 8:44:01.22am", "2/29/25 8:44:01.22am", "9/14/2025 8:44:01.22am",
        "9/14/25 8:44:01.2am", "9/14/25 8:44am", "9/14/25 8:44:01.22am x", "2025-09-14T08:44:01",
    ],
)  # fmt: skip
def test_what_is_not_a_time_of_the_logger_is_none(text: str) -> None:
    moments = read_logger_times(pl.Series([text]), NEW_YORK)

    assert moments.instants.to_list() == [None]
    assert moments.refused == {0: "time"}


def test_local_time_is_read_in_its_zone() -> None:
    moments = read_logger_times(pl.Series(["9/14/25 8:44:01.22am", None]), NEW_YORK)

    expected = datetime(2025, 9, 14, 12, 44, 1, 220_000, tzinfo=UTC)
    assert moments.instants.to_list() == [expected, None]
    assert moments.refused == {}


@pytest.mark.parametrize(("fold", "hour"), [("quarantine", None), ("earliest", 5), ("latest", 6)])
def test_a_time_shown_twice_goes_by_policy(fold: Fold, hour: int | None) -> None:
    clock = LocalTime(zone="America/New_York", fold=fold)

    moments = read_logger_times(pl.Series(["11/2/25 1:30:00.00am", "11/2/25 3:00:00.00am"]), clock)

    first = None if hour is None else datetime(2025, 11, 2, hour, 30, tzinfo=UTC)
    assert moments.instants.to_list() == [first, datetime(2025, 11, 2, 8, tzinfo=UTC)]
    assert moments.refused == ({0: "ambiguous_time"} if hour is None else {})


@pytest.mark.parametrize(("gap", "hour"), [("quarantine", None), ("later", 7)])
def test_a_time_never_shown_goes_by_policy(gap: Gap, hour: int | None) -> None:
    clock = LocalTime(zone="America/New_York", gap=gap)

    moments = read_logger_times(pl.Series(["3/9/25 2:30:00.00am"]), clock)

    first = None if hour is None else datetime(2025, 3, 9, hour, 30, tzinfo=UTC)
    assert moments.instants.to_list() == [first]
    assert moments.refused == ({0: "skipped_time"} if hour is None else {})


def test_iso_texts_with_and_without_offset_may_be_mixed() -> None:
    texts = ["2025-09-14T08:00:00.000001", "2025-09-14T08:00:00+02:00", "2025-11-02T01:30:00", "x"]

    moments = read_iso_times(pl.Series(texts), NEW_YORK)

    assert moments.instants.to_list() == [
        datetime(2025, 9, 14, 12, 0, 0, 1, tzinfo=UTC),
        datetime(2025, 9, 14, 6, tzinfo=UTC),
        None,
        None,
    ]
    assert moments.refused == {2: "ambiguous_time", 3: "time"}
