"""Partitions in Dagster are the partitions of the store."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from export_assets.defs.partitions import build_partitions, keys_between
from export_assets.tables.partitions import Every, TimePartitions

CASES: list[tuple[Every, date, datetime]] = [
    ("hour", date(2024, 3, 30), datetime(2024, 4, 1, 5, 30, tzinfo=UTC)),  # clocks go forward
    ("hour", date(2024, 10, 26), datetime(2024, 10, 28, 5, 30, tzinfo=UTC)),  # and back
    ("day", date(2024, 2, 27), datetime(2024, 3, 2, 12, tzinfo=UTC)),  # over a leap day
    ("day", date(2023, 12, 30), datetime(2024, 1, 2, tzinfo=UTC)),
    ("month", date(2023, 11, 30), datetime(2024, 3, 31, 23, 59, tzinfo=UTC)),
    ("year", date(2019, 6, 15), datetime(2024, 12, 31, 23, 59, tzinfo=UTC)),
]


@pytest.mark.parametrize(("every", "start", "now"), CASES, ids=lambda value: str(value)[:16])
def test_dagster_offers_our_keys_with_our_windows(every: Every, start: date, now: datetime) -> None:
    ours = TimePartitions(column="at", every=every, start=start)
    theirs = build_partitions(ours)

    with dg.partition_loading_context(effective_dt=now):
        keys = theirs.get_partition_keys()

    first = ours.key_of(datetime(start.year, start.month, start.day, tzinfo=UTC))
    assert list(keys) == list(ours.keys(first, ours.key_of(now)))
    for key in keys:
        window = theirs.time_window_for_partition_key(key)
        assert (window.start, window.end) == (ours.window(key).start, ours.window(key).end)


def test_the_present_day_is_offered() -> None:
    theirs = build_partitions(TimePartitions(column="at", start=date(2024, 1, 1)))
    before = datetime.now(UTC)

    last = theirs.get_last_partition_key()

    assert last in {f"{before:%F}", f"{datetime.now(UTC):%F}"}


def test_a_period_has_the_keys_of_every_window_it_touches() -> None:
    ours = TimePartitions(column="at", every="month", start=date(2024, 1, 1))

    keys = keys_between(
        ours, datetime(2024, 1, 31, 23, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
    )

    assert keys == ["2024-01", "2024-02"]


def test_a_period_before_the_first_partition_has_no_keys() -> None:
    ours = TimePartitions(column="at", start=date(2024, 1, 1))
    end = datetime(2024, 1, 1, tzinfo=UTC)

    keys = keys_between(ours, end - timedelta(days=3), end)

    assert keys == []
