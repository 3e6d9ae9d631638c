"""One state as rows of the tables; it is only read, never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from zoneinfo import ZoneInfo

from export_assets.sources.states.kind import Row, Rows, Unreadable
from export_assets.systems.weights.arrays import (
    Array,
    Numbers,
    corner,
    deepened,
    number,
    read_array,
)
from export_assets.systems.weights.histories import State, measurements_of, resets_of
from export_assets.systems.weights.tables import COVARIANCES, MEASUREMENTS, RESETS, STATES
from export_assets.systems.weights.values import moment, text, whole

_MATRICES = ("transition_covariance", "observation_covariance", "initial_state_covariance")
_ROW = 2
"""Numbers of a row of `last_state`: weight and trend."""


@dataclass(kw_only=True, slots=True)
class _Parts:
    """A state taken apart as far as several tables need it."""

    user_id: str
    state: State
    zone: ZoneInfo
    last: Array
    params: State
    matrices: Sequence[Array]
    """Those of `_MATRICES`, of the parameters."""
    resets: Sequence[Row] | None
    measurements: Sequence[Row]


def rows_of(user_id: str, state: State, zone: ZoneInfo) -> Rows:
    """Return the rows of *state* by table; times with an offset are put on the clock of *zone*.

    Raises:
        Unreadable: A value is none of its kind.
    """
    params = _object(state, "kalman_params")
    parts = _Parts(
        user_id=user_id,
        state=state,
        zone=zone,
        last=read_array(state.get("last_state"), "last_state"),
        params=params,
        matrices=[read_array(params.get(name), name) for name in _MATRICES],
        resets=resets_of(user_id, state, zone),
        measurements=measurements_of(user_id, state, zone),
    )
    return {
        STATES.name: [_state(parts)],
        MEASUREMENTS.name: parts.measurements,
        COVARIANCES.name: [_covariances(parts)],
        RESETS.name: parts.resets or (),
    }


def current(last: Array) -> tuple[float | None, float | None]:
    """Return weight and trend of the last row of a `last_state`.

    Raises:
        Unreadable: It has no rows, being a number or of three dimensions.
    """
    row, shape = last
    if row is None:
        return None, None
    if len(shape) == _ROW and isinstance(row, list):
        row = row[-1] if row else []
    if len(shape) not in {1, 2} or not isinstance(row, list) or len(row) > _ROW:
        msg = "last_state: is no rows of weight and trend"
        raise Unreadable(msg, reason="shape")
    weight, trend = (*row, None, None)[:_ROW]
    return number(weight, "last_state"), number(trend, "last_state")


def change(raw: float | None, filtered: float | None) -> float | None:
    """Return *raw* less *filtered* as their decimals say: 80.7 less 80.5 is 0.2."""
    if raw is None or filtered is None:
        return None
    if isfinite(raw) and isfinite(filtered):
        return float(Decimal(repr(raw)) - Decimal(repr(filtered)))
    return raw - filtered


def _state(parts: _Parts) -> Row:
    state, zone, resets, last = parts.state, parts.zone, parts.resets, parts.last
    get = state.get
    weight, trend = current(last)
    raw = number(get("last_raw_weight"), "last_raw_weight")
    process, measured, initial = map(corner, parts.matrices)
    adapted = _object(state, "adapted_params")
    stored = whole(get("state_reset_count"), "state_reset_count") or 0
    return (
        parts.user_id,
        moment(get("last_timestamp"), "last_timestamp", zone),
        weight,
        trend,
        bool(parts.params),
        process,
        measured,
        stored if resets is None else len(resets),
        text(get("last_source"), "last_source"),
        raw,
        change(raw, weight),
        len(parts.measurements),
        initial,
        bool(adapted),
        _adapted(adapted, "transition_covariance", "process_noise"),
        _adapted(adapted, "observation_covariance", "measurement_noise"),
        _last_reset(state, resets, zone),
        whole(get("measurements_since_reset"), "measurements_since_reset"),
        text(get("reset_type"), "reset_type"),
        moment(get("last_accepted_timestamp"), "last_accepted_timestamp", zone),
        "x".join(map(str, last.shape)) or None,
    )


def _covariances(parts: _Parts) -> Row:
    covariance = read_array(parts.state.get("last_covariance"), "last_covariance")
    mean = read_array(parts.params.get("initial_state_mean"), "initial_state_mean")
    transition, observation, initial = (
        deepened(array, name, 2) for array, name in zip(parts.matrices, _MATRICES, strict=True)
    )
    return (
        parts.user_id,
        deepened(parts.last, "last_state", 2),
        deepened(covariance, "last_covariance", 3),
        _vector(mean, "initial_state_mean"),
        initial,
        transition,
        observation,
    )


def _vector(array: Array, what: str) -> Numbers:
    """Return the numbers of a vector, also of one that was kept as a row or a column."""
    numbers, shape = array
    if len(shape) != _ROW or 1 not in shape or not isinstance(numbers, list):
        return deepened(array, what, 1)
    return [one for row in numbers if isinstance(row, list) for one in row]


def _last_reset(state: State, resets: Sequence[Row] | None, zone: ZoneInfo) -> object:
    """Return when the state was last reset: as stored, else as the last event listed says."""
    for name in ("last_reset_timestamp", "reset_timestamp"):
        found = moment(state.get(name), name, zone)
        if found is not None:
            return found
    return resets[-1][2] if resets else None


def _adapted(params: State, matrix: str, name: str) -> float | None:
    """Return the first number of an adapted *matrix*, or what is called by *name* in its place."""
    if not params:
        return None
    found = corner(read_array(params.get(matrix), matrix))
    return found if found is not None else corner(read_array(params.get(name), name))


def _object(state: State, name: str) -> State:
    found = state.get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        msg = f"{name}: is no object"
        raise Unreadable(msg, reason="shape")
    return found
