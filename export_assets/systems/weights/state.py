"""One state as rows of the tables; it is only read, never changed."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import isfinite
from zoneinfo import ZoneInfo

from export_assets.sources.states.kind import Row, Rows, Unreadable
from export_assets.systems.weights.arrays import (
    Array,
    corner,
    deepened,
    number,
    read_array,
    shape_of,
)
from export_assets.systems.weights.tables import COVARIANCES, MEASUREMENTS, RESETS, STATES
from export_assets.systems.weights.values import json_text, moment, text, whole

State = Mapping[str, object]

_NOISES = (
    ("transition_covariance", "process_noise"),
    ("observation_covariance", "measurement_noise"),
)
"""Matrices of parameters, and what adapted ones call their first number where they hold no more."""


def rows_of(user_id: str, state: State, zone: ZoneInfo) -> Rows:
    """Return the rows of *state* by table.

    Raises:
        Unreadable: A value is none of its kind.
    """
    last = read_array(state.get("last_state"), "last_state")
    params = _object(state, "kalman_params")
    resets = _resets(user_id, state, zone)
    measurements = _measurements(user_id, state, zone)
    return {
        STATES.name: [_state(user_id, state, last, params, resets, len(measurements), zone)],
        MEASUREMENTS.name: measurements,
        COVARIANCES.name: [_covariances(user_id, state, last, params)],
        RESETS.name: resets or (),
    }


def current(last: Array) -> tuple[float | None, float | None]:
    """Return weight and trend of the last row of a `last_state`.

    Raises:
        Unreadable: It has no rows, being a number or of three dimensions.
    """
    if last is None:
        return None, None
    shape = shape_of(last, "last_state")
    if len(shape) not in (1, 2) or not isinstance(last, list) or len(shape) == 1 and len(last) > 2:  # noqa: PLR2004 - weight and trend
        msg = "last_state: is no rows of weight and trend"
        raise Unreadable("shape", msg)
    row = last if len(shape) == 1 else (last[-1] if last else [])
    assert isinstance(row, list)  # noqa: S101 - of one or two dimensions
    weight, trend = (*row, None, None)[:2]
    return corner(weight), corner(trend)


def change(raw: float | None, filtered: float | None) -> float | None:
    """Return *raw* less *filtered* as their decimals say: 80.7 less 80.5 is 0.2."""
    if raw is None or filtered is None:
        return None
    if isfinite(raw) and isfinite(filtered):
        return float(Decimal(repr(raw)) - Decimal(repr(filtered)))
    return raw - filtered


def _state(
    user_id: str,
    state: State,
    last: Array,
    params: State,
    resets: Sequence[Row] | None,
    measurements: int,
    zone: ZoneInfo,
) -> Row:
    weight, trend = current(last)
    raw = number(state.get("last_raw_weight"), "last_raw_weight")
    adapted = _object(state, "adapted_params")
    process, measured = (_corner_of(params, name) for name, _ in _NOISES)
    counted = len(resets) if resets is not None else whole(
        state.get("state_reset_count"), "state_reset_count"
    )
    return (
        user_id,
        moment(state.get("last_timestamp"), "last_timestamp", zone),
        weight,
        trend,
        bool(params),
        process,
        measured,
        counted or 0,
        text(state.get("last_source"), "last_source"),
        raw,
        change(raw, weight),
        measurements,
        _corner_of(params, "initial_state_covariance"),
        bool(adapted),
        *(_adapted(adapted, *names) for names in _NOISES),
        _last_reset(state, resets, zone),
        whole(state.get("measurements_since_reset"), "measurements_since_reset"),
        text(state.get("reset_type"), "reset_type"),
        moment(state.get("last_accepted_timestamp"), "last_accepted_timestamp", zone),
        "x".join(map(str, shape_of(last, "last_state"))) if last is not None else None,
    )


def _covariances(user_id: str, state: State, last: Array, params: State) -> Row:
    def of_params(name: str, dimensions: int) -> Array:
        return deepened(read_array(params.get(name), name), name, dimensions)

    covariance = read_array(state.get("last_covariance"), "last_covariance")
    return (
        user_id,
        deepened(last, "last_state", 2),
        deepened(covariance, "last_covariance", 3),
        _flat(read_array(params.get("initial_state_mean"), "initial_state_mean")),
        of_params("initial_state_covariance", 2),
        of_params("transition_covariance", 2),
        of_params("observation_covariance", 2),
    )


def _flat(array: Array) -> Array:
    """Return the numbers of a vector, also of one that was kept as a row or a column."""
    if not isinstance(array, list):
        return None if array is None else [array]
    inner = [one if isinstance(one, list) else [one] for one in array]
    return deepened([number for one in inner for number in one], "initial_state_mean", 1)


def _measurements(user_id: str, state: State, zone: ZoneInfo) -> list[Row]:
    found: list[Row] = []
    for seq, one in enumerate(_list(state, "measurement_history") or (), 1):
        if not isinstance(one, Mapping):  # in old files the weight alone
            weight = number(one, "measurement_history")
            found.append((user_id, seq, None, weight, None, None))
            continue
        get = one.get
        found.append(
            (
                user_id,
                seq,
                moment(get("timestamp"), "measurement_history.timestamp", zone),
                number(get("weight"), "measurement_history.weight"),
                number(get("quality_score"), "measurement_history.quality_score"),
                text(get("source"), "measurement_history.source"),
            )
        )
    return found


def _resets(user_id: str, state: State, zone: ZoneInfo) -> list[Row] | None:
    """Return the resets that are listed, None where there is no list."""
    events = _list(state, "reset_events")
    if events is None:
        return None
    found: list[Row] = []
    for seq, one in enumerate(events, 1):
        if not isinstance(one, Mapping):
            msg = "reset_events: holds what is no event"
            raise Unreadable("shape", msg)
        get = one.get
        found.append(
            (
                user_id,
                seq,
                moment(get("timestamp"), "reset_events.timestamp", zone),
                text(get("type"), "reset_events.type"),
                text(get("source"), "reset_events.source"),
                number(get("weight"), "reset_events.weight"),
                number(get("last_weight"), "reset_events.last_weight"),
                number(get("gap_days"), "reset_events.gap_days"),
                text(get("reason"), "reset_events.reason"),
                json_text(get("parameters"), "reset_events.parameters"),
            )
        )
    return found


def _last_reset(state: State, resets: Sequence[Row] | None, zone: ZoneInfo) -> object:
    """Return when the state was last reset: as stored, else as the last event listed says."""
    for name in ("last_reset_timestamp", "reset_timestamp"):
        found = moment(state.get(name), name, zone)
        if found is not None:
            return found
    return resets[-1][2] if resets else None


def _adapted(params: State, matrix: str, name: str) -> float | None:
    found = _corner_of(params, matrix)
    return found if found is not None else _corner_of(params, name)


def _corner_of(params: State, name: str) -> float | None:
    return corner(read_array(params.get(name), name))


def _object(state: State, name: str) -> State:
    found = state.get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        msg = f"{name}: is no object"
        raise Unreadable("shape", msg)
    return found


def _list(state: State, name: str) -> Sequence[object] | None:
    found = state.get(name)
    if found is None or isinstance(found, list | tuple):
        return found
    if hasattr(found, "shape") or (isinstance(found, Mapping) and found.get("_type") == "ndarray"):
        array = read_array(found, name)
        if isinstance(array, list):
            return array
    msg = f"{name}: is no list"
    raise Unreadable("shape", msg)
