"""Every form of a state becomes the same rows, and what is no state says why."""

import json
from datetime import datetime
from math import inf, isnan
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from export_assets.sources.states.kind import Unreadable
from export_assets.systems.weights.parsing import parse_state
from export_assets.systems.weights.state import rows_of
from export_assets.systems.weights.tables import COVARIANCES, MEASUREMENTS, RESETS, STATES
from export_assets_tests.systems.weights.weights_world import EXAMPLE

UTC = ZoneInfo("UTC")
DENVER = ZoneInfo("America/Denver")


def state_of(state: dict[str, Any], zone: ZoneInfo = UTC) -> dict[str, Any]:
    (row,) = rows_of("u-1", state, zone)["states"]
    return dict(zip(STATES.names, row, strict=True))


def covariances_of(state: dict[str, Any]) -> dict[str, Any]:
    (row,) = rows_of("u-1", state, UTC)["covariances"]
    return dict(zip(COVARIANCES.names, row, strict=True))


def test_the_example_gives_what_the_contract_says() -> None:
    row = state_of(EXAMPLE)

    assert row["last_weight"] == 80.5
    assert row["last_trend"] == 0.02
    assert row["weight_change"] == 0.2
    assert row["measurement_count"] == 1
    assert row["last_timestamp"] == datetime.fromisoformat("2024-01-15T10:30:00")
    assert (row["process_noise"], row["measurement_noise"]) == (0.016, 3.49)
    assert (row["initial_uncertainty"], row["has_kalman_params"]) == (0.361, True)
    assert (row["state_shape"], row["state_reset_count"]) == ("2x2", 0)
    assert row["last_source"] == "scale"


def test_the_columns_are_those_of_the_contract_in_their_order() -> None:
    assert ",".join(STATES.names) == (
        "user_id,last_timestamp,last_weight,last_trend,has_kalman_params,process_noise,"
        "measurement_noise,state_reset_count,last_source,last_raw_weight,weight_change,"
        "measurement_count,initial_uncertainty,has_adapted_params,adapted_process_noise,"
        "adapted_measurement_noise,last_reset_timestamp,measurements_since_reset,reset_type,"
        "last_accepted_timestamp,state_shape"
    )
    assert MEASUREMENTS.names == (
        "user_id",
        "seq",
        "timestamp",
        "weight",
        "quality_score",
        "source",
    )


TWO = [[80.0, 0.0], [80.5, 0.02]]


@pytest.mark.parametrize(
    "form",
    [
        TWO,
        {"_type": "ndarray", "data": TWO, "shape": [2, 2]},
        {"_type": "ndarray", "data": TWO},
        {"_type": "ndarray", "data": [80.0, 0.0, 80.5, 0.02], "shape": [2, 2]},
        {"_type": "ndarray", "data": "[[80. 0.]\n [80.5 0.02]]", "shape": [2, 2]},
        "[[8.00e+01 0.00e+00]\n [8.05e+01 2.00e-02]]",
        "[[80.   0.  ]\n [80.5  0.02]]",
        "array([[80.  ,  0.  ],\n       [80.5 ,  0.02]])",
        "array([[80., 0.], [80.5, 0.02]], dtype=float64)",
        np.array(TWO),
        [np.array([80.0, 0.0]), np.array([80.5, 0.02])],
        ((80, 0), (80.5, 0.02)),
    ],
)
def test_the_last_row_is_the_current_state_in_every_form(form: Any) -> None:
    if isinstance(form, list) and isinstance(form[0], np.ndarray):
        form = np.stack(form)
    row = state_of({"last_state": form})

    assert (row["last_weight"], row["last_trend"], row["state_shape"]) == (80.5, 0.02, "2x2")


