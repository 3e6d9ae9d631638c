"""Charts are small, hold what they should, and nothing that anybody else put in."""

import math

from hypothesis import example, given, settings
from hypothesis import strategies as st

from export_assets.engine.charts import labels
from export_assets.engine.charts.drawing import (
    PIXELS,
    draw_bars,
    draw_names,
    draw_trace,
    first,
    markdown,
)
from export_assets_tests.engine.charts.pictures import decoded, lines, texts

HOSTILE = (
    '</text><script>alert("x")</script>',
    "<![CDATA[",
    "&lt;&#0;&unknown;",
    '"/><image href="x"/>',
    "](javascript:alert(1))",
    "\x00\x1b[31m\r\n",
    "\u202e\ufffe\uffff",
    "\N{GRINNING FACE}" * 40,
)
names = st.text() | st.sampled_from(HOSTILE)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(names, st.integers(0, 10**15)), min_size=1, max_size=8))
@example([(name, 7) for name in HOSTILE])
def test_no_name_breaks_out_of_its_place(counts: list[tuple[str, int]]) -> None:
    picture = draw_names(counts)

    assert picture is not None
    shown = texts(decoded(markdown(picture)))[::2]
    assert 1 <= len(shown) <= len(counts)
    assert all(one.isprintable() and len(one) <= 12 for one in shown)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_trace_is_never_too_long_and_stays_inside(data: st.DataObject) -> None:
    value = st.none() | st.floats(-1e300, 1e300)
    values = data.draw(st.lists(value, min_size=PIXELS, max_size=PIXELS))
    known = [one for one in values if one is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)

    picture = draw_trace(values, low, high, ("2024-01-01", "2024-12-31"))

    assert picture is not None
    if known:
        points = [point for line in lines(decoded(markdown(picture))) for point in line]
        assert all(30 <= x <= 240 and 0 <= y <= 60 for x, y in points)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 10**18), min_size=1, max_size=30))
def test_thirty_bars_of_any_height_have_room(values: list[int]) -> None:
    picture = draw_bars(values, ("2024-01-01-00", "2024-12-31-23"))

    assert picture is not None
    decoded(markdown(picture))


def test_a_trace_breaks_where_there_are_no_values() -> None:
    values: list[float | None] = [float(at) for at in range(PIXELS)]
    values[60:120] = [None] * 60

    picture = draw_trace(values, 0, PIXELS - 1, ("00:00", "00:00"))

    assert picture is not None
    before, after = lines(decoded(markdown(picture)))
    assert (before[0], before[-1][0]) == ((30, 58), 88)
    assert (after[0][0], after[-1][1]) == (150, 6)
    assert texts(decoded(markdown(picture))) == ["00:00", "207", "0", "00:00"]


def test_values_without_room_are_added_up() -> None:
    assert first([("a", 5), ("b", 3), ("c", 2)], 2) == [("a", 5), ("others", 5)]


def test_labels_are_short() -> None:
    day = 86_400_000_000.0

    assert [labels.number(one) for one in (54, 1234.5, 45_678, 0.3514, -2e9)] == [
        "54",
        "1.23k",
        "45.7k",
        "0.351",
        "-2G",
    ]
    nearly = (999.99, 999_499, 999_900, -999_950_000, 1e15, math.inf)
    assert [labels.number(one) for one in nearly] == ["1k", "999k", "1M", "-1G", "1e+15", "inf"]
    assert labels.span(0, day, times=True) == ("00:00", "00:00")
    assert labels.span(0, 3 * day, times=True) == ("1970-01-01", "1970-01-04")
    assert labels.span(-1e18, math.inf, times=True)[1] == "9999-12-31"
