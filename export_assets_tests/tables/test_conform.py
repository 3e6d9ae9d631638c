import math
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from export_assets.errors import ContractViolation
from export_assets.tables.batch import Batch
from export_assets.tables.conform import Conformer, conform
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.schema import Column, Encoding, LogicalType, TableSchema

bounded = settings(max_examples=60, deadline=None)

DAYS = (date(1, 1, 1) - date(1970, 1, 1)).days, (date(9999, 12, 31) - date(1970, 1, 1)).days


def table(logical: LogicalType, **facts: Any) -> TableSchema:
    return TableSchema(name="orders", columns=(Column(name="c", logical=logical, **facts),))


def convert(
    values: list[Any], dtype: pl.DataType, logical: LogicalType, *, zone: str = "UTC", **facts: Any
) -> list[Any]:
    """Return the conformed values, which the frame and the Arrow way must agree on."""
    frame = pl.DataFrame({"c": pl.Series(values, dtype=dtype)})
    schema = table(logical, **facts)
    conformed = conform(frame, schema, assume_timezone=zone)
    by_arrow = Conformer(schema, assume_timezone=zone).conform_batch(
        Batch(table=Batch(frame).arrow)
    )
    assert conformed.schema == schema.polars
    assert by_arrow.frame.equals(conformed)
    assert Conformer(schema, assume_timezone=zone).count_misfits(frame) == {}
    return conformed.get_column("c").to_list()


def refuse(
    values: list[Any], dtype: pl.DataType, logical: LogicalType, *, zone: str = "UTC", **facts: Any
) -> int:
    """Return how many values are counted, having seen them refused under the column's name."""
    frame = pl.DataFrame({"c": pl.Series(values, dtype=dtype)})
    conformer = Conformer(table(logical, **facts), assume_timezone=zone)
    with pytest.raises(ValueMismatch, match=r"^orders\.c: ") as caught:
        conformer.conform(frame)
    with pytest.raises(ValueMismatch, match=r"^orders\.c: "):
        conformer.conform_batch(Batch(table=Batch(frame).arrow))
    assert isinstance(caught.value, ContractViolation)
    assert (caught.value.table, caught.value.column) == ("orders", "c")
    assert "\n" not in str(caught.value)
    return conformer.count_misfits(frame)["c"]


def agrees(value: Any, wanted: Any, dtype: pl.DataType, logical: LogicalType, **facts: Any) -> None:
    """Check one value against the oracle's: None means that it must be refused."""
    if wanted is None:
        assert refuse([None, value], dtype, logical, **facts) == 1
    else:
        found = convert([None, value], dtype, logical, **facts)
        assert found == [None, wanted]
        assert isinstance(found[1], type(wanted))


# Frames


def test_takes_the_promised_columns_in_their_order() -> None:
    frame = pl.DataFrame({"extra": [0], "b": ["x"], "a": [1]})
    schema = TableSchema(
        name="t",
        columns=(
            Column(name="a", logical=LogicalType.INTEGER),
            Column(name="b", logical=LogicalType.TEXT),
        ),
    )

    conformed = conform(frame, schema, assume_timezone="UTC")

    assert conformed.equals(pl.DataFrame({"a": [1], "b": ["x"]}))


