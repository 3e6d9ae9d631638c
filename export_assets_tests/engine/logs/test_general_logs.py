"""Event logs of any program, described in YAML alone."""

import base64
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from export_assets.errors import ContractViolation, SourceMissing, UsageError
from export_assets_tests.engine.logs.log_world import LogWorld, statuses


@pytest.fixture
def world(tmp_path: Path) -> LogWorld:
    return LogWorld(tmp_path)


def event(day: int, second: int = 0, **more: Any) -> dict[str, Any]:
    return {"ts": f"2026-01-{day:02d}T10:00:{second:02d}Z", "type": "click", **more}


def test_every_key_that_any_event_has_is_a_column(world: LogWorld) -> None:
    world.log("a.jsonl", event(1, n=1, ok=True), event(1, n=2, user={"id": 7}), event(2, x=0.5))

    report = world.export()

    rows = world.rows()
    assert report.exit_code == 0
    assert world.days() == ["day=2026-01-01", "day=2026-01-02"]
    assert rows["n"].to_list() == [1, 2, None]
    assert rows["ok"].to_list() == [True, None, None]
    assert [json.loads(one) if one else None for one in rows["user"]] == [None, {"id": 7}, None]
    assert rows["x"].to_list() == [None, None, 0.5]
    assert rows["extra"].null_count() == rows.height


def test_a_key_that_comes_late_becomes_a_column_of_every_day(world: LogWorld) -> None:
    world.log("a.jsonl", event(1, n=1), event(2, n=2))
    world.export()
    world.log("a.jsonl", event(2, second=5, n=3, late="x"))

    report = world.export()

    assert statuses(report)["events", "2026-01-01"] == "success"
    assert world.rows("events", "day=2026-01-01")["late"].to_list() == [None]
    assert world.rows("events", "day=2026-01-02")["late"].to_list() == [None, "x"]


def test_a_key_with_values_of_several_kinds_is_text_and_nothing_is_lost(world: LogWorld) -> None:
    world.log(
        "a.jsonl", event(1, v=1), event(1, 1, v="one"), event(1, 2, v=[1]), event(1, 3, v=2**70)
    )

    world.export()

    assert world.rows()["v"].to_list() == ["1", "one", "[1]", str(2**70)]


def test_declared_fields_are_the_columns_and_all_else_is_kept_in_extra(world: LogWorld) -> None:
    fields = "{n: integer, at: timestamp, price: {type: decimal, precision: 10, scale: 2}}"
    world.configure(world.yaml + f"log: {{fields: {fields}}}\n")
    world.log("a.jsonl", event(1, n=1, at="2026-01-01T00:00:00+02:00", price="1.25", other=[1]))
    world.log("a.jsonl", event(1, 1, n="many", at="soon", price="a lot", other=None))

    report = world.export()

    rows = world.rows()
    assert report.exit_code == 0
    assert rows["n"].to_list() == [1, None]
    assert rows["at"].to_list() == [datetime(2025, 12, 31, 22, tzinfo=UTC), None]
    assert [str(one) for one in rows["price"]] == ["1.25", "None"]
    kept = [json.loads(one) for one in rows["extra"]]
    assert kept[0] == {"ts": "2026-01-01T10:00:00Z", "type": "click", "other": [1]}
    assert (kept[1]["n"], kept[1]["at"], kept[1]["price"]) == ("many", "soon", "a lot")


