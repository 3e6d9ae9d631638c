"""Declarative automation: what is made when that changes which it is made of, within Dagster.

A source that Dagster does not fill is followed by its sensor, which loses nothing; a condition goes
by Dagster's events, and an update that is observed while a run is under way counts as part of it.
So conditions are for what hangs on tables that Dagster fills, and for assets that hang on exports.
"""

import dagster as dg

from export_assets.defs.cron_lines import five_fields
from export_assets.defs.switches import sensor_status
from export_assets.defs.table import TableExport

NAME = "conditions"
SECONDS = 30


def condition_of(table: TableExport) -> dg.AutomationCondition[dg.AssetKey] | None:
    """Return the automation condition of the exports of *table*, None where none is configured.

    Dagster's own conditions look at the latest partition alone; these look at all, because rows
    come late.
    """
    config = table.configured.config
    wanted = config.condition_of(table.name)
    if wanted is None or not config.enabled:
        return None
    latest = dg.AutomationCondition.in_latest_time_window()
    if wanted == "eager":
        return dg.AutomationCondition.eager().without(latest)
    if wanted == "on_missing":
        return dg.AutomationCondition.on_missing().without(latest)
    return dg.AutomationCondition.on_cron(five_fields(wanted), cron_timezone="UTC").without(latest)


def build_conditions_sensor(*, on: bool) -> dg.SensorDefinition:
    """Return the sensor that evaluates conditions, those of other people's assets included.

    It stands for the one that Dagster adds by itself where any asset has a condition, which is off.
    """
    return dg.AutomationConditionSensorDefinition(
        NAME,
        target="*",
        minimum_interval_seconds=SECONDS,
        default_status=sensor_status(on=on),
        description="Launches runs of assets whose automation condition holds.",
    )