@pytest.mark.parametrize("as_arrow", [False, True])
def test_a_missing_column_is_named(as_arrow: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    frame = pl.DataFrame({"b": [1]})
    batch = Batch(table=Batch(frame).arrow) if as_arrow else Batch(frame)
    conformer = Conformer(table(LogicalType.INTEGER), assume_timezone="UTC")

    with pytest.raises(ValueMismatch, match=r"^orders\.c: the source has no such column$"):
        conformer.conform_batch(batch)


@pytest.mark.parametrize("name", ["", "*", "^.*$", "a.b", 'say "hi"', "naïve", "n:c"])
def test_a_column_keeps_its_name_whatever_it_is(name: str) -> None:
    schema = TableSchema(
        name="t",
        columns=(
            Column(name=name, logical=LogicalType.DATE),
            Column(name="other", logical=LogicalType.INTEGER),
        ),
    )
    frame = pl.DataFrame({name: ["2026-02-08"], "other": [1]})
    expected = [(date(2026, 2, 8), 1)]

    conformed = conform(frame, schema, assume_timezone="UTC")
    batch = Conformer(schema, assume_timezone="UTC").conform_batch(Batch(table=Batch(frame).arrow))

    assert conformed.columns == batch.frame.columns == [name, "other"]
    assert conformed.rows() == batch.frame.rows() == expected


@pytest.mark.parametrize("logical", list(LogicalType))
@pytest.mark.parametrize("encoding", ["native", "iso", "epoch_s"])
def test_nulls_of_any_kind_are_nulls(logical: LogicalType, encoding: Encoding) -> None:
    nested = pl.List(pl.Int64()) if logical is LogicalType.NESTED else None
    schema = table(logical, encoding=encoding, nested=nested)

    for dtype in (pl.Null(), schema.columns[0].dtype):
        frame = pl.DataFrame({"c": pl.Series([None, None], dtype=dtype)})
        conformed = conform(frame, schema, assume_timezone="America/New_York")
        assert conformed.schema == schema.polars
        assert conformed.get_column("c").null_count() == 2


def test_an_empty_batch_is_an_empty_frame_of_the_promised_types() -> None:
    frame = pl.DataFrame(schema={"c": pl.String})

    conformed = conform(frame, table(LogicalType.TIMESTAMP), assume_timezone="Europe/Berlin")

    assert conformed.schema == {"c": pl.Datetime("us", "UTC")}
    assert not conformed.height


def test_the_message_counts_what_does_not_fit() -> None:
    frame = pl.DataFrame({"c": ["2026-02-08", "soon", None, "later"]})

    with pytest.raises(ValueMismatch) as caught:
        conform(frame, table(LogicalType.DATE), assume_timezone="UTC")

    assert str(caught.value) == "orders.c: 2 of 4 values in a batch are no exact date"


def test_misfits_are_counted_per_column() -> None:
    schema = TableSchema(
        name="t",
        columns=(
            Column(name="a", logical=LogicalType.INTEGER),
            Column(name="b", logical=LogicalType.DATE),
            Column(name="ok", logical=LogicalType.DATE),
        ),
    )
    frame = pl.DataFrame(
        {"a": ["1", "x", "y"], "b": ["z", None, "2026-02-08"], "ok": [None, None, "2026-02-08"]}
    )

    misfits = Conformer(schema, assume_timezone="UTC").count_misfits(frame)

    assert misfits == {"a": 2, "b": 1}


# Whole numbers


@bounded
@given(st.floats() | st.integers(-(2**63), 2**63 - 1).map(float))
@example(float(2**63))
@example(-float(2**63))
@example(0.5)
def test_integers_from_floats_are_whole_or_refused(value: float) -> None:
    whole = math.isfinite(value) and value == int(value) and -(2**63) <= value < 2**63

    agrees(value, int(value) if whole else None, pl.Float64(), LogicalType.INTEGER)


@bounded
@given(st.integers(0, 2**64 - 1))
@example(2**63)
def test_integers_beyond_64_bits_are_refused(value: int) -> None:
    agrees(value, value if value < 2**63 else None, pl.UInt64(), LogicalType.INTEGER)


@bounded
@given(st.text(" 0123456789+-.e", max_size=6) | st.integers(-(2**65), 2**65).map(str))
@example("007")
@example("-0")
def test_integers_from_text_are_those_that_print_the_same(value: str) -> None:
    canonical = re.fullmatch(r"0|-?[1-9][0-9]*", value) is not None
    fits = canonical and -(2**63) <= int(value) < 2**63

    agrees(value, int(value) if fits else None, pl.String(), LogicalType.INTEGER)


@bounded
@given(st.decimals(-(10**20), 10**20, places=2))
def test_integers_from_decimals_are_whole_or_refused(value: Decimal) -> None:
    fits = value == int(value) and -(2**63) <= value < 2**63

    agrees(value, int(value) if fits else None, pl.Decimal(38, 2), LogicalType.INTEGER)


# Floats


@bounded
@given(st.integers(-(2**63), 2**63 - 1))
@example(2**53)
@example(2**53 + 1)
def test_floats_from_integers_are_those_it_tells_apart(value: int) -> None:
    fits = abs(value) <= 2**53

    agrees(value, float(value) if fits else None, pl.Int64(), LogicalType.FLOAT)


@bounded
@given(st.floats(allow_nan=False, allow_infinity=False))
@example(5e-324)
@example(-0.0)
def test_floats_from_their_text_are_the_same(value: float) -> None:
    found = convert([repr(value)], pl.String(), LogicalType.FLOAT)

    assert repr(found[0]) == repr(value)


@pytest.mark.parametrize(
    "text", ["1e400", "-1e400", "1e-400", "0.1234567890123456789", "", " 1", "1,5", "0x10", "one"]
)
def test_texts_that_are_no_float_are_refused(text: str) -> None:
    assert refuse(["1.5", text], pl.String(), LogicalType.FLOAT) == 1


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("0.1", 0.1),
        ("1234567890.1234567", 1234567890.1234567),
        ("1234567890.12345678901", None),
        ("0", 0.0),
    ],
)
def test_floats_from_decimals_keep_every_digit(value: str, wanted: float | None) -> None:
    agrees(Decimal(value), wanted, pl.Decimal(38, 11), LogicalType.FLOAT)


