"""From which columns the summary is made; all other tables are made of files."""

from collections.abc import Mapping, Sequence
from typing import Final

from export_assets.sources.states.quarantine import QUARANTINE
from export_assets.systems.weights.tables import MEASUREMENTS, STATES, SUMMARY


def _from(table: str, column: str, *names: str) -> dict[str, Sequence[tuple[str, str]]]:
    return dict.fromkeys(names, ((table, column),))


LINEAGE: Final[Mapping[str, Mapping[str, Sequence[tuple[str, str]]]]] = {
    SUMMARY.name: {
        **_from(STATES.name, "user_id", "users"),
        **_from(STATES.name, "has_kalman_params", "users_with_params", "users_without_params"),
        **_from(
            STATES.name,
            "last_weight",
            "users_with_weight",
            "min_weight",
            "median_weight",
            "max_weight",
        ),
        **_from(STATES.name, "last_trend", "min_trend", "median_trend", "max_trend"),
        **_from(
            STATES.name,
            "last_timestamp",
            "as_of",
            "min_age_days",
            "median_age_days",
            "max_age_days",
        ),
        **_from(MEASUREMENTS.name, "seq", "measurements"),
        **_from(STATES.name, "state_reset_count", "resets"),
        **_from(QUARANTINE.name, "file", "unreadable"),
    }
}
