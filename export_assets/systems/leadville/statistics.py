"""Summary tables of runs: per session, and for any set of runs such as those of a match."""

from collections.abc import Mapping
from typing import Final

import polars as pl

from export_assets.tables.schema import Column, LogicalType, TableSchema

NO_SESSION: Final = "none"
"""Key of the runs that belong to no session of a timer."""

_QUANTILES: Final = {"split_p10": 0.1, "split_median": 0.5, "split_p90": 0.9}
_FIGURES: Final[dict[str, tuple[LogicalType, str]]] = {
    "first_start": (LogicalType.TIMESTAMP, "Start of the first run."),
    "last_end": (LogicalType.TIMESTAMP, "End of the last run that ended."),
    "runs": (LogicalType.INTEGER, "Runs."),
    "completed_runs": (LogicalType.INTEGER, "Runs with a stop or a summary."),
    "shots": (LogicalType.INTEGER, "Shots of all runs."),
    "impacts": (LogicalType.INTEGER, "Impacts; none where nothing senses them."),
    "correlation_success_rate": (
        LogicalType.FLOAT,
        "Impacts by shots, of runs whose impacts are known; none without shots.",
    ),
    "mean_duration_seconds": (LogicalType.FLOAT, "Mean duration of runs that ended."),
    "splits": (LogicalType.INTEGER, "Times between one shot and the next in a run."),
    "split_min": (LogicalType.FLOAT, "Shortest of them, in seconds."),
    "split_p10": (LogicalType.FLOAT, "A tenth of them are not longer."),
    "split_median": (LogicalType.FLOAT, "Half of them are not longer."),
    "split_p90": (LogicalType.FLOAT, "Nine tenths of them are not longer."),
    "split_max": (LogicalType.FLOAT, "Longest of them."),
}


def statistics_schema(key: str, *, name: str) -> TableSchema:
    """Return the schema of the summary table *name*, one row per value of *key*."""
    first = Column(name=key, logical=LogicalType.TEXT, nullable=False, description="Of what.")
    return TableSchema(
        name=name,
        description="Shots, impacts, rate and times between shots.",
        primary_key=(key,),
        columns=(
            first,
            *(
                Column(name=figure, logical=logical, description=description)
                for figure, (logical, description) in _FIGURES.items()
            ),
        ),
    )


SESSION_STATISTICS: Final = statistics_schema("session_id", name="session_statistics")
MATCH_STATISTICS: Final = statistics_schema("match_id", name="match_statistics")


def session_statistics(runs: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Summarise *runs* by session; those of none come under `none`.

    Args:
        runs: Rows of the table `runs`.
        splits: Of those runs, as `split_times` gives them.
    """
    keyed = runs.with_columns(pl.col("session_id").fill_null(NO_SESSION))
    return _summarise(keyed, splits, "session_id", SESSION_STATISTICS)


def match_statistics(
    runs: pl.DataFrame, splits: pl.DataFrame, matches: Mapping[str, pl.Series]
) -> pl.DataFrame:
    """Summarise *runs* by match.

    Args:
        runs: Rows of the table `runs`.
        splits: Of those runs, as `split_times` gives them.
        matches: Id to which of the runs are of the match, a truth value each. A run may be of
            several matches; a match without runs has a row of zeros.
    """
    parts = [
        runs.filter(inside).with_columns(match_id=pl.lit(match))
        for match, inside in matches.items()
    ]
    empty = runs.clear().with_columns(match_id=pl.lit(None, dtype=pl.String))
    found = _summarise(pl.concat([empty, *parts]), splits, "match_id", MATCH_STATISTICS)
    asked = pl.DataFrame({"match_id": list(matches)}, schema={"match_id": pl.String})
    counts = ("runs", "completed_runs", "shots", "splits")
    whole = asked.join(found, on="match_id", how="left").with_columns(pl.col(counts).fill_null(0))
    return whole.sort("match_id")


def split_times(runs: pl.DataFrame, events: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """Return the seconds between each shot of a run and the one before.

    Args:
        runs: Rows of the table `runs`.
        events: Rows of the table `events` with the shots of those runs; twins may both be there.

    Returns:
        Columns `run_id`, `shot` (from 2) and `split_seconds`.
    """
    ends = runs.with_columns(
        pl.coalesce("last_shot_time", "start_time").alias("until"),
        _device_or_session().alias("of"),
    ).select("run_id", "start_time", "until", "of")
    shots = (
        events.lazy()
        .filter(pl.col("event_type") == "shot_detected")
        .with_columns(_device_or_session("device_id").alias("of"))
        # What is repeated, or told by a twin, is one shot.
        .with_columns(pl.col("event_id").str.extract(r"^([^.]*)"))
        .select("event_id", "occurred_at", "of")
        .unique("event_id", keep="first")
        .sort("occurred_at", "event_id")
        .collect()
    )
    within = shots.join_asof(
        ends.sort("start_time"),
        left_on="occurred_at",
        right_on="start_time",
        by="of",
        strategy="backward",
        check_sortedness=False,  # both are sorted, which is not known by group
    ).filter(pl.col("occurred_at") <= pl.col("until"))
    before = pl.col("occurred_at").shift(1).over("run_id")
    return (
        within.with_columns(
            (pl.int_range(pl.len()).over("run_id") + 1).alias("shot"),
            ((pl.col("occurred_at") - before).dt.total_microseconds() / 1e6).alias("split_seconds"),
        )
        .filter(pl.col("split_seconds").is_not_null())
        .select("run_id", "shot", "split_seconds")
        .sort("run_id", "shot")
    )


def _device_or_session(device: str = "start_device_id") -> pl.Expr:
    return pl.coalesce("session_id", device, pl.lit(""))


def _summarise(
    runs: pl.DataFrame, splits: pl.DataFrame, key: str, schema: TableSchema
) -> pl.DataFrame:
    shots, impacts = pl.col("shots_detected"), pl.col("impacts_detected")
    known = shots.filter(impacts.is_not_null()).sum()
    sensed = impacts.is_not_null().any()
    counted = runs.group_by(key).agg(
        pl.col("start_time").min().alias("first_start"),
        pl.col("end_time").max().alias("last_end"),
        pl.len().cast(pl.Int64).alias("runs"),
        (pl.col("status") == "completed").sum().cast(pl.Int64).alias("completed_runs"),
        shots.sum().alias("shots"),
        pl.when(sensed).then(impacts.sum()).alias("impacts"),
        pl.when(known > 0).then(impacts.sum() / known).alias("correlation_success_rate"),
        pl.col("duration_seconds").mean().alias("mean_duration_seconds"),
    )
    split = pl.col("split_seconds")
    timed = (
        runs.select(key, "run_id")
        .join(splits, on="run_id")
        .group_by(key)
        .agg(
            pl.len().cast(pl.Int64).alias("splits"),
            split.min().alias("split_min"),
            split.max().alias("split_max"),
            *(
                split.quantile(share, interpolation="linear").alias(name)
                for name, share in _QUANTILES.items()
            ),
        )
    )
    return (
        counted.join(timed, on=key, how="left")
        .with_columns(pl.col("splits").fill_null(0))
        .select(schema.names)
        .sort(key)
    )