# Booleans


@bounded
@given(st.floats() | st.sampled_from([0.0, 1.0, -0.0]))
def test_booleans_from_floats_are_zero_and_one(value: float) -> None:
    agrees(value, bool(value) if value in (0, 1) else None, pl.Float64(), LogicalType.BOOLEAN)


@pytest.mark.parametrize(("value", "wanted"), [(0, False), (1, True), (2, None), (-1, None)])
@pytest.mark.parametrize("dtype", [pl.Int64(), pl.Decimal(5, 1)])
def test_booleans_from_numbers_are_zero_and_one(
    value: int,
    wanted: bool | None,  # noqa: FBT001 - a parameter of pytest
    dtype: pl.DataType,
) -> None:
    agrees(value, wanted, dtype, LogicalType.BOOLEAN)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("true", True),
        ("FALSE", False),
        ("t", True),
        ("f", False),
        ("1", True),
        ("0", False),
        ("yes", None),
        ("", None),
        (" true", None),
    ],
)
def test_booleans_from_text(value: str, wanted: bool | None) -> None:  # noqa: FBT001 - as above
    agrees(value, wanted, pl.String(), LogicalType.BOOLEAN)


# Decimals


def exact_decimal(text: str, precision: int, scale: int) -> Decimal | None:
    """Return what Decimal(precision, scale) holds of *text*, by fractions alone."""
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
        return None
    unscaled = Fraction(text if text[-1] != "." else text + "0") * 10**scale
    if unscaled.denominator != 1 or abs(unscaled) >= 10**precision:
        return None
    sign = 1 if unscaled < 0 else 0
    return Decimal((sign, tuple(map(int, str(abs(int(unscaled))))), -scale))


SIZES = st.sampled_from([(38, 0), (38, 38), (38, 10), (10, 2), (5, 5), (18, 9), (1, 0)])
NUMERALS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=2).map(str),
    st.integers(-(10**39), 10**39).map(str),
    st.from_regex(r"[+-]?[0-9]{0,4}\.?[0-9]{0,6}([eE][+-]?[0-9]{1,2})?", fullmatch=True),
    st.text("0123456789.+- eE_", max_size=6),
)


