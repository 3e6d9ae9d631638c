"""When events of any program happened: forms of ISO 8601, forms of the user's, numbers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from export_assets.engine.logs.general.times import read_times
from export_assets.errors import ConfigError
from export_assets.sources.logs.moments import LocalTime
from export_assets_tests.engine.logs.log_world import LogWorld

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)
CLOCK = LocalTime(zone="UTC")


@pytest.fixture
def world(tmp_path: Path) -> LogWorld:
    return LogWorld(tmp_path)


def read(value: object, form: str = "auto") -> tuple[datetime | None, Mapping[int, str]]:
    moments = read_times([value], form, CLOCK)
    return moments.instants[0], moments.refused


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05T09:00:00.1234567Z", NINE.replace(microsecond=123_456)),
        ("2026-01-05T09:00:00.123456789Z", NINE.replace(microsecond=123_456)),
        ("2026-01-05T09:00:00.999999999", NINE.replace(microsecond=999_999)),
        ("2026-01-05T10:00:00,25+01:00", NINE.replace(microsecond=250_000)),
        ("20260105T090000Z", NINE),
        ("20260105T090000.5Z", NINE.replace(microsecond=500_000)),
        ("20260105T100000+0100", NINE),
        ("20260105T09:00:00", NINE),
        ("2026-01-05T09Z", NINE),
        ("2026-01-05T09", NINE),
        ("2026-01-05T24:00:00Z", datetime(2026, 1, 6, tzinfo=UTC)),
        ("2026-12-31T24:00:00.000-01:00", datetime(2027, 1, 1, 1, tzinfo=UTC)),
        ("2026-01-05T24:00:00", datetime(2026, 1, 6, tzinfo=UTC)),
    ],
)
def test_other_forms_of_iso_8601_are_read_to_the_microsecond(text: str, moment: datetime) -> None:
    assert read(text) == (moment, {})
    assert read(text, "iso") == (moment, {})


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05T24:00:01Z",
        "2026-0105T09Z",
        "2026-01-05T0900:00Z",
        "2026-13-05T09Z",
        "2026-01-05T09:60Z",
        "2026-01-05T09:00:00.",
        "9999-12-31T24:00:00Z",
        "0001-01-01T00+01",
    ],
)
def test_what_only_looks_like_a_time_is_refused(text: str) -> None:
    assert read(text) == (None, {0: "time"})


def test_readings_in_other_forms_follow_the_clock_too() -> None:
    clock = LocalTime(zone="America/New_York")
    values = ["20251102T013000", "2025-11-02T01:30:00.1234567", "20250309T023000", None]

    moments = read_times(values, "auto", clock)

    assert moments.instants.to_list() == [None] * 4
    assert moments.refused == {0: "ambiguous_time", 1: "ambiguous_time", 2: "skipped_time"}


FIRST, LAST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)
LOW, HIGH = 631_152_000, 4_102_444_800


@pytest.mark.parametrize("power", [0, 3, 6, 9])
@pytest.mark.parametrize("kind", [int, str])
def test_the_size_of_a_number_tells_its_unit_within_plausible_years(
    power: int, kind: type[int] | type[str]
) -> None:
    below, above = kind(LOW * 10**power - 1), kind(HIGH * 10**power)

    assert read(kind(LOW * 10**power)) == (FIRST, {})
    assert read(kind((HIGH - 1) * 10**power)) == (LAST, {})
    assert read(below) == (None, {0: "time" if power == 0 else "ambiguous_time"})
    assert read(above) == (None, {0: "time" if power == 9 else "ambiguous_time"})


@pytest.mark.parametrize(
    "value",
    ["20260105090000", 20260105090000, "202601050900", 202601050900, "19000101000000",
     "210012312359", 253402300800, "20260105090000123"],
)  # fmt: skip
def test_numbers_that_could_be_compact_dates_are_ambiguous(value: object) -> None:
    assert read(value) == (None, {0: "ambiguous_time"})


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("%Y%m%d%H%M%S", "20260105090000"),
        ("%Y%m%d%H%M%S", 20260105090000),
        ("%Y%m%d%H%M", "202601050900"),
        ("%Y-%m-%d %H:%M:%S.%f", "2026-01-05 09:00:00.0"),
        ("%y-%jT%H", "26-005T09"),
        ("%A %d %B %Y %I %p", "Monday 05 January 2026 09 AM"),
    ],
)
def test_a_form_says_how_digits_are_read(form: str, value: object) -> None:
    assert read(value, form) == (NINE, {})


@pytest.mark.parametrize(
    ("value", "micros"),
    [(1767603600.37, 370_000), ("1767603600.1234567", 123_456), (1767603600000.5, 500)],
)
def test_fractions_of_numbers_are_exact_to_the_microsecond(value: object, micros: int) -> None:
    assert read(value) == (NINE.replace(microsecond=micros), {})


def test_a_fraction_by_its_form_is_one_of_a_second(world: LogWorld) -> None:
    form = "'%d.%m.%Y %H:%M:%S,%f'"
    fields = "{at: {type: timestamp, format: '%Y/%m/%d %H:%M:%S.%f'}}"
    world.configure(world.yaml + f"log: {{timestamp_format: {form}, fields: {fields}}}\n")
    world.log("a.jsonl", {"ts": "05.01.2026 09:00:00,25", "at": "2026/01/05 09:00:00.5"})

    world.export()

    (row,) = world.rows().to_dicts()
    assert row["occurred_at"] == NINE.replace(microsecond=250_000)
    assert row["at"] == NINE.replace(microsecond=500_000)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("%Y-%m-%d %s", "%s is no sign"),
        ("%Y-%m-%d %H:%M %Z", "%Z is no sign"),
        ("%Y-%m-%d %:z", "%: is no sign"),
        ("%Y-%m-%d %#z", "%# is no sign"),
        ("%+", "%\\+ is no sign"),
        ("%Y-%m-%d %Q", "%Q is no sign"),
        ("%H:%M", "lacks %Y"),
        ("rfc3339", "must be one of auto, iso"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused_before_anything_is(
    world: LogWorld, form: str, says: str
) -> None:
    world.configure(world.yaml + f"log: {{timestamp_format: '{form}'}}\n")

    with pytest.raises(ConfigError, match=rf"log\.timestamp_format: .*{says}"):
        world.workspace()


def test_compact_digits_go_to_the_quarantine_as_ambiguous(world: LogWorld) -> None:
    lines: list[dict[str, Any]] = [{"ts": "20260105090000"}, {"ts": "2026-01-05T09:00:00Z"}]
    world.log("a.jsonl", *lines)

    report = world.export()

    assert report.exit_code == 3
    assert world.rows("quarantine")["reason"].to_list() == ["ambiguous_time"]
    assert world.rows()["occurred_at"].to_list() == [NINE]
