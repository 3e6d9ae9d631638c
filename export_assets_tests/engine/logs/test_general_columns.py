"""Columns of events of any program: types, digits, secrets, and which keys become one."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from export_assets.engine.logs.general.event_table import GeneralEvents
from export_assets.tables.partitions import Window
from export_assets_tests.engine.logs.log_world import LogWorld, statuses

T = "2026-01-05T09:00:00Z"


@pytest.fixture
def world(tmp_path: Path) -> LogWorld:
    return LogWorld(tmp_path)


def event(second: int = 0, **more: Any) -> dict[str, Any]:
    return {"ts": f"2026-01-05T09:00:{second:02d}Z", **more}


def declare(world: LogWorld, fields: str, more: str = "") -> None:
    world.configure(world.yaml + f"log: {{fields: {fields}{more}}}\n")


def extras(world: LogWorld) -> list[dict[str, Any]]:
    return [json.loads(one or "{}") for one in world.rows().sort("occurred_at")["extra"]]


SECRET = {"user": {"password": "CANARY"}, "kept": 1.50}


@pytest.mark.parametrize("fields", ["", "log: {fields: {o: text}}\n"])
@pytest.mark.parametrize(
    "value",
    [SECRET, [SECRET], json.dumps(SECRET), json.dumps(SECRET, indent=1), {"in": json.dumps(SECRET)},
     '{"password": "CANARY", "n": NaN}'],
)  # fmt: skip
def test_secrets_inside_objects_are_hidden_where_those_are_text(
    world: LogWorld, fields: str, value: object
) -> None:
    world.configure(world.yaml.replace("[parquet]", "[parquet, csv, ndjson]") + fields)
    world.log("a.jsonl", event(o=value), event(1, o="text"), event(2, o='no JSON: "password"'))

    report = world.export()

    rows = world.rows().sort("occurred_at")
    assert rows["o"].dtype == pl.String
    assert "CANARY" not in str(rows.rows())
    assert rows["o"].to_list()[1:] == ["text", 'no JSON: "password"']
    assert any("secret keys are hidden" in note for note in report.notes)
    written = [one for one in world.published.rglob("part-*") if "_segments" not in one.parts]
    assert len(written) > 2
    assert not [one for one in written if b"CANARY" in one.read_bytes()]


def test_a_secret_key_that_comes_twice_is_hidden_both_times(world: LogWorld) -> None:
    declare(world, "{o: text}", ", duplicate_keys: last_wins")
    text = '{"password": "CANARY", "password": null}'
    world.log("a.jsonl", event(o=text))

    world.export()

    assert world.rows()["o"].to_list() == ['{"password":null}']


@pytest.mark.parametrize("digits", ["0.1234567890123456789", "1.10", "1E5", "-0.0"])
def test_numbers_keep_their_digits_where_they_become_text(world: LogWorld, digits: str) -> None:
    declare(world, "{t: text, j: json, d: {type: decimal, precision: 38, scale: 19}}")
    world.log(
        "a.jsonl", f'{{"ts":"{T}","t":{digits},"j":[{digits},{{"a":{digits}}}],"e":{digits}}}'
    )
    world.log("a.jsonl", f'{{"ts":"{T}","t":"x","d":{digits}}}')

    world.export()

    rows = world.rows().sort("source_line")
    assert rows["t"].to_list() == [digits, "x"]
    assert rows["j"][0] == f'[{digits},{{"a":{digits}}}]'
    assert f'"e":{digits}' in rows["extra"][0]
    assert rows["d"][1] == Decimal(digits)


def test_numbers_beside_secrets_keep_their_digits(world: LogWorld) -> None:
    world.log("a.jsonl", f'{{"ts":"{T}","o":{{"password":"x","n":1.10}}}}')

    world.export()

    assert world.rows()["o"].to_list() == ['{"password":null,"n":1.10}']


def test_found_columns_of_floats_are_doubles_and_of_several_kinds_the_digits(
    world: LogWorld,
) -> None:
    world.log("a.jsonl", f'{{"ts":"{T}","x":1.10,"y":1.10,"type":2.50}}')
    world.log("a.jsonl", f'{{"ts":"{T}","x":2E3,"y":"one"}}')

    world.export()

    rows = world.rows().sort("source_line")
    assert rows["x"].to_list() == [1.1, 2000.0]
    assert rows["y"].to_list() == ["1.10", "one"]
    assert rows["event_type"].to_list() == ["2.50", None]


def test_declared_types_are_read_from_the_texts_of_csv(world: LogWorld) -> None:
    declare(world, "{i: integer, f: float, b: boolean, j: json}")
    world.log("a.csv", "ts,i,f,b,j", f'{T},7,1.5,true,"[1.10]"', f"{T},many,x,maybe,{{", f"{T},,,,")

    world.export()

    rows = world.rows().sort("source_line")
    assert rows["i"].to_list() == [7, None, None]
    assert rows["f"].to_list() == [1.5, None, None]
    assert rows["b"].to_list() == [True, None, None]
    assert rows["j"].to_list() == ["[1.10]", None, None]
    kept = json.loads(rows["extra"][1])
    assert {name: kept[name] for name in "ifbj"} == {"i": "many", "f": "x", "b": "maybe", "j": "{"}


def test_texts_of_json_are_no_numbers_beside_csv(world: LogWorld) -> None:
    declare(world, "{i: integer, j: json}")
    world.log("a.csv", "ts,i,j", f"{T},7,8")
    world.log("b.jsonl", event(1, i="7", j="8", csv='x": "csv"'), event(2, i=9, j=[1]))

    world.export()

    rows = world.rows().sort("occurred_at")
    assert rows["i"].to_list() == [7, None, 9]
    assert rows["j"].to_list() == ["8", '"8"', "[1]"]
    assert extras(world)[1]["i"] == "7"


def test_a_large_whole_number_is_no_float_in_csv_either(world: LogWorld) -> None:
    declare(world, "{f: float}")
    world.log("a.csv", "ts,f", f"{T},9007199254740993", f"{T},9007199254740992")

    world.export()

    assert world.rows().sort("source_line")["f"].to_list() == [None, 9007199254740992.0]


FOLD, GAP = "2025-11-02T01:30:00", "2025-03-09T02:30:00"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", [None, None]),
        (", ambiguous: earliest, nonexistent: later", ["05:30", "07:30"]),
        (", ambiguous: latest", ["06:30", None]),
    ],
)
@pytest.mark.parametrize("form", ["", ", format: '%Y-%m-%dT%H:%M:%S'"])
def test_declared_times_follow_the_policy_of_changed_clocks(
    world: LogWorld, policy: str, expected: list[str | None], form: str
) -> None:
    world.configure(world.yaml + "assume_timezone: America/New_York\n")
    declare(world, f"{{at: {{type: timestamp{form}}}}}", policy)
    world.log("a.jsonl", event(at=FOLD), event(1, at=GAP), event(2, at="2025-06-01T12:00:00"))

    world.export()

    rows = world.rows().sort("occurred_at")
    shown = [None if one is None else one.strftime("%H:%M") for one in rows["at"]]
    assert shown == [*expected, "16:00"]
    kept = [one.get("at") for one in extras(world)]
    assert kept == [FOLD if expected[0] is None else None, GAP if not expected[1] else None, None]


def test_a_declared_time_has_the_zone_of_its_own(world: LogWorld) -> None:
    declare(world, "{at: {type: timestamp, timezone: America/New_York}}", ", ambiguous: latest")
    world.log("a.jsonl", event(at=FOLD), event(1, at="2026-06-30T23:59:60Z"))

    world.export()

    assert world.rows().sort("occurred_at")["at"].to_list() == [
        datetime(2025, 11, 2, 6, 30, tzinfo=UTC),
        datetime(2026, 7, 1, tzinfo=UTC),
    ]


def test_a_uuid_is_one_or_goes_to_extra(world: LogWorld) -> None:
    declare(world, "{u: uuid}")
    good = "0F8FAD5B-d9cb-469f-a165-70867728950e"
    world.log("a.jsonl", event(u=good), event(1, u="no"), event(2, u=7), event(3, u=f"{good}0"))

    world.export()

    assert world.rows().sort("occurred_at")["u"].to_list() == [good, None, None, None]
    assert [one.get("u") for one in extras(world)] == [None, "no", 7, f"{good}0"]


def test_a_column_once_given_stays_whatever_keys_come(world: LogWorld) -> None:
    world.configure(world.yaml + "log: {max_fields: 3}\n")
    world.log("a.jsonl", event(5, m=1, n=1))
    world.log("b.jsonl", event(6, z=1))
    world.export()
    before = world.rows().columns
    world.log("a.jsonl", event(7, a=1, b=2))
    world.log("old.jsonl", event(0, c=1))

    report = world.export()

    rows = world.rows().sort("occurred_at")
    assert statuses(report)["events", "2026-01-05"] == "success"
    assert rows.columns == before
    assert {"m", "n"} < set(rows.columns)
    assert [sorted(one) for one in extras(world)] == [["c"], [], ["z"], ["a", "b"]]
    assert any("beyond max_fields (3)" in note for note in report.notes)


def test_free_places_go_to_the_keys_of_the_earliest_events(world: LogWorld) -> None:
    world.configure(world.yaml + "log: {max_fields: 3}\n")
    world.log("a.jsonl", event(2, a=1), event(1, z=1), event(1, y=1))

    report = world.export()

    names = set(world.rows().columns)
    assert {"ts", "y", "z"} < names
    assert "a" not in names
    assert "events: 1 key beyond max_fields (3) kept in extra" in report.notes


def test_many_columns_are_read_in_short_stretches(world: LogWorld) -> None:
    names = [f"k{number:04d}" for number in range(900)]
    lines = [event(second % 60, **dict.fromkeys(names[:3], second)) for second in range(5_000)]
    world.log("a.jsonl", event(0, **dict.fromkeys(names, 1)), *lines)
    table = GeneralEvents(world.source().config)

    with world.source().logs.snapshot() as snapshot:
        view = snapshot.view
        columns = table.schema(view).names
        frames = list(map(len, table.frames(view, Window(), columns)))

    assert sum(frames) == 5_001
    assert max(frames) < 5_000


def test_a_stretch_is_cut_where_the_time_changes_and_stays_in_order(world: LogWorld) -> None:
    names = dict.fromkeys([f"k{number:04d}" for number in range(990)], 1)
    world.log("a.jsonl", event(0, **names), *(event(n % 7) for n in range(5_000)))
    table = GeneralEvents(world.source().config)

    with world.source().logs.snapshot() as snapshot:
        view = snapshot.view
        frames = list(table.frames(view, Window(), ["occurred_at", *names]))

    assert len(frames) > 1
    moments = [set(frame["occurred_at"].to_list()) for frame in frames]
    assert all(max(one) < min(other) for one, other in pairwise(moments))
