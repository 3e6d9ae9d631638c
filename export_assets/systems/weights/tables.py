"""The tables of `weights`: their columns, in order, and what these hold."""

from typing import Final

import polars as pl

from export_assets.sources.states.quarantine import QUARANTINE
from export_assets.tables.schema import Column, LogicalType, TableSchema

_VECTORS = pl.List(pl.List(pl.Float64()))
_MATRICES = pl.List(_VECTORS)
_KINDS: Final = {
    "text": LogicalType.TEXT,
    "float": LogicalType.FLOAT,
    "integer": LogicalType.INTEGER,
    "boolean": LogicalType.BOOLEAN,
    "time": LogicalType.NAIVE_TIMESTAMP,
    "json": LogicalType.JSON,
}


def _column(name: str, kind: str, description: str, *, nullable: bool = True) -> Column:
    return Column(name=name, logical=_KINDS[kind], nullable=nullable, description=description)


def _nested(name: str, kind: pl.DataType, description: str) -> Column:
    return Column(name=name, logical=LogicalType.NESTED, nested=kind, description=description)


_USER: Final = _column("user_id", "text", "Whose state it is: the file's stem.", nullable=False)

STATES: Final = TableSchema(
    name="states",
    description="One row per user: the processor's current state.",
    primary_key=("user_id",),
    columns=(
        _USER,
        _column("last_timestamp", "time", "When the state was last updated."),
        _column("last_weight", "float", "Filtered weight, kg."),
        _column("last_trend", "float", "Filtered change, kg a day; none of states without one."),
        _column("has_kalman_params", "boolean", "Whether it has parameters.", nullable=False),
        _column("process_noise", "float", "transition_covariance[0][0]."),
        _column("measurement_noise", "float", "observation_covariance[0][0]."),
        _column(
            "state_reset_count", "integer", "Resets: listed ones, else as stored.", nullable=False
        ),
        _column("last_source", "text", "Source of the last measurement."),
        _column("last_raw_weight", "float", "Last measurement, kg."),
        _column("weight_change", "float", "last_raw_weight less last_weight, exactly."),
        _column("measurement_count", "integer", "Length of measurement_history.", nullable=False),
        _column("initial_uncertainty", "float", "initial_state_covariance[0][0]."),
        _column("has_adapted_params", "boolean", "Whether it has adapted ones.", nullable=False),
        _column("adapted_process_noise", "float", "As process_noise, of the adapted parameters."),
        _column("adapted_measurement_noise", "float", "As measurement_noise, of those."),
        _column("last_reset_timestamp", "time", "When it was last reset."),
        _column("measurements_since_reset", "integer", "Measurements since then."),
        _column("reset_type", "text", "What kind of reset it was."),
        _column("last_accepted_timestamp", "time", "When a measurement was last accepted."),
        _column("state_shape", "text", "Shape of last_state: 2x2."),
    ),
)
LEGACY_COLUMNS: Final = STATES.names[:8]

MEASUREMENTS: Final = TableSchema(
    name="measurements",
    description="What each state remembers of its measurements, at most 30 a user.",
    primary_key=("user_id", "seq"),
    columns=(
        _USER,
        _column("seq", "integer", "Its place in the history, from 1.", nullable=False),
        _column("timestamp", "time", "When it was measured; old files do not say."),
        _column("weight", "float", "kg."),
        _column("quality_score", "float", "From 0 to 1."),
        _column("source", "text", "Where it came from."),
    ),
)

COVARIANCES: Final = TableSchema(
    name="covariances",
    description="State vectors and covariance matrices of each user, in full.",
    primary_key=("user_id",),
    columns=(
        _USER,
        _nested("last_state", _VECTORS, "Rows of weight and trend, the last one current."),
        _nested("last_covariance", _MATRICES, "A matrix for each row of last_state."),
        _nested("initial_state_mean", pl.List(pl.Float64()), "Weight and trend at first."),
        _nested("initial_state_covariance", _VECTORS, "Uncertainty at first."),
        _nested("transition_covariance", _VECTORS, "Noise of the process."),
        _nested("observation_covariance", _VECTORS, "Noise of measurements."),
    ),
)