@pytest.mark.parametrize(
    ("form", "weight", "trend", "shape"),
    [
        ([[80.0, 0.1]], 80.0, 0.1, "1x2"),
        ([80.0, 0.1], 80.0, 0.1, "2"),
        ("[80.   0.1]", 80.0, 0.1, "2"),
        ([[80.0], [80.5]], 80.5, None, "2x1"),
        ("[[80. ]\n [80.5]]", 80.5, None, "2x1"),
        ([80.5], 80.5, None, "1"),
        ([[80, 0], [81, 1]], 81.0, 1.0, "2x2"),
        ([[None, None]], None, None, "1x2"),
        ([], None, None, "0"),
        (None, None, None, None),
    ],
)
def test_weight_and_trend(
    form: Any, weight: float | None, trend: float | None, shape: str | None
) -> None:
    row = state_of({"last_state": form})

    assert (row["last_weight"], row["last_trend"], row["state_shape"]) == (weight, trend, shape)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"last_state": [[80.0, 0.1], [80.5]]}, "shape"),
        ({"last_state": [[[80.0], [0.1]]]}, "shape"),
        ({"last_state": [80.0, 80.1, 80.2]}, "shape"),
        ({"last_state": 80.0}, "shape"),
        ({"last_state": {"weight": 80.0}}, "shape"),
        ({"last_state": [["80.0", "0.1"]]}, "shape"),
        ({"last_state": [[True, False]]}, "shape"),
        ({"last_state": {"_type": "ndarray", "data": TWO, "shape": [1, 2]}}, "shape"),
        ({"last_state": {"_type": "ndarray", "data": TWO, "shape": "2x2"}}, "shape"),
        ({"last_state": "[[80.0 0.0]\n ...\n [80.5 0.02]]"}, "truncated"),
        ({"last_state": "[[80.0 0.0]"}, "shape"),
        ({"last_state": "[[80.0 0.0]] and more"}, "shape"),
        ({"last_state": "[[80.0 zero]]"}, "shape"),
        ({"last_state": "[" * 50_000}, "shape"),
        ({"last_state": [[[[[[80.0]]]]]]}, "shape"),
        ({"last_timestamp": "yesterday"}, "time"),
        ({"last_timestamp": "2024-02-30T10:00:00"}, "time"),
        ({"last_timestamp": "2024-W03-1T10:30:00"}, "time"),
        ({"last_timestamp": "2024-01-15T10:30:00.1234567"}, "time"),
        ({"last_timestamp": 1705314600}, "time"),
        ({"last_raw_weight": "80.7"}, "shape"),
        ({"last_raw_weight": 10**400}, "shape"),
        ({"kalman_params": [1]}, "shape"),
        ({"kalman_params": {"transition_covariance": "high"}}, "shape"),
        ({"measurement_history": {"weight": 80}}, "shape"),
        ({"measurement_history": ["80"]}, "shape"),
        ({"reset_events": [80.0]}, "shape"),
        ({"measurements_since_reset": 1.5}, "shape"),
        ({"measurements_since_reset": True}, "shape"),
        ({"last_source": 5}, "shape"),
        ({"last_source": "\ud800"}, "encoding"),
    ],
)
def test_what_is_none_of_its_kind_is_refused_with_a_reason(
    state: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Unreadable) as refused:
        rows_of("u-1", state, UTC)

    assert refused.value.reason == reason
    assert "80.5" not in refused.value.detail


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (
            {"_type": "datetime", "data": "2024-01-15T10:30:00"},
            datetime.fromisoformat("2024-01-15T10:30:00"),
        ),
        ("2024-01-15T10:30:00", datetime.fromisoformat("2024-01-15T10:30:00")),
        ("2024-01-15 10:30:00", datetime.fromisoformat("2024-01-15T10:30:00")),
        ("2024-01-15T10:30", datetime.fromisoformat("2024-01-15T10:30:00")),
        ("2024-01-15", datetime.fromisoformat("2024-01-15T00:00:00")),
        ("2024-01-15 10:30:00.5", datetime.fromisoformat("2024-01-15T10:30:00.500000")),
        ("2024-01-15T10:30:00.123456000", datetime.fromisoformat("2024-01-15T10:30:00.123456")),
        ("2024-01-15T10:30:00Z", datetime.fromisoformat("2024-01-15T03:30:00")),
        ("2024-01-15T10:30:00+02:00", datetime.fromisoformat("2024-01-15T01:30:00")),
        ("2024-07-15 10:30:00-0600", datetime.fromisoformat("2024-07-15T10:30:00")),
        ("0025-03-01 08:00:00", datetime.fromisoformat("0025-03-01T08:00:00")),
        (
            datetime.fromisoformat("2024-01-15T10:30:00"),
            datetime.fromisoformat("2024-01-15T10:30:00"),
        ),
        (np.datetime64("2024-01-15T10:30:00"), datetime.fromisoformat("2024-01-15T10:30:00")),
        (np.datetime64("2024-01-15T10:30:00", "ns"), datetime.fromisoformat("2024-01-15T10:30:00")),
        ("", None),
        ("NaT", None),
        ({"_type": "datetime", "data": None}, None),
        (None, None),
    ],
)
def test_times_in_every_form_those_with_an_offset_on_the_clock_of_the_source(
    form: Any, expected: datetime | None
) -> None:
    assert state_of({"last_timestamp": form}, DENVER)["last_timestamp"] == expected


def test_nothing_is_a_state_of_nothing() -> None:
    everything = dict.fromkeys(
        [*EXAMPLE, "reset_events", "reset_type", "adapted_params", "state_reset_count"]
    )
    for state in ({}, everything):
        row = state_of(state)

        expected = dict.fromkeys(STATES.names) | {
            "user_id": "u-1",
            "has_kalman_params": False,
            "has_adapted_params": False,
            "state_reset_count": 0,
            "measurement_count": 0,
        }
        assert row == expected
        rows = rows_of("u-1", state, UTC)
        assert (rows["measurements"], rows["resets"]) == ([], ())
        assert set(covariances_of(state).values()) == {"u-1", None}


