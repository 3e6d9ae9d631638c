"""Invented states, in every form the processor ever wrote them."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final

NEWEST: Final = datetime(2026, 2, 8, 6, 30)  # noqa: DTZ001 - states know no zone
SOURCES: Final = ("scale", "patient-device", "questionnaire", "care-team-upload")
_DAY: Final = timedelta(days=1)

Numbers = Sequence[Sequence[float]]


def state_of(index: int, random: Random) -> dict[str, object]:
    """Return the state of user *index*; its form follows from the number, its values are random."""
    weight, days = random.uniform(48, 160), random.randrange(1, 900)
    last = NEWEST - _DAY * random.expovariate(0.05)
    last = last.replace(microsecond=0)
    raw = round(weight + random.gauss(0, 0.8), 2)
    rows = _vectors(index, weight, random)
    state: dict[str, object] = {
        "last_state": _array(rows, index),
        "last_covariance": _tagged([[[0.361, 0.0], [0.0, 0.001]]] * len(rows)),
        "last_timestamp": _time(last, index),
        "last_source": SOURCES[index % len(SOURCES)],
        "last_raw_weight": raw,
        "last_accepted_timestamp": _time(last, index + 1),
        "measurement_history": _history(index, weight, last, random),
    }
    state["kalman_params"] = None if index % 11 == 3 else _params(weight, random)  # noqa: PLR2004
    if index % 6 == 1:
        state |= _resets(index, weight, last - _DAY * (days % 30), random)
    if index % 17 == 4:  # noqa: PLR2004 - few
        state["adapted_params"] = _params(weight, random)
        state["state_reset_count"] = index % 5
    if index % 23 == 5:  # noqa: PLR2004 - few
        state["state_history"] = [_remembered(rows, last - _DAY)]
    return state


def text_of(state: dict[str, object]) -> str:
    """Return *state* as the processor writes it: NaN as such, letters as they are."""
    return json.dumps(state, ensure_ascii=False)


def printed(rows: Numbers) -> str:
    """Return *rows* as NumPy prints them with exponents."""
    lines = ["[" + " ".join(f"{value:.8e}" for value in row) + "]" for row in rows]
    return "[" + "\n ".join(lines) + "]"


def _vectors(index: int, weight: float, random: Random) -> Numbers:
    trend = random.gauss(0, 0.02)
    if index % 29 == 7:  # noqa: PLR2004 - few
        return [[weight - 0.2], [weight]]  # a column: no trend is known
    if index % 7 == 2:  # noqa: PLR2004 - after the first measurement
        return [[weight, 0.0]]
    return [[weight - trend, trend / 2], [weight, trend]]


def _array(rows: Numbers, index: int) -> object:
    if index % 13 == 0:
        return rows
    if index % 19 == 0:
        return printed(rows)
    return _tagged(rows)


def _tagged(rows: Sequence[object]) -> dict[str, object]:
    shape, inner = [], rows
    while isinstance(inner, list | tuple):
        shape.append(len(inner))
        inner = inner[0]
    return {"_type": "ndarray", "data": rows, "shape": shape}


def _time(moment: datetime, index: int) -> object:
    if index % 5 == 1:
        return f"{moment:%Y-%m-%d %H:%M:%S}"
    if index % 31 == 2:  # noqa: PLR2004 - few
        return moment.replace(microsecond=123_456).isoformat()
    return {"_type": "datetime", "data": moment.isoformat()}


def _params(weight: float, random: Random) -> dict[str, object]:
    noise = round(random.uniform(0.005, 0.03), 4)
    return {
        "initial_state_mean": [round(weight, 2), 0],
        "initial_state_covariance": [[0.361, 0.0], [0.0, 0.001]],
        "transition_covariance": [[noise, 0.0], [0.0, 0.0001]],
        "observation_covariance": [[round(random.uniform(2, 5), 2)]],
    }


def _history(index: int, weight: float, last: datetime, random: Random) -> list[object]:
    count = 0 if index % 37 == 9 else random.randrange(1, 31)  # noqa: PLR2004 - few
    weights = [round(weight + random.gauss(0, 0.9), 2) for _ in range(count)]
    if index % 41 == 10:  # noqa: PLR2004 - written by an early version
        return list(weights)
    return [
        {
            "weight": value,
            "timestamp": f"{last - _DAY * (count - seq):%Y-%m-%d %H:%M:%S}",
            "quality_score": round(random.uniform(0.3, 1), 3),
            "source": random.choice(SOURCES),
        }
        for seq, value in enumerate(weights, 1)
    ]


def _resets(index: int, weight: float, at: datetime, random: Random) -> dict[str, object]:
    gap = random.randrange(31, 200)
    event = {
        "timestamp": f"{at:%Y-%m-%d %H:%M:%S}",
        "type": "hard" if index % 2 else "soft",
        "source": SOURCES[index % len(SOURCES)],
        "weight": round(weight, 2),
        "last_weight": round(weight + random.gauss(0, 6), 2),
        "gap_days": gap,
        "reason": f"gap of {gap} days",
        "parameters": {"initial_variance_multiplier": 10, "reset_timestamp": _time(at, 0)},
    }
    return {
        "reset_events": [event] * (1 + index % 3),
        "measurements_since_reset": index % 30,
        "reset_type": event["type"],
        "reset_timestamp": _time(at, 0),
        "reset_parameters": event["parameters"],
    }


def _remembered(rows: Numbers, at: datetime) -> dict[str, object]:
    return {
        "timestamp": f"{at:%Y-%m-%d %H:%M:%S}",
        "kalman_state": printed(rows),
        "kalman_covariance": printed([[0.361, 0.0], [0.0, 0.001]]),
        "kalman_params": None,
        "measurements_count": 12,
    }
