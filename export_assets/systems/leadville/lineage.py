"""From which columns runs and statistics are made; events are made of lines, which have none."""

from collections.abc import Mapping, Sequence
from typing import Final

from export_assets.systems.leadville.model import EVENTS, RUNS
from export_assets.systems.leadville.statistics import MATCH_STATISTICS, SESSION_STATISTICS

Origins = Sequence[tuple[str, str]]


def _events(*columns: str) -> Origins:
    return tuple((EVENTS.name, column) for column in columns)


def _runs(*columns: str) -> Origins:
    return tuple((RUNS.name, column) for column in columns)


_TIME: Final = _events("occurred_at", "event_type")
_SHOTS: Final = _events("event_type")
_IMPACTS: Final = _events("event_type", "dialect")
_SUMMARY: Final = _events("details")
_SPLITS: Final = (*_events("occurred_at", "event_type"), *_runs("start_time", "last_shot_time"))

_RUNS: Final[Mapping[str, Origins]] = {
    "run_id": _events("occurred_at", "event_type", "device", "device_id", "details"),
    "start_time": _TIME,
    "end_time": _TIME,
    "duration_seconds": (*_SUMMARY, *_events("occurred_at")),
    "shots_detected": _SHOTS,
    "impacts_detected": _IMPACTS,
    "correlation_success_rate": (*_SHOTS, *_events("dialect")),
    "start_device": _events("device"),
    "start_device_id": _events("device_id"),
    "beep_time": _TIME,
    "last_shot_time": _TIME,
    "last_impact_time": _TIME,
    "status": _TIME,
    "end_reason": _TIME,
    "summary_shots": _SUMMARY,
    "summary_impacts": _SUMMARY,
    "summary_mismatch": (*_SUMMARY, *_SHOTS),
    "duplicate_events": _events("event_id"),
    "session_id": _events("session_id"),
    "source_files": _events("source_file"),
    "first_event_id": _events("event_id"),
}

_FIGURES: Final[Mapping[str, Origins]] = {
    "first_start": _runs("start_time"),
    "last_end": _runs("end_time"),
    "runs": _runs("run_id"),
    "completed_runs": _runs("status"),
    "shots": _runs("shots_detected"),
    "impacts": _runs("impacts_detected"),
    "correlation_success_rate": _runs("impacts_detected", "shots_detected"),
    "mean_duration_seconds": _runs("duration_seconds"),
    "splits": _SPLITS,
    "split_min": _SPLITS,
    "split_p10": _SPLITS,
    "split_median": _SPLITS,
    "split_p90": _SPLITS,
    "split_max": _SPLITS,
}

LINEAGE: Final[Mapping[str, Mapping[str, Origins]]] = {
    RUNS.name: _RUNS,
    SESSION_STATISTICS.name: {"session_id": _runs("session_id"), **_FIGURES},
    MATCH_STATISTICS.name: {"match_id": _runs("source_files", "start_time"), **_FIGURES},
}
