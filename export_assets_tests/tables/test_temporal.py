import math
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from export_assets.tables.schema import Encoding
from export_assets.tables.temporal import (
    localize,
    read_epoch,
    read_epoch_texts,
    read_naive,
    read_timestamps,
)

bounded = settings(max_examples=60, deadline=None)

NEW_YORK = "America/New_York"
LORD_HOWE = "Australia/Lord_Howe"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MICRO, LAST_MICRO = -62_135_596_800_000_000, 253_402_300_799_999_999
TICKS: dict[Encoding, int] = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}

every_encoding = st.sampled_from(list(TICKS))
instants = st.datetimes(timezones=st.just(UTC))
wall_clocks = st.datetimes()
offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda m: timezone(timedelta(minutes=m)))


def texts(*values: str | None) -> pl.Series:
    return pl.Series("c", values, dtype=pl.String)


def moment_of(text: str, *, zone: str = "UTC") -> datetime | None:
    """Read one text, which must not matter to the text before or after it."""
    found, _ = read_timestamps(texts(text, "2026-02-08 10:30:00", None, text), zone)
    values = found.to_list()
    assert values[0] == values[3]
    assert values[1] is not None
    assert values[2] is None
    alone, _ = read_timestamps(texts(text), zone)
    assert alone.to_list() == values[:1]
    first: datetime | None = values[0]
    return first


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]  # the parts of a moment


# Text


def wall_clock_forms(value: datetime) -> list[str]:
    """Print a wall clock in every form that keeps all of it."""
    day = f"{value.year:04d}-{value.month:02d}-{value.day:02d}"
    clock = f"{value.hour:02d}:{value.minute:02d}"
    forms: list[str] = []
    for parting in " T":
        seconds = f"{day}{parting}{clock}:{value.second:02d}"
        fraction = f"{value.microsecond:06d}"
        enough = [digits for digits in range(1, 7) if set(fraction[digits:]) <= {"0"}]
        forms.extend(f"{seconds}.{fraction[:digits]}" for digits in enough)
        if not value.microsecond:
            forms.append(seconds)
            if not value.second:
                forms.append(f"{day}{parting}{clock}")
    if (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0):
        forms.append(day)
    return forms


def offset_forms(zone: timezone) -> list[str]:
    minutes = zone.utcoffset(None) // timedelta(minutes=1)
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    forms = [f"{sign}{hours:02d}{rest:02d}", f"{sign}{hours:02d}:{rest:02d}"]
    forms += [f" {form}" for form in forms]
    if not rest:
        forms.append(f"{sign}{hours:02d}")
    return [*forms, "Z", "z", " Z", "-00:00"] if not minutes else forms


rounded = st.sampled_from(
    [timedelta(microseconds=1), timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)]
)


def floor(value: datetime, step: timedelta) -> datetime:
    start = datetime(1, 1, 1)  # noqa: DTZ001 - a wall clock
    return start + (value - start) // step * step


@bounded
@given(wall_clocks, rounded)
@example(datetime(1, 1, 1), timedelta(days=1))  # noqa: DTZ001 - a wall clock
@example(datetime(9999, 12, 31, 23, 59, 59, 999_999), timedelta(microseconds=1))  # noqa: DTZ001 - a wall clock
@example(datetime(1969, 12, 31, 23, 59, 59, 999_999), timedelta(microseconds=1))  # noqa: DTZ001 - a wall clock
def test_a_wall_clock_reads_back_from_every_form(value: datetime, step: timedelta) -> None:
    value = floor(value, step)
    forms = wall_clock_forms(value)

    aware, odd = read_timestamps(texts(*forms, None), "UTC")
    naive, _ = read_naive(texts(*forms, None))

    assert aware.dtype == pl.Datetime("us", "UTC")
    assert aware.to_list() == [value.replace(tzinfo=UTC)] * len(forms) + [None]
    assert naive.dtype == pl.Datetime("us")
    assert naive.to_list() == [value] * len(forms) + [None]
    assert odd is None
    assert moment_of(forms[0]) == value.replace(tzinfo=UTC)