@bounded
@given(NUMERALS, SIZES)
@example("9" * 38, (38, 0))
@example("-0." + "9" * 38, (38, 38))
@example("1.50000000000000000000000000000000000000000", (10, 2))
@example("1.5e-3", (10, 2))
@example("15E1", (10, 2))
@example("0e99", (10, 2))
@example("1.", (10, 2))
@example(".0", (38, 0))
@example("-.00", (10, 2))
@example(".", (10, 2))
def test_decimals_from_text_are_exact_or_refused(text: str, size: tuple[int, int]) -> None:
    precision, scale = size
    wanted = exact_decimal(text, precision, scale)

    agrees(text, wanted, pl.String(), LogicalType.DECIMAL, precision=precision, scale=scale)


@bounded
@given(
    st.floats()
    | st.floats(-1e9, 1e9).map(lambda x: round(x, 2))
    | st.integers(-(10**22), 10**22).map(float),
    SIZES,
)
@example(0.1, (38, 10))
@example(1e17, (38, 10))
@example(1e22, (38, 2))
@example(0.07, (10, 2))
@example(0.35, (10, 2))
@example(1.005, (10, 2))
@example(123456789012345.67, (38, 10))
@example(99999999.995, (10, 2))
def test_decimals_from_floats_are_their_shortest_digits(
    value: float, size: tuple[int, int]
) -> None:
    precision, scale = size
    # An integer of 64 bits that comes as a float is that integer.
    whole = value.is_integer() and abs(value) <= 2**63
    wanted = exact_decimal(str(int(value)) if whole else repr(value), precision, scale)

    agrees(value, wanted, pl.Float64(), LogicalType.DECIMAL, precision=precision, scale=scale)


@bounded
@given(st.integers(-(2**63), 2**63 - 1) | st.integers(-1000, 1000), SIZES)
def test_decimals_from_integers_are_exact_or_refused(value: int, size: tuple[int, int]) -> None:
    precision, scale = size
    wanted = exact_decimal(str(value), precision, scale)

    agrees(value, wanted, pl.Int64(), LogicalType.DECIMAL, precision=precision, scale=scale)


@bounded
@given(st.decimals(-(10**9), 10**9, places=4) | st.integers(-999, 999).map(Decimal), SIZES)
def test_decimals_of_another_scale_are_exact_or_refused(
    value: Decimal, size: tuple[int, int]
) -> None:
    precision, scale = size
    wanted = exact_decimal(f"{value:f}", precision, scale)

    agrees(value, wanted, pl.Decimal(20, 4), LogicalType.DECIMAL, precision=precision, scale=scale)


def test_no_price_of_two_digits_is_refused_as_a_float() -> None:
    cents = list(range(-20_000, 20_000))

    found = convert(
        [n / 100 for n in cents], pl.Float64(), LogicalType.DECIMAL, precision=10, scale=2
    )

    assert found == [Decimal(n).scaleb(-2) for n in cents]


# Text and bytes


def test_bytes_that_are_no_utf8_are_no_text() -> None:
    # Polars refuses such a column as a whole.
    assert refuse([b"fine", b"\xff\xfe"], pl.Binary(), LogicalType.TEXT) == 2


@bounded
@given(st.text())
def test_text_is_bytes_and_back(value: str) -> None:
    agrees(value, value.encode(), pl.String(), LogicalType.BINARY)
    agrees(value.encode(), value, pl.Binary(), LogicalType.TEXT)


@pytest.mark.parametrize("dtype", [pl.Int64(), pl.Float64(), pl.Boolean()])
def test_numbers_are_no_bytes(dtype: pl.DataType) -> None:
    raw = pl.Series([1]).cast(dtype).to_list()

    assert refuse(raw, dtype, LogicalType.BINARY) == 1


@pytest.mark.parametrize(
    ("value", "dtype", "wanted"),
    [
        (-5, pl.Int64(), "-5"),
        (1.5, pl.Float64(), "1.5"),
        (True, pl.Boolean(), "true"),
        (Decimal("1.50"), pl.Decimal(5, 2), "1.50"),
        (time(1, 2, 3, 4), pl.Time(), "01:02:03.000004"),
        (time(1, 2, 3), pl.Time(), "01:02:03"),
        (date(2026, 2, 8), pl.Date(), "2026-02-08"),
        (datetime(2026, 2, 8, 1, 2, 3, 4), pl.Datetime("us"), "2026-02-08 01:02:03.000004"),  # noqa: DTZ001 - a wall clock
    ],
)
def test_anything_with_a_text_of_its_own_can_be_text(
    value: object, dtype: pl.DataType, wanted: str
) -> None:
    agrees(value, wanted, dtype, LogicalType.TEXT)


