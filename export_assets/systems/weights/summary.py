"""The one row of `summary`: what is to be said of the store as a whole.

Ages count from the latest `last_timestamp` of the store, not from the moment of the export: equal
states give an equal row.
"""

from datetime import timedelta

import polars as pl

from export_assets.sources.states.kind import Gathered, Row
from export_assets.sources.states.quarantine import QUARANTINE
from export_assets.systems.weights.tables import MEASUREMENTS, STATES

_DAY = timedelta(days=1)
_NOTHING = (None, None, None)


def summarise(gathered: Gathered, decided: tuple[int, int] | None) -> Row:
    """Return the row over all that was *gathered*.

    Args:
        gathered: The tables made of the states.
        decided: Measurements accepted and rejected, None where nobody says.
    """
    users = gathered.count(STATES.name)
    params = int(gathered.column(STATES.name, "has_kalman_params").sum())
    weights = _finite(gathered.column(STATES.name, "last_weight"))
    trends = _finite(gathered.column(STATES.name, "last_trend"))
    weighed = len(weights)
    row = (users, params, users - params, weighed, *_spread(weights), *_spread(trends))
    del weights, trends
    row += _ages(gathered.column(STATES.name, "last_timestamp").drop_nulls())
    resets = int(gathered.column(STATES.name, "state_reset_count").sum())
    row += (gathered.count(MEASUREMENTS.name), resets, gathered.count(QUARANTINE.name))
    if decided is None:
        return (*row, *_NOTHING)
    return (*row, *decided, decided[0] / sum(decided) if any(decided) else None)


def _finite(values: pl.Series) -> pl.Series:
    return values.filter(values.is_finite())


def _spread(values: pl.Series) -> Row:
    """Return the least, the middle and the greatest value."""
    return (values.min(), values.median(), values.max()) if len(values) else _NOTHING


def _ages(moments: pl.Series) -> Row:
    """Return the latest moment, and how many days the others are before it."""
    latest = moments.max()
    if latest is None:
        return (None, *_NOTHING)
    ages = pl.DataFrame({"moment": moments}).select((latest - pl.col("moment")).alias("age"))
    days = ages.get_column("age").dt.total_microseconds() / (_DAY / timedelta(microseconds=1))
    return (latest, *_spread(days))