@bounded
@given(wall_clocks, rounded, offsets)
@example(datetime(2026, 2, 8, 10, 30), timedelta(minutes=1), UTC)  # noqa: DTZ001 - a wall clock
@example(datetime(1, 1, 1), timedelta(days=1), timezone(timedelta(hours=5)))  # noqa: DTZ001 - as above
@example(datetime(9999, 12, 31), timedelta(days=1), timezone(timedelta(hours=-5)))  # noqa: DTZ001 - as above
def test_an_instant_reads_back_from_every_form(
    value: datetime, step: timedelta, zone: timezone
) -> None:
    value = floor(value, step)
    forms = [
        clock + offset
        for clock in wall_clock_forms(value)
        if len(clock) > len("2026-02-08")
        for offset in offset_forms(zone)
    ]
    try:
        wanted = value.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        wanted = None

    found, odd = read_timestamps(texts(*forms), NEW_YORK)

    assert found.to_list() == [wanted] * len(forms)
    assert odd is None


@bounded
@given(st.lists(st.tuples(instants, st.integers(0, 8)), max_size=8))
def test_forms_may_be_mixed_in_one_column(values: list[tuple[datetime, int]]) -> None:
    printers: list[Callable[[datetime], str]] = [
        lambda m: m.isoformat(),
        lambda m: m.isoformat(sep=" ", timespec="microseconds"),
        lambda m: m.replace(tzinfo=None).isoformat(),
        lambda m: m.replace(tzinfo=None).isoformat(sep=" "),
        lambda m: m.isoformat().replace("+00:00", "Z"),
        lambda m: m.isoformat().replace("+00:00", "+00"),
        lambda m: m.isoformat().replace("+00:00", "-0000"),
        lambda m: m.isoformat(sep=" ").replace("+00:00", "z"),
        lambda m: m.isoformat(sep=" ").replace("+00:00", " +00:00"),
    ]
    column = texts(*(printers[which](moment) for moment, which in values), None)

    found, _ = read_timestamps(column, "UTC")

    assert found.to_list() == [moment for moment, _ in values] + [None]


DAY = "2026-02-08"


@pytest.mark.parametrize(
    "text",
    [
        f"{DAY} 10:30:00.1234567",
        f"{DAY} 10:30:00.1234560",
        f"{DAY}T10:30:00.123456789Z",
        f"{DAY}T10:30:00.1234567+05:30",
        f"{DAY}t10:30:00",
        f"{DAY}_10:30:00",
        f"{DAY}  10:30:00",
        f"{DAY}\n10:30:00",
        f" {DAY} 10:30:00",
        f"{DAY} 10:30:00 ",
        f"{DAY}T10:30:00Z\n",
        f"{DAY}T10:30:00  +05:30",
        f"{DAY}T10:30:00 UTC",
        f"{DAY}T10:30:00[UTC]",
        f"{DAY}T10:30:00+5",
        f"{DAY}T10:30:00+05:3",
        f"{DAY}T10:30:00+05:60",
        f"{DAY}T10:30:00+24:00",
        f"{DAY}T10:30:00\u221205:30",
        f"{DAY}T10:30:00.",
        f"{DAY}T10:30:00,5",
        f"{DAY}T10:30:0\u0665",
        f"{DAY}T10:30:61",
        f"{DAY}T10:60",
        f"{DAY}T24:00:00",
        f"{DAY}T10",
        f"{DAY}T",
        f"{DAY}Z",
        f"{DAY}T1:02:03",
        f"{DAY}T 1:02:03",
        f"{DAY}T-1:02:03",
        "2026-2-8",
        "2026-2-8 1:2:3",
        "26-02-08 10:30:00",
        "  26-02-08 10:30:00",
        "2026-02-30",
        "2025-02-29 00:00:00",
        "2026-13-01",
        "2026-00-01",
        "20260208",
        "20260208T103000",
        "08.02.2026",
        "02/08/2026 10:30:00",
        "0000-01-01 00:00:00",
        "-0001-01-01 00:00:00",
        "10000-01-01 00:00:00",
        "+10000-01-01 00:00:00",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:60Z",
        "now",
        "null",
        "",
        " ",
        "1770546600",
    ],
)
def test_refuses_what_it_cannot_be_sure_of(text: str) -> None:
    assert moment_of(text) is None
    assert read_naive(texts(text))[0].to_list() == [None]


