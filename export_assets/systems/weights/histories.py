"""What a state remembers of its measurements and resets, as rows."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from export_assets.sources.states.kind import Row, Unreadable
from export_assets.systems.weights.arrays import number, read_array
from export_assets.systems.weights.values import json_text, moment, text

State = Mapping[str, object]


def measurements_of(user_id: str, state: State, zone: ZoneInfo) -> list[Row]:
    """Return the rows of the measurements, of old files with weights alone.

    Raises:
        Unreadable: A value is none of its kind.
    """
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


def resets_of(user_id: str, state: State, zone: ZoneInfo) -> list[Row] | None:
    """Return the rows of the resets that are listed, None where there is no list.

    Raises:
        Unreadable: A value is none of its kind.
    """
    events = _list(state, "reset_events")
    if events is None:
        return None
    found: list[Row] = []
    for seq, one in enumerate(events, 1):
        if not isinstance(one, Mapping):
            msg = "reset_events: holds what is no event"
            raise Unreadable(msg, reason="shape")
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


def _list(state: State, name: str) -> Sequence[object] | None:
    found = state.get(name)
    if found is None or isinstance(found, list | tuple):
        return found
    if hasattr(found, "shape") or (isinstance(found, Mapping) and found.get("_type") == "ndarray"):
        numbers = read_array(found, name).numbers
        if isinstance(numbers, list):
            return numbers
    msg = f"{name}: is no list"
    raise Unreadable(msg, reason="shape")
