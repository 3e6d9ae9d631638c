"""The pump's wall clock as instants: the hour shown twice, the hour skipped, any host."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.errors import ConfigError
from export_assets.systems.tandem.clock import PUMP_EPOCH, Instants, instants_of

LOS_ANGELES = "America/Los_Angeles"


def seconds(*walls: str) -> "np.ndarray[tuple[int], np.dtype[np.uint32]]":
    moments = [datetime.fromisoformat(wall).replace(tzinfo=UTC) for wall in walls]
    return np.array([int(m.timestamp()) - PUMP_EPOCH for m in moments], dtype=np.uint32)


def utc(instants: Instants) -> list[str]:
    return [
        datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M")
        for value in instants.utc_seconds.tolist()
    ]


def test_the_epoch_is_the_midnight_that_began_2008() -> None:
    instants = instants_of(np.array([0], dtype=np.uint32), pump_timezone="UTC")

    assert utc(instants) == ["2008-01-01 00:00"]


def test_winter_and_summer_have_their_own_offset() -> None:
    instants = instants_of(
        seconds("2024-01-15T10:00", "2024-07-15T10:00"), pump_timezone=LOS_ANGELES
    )

    assert utc(instants) == ["2024-01-15 18:00", "2024-07-15 17:00"]
    assert instants.iso() == ["2024-01-15T10:00:00-08:00", "2024-07-15T10:00:00-07:00"]
    assert (instants.ambiguous, instants.nonexistent) == (0, 0)


def test_the_autumn_hour_is_its_first_occurrence_and_is_counted() -> None:
    walls = ("2026-11-01T00:59", "2026-11-01T01:00", "2026-11-01T01:59", "2026-11-01T02:00")

    instants = instants_of(seconds(*walls), pump_timezone=LOS_ANGELES)

    assert utc(instants) == [
        "2026-11-01 07:59",
        "2026-11-01 08:00",
        "2026-11-01 08:59",
        "2026-11-01 10:00",
    ]
    assert (instants.ambiguous, instants.nonexistent) == (2, 0)


def test_the_spring_hour_keeps_the_offset_before_it_and_is_counted() -> None:
    walls = ("2026-03-08T01:59", "2026-03-08T02:30", "2026-03-08T03:00")

    instants = instants_of(seconds(*walls), pump_timezone=LOS_ANGELES)

    assert utc(instants) == ["2026-03-08 09:59", "2026-03-08 10:30", "2026-03-08 10:00"]
    assert instants.iso()[1] == "2026-03-08T02:30:00-08:00"
    assert (instants.ambiguous, instants.nonexistent) == (0, 1)


@settings(max_examples=60, deadline=None)
@given(
    reading=st.integers(0, 1_000_000_000),
    zone=st.sampled_from(
        [LOS_ANGELES, "UTC", "Asia/Kolkata", "Australia/Lord_Howe", "Europe/London"]
    ),
)
def test_agrees_with_the_standard_library(reading: int, zone: str) -> None:
    wall = datetime.fromtimestamp(PUMP_EPOCH + reading, UTC).replace(tzinfo=ZoneInfo(zone))

    instants = instants_of(np.array([reading], dtype=np.uint32), pump_timezone=zone)

    assert instants.utc_seconds[0] == wall.timestamp()
    assert instants.iso() == [wall.isoformat()]


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", ""])
def test_an_unknown_zone_is_a_configuration_error(zone: str) -> None:
    with pytest.raises(ConfigError, match="unknown"):
        instants_of(np.array([0], dtype=np.uint32), pump_timezone=zone)


@pytest.mark.parametrize("host", ["UTC", "Asia/Kolkata", "America/St_Johns"])
def test_the_zone_of_the_host_does_not_matter(host: str) -> None:
    program = (
        "import numpy as np; from export_assets.systems.tandem.clock import instants_of;"
        "walls = np.array([506167200, 594435600, 573964200], dtype=np.uint32);"
        "print(instants_of(walls, pump_timezone='America/Los_Angeles').iso())"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TZ": host},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.strip() == str(
        ["2024-01-15T10:00:00-08:00", "2026-11-02T01:00:00-08:00", "2026-03-10T02:30:00-07:00"]
    )