def test_offsets_are_no_wall_clock() -> None:
    forms = texts(f"{DAY}T10:30:00Z", f"{DAY} 10:30:00+05", f"{DAY} 10:30-05:30")

    assert read_naive(forms)[0].to_list() == [None, None, None]


def test_a_leap_second_is_the_one_after_it_and_counted() -> None:
    column = texts(
        "2016-12-31T23:59:60Z",
        "2016-12-31 23:59:60",
        "2016-12-31 23:59:60.5",
        "2016-12-31T18:59:60-05:00",
        "2016-12-31 23:59:59",
        None,
        "never:60",
    )

    found, odd = read_timestamps(column, "UTC")

    midnight = utc(2017, 1, 1)
    half = timedelta(milliseconds=500)
    assert found.to_list() == [
        midnight,
        midnight,
        midnight + half,
        midnight,
        midnight - timedelta(seconds=1),
        None,
        None,
    ]
    assert odd is not None
    assert odd.to_list() == [True, True, True, True, False, False, False]


def test_a_column_of_leap_seconds_alone_is_counted() -> None:
    found, odd = read_naive(texts("2016-12-31 23:59:60", None))

    assert found.to_list() == [datetime(2017, 1, 1), None]  # noqa: DTZ001 - a wall clock
    assert odd is not None
    assert odd.to_list() == [True, False]


# Wall clocks of a zone


@pytest.mark.parametrize(
    ("zone", "text", "wanted", "odd"),
    [
        (NEW_YORK, "2025-03-09 01:59:59", utc(2025, 3, 9, 6, 59, 59), False),
        (NEW_YORK, "2025-03-09 02:00:00", utc(2025, 3, 9, 7), True),
        (NEW_YORK, "2025-03-09 02:30:00", utc(2025, 3, 9, 7, 30), True),
        (NEW_YORK, "2025-03-09 03:00:00", utc(2025, 3, 9, 7), False),
        (NEW_YORK, "2025-11-02 00:59:59", utc(2025, 11, 2, 4, 59, 59), False),
        (NEW_YORK, "2025-11-02 01:30:00", utc(2025, 11, 2, 5, 30), True),
        (NEW_YORK, "2025-11-02 02:00:00", utc(2025, 11, 2, 7), False),
        (NEW_YORK, "2025-11-02 01:30:00-05:00", utc(2025, 11, 2, 6, 30), False),
        (NEW_YORK, "0001-01-01", utc(1, 1, 1, 4, 56, 2), False),
        (NEW_YORK, "9999-12-31", utc(9999, 12, 31, 5), False),
        (NEW_YORK, "2150-07-01", utc(2150, 7, 1, 4), False),
        (NEW_YORK, "2150-11-01 01:30:00", utc(2150, 11, 1, 5, 30), True),
        (LORD_HOWE, "2025-10-05 01:59:59", utc(2025, 10, 4, 15, 29, 59), False),
        (LORD_HOWE, "2025-10-05 02:15:00", utc(2025, 10, 4, 15, 45), True),
        (LORD_HOWE, "2025-10-05 02:30:00", utc(2025, 10, 4, 15, 30), False),
        (LORD_HOWE, "2025-04-06 01:29:59", utc(2025, 4, 5, 14, 29, 59), False),
        (LORD_HOWE, "2025-04-06 01:45:00", utc(2025, 4, 5, 14, 45), True),
        (LORD_HOWE, "2025-04-06 02:00:00", utc(2025, 4, 5, 15, 30), False),
        ("Europe/Dublin", "1969-06-01 00:00:00", utc(1969, 5, 31, 23), False),
    ],
)
def test_reads_a_wall_clock_where_it_jumps(
    zone: str,
    text: str,
    wanted: datetime,
    odd: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    found, marked = read_timestamps(texts(text, None, "2025-06-01"), zone)

    assert found.to_list()[0] == wanted
    assert (marked.to_list() if marked is not None else [False] * 3) == [odd, False, False]


@pytest.mark.parametrize("text", ["9999-12-31 23:00:00", "9999-12-31 19:00:00"])
def test_a_wall_clock_whose_instant_leaves_the_calendar_is_refused(text: str) -> None:
    assert moment_of(text, zone=NEW_YORK) is None


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([NEW_YORK, LORD_HOWE, "Europe/Berlin", "Asia/Kolkata", "Pacific/Apia"]),
    st.lists(st.datetimes(datetime(1971, 1, 1), datetime(9999, 12, 30)), max_size=5)  # noqa: DTZ001 - wall clocks
    | st.lists(
        st.datetimes(datetime(2025, 3, 8), datetime(2025, 3, 10))  # noqa: DTZ001 - wall clocks
        | st.datetimes(datetime(2025, 11, 1), datetime(2025, 11, 3)),  # noqa: DTZ001 - wall clocks
        max_size=5,
    ),
)
def test_reads_wall_clocks_as_python_does(zone: str, clocks: list[datetime]) -> None:
    info = ZoneInfo(zone)

    found, odd = localize(pl.Series(clocks, dtype=pl.Datetime("us")), zone)

    first = [clock.replace(tzinfo=info) for clock in clocks]
    assert found.to_list() == [moment.astimezone(UTC) for moment in first]
    wanted = [moment.utcoffset() != moment.replace(fold=1).utcoffset() for moment in first]
    assert (odd.to_list() if odd is not None else [False] * len(clocks)) == wanted


