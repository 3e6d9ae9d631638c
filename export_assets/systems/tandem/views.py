"""The exported shape of the four tables, as SELECT statements over the physical ones.

Rulings:

- A glucose reading is a number only where its status says so. The status code comes from the
  linked event's data; where that has none and 0 is stored, from the bytes of the raw event
  (no sensor reports a glucose of 0). Code 0 is `value`, 1 `high`, 2 `low`, 6 `hidden`; any other
  code is `hidden`, for a number the pump did not vouch for must not be invented. No code at all
  means `value`, except for a stored 0, which is `hidden`.
- `cgm_reading` is null wherever the status is not `value`, and `cgm_reading_raw` is what is stored.
  That holds for a number stored beside a status too: 103 under `high` is a number the pump itself
  did not show, and a mean over `cgm_reading` must not take it for a measurement. So a number in
  `cgm_reading` always has the status `value`, and nothing is lost: 103 is in `cgm_reading_raw`.
- A basal rate of 65535 means "not set" and is null; `<rate>_raw` is what is stored.
- An event's type comes from its raw event, and from its name where that tells nothing.
- Times that carry no zone are handed on as they are, for the source to read in its configured
  zone; a raw event's time is read here, from its JSON, unless the table has a column for it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from export_assets.systems.tandem.clock import DEFAULT_PUMP_TIMEZONE, zone_of
from export_assets.systems.tandem.schema import (
    BASAL_DELIVERIES,
    CGM_READINGS,
    EVENTS,
    RAW_EVENTS,
    TABLES,
)
from export_assets.systems.tandem.shapes.sql import (
    select_basal_deliveries,
    select_cgm_readings,
    select_events,
    select_raw_events,
)

ColumnsOf = Mapping[str, Sequence[str]]

TIME_COLUMNS: Final[dict[str, str]] = {
    CGM_READINGS: "timestamp",
    BASAL_DELIVERIES: "timestamp",
    EVENTS: "timestamp",
    RAW_EVENTS: "event_timestamp",
}
"""The column each table is partitioned, filtered and ordered by."""


def tandem_views(
    columns_of: ColumnsOf,
    *,
    assume_timezone: str = "UTC",
    pump_timezone: str = DEFAULT_PUMP_TIMEZONE,
) -> dict[str, str]:
    """Return table name to SELECT statement for those of the four tables that are present.

    A statement may be used as a subquery or a view; the table names in it mean the physical
    tables. Ids are BIGINT.

    Args:
        columns_of: Physical columns by table; a table that is missing or has none is left out.
        assume_timezone: Zone of times inside JSON that carry no offset.
        pump_timezone: Zone of the pump's clock, for raw events with no written time.

    Raises:
        ConfigError: A zone is unknown.
    """
    zones = {
        "assume_timezone": zone_of(assume_timezone).key,
        "pump_timezone": zone_of(pump_timezone).key,
    }
    build: dict[str, Callable[[], str]] = {
        CGM_READINGS: lambda: select_cgm_readings(columns_of),
        BASAL_DELIVERIES: lambda: select_basal_deliveries(columns_of),
        EVENTS: lambda: select_events(columns_of),
        RAW_EVENTS: lambda: select_raw_events(columns_of, **zones),
    }
    return {table: build[table]() for table in TABLES if columns_of.get(table)}
