"""What runs by itself: which sensors and schedules are on from the start, and conditions of assets.

A key of `automation` is called as the sensor or schedule it switches, without the source's name:
`prune` is `<source>_prune`. What is left out is on exactly where something else asks for it.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator

from export_assets.config.base import Model
from export_assets.config.cron import check_cron

_POSITIONS: Mapping[object, bool] = {"on": True, "off": False}
_CONDITIONS = ("eager", "on_missing")


def _switched(value: object) -> object:
    return _POSITIONS.get(value, value) if isinstance(value, str) else value


def _check_condition(text: str) -> str:
    if text in _CONDITIONS:
        return text
    try:
        return check_cron(text)
    except ValueError as error:
        msg = f"{text!r} is neither {' nor '.join(_CONDITIONS)} nor a cron line of five fields"
        raise ValueError(msg) from error


Switch = Annotated[
    bool, BeforeValidator(_switched, json_schema_input_type=bool | Literal["on", "off"])
]
Condition = Annotated[str, AfterValidator(_check_condition)]


class TableAutomation(Model):
    """When the exports of a table are made because of what they are made of."""

    condition: Condition | None = None
    """Dagster's automation condition of the exports: `eager`, `on_missing`, or a cron line for
    `on_cron`. For tables that Dagster itself fills; the sensors follow all others."""


class SourceAutomation(TableAutomation):
    """Which sensors and schedules of a source are on from the start, `on` or `off`.

    Dagster goes by it until somebody turns the switch in its UI; from then on by the switch.
    """

    schedule: Switch | None = None
    """Exports by the clock; without it on where `schedule` or `every_hours` is given."""
    changes: Switch | None = None
    """The sensor that follows a database; without it on where `monitor.enabled` is true."""
    logs: Switch | None = None
    """The sensor that follows event logs; without it on where `monitor.enabled` is true."""
    freshness: Switch | None = None
    """The hourly look at how old tables are; off without it."""
    verify: Switch | None = None
    """Reading published files again; without it on where `verify.schedule` is given."""
    verify_archives: Switch | None = None
    """Reading archives of event logs again, a quarter each week; off without it."""
    prune: Switch | None = None
    """What no `keep` keeps; without it on where `prune.schedule` is given."""
    offload: Switch | None = None
    """Archiving old event logs; without it on where `log.offload.schedule` is given."""


def foreign_switch(
    automation: SourceAutomation, *, logs: bool, keeps: bool, ages: bool, followed: bool
) -> str | None:
    """Return what is wrong with a switch that is turned on and switches nothing; None for none.

    Args:
        automation: The switches.
        logs: Whether the source is one of event logs.
        keeps: Whether it, or a table of it, says what is kept.
        ages: Whether it, or a table of it, says when rows are stale.
        followed: Whether anything may follow it.
    """
    for name in ("logs", "offload", "verify_archives"):
        if getattr(automation, name) and not logs:
            return f"automation.{name}: belongs to kind: event_log"
    if automation.changes and logs:
        return "automation.changes: event logs are followed by automation.logs"
    if automation.prune and not keeps:
        return "automation.prune: no keep says what goes"
    if automation.freshness and not ages:
        return "automation.freshness: no freshness says when a table is stale"
    if (automation.changes or automation.logs) and not followed:
        return f"automation.{'logs' if logs else 'changes'}: monitor.enabled says that nobody looks"
    return None


class ProjectAutomation(Model):
    """Which sensors and schedules of no single source are on from the start, `on` or `off`."""

    published_elsewhere: Switch = True
    """The sensor that reports what was published without Dagster."""
    conditions: Switch = True
    """The sensor that evaluates automation conditions of assets."""
    notifications: Switch = True
    """The sensors that tell those under `notify`; they exist only where somebody is to be told."""
    dagster_prune: Switch = False
    """The schedule that deletes old runs of Dagster."""
