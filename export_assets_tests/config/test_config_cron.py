"""Cron lines that Dagster would accept, and those it would not."""

import pytest

from export_assets.config.cron import check_cron


@pytest.mark.parametrize(
    "text",
    [
        "* * * * *",
        "*/15 1-3,5 * jan mon-fri",
        "0 0 29 2 *",
        "0 0 31 1-2 *",
        "0 0 31 2 mon",
        "5/10 * * * *",
        "0 0 * * 7",
        "@daily",
    ],
)
def test_cron_lines_pass(text: str) -> None:
    assert check_cron(text) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "five fields expected, not 0"),
        ("* * * *", "five fields expected, not 4"),
        ("* * * * * *", "five fields expected, not 6"),
        ("60 * * * *", "minute '60'"),
        ("* 24 * * *", "hour '24'"),
        ("* * 0 * *", "day of month '0'"),
        ("* * * 13 *", "month '13'"),
        ("* * * * 8", "day of week '8'"),
        ("* * * mon *", "month 'mon'"),
        ("*/0 * * * *", "minute '\\*/0'"),
        ("5-1 * * * *", "minute '5-1'"),
        ("1, * * * *", "minute '1,'"),
        ("٣ * * * *", "minute '٣'"),
        ("0 0 31 2,4 *", "day 31 of month 2,4 never comes"),
        ("@reboot", "five fields expected, not 1"),
        ("daily", "five fields expected, not 1"),
    ],
)
def test_the_wrong_field_is_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_cron(text)
