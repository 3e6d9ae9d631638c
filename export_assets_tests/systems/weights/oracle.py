"""States read a second time, by plain `json` and nothing of ours: what the tables must hold.

Knows the forms the sample writes, and reads each in its own plain way.
"""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any


def expected_rows(directory: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every file that can be read, by table, in order of user."""
    found: dict[str, list[dict[str, Any]]] = {
        "states": [], "measurements": [], "resets": [], "covariances": []
    }  # fmt: skip
    for path in sorted(directory.glob("*.json"), key=lambda one: one.stem):
        if path.stem.startswith("u-broken"):
            continue
        state = json.loads(path.read_text(encoding="utf-8"))
        found["states"].append(_state(path.stem, state))
        found["measurements"] += _measurements(path.stem, state)
        found["resets"] += _resets(path.stem, state)
        found["covariances"].append(_covariances(path.stem, state))
    return found


def _array(value: Any) -> Any:
    if isinstance(value, dict):
        return value["data"]
    if isinstance(value, str):  # the one text NumPy prints becomes JSON by two replacements
        lists = ",".join(value.replace("\n", " ").split()).replace("],[", "], [")
        return json.loads(lists.replace("0.00e+00", "0.0").replace("8.00e+01", "80.0"))
    return value


def _time(value: Any) -> datetime | None:
    text = value["data"] if isinstance(value, dict) else value
    return (
        None
        if text is None
        else datetime.strptime(  # noqa: DTZ007 - of no zone
            text.replace(" ", "T"), "%Y-%m-%dT%H:%M:%S.%f" if "." in text else "%Y-%m-%dT%H:%M:%S"
        )
    )


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _state(user: str, state: dict[str, Any]) -> dict[str, Any]:
    rows = _array(state.get("last_state"))
    row = rows[-1] if rows else [None]
    params, adapted = state.get("kalman_params") or {}, state.get("adapted_params") or {}
    events = state.get("reset_events")
    weight, raw = _float(row[0]), _float(state.get("last_raw_weight"))
    change: float | None = None
    if raw is not None and weight is not None:
        change = raw - weight
        if abs(change) < float("inf"):
            change = float(Decimal(str(raw)) - Decimal(str(weight)))
    last_reset = state.get("reset_timestamp")
    return {
        "user_id": user,
        "last_timestamp": _time(state.get("last_timestamp")),
        "last_weight": weight,
        "last_trend": _float(row[1]) if len(row) > 1 else None,
        "has_kalman_params": bool(params),
        "process_noise": params["transition_covariance"][0][0] if params else None,
        "measurement_noise": params["observation_covariance"][0][0] if params else None,
        "state_reset_count": len(events)
        if events is not None
        else state.get("state_reset_count", 0),
        "last_source": state.get("last_source"),
        "last_raw_weight": raw,
        "weight_change": change,
        "measurement_count": len(state.get("measurement_history") or ()),
        "initial_uncertainty": params["initial_state_covariance"][0][0] if params else None,
        "has_adapted_params": bool(adapted),
        "adapted_process_noise": adapted["transition_covariance"][0][0] if adapted else None,
        "adapted_measurement_noise": adapted["observation_covariance"][0][0] if adapted else None,
        "last_reset_timestamp": _time(last_reset),
        "measurements_since_reset": state.get("measurements_since_reset"),
        "reset_type": state.get("reset_type"),
        "last_accepted_timestamp": _time(state.get("last_accepted_timestamp")),
        "state_shape": f"{len(rows)}x{len(rows[0])}" if rows else None,
    }


def _measurements(user: str, state: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for seq, one in enumerate(state.get("measurement_history") or (), 1):
        held = one if isinstance(one, dict) else {"weight": one}
        found.append(
            {
                "user_id": user,
                "seq": seq,
                "timestamp": _time(held.get("timestamp")),
                "weight": held["weight"],
                "quality_score": held.get("quality_score"),
                "source": held.get("source"),
            }
        )
    return found


def _resets(user: str, state: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for seq, one in enumerate(state.get("reset_events") or (), 1):
        parameters = dict(one["parameters"])
        parameters["reset_timestamp"] = _time(parameters["reset_timestamp"]).isoformat()  # type: ignore[union-attr]
        row = {"user_id": user, "seq": seq, **one, "timestamp": _time(one["timestamp"])}
        found.append(row | {"parameters": parameters})
    return found


def _covariances(user: str, state: dict[str, Any]) -> dict[str, Any]:
    params = state.get("kalman_params") or {}
    return {
        "user_id": user,
        "last_state": _array(state.get("last_state")),
        "last_covariance": _array(state.get("last_covariance")),
        **{
            name: params.get(name)
            for name in (
                "initial_state_mean",
                "initial_state_covariance",
                "transition_covariance",
                "observation_covariance",
            )
        },
    }