def test_a_key_called_as_one_of_our_columns_is_kept_in_extra(world: LogWorld) -> None:
    world.log("a.jsonl", event(1, event_id="theirs", source_file="elsewhere", extra=1))

    world.export()

    (row,) = world.rows().to_dicts()
    assert row["source_file"] == "a.jsonl"
    assert row["event_id"] != "theirs"
    kept = {"event_id": "theirs", "source_file": "elsewhere", "extra": 1}
    assert json.loads(row["extra"]) == kept


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("auto", "2026-01-05T09:00:00Z"),
        ("auto", "2026-01-05 10:00:00+01:00"),
        ("auto", 1_767_603_600),
        ("auto", 1_767_603_600_000),
        ("auto", "1767603600.0"),
        ("epoch_us", 1_767_603_600_000_000),
        ("epoch_ns", 1_767_603_600_000_000_000),
        ("'%d.%m.%Y %H:%M'", "05.01.2026 10:00"),
        ("'%d/%b/%Y:%H:%M:%S %z'", "05/Jan/2026:10:00:00 +0100"),
        ("iso", "2026-01-05T10:00:00"),
    ],
)
def test_times_are_read_in_whatever_form_they_are_logged(
    world: LogWorld, form: str, value: object
) -> None:
    world.configure(
        world.yaml + f"assume_timezone: Europe/Berlin\nlog: {{timestamp_format: {form}}}\n"
    )
    world.log("a.jsonl", {"ts": value})

    world.export()

    assert world.rows()["occurred_at"].to_list() == [datetime(2026, 1, 5, 9, tzinfo=UTC)]


def test_lines_without_a_time_go_to_the_quarantine_with_the_rest_read(world: LogWorld) -> None:
    world.log("a.jsonl", event(1), '{"n": 1}', '{"ts": "soon"}', "[1]", b"\xff\n", event(1, 1))

    report = world.export()

    refused = world.rows("quarantine").sort("offset")
    assert report.exit_code == 3
    assert "4 of 6 lines are refused" in " ".join(report.warnings)
    assert refused["reason"].to_list() == ["time", "time", "not_object", "bad_utf8"]
    assert refused["line"].to_list() == [2, 3, 4, 5]
    assert base64.b64decode(refused["content_base64"][2]) == b"[1]\n"
    assert world.rows().height == 2


def test_a_reading_that_the_clock_showed_twice_is_refused_or_read_as_configured(
    world: LogWorld,
) -> None:
    zone = "assume_timezone: America/New_York\n"
    world.configure(world.yaml + zone)
    world.log("a.jsonl", {"ts": "2025-11-02T01:30:00"}, {"ts": "2025-03-09T02:30:00"})
    world.export()
    refused = sorted(world.rows("quarantine")["reason"])

    world.configure(world.yaml + "log: {ambiguous: latest, nonexistent: later}\n")
    report = world.export()

    assert refused == ["ambiguous_time", "skipped_time"]
    assert report.exit_code == 0
    assert world.rows()["occurred_at"].to_list() == [
        datetime(2025, 3, 9, 7, 30, tzinfo=UTC),
        datetime(2025, 11, 2, 6, 30, tzinfo=UTC),
    ]
    assert world.rows("quarantine").height == 0


def test_csv_is_read_under_the_header_of_its_file_also_what_is_appended(world: LogWorld) -> None:
    world.log(
        "a.csv", "time,event,value", "2026-01-01 10:00:00,boot,1", '2026-01-01 10:00:01,"a,b",'
    )
    world.export()
    world.log("a.csv", "2026-01-01 10:00:02,stop,3", "2026-01-01 10:00:03,short")

    report = world.export()

    rows = world.rows()
    assert report.exit_code == 3
    assert rows["event_type"].to_list() == ["boot", "a,b", "stop"]
    assert rows["value"].to_list() == ["1", None, "3"]
    assert rows["source_line"].to_list() == [2, 3, 4]
    assert world.rows("quarantine")["reason"].to_list() == ["columns"]


def test_gzip_and_names_of_rotated_logs_are_read(world: LogWorld) -> None:
    (world.logs / "a.jsonl.2.gz").write_bytes(gzip.compress(json.dumps(event(1)).encode()))
    world.log("a.jsonl.1", event(1, 1))
    world.log("notes.txt", event(1, 2))

    world.export()

    assert sorted(world.rows()["source_file"]) == ["a.jsonl.1", "a.jsonl.2.gz"]