def test_the_zone_of_the_host_does_not_matter() -> None:
    script = (
        "import polars as pl\n"
        "from export_assets.tables.temporal import *\n"
        "t = pl.Series(['2025-07-01 00:00', '2025-03-09 02:30:00', '2025-01-01T00:00:00Z'])\n"
        "print(read_timestamps(t, 'UTC')[0].to_physical().to_list())\n"
        "print(read_timestamps(t, 'America/New_York')[0].to_physical().to_list())\n"
        "print(read_epoch(pl.Series([0.5]), 'epoch_s')[0].to_physical().to_list())\n"
        "print(read_naive(t)[0].to_physical().to_list())\n"
    )
    seen = set()
    for zone in ("UTC", "Asia/Kolkata"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"TZ": zone},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        seen.add(done.stdout)

    assert len(seen) == 1
    assert seen.pop().startswith("[1751328000000000, 1741487400000000, 1735689600000000]\n")


# Numbers


def of_micros(micros: int) -> datetime | None:
    try:
        return EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None


def one_number(value: float | Decimal | None, dtype: pl.DataType, encoding: Encoding) -> datetime:
    found, _ = read_epoch(pl.Series("c", [value, None], dtype=dtype), encoding)
    assert found.dtype == pl.Datetime("us", "UTC")
    assert found.to_list()[1] is None
    first: datetime = found.to_list()[0]
    return first


@bounded
@given(st.integers(-(2**63), 2**63 - 1) | st.integers(-(10**13), 10**13), every_encoding)
@example(253_402_300_799, "epoch_s")
@example(253_402_300_800, "epoch_s")
@example(253_402_300_799_999, "epoch_ms")
@example(253_402_300_800_000, "epoch_ms")
@example(-62_135_596_800_000, "epoch_ms")
@example(-62_135_596_800_001, "epoch_ms")
@example(2**63 - 1, "epoch_us")
@example(-1, "epoch_us")
def test_whole_numbers_count_from_1970(value: int, encoding: Encoding) -> None:
    wanted = of_micros(value * TICKS[encoding])

    assert one_number(value, pl.Int64(), encoding) == wanted
    assert one_number(value, pl.Int128(), encoding) == wanted


