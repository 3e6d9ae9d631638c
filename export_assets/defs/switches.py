"""Which sensors and schedules are on from the start."""

import dagster as dg

from export_assets.config.models import SourceConfig


def is_on(source: SourceConfig, *, switch: bool | None, asked: bool = False) -> bool:
    """Return whether something that runs by itself for *source* is on from the start.

    Args:
        source: The source; nothing is on for one that is not enabled.
        switch: Its position, as `automation` has it.
        asked: Whether the configuration asks for it otherwise, by saying when.
    """
    return source.enabled and (asked if switch is None else switch)


def sensor_status(*, on: bool) -> dg.DefaultSensorStatus:
    """Return how Dagster says whether a sensor is *on* from the start."""
    return dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED


def schedule_status(*, on: bool) -> dg.DefaultScheduleStatus:
    """Return how Dagster says whether a schedule is *on* from the start."""
    return dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED
