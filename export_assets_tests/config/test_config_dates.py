"""Dates of the command line."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from export_assets.config.dates import day_range, parse_day
from export_assets.errors import UsageError

NOW = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-02-08", date(2026, 2, 8)),
        (" 2024-02-29 ", date(2024, 2, 29)),
        ("today", date(2026, 3, 1)),
        ("Yesterday", date(2026, 2, 28)),
        ("T-7d", date(2026, 2, 22)),
        ("t-0d", date(2026, 3, 1)),
    ],
)
def test_days_are_read(text: str, day: date) -> None:
    assert parse_day(text, now=NOW) == day


def test_today_is_the_day_in_utc() -> None:
    now = datetime(2026, 3, 1, 23, 30, tzinfo=timezone(timedelta(hours=-5)))

    assert parse_day("today", now=now) == date(2026, 3, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-02-30", "date '2026-02-30': no such day"),
        ("T-999999d", "date 'T-999999d': no such day"),
        ("2026-2-8", "date '2026-2-8': expected YYYY-MM-DD, today, yesterday or T-<days>d"),
        ("20260208", "date '20260208': expected YYYY-MM-DD"),
        ("2026-02-08T10:00", "date '2026-02-08T10:00': expected"),
        ("2026-W06-7", "date '2026-W06-7': expected"),
        ("٢٠٢٦-02-08", "expected YYYY-MM-DD"),
        ("T-d", "date 'T-d': expected"),
        ("T--7d", "date 'T--7d': expected"),
        ("", "date '': expected"),
        ("a\nb", "date 'a\\nb': expected"),
    ],
)
def test_what_is_no_day_is_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_day(text, now=NOW)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_both_ends_of_a_range_are_included() -> None:
    assert day_range("2026-02-08", "2026-02-08", now=NOW) == (
        datetime(2026, 2, 8, tzinfo=UTC),
        datetime(2026, 2, 9, tzinfo=UTC),
    )


def test_missing_ends_are_open() -> None:
    assert day_range(None, None, now=NOW) == (None, None)
    assert day_range("today", None, now=NOW) == (datetime(2026, 3, 1, tzinfo=UTC), None)
    assert day_range(None, "9999-12-31", now=NOW) == (None, None)


def test_start_after_end_is_refused() -> None:
    message = r"^start date 2026-03-01 is after end date 2026-02-28$"
    with pytest.raises(UsageError, match=message):
        day_range("today", "yesterday", now=NOW)