def test_lists_are_no_text() -> None:
    assert refuse([[1]], pl.List(pl.Int64()), LogicalType.TEXT) == 1
    assert refuse([{"a": 1}], pl.Struct({"a": pl.Int64()}), LogicalType.TEXT) == 1


# Nested


def test_nested_values_pass_as_they_are() -> None:
    dtype = pl.List(pl.Struct({"a": pl.Int64()}))

    assert convert([[{"a": 1}], None, []], dtype, LogicalType.NESTED, nested=dtype) == [
        [{"a": 1}],
        None,
        [],
    ]


def test_nested_numbers_may_widen_but_not_lose() -> None:
    narrow, wide = pl.List(pl.Int8()), pl.List(pl.Int64())

    assert convert([[1, None]], narrow, LogicalType.NESTED, nested=wide) == [[1, None]]
    assert refuse([[1], [300]], wide, LogicalType.NESTED, nested=narrow) >= 1
    assert refuse([[1.0], [1.5]], pl.List(pl.Float64()), LogicalType.NESTED, nested=wide) == 1


def test_other_fields_are_no_nested_value() -> None:
    one, other = pl.Struct({"a": pl.Int64()}), pl.Struct({"b": pl.Int64()})

    assert refuse([{"a": 1}], one, LogicalType.NESTED, nested=other) == 1


# Days and times of day


@bounded
@given(st.dates())
def test_dates_read_back_from_every_form(value: date) -> None:
    forms = [
        value.isoformat(),
        f"{value.isoformat()} 00:00",
        f"{value.isoformat()}T00:00:00",
        f"{value.isoformat()} 00:00:00.000000",
    ]

    assert convert(forms, pl.String(), LogicalType.DATE) == [value] * len(forms)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-08 00:00:00.000001",
        "2026-02-08 10:30:00",
        "2026-2-8",
        "26-02-08",
        "2026-02-30",
        "2026-02-08 ",
        " 2026-02-08",
        "20260208",
        "08.02.2026",
        "0000-12-31",
        "10000-01-01",
        "2026-02-08T00:00:00Z",
        "",
    ],
)
def test_texts_that_are_no_date_are_refused(text: str) -> None:
    assert refuse(["2026-02-08", text], pl.String(), LogicalType.DATE) == 1


@bounded
@given(st.datetimes() | st.dates().map(lambda day: datetime.combine(day, time())))
def test_dates_from_instants_are_midnights_or_refused(value: datetime) -> None:
    wanted = value.date() if value.time() == time() else None

    agrees(value, wanted, pl.Datetime("us"), LogicalType.DATE)
    agrees(value.replace(tzinfo=UTC), wanted, pl.Datetime("us", "UTC"), LogicalType.DATE)


def test_dates_counted_in_seconds_are_midnights_or_refused() -> None:
    assert convert([86_400], pl.Int64(), LogicalType.DATE, encoding="epoch_s") == [date(1970, 1, 2)]
    assert refuse([86_400, 86_401], pl.Int64(), LogicalType.DATE, encoding="epoch_s") == 1


@pytest.mark.parametrize("logical", [LogicalType.DATE, LogicalType.TIME, LogicalType.TIMESTAMP])
@pytest.mark.parametrize("encoding", ["native", "iso"])
def test_numbers_are_no_times_unless_a_unit_was_given(
    logical: LogicalType, encoding: Encoding
) -> None:
    assert refuse([5], pl.Int64(), logical, encoding=encoding) == 1
    assert refuse([5.0], pl.Float64(), logical, encoding=encoding) == 1
    assert refuse([True], pl.Boolean(), logical, encoding=encoding) == 1