def test_a_file_in_which_nothing_is_an_event_is_told_and_left(world: LogWorld) -> None:
    world.log("a.jsonl", event(1))
    world.log("readme.log", "just some words", "and more")

    report = world.export()

    assert report.exit_code == 3
    assert any("readme.log" in warning for warning in report.warnings)
    assert world.rows("quarantine").height == 0


def test_a_directory_without_logs_is_one_clear_error(world: LogWorld) -> None:
    with pytest.raises(SourceMissing, match="web: no logs found in"):
        world.export()

    assert not world.published.exists() or not any(world.published.rglob("_manifest.json"))


def test_too_many_refused_lines_publish_nothing(world: LogWorld) -> None:
    world.configure(world.yaml + "log: {quarantine_max: 0.25}\n")
    world.log("a.jsonl", event(1), "no", "nope")

    with pytest.raises(ContractViolation, match=r"2 of 3 lines are refused"):
        world.export()

    assert world.days() == []


def test_secrets_inside_objects_leave_as_null_in_every_format(world: LogWorld) -> None:
    world.configure(world.yaml.replace("[parquet]", "[parquet, csv, ndjson, json]"))
    inner = {"api_key": "CANARY", "list": [{"My_Password": "CANARY"}], "kept": 1}
    world.log(
        "a.jsonl",
        event(1, token="CANARY", user=inner),
        event(1, 1, user={"\u0070assword": "CANARY"}),
    )
    world.log("a.jsonl", '{"ts": "2026-01-01T00:00:00Z", "password": "CANARY')

    world.export()

    written = [
        path
        for path in world.published.rglob("*")
        if path.is_file() and "_segments" not in path.parts
    ]
    assert len(written) > 8
    hidden = (b"CANARY", base64.b64encode(b"xxxCANARY")[4:])
    assert not [path for path in written for one in hidden if one in path.read_bytes()]
    assert "CANARY" not in str(world.rows().rows())
    assert world.rows()["token"].to_list() == [None, None]
    assert json.loads(world.rows()["user"][0]) == {
        "api_key": None,
        "list": [{"My_Password": None}],
        "kept": 1,
    }
    assert (world.published / "_segments").stat().st_mode & 0o077 == 0


def test_a_query_is_refused_as_logs_know_no_sql(world: LogWorld) -> None:
    from export_assets.errors import ConfigError

    world.configure(world.yaml + "  more: {query: select 1}\n")

    with pytest.raises(ConfigError, match="event logs know no SQL"):
        world.export()


def test_filters_and_limits_work_on_what_goes_to_a_directory(world: LogWorld) -> None:
    world.log("a.jsonl", *(event(1, n, n=n, kind="a" if n % 2 else "b") for n in range(10)))
    out = world.home / "out"

    world.export(tables=("events",), output_dir=out, where={"kind": "a"}, limit=3, offset=1)

    (file,) = out.glob("events_*.parquet")
    assert pl.read_parquet(file)["n"].to_list() == [3, 5, 7]
    assert not world.published.exists()
    with pytest.raises(UsageError, match="source has no column kinds"):
        world.export(tables=("events",), output_dir=out, where={"kinds": "a"})


def test_values_are_unique_within_an_hour_however_many_batches_it_has(world: LogWorld) -> None:
    checked = "column: occurred_at, every: hour}, checks: [{column: n, unique: true}]"
    yaml = world.yaml.replace("column: occurred_at}", checked)
    world.configure(f"{yaml}batch_size: 10\n")
    start = datetime(2026, 1, 1, 3, tzinfo=UTC).timestamp()
    world.log("a.jsonl", *({"ts": start + 97 * n, "n": n % 200} for n in range(250)))

    assert world.export().exit_code == 0

    world.log("a.jsonl", {"ts": start, "n": 30})

    report = world.export()

    failed = [one.partition for one in report.records if "n is unique" in (one.error or "")]
    assert failed == ["2026-01-01-03:00"]
    assert report.exit_code == 4