@pytest.mark.parametrize(
    ("state", "count"),
    [
        ({"reset_events": [{}, {}], "state_reset_count": 7}, 2),
        ({"reset_events": [], "state_reset_count": 7}, 0),
        ({"reset_events": None, "state_reset_count": 7}, 7),
        ({"state_reset_count": 7.0}, 7),
        ({}, 0),
    ],
)
def test_resets_are_counted_where_they_are_listed(state: dict[str, Any], count: int) -> None:
    assert state_of(state)["state_reset_count"] == count


def test_the_last_reset_is_as_stored_else_as_listed() -> None:
    listed = {"reset_events": [{"timestamp": "2024-01-01 00:00:00"}]}
    told = listed | {"reset_timestamp": "2024-01-02T00:00:00"}
    stored = told | {"last_reset_timestamp": "2024-01-03T00:00:00"}

    days = [state_of(one)["last_reset_timestamp"].day for one in (listed, told, stored)]
    assert days == [1, 2, 3]


def test_adapted_parameters_by_matrix_or_by_name() -> None:
    by_matrix = {"transition_covariance": [[0.5]], "observation_covariance": [[2.5]]}
    by_name = {"process_noise": 0.5, "measurement_noise": 2.5}
    for params in (by_matrix, by_name):
        row = state_of({"adapted_params": params})
        found = (row["adapted_process_noise"], row["adapted_measurement_noise"])
        assert (row["has_adapted_params"], found) == (True, (0.5, 2.5))
    assert state_of({"adapted_params": {}})["has_adapted_params"] is False


def test_nan_and_infinity_stand_for_themselves() -> None:
    state = parse_state(b'{"last_state": [[NaN, -Infinity]], "last_raw_weight": Infinity}')

    row = state_of(state)
    assert isnan(row["last_weight"])
    assert row["last_trend"] == -inf
    assert row["last_raw_weight"] == inf
    assert isnan(row["weight_change"])


def test_old_histories_are_weights_alone() -> None:
    rows = rows_of("u-1", {"measurement_history": [80.1, 80, None]}, UTC)["measurements"]

    assert rows == [
        ("u-1", 1, None, 80.1, None, None),
        ("u-1", 2, None, 80.0, None, None),
        ("u-1", 3, None, None, None, None),
    ]


def test_resets_are_exploded_and_their_parameters_are_json() -> None:
    event = {
        "timestamp": "2024-01-10 08:00:00",
        "type": "hard",
        "source": "scale",
        "weight": 80,
        "last_weight": 90.5,
        "gap_days": 31,
        "reason": "gap",
        "parameters": {
            "at": {"_type": "datetime", "data": "2024-01-10T08:00:00"},
            "limit": float("inf"),
            "name": "Küche",
        },
    }
    (row,) = rows_of("u-1", {"reset_events": [event]}, UTC)["resets"]

    found = dict(zip(RESETS.names, row, strict=True))
    parameters = json.loads(found.pop("parameters"))  # type: ignore[arg-type]  # it is text
    assert parameters == {"at": "2024-01-10T08:00:00", "limit": "inf", "name": "Küche"}
    assert found == {
        **{name: event[name] for name in ("type", "source", "reason", "last_weight")},
        "user_id": "u-1",
        "seq": 1,
        "timestamp": datetime.fromisoformat("2024-01-10T08:00:00"),
        "weight": 80.0,
        "gap_days": 31.0,
    }


def test_covariances_keep_all_numbers() -> None:
    found = covariances_of(EXAMPLE)

    assert found["last_state"] == TWO
    assert found["last_covariance"] == [[[0.3, 0], [0, 0.001]], [[0.2, 0], [0, 0.001]]]
    assert found["initial_state_mean"] == [80.0, 0.0]
    assert found["observation_covariance"] == [[3.49]]
    flat = covariances_of(
        {
            "last_state": [80.0, 0.1],
            "last_covariance": "[[0.3 0. ]\n [0.  0.1]]",
            "kalman_params": {"initial_state_mean": [[80.0], [0.0]]},
        }
    )
    assert flat["last_state"] == [[80.0, 0.1]]
    assert flat["last_covariance"] == [[[0.3, 0.0], [0.0, 0.1]]]
    assert flat["initial_state_mean"] == [80.0, 0.0]
    printed = "[[[0.3 0. ]\n  [0.  0.1]]\n\n [[0.2 0. ]\n  [0.  0.1]]]"
    assert covariances_of({"last_covariance": printed})["last_covariance"] == [
        [[0.3, 0.0], [0.0, 0.1]],
        [[0.2, 0.0], [0.0, 0.1]],
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "json"),
        (b"{", "json"),
        (b'{"a": 1,}', "json"),
        (b'{"a": 1} {}', "json"),
        (b"[]", "no-object"),
        (b"null", "no-object"),
        (b"5", "no-object"),
        (b'{"a": "\xff"}', "encoding"),
        (b'{"a": 1, "a": 2}', "duplicate-key"),
        (b'{"b": {"a": 1, "a": 1}}', "duplicate-key"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "depth"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "json"),
    ],
)
def test_what_is_no_state_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        parse_state(content)

    assert refused.value.reason == reason


def test_a_byte_order_mark_is_no_content() -> None:
    assert parse_state(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
