"""Texts in a configured form, read exactly as Python's `strptime` reads them."""

import random
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.config.time_forms import check_form
from export_assets.tables.temporal import within_calendar
from export_assets.tables.time_forms import (
    read_form_instants,
    read_form_times,
    read_wall_clocks,
)

FORMS = (
    "%Y-%m-%d %H:%M:%S.%f",
    "%d/%b/%Y:%H:%M:%S %z",
    "%A, %d. %B %y %I:%M %p",
    "%Y%m%d%H%M%S",
    "%Y-%jT%H",
    "%y%m%d",
    "%a %d %b %Y %H:%M:%S,%f",
    "%m/%d/%Y %I:%M:%S%p",
    "%Y-%m-%d %H:%M%z 100%%",
)
ODD = "0123456789 :-+ZTamPM/.,z\t"


def by_python(text: str, form: str) -> datetime | None:
    try:
        found = datetime.strptime(text, form)  # noqa: DTZ007 - forms may lack an offset
        return found.astimezone(UTC) if found.tzinfo else found
    except (ValueError, OverflowError):
        return None


def changed(text: str, rng: random.Random) -> str:
    """Return *text* with up to two letters removed, put in or replaced."""
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        place, odd = rng.randrange(len(text)), rng.choice(ODD)
        text = rng.choice(
            (
                text[:place] + text[place + 1 :],
                text[:place] + odd + text[place:],
                text[:place] + odd + text[place + 1 :],
                text.upper(),
            )
        )
    return text


@pytest.mark.parametrize("form", FORMS)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_forms_are_read_as_python_reads_them(form: str, seed: int) -> None:
    rng = random.Random(seed)
    moments = [
        datetime.fromtimestamp(rng.randrange(-(10**10), 10**10), UTC).replace(
            microsecond=rng.choice((0, 1, 120_000, 999_999))
        )
        for _ in range(50)
    ]
    texts = [changed(moment.strftime(form), rng) for moment in moments]
    read = read_form_instants if "%z" in form else read_wall_clocks

    found = within_calendar(read(pl.Series("at", texts), form))

    assert found.to_list() == [by_python(text, form) for text in texts]
    assert found.name == "at"


def test_a_time_of_day_is_read_by_its_form() -> None:
    found = read_form_times(pl.Series(["9h05", "24h00", None]), "%Hh%M")

    assert [str(one) for one in found] == ["09:05:00", "None", "None"]


def test_a_day_that_no_year_has_is_none() -> None:
    days = read_wall_clocks(pl.Series(["2025-366", "2024-366", "2025-365"]), "%Y-%j")

    assert [str(one)[:10] for one in days] == ["None", "2024-12-31", "2025-12-31"]


@pytest.mark.parametrize("sign", ["%s", "%Z", "%:z", "%#z", "%+", "%Q", "%T", "%-d", "%"])
def test_signs_of_others_are_refused_by_name(sign: str) -> None:
    with pytest.raises(ValueError, match=f"^(?:{sign[:2].replace('+', '[+]')} |a % alone )is no"):
        check_form(f"%Y-%m-%d {sign}", of_day=True)


@pytest.mark.parametrize(
    ("form", "lacks"),
    [
        ("%H:%M", "lacks %Y"),
        ("%Y %H", "lacks %m"),
        ("%Y-%m", "lacks %d"),
        ("%d.%m.", "lacks %Y"),
        ("%Y-%m-%d %I:%M", "has %I and lacks %p"),
        ("%Y-%m-%d %H %p", "has %p and lacks %I"),
        ("%Y-%m-%d %M", "has %M and lacks %H"),
        ("%Y-%m-%d %H:%M.%f", "has %f and lacks %S"),
        ("%Y-%m-%d %Y", "has %Y twice"),
        ("%Y-%m-%d %H %I %p", "has %H and %I"),
    ],
)
def test_a_form_that_leaves_the_time_open_is_refused(form: str, lacks: str) -> None:
    with pytest.raises(ValueError, match=lacks):
        check_form(form, of_day=True)


def test_a_form_of_a_time_of_day_says_no_day() -> None:
    with pytest.raises(ValueError, match="has %d, which is no part of a time of day"):
        check_form("%d %H:%M", of_day=False)
    assert check_form("%H.%M", of_day=False) == "%H.%M"