RESETS: Final = TableSchema(
    name="resets",
    description="Every reset a state remembers.",
    primary_key=("user_id", "seq"),
    columns=(
        _USER,
        _column("seq", "integer", "Its place among the resets, from 1.", nullable=False),
        _column("timestamp", "time", "When."),
        _column("type", "text", "What kind."),
        _column("source", "text", "Source of the measurement that caused it."),
        _column("weight", "float", "That measurement, kg."),
        _column("last_weight", "float", "Weight before, kg."),
        _column("gap_days", "float", "Days without a measurement before."),
        _column("reason", "text", "Why."),
        _column("parameters", "json", "Parameters it began with."),
    ),
)

SUMMARY: Final = TableSchema(
    name="summary",
    description="One row over the whole store.",
    columns=(
        _column("users", "integer", "States that could be read.", nullable=False),
        _column("users_with_params", "integer", "Those with parameters.", nullable=False),
        _column("users_without_params", "integer", "Those without.", nullable=False),
        _column("users_with_weight", "integer", "Those with a finite weight.", nullable=False),
        _column("min_weight", "float", "kg."),
        _column("median_weight", "float", "kg."),
        _column("max_weight", "float", "kg."),
        _column("min_trend", "float", "kg a day."),
        _column("median_trend", "float", "kg a day."),
        _column("max_trend", "float", "kg a day."),
        _column("as_of", "time", "Latest last_timestamp of all, from which ages count."),
        _column("min_age_days", "float", "Days from a user's last_timestamp to as_of."),
        _column("median_age_days", "float", "The same."),
        _column("max_age_days", "float", "The same."),
        _column("measurements", "integer", "Measurements remembered.", nullable=False),
        _column("resets", "integer", "Sum of state_reset_count.", nullable=False),
        _column("unreadable", "integer", "State files in quarantine.", nullable=False),
        _column("accepted", "integer", "Measurements accepted; none without results."),
        _column("rejected", "integer", "Measurements rejected; none without results."),
        _column("acceptance_rate", "float", "accepted by both; none without results."),
    ),
)

ACCEPTANCE: Final = TableSchema(
    name="acceptance",
    description="How many of each user's measurements were accepted, of a results file.",
    primary_key=("user_id",),
    columns=(
        _USER,
        _column("accepted", "integer", "Measurements accepted.", nullable=False),
        _column("rejected", "integer", "Measurements rejected.", nullable=False),
        _column("acceptance_rate", "float", "accepted by both."),
    ),
)

WEIGHTS_RAW: Final = TableSchema(
    name="weights_raw",
    description="The measurements as the processor gets them, one row per line of its CSV files.",
    primary_key=("file", "line"),
    columns=(
        _column("file", "text", "Name of the CSV file.", nullable=False),
        _column("line", "integer", "Number of the line, from 1.", nullable=False),
        _column("id", "text", "The measurement's own id, where it has one."),
        _column("user_id", "text", "Whose measurement it is."),
        _column("timestamp", "time", "As the column timestamp has it."),
        _column("effective_date_time", "time", "As the column effectiveDateTime has it."),
        _column("source", "text", "Where it came from: source_type, or source."),
        _column("weight", "float", "In its own unit."),
        _column("unit", "text", "kg, or what else is said."),
    ),
)

TABLES: Final = (
    STATES,
    MEASUREMENTS,
    COVARIANCES,
    RESETS,
    SUMMARY,
    ACCEPTANCE,
    WEIGHTS_RAW,
    QUARANTINE,
)

TELLING: Final = ("file", "length", "sha256", "content_base64")
"""Columns of `quarantine` by which whoever has the files finds the one that is meant."""