@pytest.mark.parametrize("value", [2**63, 2**64 - 1])
def test_numbers_beyond_64_bits_are_no_times(value: int) -> None:
    assert one_number(value, pl.UInt64(), "epoch_us") is None
    assert one_number(value * 2**40, pl.Int128(), "epoch_us") is None


@bounded
@given(st.floats() | st.floats(-1e10, 1e11) | instants.map(datetime.timestamp), every_encoding)
@example(1770546600.123456, "epoch_s")
@example(-0.1276, "epoch_s")
@example(-9007199254.740997, "epoch_s")
@example(253_402_300_799.99, "epoch_s")
@example(-62_135_596_800.5, "epoch_s")
@example(1e300, "epoch_s")
@example(9007199254740993.0, "epoch_us")
def test_floats_count_to_the_nearest_microsecond(value: float, encoding: Encoding) -> None:
    found, odd = read_epoch(pl.Series([value, None]), encoding)
    moment = found.to_list()[0]

    exact = Fraction(value) * TICKS[encoding] if math.isfinite(value) else None
    if moment is None:
        assert exact is None or not FIRST_MICRO <= exact <= LAST_MICRO
        assert odd is None
        return
    micros = (moment - EPOCH) // timedelta(microseconds=1)
    # Halves may go either way.
    assert exact is not None
    assert abs(micros - exact) <= Fraction(1, 2) + Fraction(1, 1000)
    reads_back = float(Fraction(micros, TICKS[encoding])) == value
    assert (odd is None) is reads_back


def test_a_float_finer_than_a_microsecond_is_counted() -> None:
    found, odd = read_epoch(pl.Series([0.0000005, 1.5, 1770546600.1234567, None]), "epoch_s")

    assert found.to_list()[2] == utc(2026, 2, 8, 10, 30, 0, 123_457)
    assert odd is not None
    assert odd.to_list() == [True, False, True, False]


@bounded
@given(st.decimals(-(10**13), 10**13, places=7), every_encoding)
@example(Decimal("1.5000000"), "epoch_us")
@example(Decimal("1.1234567"), "epoch_s")
def test_decimals_count_exactly_or_not_at_all(value: Decimal, encoding: Encoding) -> None:
    micros = Fraction(value) * TICKS[encoding]
    wanted = of_micros(int(micros)) if micros.denominator == 1 else None

    assert one_number(value, pl.Decimal(38, 7), encoding) == wanted


def test_large_decimals_are_no_times() -> None:
    assert one_number(Decimal(10**37), pl.Decimal(38, 0), "epoch_s") is None
    assert one_number(Decimal(10**37 + 1), pl.Decimal(38, 0), "epoch_us") is None


@pytest.mark.parametrize("encoding", ["native", "iso"])
def test_numbers_without_a_unit_are_no_times(encoding: Encoding) -> None:
    assert one_number(0, pl.Int64(), encoding) is None


@pytest.mark.parametrize(
    ("text", "encoding", "wanted"),
    [
        ("0", "epoch_s", EPOCH),
        ("-1", "epoch_s", utc(1969, 12, 31, 23, 59, 59)),
        ("1770546600", "epoch_s", utc(2026, 2, 8, 10, 30)),
        ("1770546600.123456", "epoch_s", utc(2026, 2, 8, 10, 30, 0, 123_456)),
        ("1770546600.1234567", "epoch_s", None),
        ("1770546600123", "epoch_ms", utc(2026, 2, 8, 10, 30, 0, 123_000)),
        ("1770546600123456", "epoch_us", utc(2026, 2, 8, 10, 30, 0, 123_456)),
        ("2026-02-08T10:30:00Z", "epoch_s", utc(2026, 2, 8, 10, 30)),
        ("1e9", "epoch_s", None),
        (" 1", "epoch_s", None),
        ("999999999999999999", "epoch_s", None),
        ("1234567890123456789012345678901234567890", "epoch_s", None),
        ("", "epoch_s", None),
    ],
)
def test_texts_of_numbers_count_in_the_unit_given(
    text: str, encoding: Encoding, wanted: datetime | None
) -> None:
    found, odd = read_epoch_texts(texts(None, text, "5"), encoding, "UTC")

    micros = 5 * TICKS[encoding]
    assert found.to_list() == [None, wanted, EPOCH + timedelta(microseconds=micros)]
    assert odd is None


