"""A store exported whole: each field as an independent reader finds it, each file accounted for."""

import json
import statistics
from datetime import datetime, timedelta

import polars as pl
import pytest

from export_assets.errors import ConfigError
from export_assets.systems.weights.sample import make_sample
from export_assets_tests.systems.weights.oracle import expected_rows
from export_assets_tests.systems.weights.weights_world import DAY, EXAMPLE, KEY, Store, mode

USERS = 700
TABLES = (
    "states", "measurements", "covariances", "resets", "summary", "acceptance", "weights_raw",
    "quarantine",
)  # fmt: skip


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(home=tmp_path_factory.mktemp("weights"))
    make_sample(store.states, users=USERS)
    report = store.export()
    assert not report.failed
    assert report.exit_code == 3
    return store


def test_every_field_is_what_an_independent_reader_finds(sampled: Store) -> None:
    expected = expected_rows(sampled.states)

    assert len(expected["states"]) == USERS + 4
    assert repr(sampled.rows("states")) == repr(expected["states"])  # NaN equals itself so
    assert sampled.rows("measurements") == expected["measurements"]
    assert repr(sampled.rows("covariances")) == repr(
        [_as_floats(row) for row in expected["covariances"]]
    )
    resets = [row | {"parameters": json.loads(row["parameters"])} for row in sampled.rows("resets")]
    assert resets == expected["resets"]


def _as_floats(value: object) -> object:
    if isinstance(value, dict):
        return {name: _as_floats(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_as_floats(one) for one in value]
    return float(value) if type(value) is int else value


def test_every_file_is_a_row_or_in_quarantine_with_its_reason(sampled: Store) -> None:
    files = {path.stem for path in sampled.states.iterdir()}
    broken = {row["user_id"]: row["reason"] for row in sampled.rows("quarantine")}

    assert files == {row["user_id"] for row in sampled.rows("states")} | set(broken)
    assert len(files) == len(sampled.rows("states")) + len(broken)
    assert broken == {
        "u-broken-cut": "json",
        "u-broken-empty": "empty",
        "u-broken-list": "no-object",
        "u-broken-rows": "shape",
        "u-broken-text": "encoding",
        "u-broken-time": "time",
    }


def test_the_summary_is_of_the_whole_store(sampled: Store) -> None:
    (row,) = sampled.rows("summary")
    states = expected_rows(sampled.states)["states"]
    weights = sorted(one["last_weight"] for one in states if one["last_weight"] is not None)
    weights = [one for one in weights if one == one]  # noqa: PLR0124 - NaN is no weight
    moments = [one["last_timestamp"] for one in states if one["last_timestamp"] is not None]

    assert row["users"] == len(states)
    assert row["users_with_params"] == sum(one["has_kalman_params"] for one in states)
    assert row["users_without_params"] == row["users"] - row["users_with_params"]
    assert row["users_with_weight"] == len(weights)
    assert (row["min_weight"], row["max_weight"]) == (weights[0], weights[-1])
    assert row["median_weight"] == pytest.approx(statistics.median(weights), abs=1e-9)
    assert row["as_of"] == max(moments)
    assert row["max_age_days"] == pytest.approx((max(moments) - min(moments)) / timedelta(days=1))
    assert row["resets"] == sum(one["state_reset_count"] for one in states)
    assert row["unreadable"] == 6
    decided = pl.read_csv(sampled.states.parent / "results.csv")
    accepted = decided["accepted"].to_list()
    assert row["accepted"] == sum(accepted)
    assert row["acceptance_rate"] == pytest.approx(
        sum(accepted) / (sum(accepted) + sum(decided["rejected"].to_list()))
    )


def test_acceptance_is_by_user(sampled: Store) -> None:
    decided = pl.read_csv(sampled.states.parent / "results.csv").sort("user_id").to_dicts()

    assert [{**row, "acceptance_rate": None} for row in sampled.rows("acceptance")] == [
        {**row, "acceptance_rate": None} for row in decided
    ]
    for row in sampled.rows("acceptance"):
        assert row["acceptance_rate"] == row["accepted"] / (row["accepted"] + row["rejected"])


def test_files_and_directories_are_for_their_owner_alone(sampled: Store) -> None:
    root = sampled.home / "exports" / "weights"
    files = [path for path in root.rglob("*") if path.is_file()]

    assert {mode(path) for path in files} == {0o600}
    assert {mode(path.parent) for path in files} == {0o700}
    assert mode(root) == 0o700
    assert {path.parents[1].parent.name for path in files} == set(TABLES)


def test_an_unchanged_store_writes_nothing_and_one_changed_state_only_what_holds_it(
    store: Store,
) -> None:
    make_sample(store.states, users=40)
    store.export()
    again = store.export()
    assert {record.status for record in again.records} == {"unchanged"}
    assert again.exit_code == 0

    path = store.states / "u-000000.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    text = path.read_text(encoding="utf-8").replace(str(state["last_raw_weight"]), "77.25")
    path.write_text(text, encoding="utf-8")
    changed = {one.table for one in store.export().records if one.status != "unchanged"}
    assert "states" in changed
    assert not changed & {"weights_raw", "acceptance", "resets", "quarantine", "covariances"}


def test_pseudonyms_join_across_tables_and_days_and_nothing_tells_who_it_is(store: Store) -> None:
    store.put("anna-schmidt", EXAMPLE | {"reset_events": [{"type": "hard"}]})
    store.put("otto-broken", b'{"last_state": ')
    (store.states.parent / "results.csv").write_text("user_id,accepted\nanna-schmidt,true\n")
    measured = "user_id,timestamp,weight,source,unit\nanna-schmidt,2024-01-01 00:00:00,80,s,kg\n"
    (store.states.parent / "measurements").mkdir()
    (store.states.parent / "measurements" / "a.csv").write_text(measured)
    store.config("source: weights\noptions: {anonymize: true}\n")

    with pytest.raises(ConfigError, match=r"states\.user_id: anonymize needs a key"):
        store.export()
    store.environ["EXPORT_ASSETS_ANONYMIZE_KEY"] = KEY
    assert not store.export().failed
    names = {
        row["user_id"]
        for table in TABLES
        if table not in {"quarantine", "summary"}
        for row in store.rows(table)
    }
    store.now = DAY + timedelta(days=1)
    store.export()
    assert {row["user_id"] for row in store.rows("states")} == names
    assert len(names) == 1
    for path in (store.home / "exports").rglob("*"):
        if path.is_file():
            assert b"anna" not in path.read_bytes(), path
            assert b"otto" not in path.read_bytes(), path
    (row,) = store.rows("quarantine")
    hidden = ("file", "length", "sha256", "content_base64")
    assert ([row[name] for name in hidden], row["reason"]) == ([None] * 4, "json")


def test_an_option_that_is_none_is_refused(store: Store) -> None:
    store.put("u-1", {})
    for option, told in (("colour: red", "unknown"), ("anonymize: 5", "true or false")):
        store.config(f"source: weights\noptions: {{{option}}}\n")
        with pytest.raises(ConfigError, match=told):
            store.export()


def test_times_can_be_read_on_the_clock_of_the_source(store: Store) -> None:
    store.put("u-1", EXAMPLE)
    store.config(
        "source: weights\nassume_timezone: America/Denver\n"
        "tables: {states: {types: {last_timestamp: timestamp}}}\n"
    )
    store.export()

    (row,) = store.rows("states")
    assert row["last_timestamp"].isoformat() == "2024-01-15T17:30:00+00:00"
    assert row["last_accepted_timestamp"] is None
    assert isinstance(row["last_timestamp"], datetime)