@bounded
@given(st.times())
def test_times_of_day_read_back(value: time) -> None:
    forms = [value.isoformat(), value.isoformat(timespec="microseconds")]

    assert convert(forms, pl.String(), LogicalType.TIME) == [value, value]


@pytest.mark.parametrize(
    "text",
    ["24:00:00", "23:59:60", "10:30:60", "1:02:03", "10:30:00.1234567891", "10:30:00Z", "10", ""],
)
def test_texts_that_are_no_time_of_day_are_refused(text: str) -> None:
    assert refuse(["10:30:00", text], pl.String(), LogicalType.TIME) == 1


def test_minutes_are_enough_for_a_time_of_day() -> None:
    assert convert(["10:30", "23:59:59"], pl.String(), LogicalType.TIME) == [
        time(10, 30),
        time(23, 59, 59),
    ]


def test_a_time_of_day_is_no_moment_and_a_moment_no_time_of_day() -> None:
    assert refuse([datetime(2026, 1, 1, 5, tzinfo=UTC)], pl.Datetime("us", "UTC"), LogicalType.TIME)
    assert refuse([time(5)], pl.Time(), LogicalType.TIMESTAMP)
    assert refuse([date(2026, 1, 1)], pl.Date(), LogicalType.TIME)


# Moments that come as such