def test_nothing_is_read_from_nothing() -> None:
    empty = texts()

    for found, odd in (
        read_timestamps(empty, NEW_YORK),
        read_timestamps(texts(None, None), NEW_YORK),
        read_epoch(pl.Series([], dtype=pl.Float64), "epoch_s"),
        read_epoch_texts(empty, "epoch_ms", NEW_YORK),
    ):
        assert found.dtype == pl.Datetime("us", "UTC")
        assert found.null_count() == len(found)
        assert odd is None


def test_a_large_column_with_one_other_form_is_read_whole() -> None:
    column = texts(*["2026-02-08 10:30:00"] * 1_000, "2026-02-08T10:30:00.5", "soon")

    found, _ = read_timestamps(column, "UTC")

    assert found.null_count() == 1
    assert found.to_list()[1_000] == utc(2026, 2, 8, 10, 30, 0, 500_000)


# Columns of one form, which are read in step


whole_second = st.datetimes().map(lambda value: value.replace(microsecond=0).isoformat(" "))
one_form = st.lists(whole_second | st.none(), min_size=1, max_size=6)


def slipped(text: str, place: int, letter: str) -> str:
    return text[:place] + letter + text[place + 1 :]


def among_others(*values: str | None) -> list[datetime | None]:
    """Read *values* beside one of another form, which has each read by its own form."""
    found, _ = read_naive(texts(*values, "2026-02-08"))
    return found.to_list()[:-1]


@bounded
@given(one_form, st.sampled_from(" T"))
def test_a_column_of_one_form_reads_as_each_of_its_texts(
    values: list[str | None], parting: str
) -> None:
    column = [value and value.replace(" ", parting) for value in values]

    found, odd = read_naive(texts(*column))

    assert found.dtype == pl.Datetime("us")
    assert found.to_list() == [value and datetime.fromisoformat(value) for value in values]
    assert odd is None


@settings(max_examples=300, deadline=None)
@given(whole_second, st.integers(0, 18), st.sampled_from("0123456789 T-:.,;/aüZ+"))
@example("2023-02-28 10:30:00", 9, "9")
@example("2024-02-28 10:30:00", 9, "9")
@example("1900-02-28 10:30:00", 9, "9")
@example("2026-04-30 10:30:00", 9, "1")
@example("1001-01-01 00:00:00", 0, "0")
@example("0001-01-01 00:00:00", 3, "0")
@example("2026-01-10 10:30:00", 6, "0")
@example("2026-12-10 10:30:00", 6, "3")
@example("2026-12-01 10:30:00", 9, "0")
@example("2026-12-01 23:30:00", 12, "4")
@example("2026-12-01 23:30:00", 14, "6")
@example("2026-12-01 23:30:00", 17, "6")
@example("2016-12-31 23:59:50", 17, "6")
@example("2026-12-01 23:30:00", 10, "T")
def test_a_slip_in_one_text_changes_no_other(text: str, place: int, letter: str) -> None:
    odd = slipped(text, place, letter)

    found, _ = read_naive(texts(odd, text))

    assert found.to_list() == among_others(odd, text)
    assert found.to_list()[1] == datetime.fromisoformat(text)
    assert read_naive(texts(odd))[0].to_list() == among_others(odd)


@pytest.mark.parametrize("column", [[], [None, None]])
def test_a_column_of_nothing_reads_as_nothing(column: list[None]) -> None:
    found, odd = read_naive(texts(*column))

    assert found.dtype == pl.Datetime("us")
    assert found.to_list() == column
    assert odd is None