@bounded
@given(st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1)), st.integers(0, 999))  # noqa: DTZ001 - made aware below
@example(datetime(1969, 12, 31, 23, 59, 59, 999_999), 999)  # noqa: DTZ001 - as above
def test_nanoseconds_are_refused_not_dropped(value: datetime, nanos: int) -> None:
    since = (value - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001 - as above
    ticks = pl.Series([since * 1_000 + nanos], dtype=pl.Int64)
    for zone in (None, "UTC", "America/New_York"):
        raw = pl.DataFrame({"c": ticks.cast(pl.Datetime("ns", zone))})
        for logical in (LogicalType.TIMESTAMP, LogicalType.NAIVE_TIMESTAMP):
            conformer = Conformer(table(logical), assume_timezone="UTC")
            if nanos:
                with pytest.raises(ValueMismatch, match=r"1 of 1 values"):
                    conformer.conform(raw)
            else:
                found = conformer.conform(raw).get_column("c").item()
                assert found.replace(tzinfo=None) == value


@pytest.mark.parametrize("unit", ["ms", "us"])
@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize("ticks", [2**62, -(2**62), 253_402_300_800_000_000, 2**63 - 1])
@pytest.mark.parametrize("logical", [LogicalType.TIMESTAMP, LogicalType.NAIVE_TIMESTAMP])
def test_years_without_a_name_are_refused(
    unit: Any, zone: str | None, ticks: int, logical: LogicalType
) -> None:
    raw = pl.DataFrame({"c": pl.Series([ticks]).cast(pl.Datetime(unit, zone))})

    for assumed in ("UTC", "America/New_York"):
        with pytest.raises(ValueMismatch, match=r"1 of 1 values"):
            Conformer(table(logical), assume_timezone=assumed).conform(raw)


@pytest.mark.parametrize("days", [DAYS[0] - 1, DAYS[1] + 1, 5_000_000, -(2**31)])
@pytest.mark.parametrize(
    "logical", [LogicalType.DATE, LogicalType.TIMESTAMP, LogicalType.NAIVE_TIMESTAMP]
)
def test_days_without_a_name_are_refused(days: int, logical: LogicalType) -> None:
    raw = pl.DataFrame({"c": pl.Series([days]).cast(pl.Int32).cast(pl.Date)})
    conformer = Conformer(table(logical), assume_timezone="UTC")

    with pytest.raises(ValueMismatch, match=r"1 of 1 values"):
        conformer.conform(raw)

    with pytest.raises(ValueMismatch, match=r"1 of 1 values"):
        conformer.conform_batch(Batch(table=Batch(raw).arrow))
    assert conformer.count_misfits(raw) == {"c": 1}


def test_the_first_and_the_last_day_pass() -> None:
    days = [date(1, 1, 1), date(9999, 12, 31)]

    assert convert(days, pl.Date(), LogicalType.DATE) == days


def test_instants_of_any_zone_become_utc() -> None:
    moment = datetime(2026, 2, 8, 10, 30, tzinfo=ZoneInfo("Asia/Kolkata"))

    found = convert([moment], pl.Datetime("ms", "Asia/Kolkata"), LogicalType.TIMESTAMP)

    assert found == [datetime(2026, 2, 8, 5, 0, tzinfo=UTC)]
    assert convert([moment], pl.Datetime("ms", "Asia/Kolkata"), LogicalType.NAIVE_TIMESTAMP) == [
        datetime(2026, 2, 8, 5, 0)  # noqa: DTZ001 - a wall clock
    ]


def test_days_are_their_midnight_in_the_zone_assumed() -> None:
    found = convert([date(2026, 2, 8)], pl.Date(), LogicalType.TIMESTAMP, zone="America/New_York")

    assert found == [datetime(2026, 2, 8, 5, 0, tzinfo=UTC)]


# What is counted


def test_odd_wall_clocks_are_counted_by_column_and_row() -> None:
    schema = TableSchema(
        name="t",
        columns=(
            Column(name="a", logical=LogicalType.TIMESTAMP),
            Column(name="b", logical=LogicalType.TIMESTAMP),
            Column(name="n", logical=LogicalType.NAIVE_TIMESTAMP),
        ),
    )
    frame = pl.DataFrame(
        {
            "a": ["2025-11-02 01:30:00", "2025-03-09 02:30:00", "2025-06-01 00:00:00", None],
            "b": ["2025-11-02 01:30:00", None, "2025-11-02 01:30:00-05:00", None],
            "n": ["2025-11-02 01:30:00", None, "2016-12-31 23:59:60", None],
        }
    )
    conformer = Conformer(schema, assume_timezone="America/New_York")

    conformer.conform(frame)

    assert conformer.coerced == {"a": 2, "b": 1, "n": 1}
    assert conformer.coerced_rows is not None
    assert conformer.coerced_rows.to_list() == [2, 1, 1, 0]


def test_coerced_values_add_up_over_batches_and_rows_start_over() -> None:
    frame = pl.DataFrame({"c": ["2025-11-02 01:30:00"]})
    plain = pl.DataFrame({"c": ["2025-11-02 03:30:00"]})
    conformer = Conformer(table(LogicalType.TIMESTAMP), assume_timezone="America/New_York")

    conformer.conform(frame)
    conformer.conform_batch(Batch(table=Batch(frame).arrow))
    conformer.conform(plain)

    assert conformer.coerced == {"c": 2}
    assert conformer.coerced_rows is None


@pytest.mark.parametrize("name", ["*", "^v.*$", ""])
def test_a_column_may_be_called_what_polars_takes_for_a_pattern(name: str) -> None:
    columns = (
        Column(name=name, logical=LogicalType.DECIMAL, precision=6, scale=2),
        Column(name="at", logical=LogicalType.TIMESTAMP, encoding="iso"),
    )
    schema = TableSchema(name="t", columns=columns)
    raw = pl.DataFrame({name: [1.25, None], "at": ["2026-02-08T10:00:00", None]})

    done = conform(raw, schema, assume_timezone="UTC")

    assert done.columns == [name, "at"]
    assert done.to_series(0).to_list() == [Decimal("1.25"), None]


@pytest.mark.parametrize("whole", [-(2**63), 1018310956121826176, 2**53 + 2])
def test_a_whole_float_of_64_bits_is_that_decimal_to_the_last_digit(whole: int) -> None:
    column = Column(name="v", logical=LogicalType.DECIMAL, precision=38, scale=10)
    schema = TableSchema(name="t", columns=(column,))

    done = conform(pl.DataFrame({"v": [float(whole), 1e23]}), schema, assume_timezone="UTC")

    assert done["v"].to_list() == [Decimal(whole), Decimal("1e23")]
