"""`export` of event logs as a person runs it: types, logs, payload, directories, mistakes."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from export_assets.systems.leadville.sample import make_logs
from export_assets_tests.cli.conftest import Cli
from export_assets_tests.end_to_end.world import World


@pytest.fixture
def range_(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.delenv("LEADVILLE_CONFIG", raising=False)
    logs = world.home / "data" / "leadville"
    make_logs(logs, days=2, seed=3, start=date(2025, 9, 1), strings=4)
    return world


def lines(world: World, directory: str = "out") -> list[dict[str, Any]]:
    (path,) = (world.home / directory).glob("events_*.ndjson")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_events_of_types_by_either_name(range_: World, cli: Cli) -> None:
    done = cli(
        "export", "leadville", "events", "-f", "ndjson", "-o", "out",
        "--filter-events", "run_summary,Timer Start Beep",
    )  # fmt: skip

    assert done.code == 3
    header, *events = lines(range_)
    assert header["_type"] == "schema"
    details = {str(one.get("details") or one.get("Details")).partition(":")[0] for one in events}
    assert details == {"String Time", "Timer Start Beep"}


def test_a_type_that_no_event_has_names_those_there_are(range_: World, cli: Cli) -> None:
    done = cli("export", "leadville", "events", "-o", "out", "--filter-events", "shots")

    assert done.code == 2
    assert done.err.startswith("error: --filter-events 'shots': no event is called so; types are ")
    assert "shot_detected" in done.err
    assert "timer start beep" in done.err
    assert done.err.count("\n") == 1
    assert not (range_.home / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--filter-events", "debug"], 2, "filter-events: a published partition is complete"),
        (["--pattern", "*.csv"], 2, "pattern: a published partition is complete"),
        (["--no-raw-data"], 2, "no-raw-data: a published partition is complete"),
        (["runs", "--filter-events", "debug", "-o", "x"], 2, "--filter-events: chooses rows of"),
        (["--log-dir", "nowhere", "-o", "x"], 10, "nowhere: is no directory"),
        (["--log-dir", "a", "--source", "b"], 2, "--log-dir and --source: give one of them"),
        (["--pattern", "x*", "-o", "x"], 10, "leadville: no logs like x* found in "),
        (["-f", "parquet", "--partition-by", "zone", "-o", "x"], 2, "partition_by: events has no"),
        (["-f", "csv", "--partition-by", "date"], 2, "partition_by: csv has one file a part"),
        (["-f", "csv", "--schema-header"], 2, "schema_header: means nothing for csv"),
        (["-f", "csv", "--profile", "logged"], 2, "profile logged: means nothing for csv"),
        (["-f", "ndjson", "--profile", "excel"], 2, "profile: ndjson does not know 'excel'"),
        (["-f", "parquet", "--compression", "gzp"], 2, "compression: parquet does not know 'gzp'"),
    ],
)
def test_each_mistake_is_one_line(
    arguments: list[str], code: int, says: str, range_: World, cli: Cli
) -> None:
    done = cli("export", "leadville", *arguments)

    assert done.code == code
    assert says in done.err
    assert done.err.count("\n") == 1
    assert not (range_.home / "x").exists() or not list((range_.home / "x").iterdir())


@pytest.mark.parametrize(
    "arguments",
    [["--filter-events", "debug"], ["--pattern", "*"], ["--no-raw-data"], ["--log-dir", "."]],
)
def test_a_database_has_no_events(arguments: list[str], daily: World, cli: Cli) -> None:
    done = cli("export", "shop", "-o", daily.home / "x", *arguments)

    assert done.code == 2
    assert done.err == f"error: {arguments[0]}: shop is no source of event logs\n"


def test_logs_of_another_directory_and_of_one_pattern(range_: World, cli: Cli) -> None:
    moved = range_.home / "elsewhere"
    (range_.home / "data" / "leadville").rename(moved)

    done = cli(
        "export", "leadville", "events", "-f", "ndjson", "-o", "out",
        "--log-dir", moved, "--pattern", "*_debug_*", "--no-raw-data",
    )  # fmt: skip

    assert done.code in {0, 3}
    _, *events = lines(range_)
    assert {"_debug_" in one["_source_file"] for one in events} == {True}
    assert not [one for one in events if one["type"] == "amg_raw" and "data" in one]


def test_parquet_in_directories_with_a_codec(range_: World, cli: Cli) -> None:
    done = cli(
        "export", "leadville", "events", "runs", "-f", "parquet", "-o", "out",
        "--partition-by", "date", "--compression", "brotli",
    )  # fmt: skip

    assert done.code == 3
    parts = sorted((range_.home / "out").rglob("*.parquet"))
    assert {part.parent.parent.name for part in parts} == {"events", "runs"}
    assert {part.parent.name for part in parts} >= {"date=2025-09-01", "date=2025-09-02"}
    codecs = {pq.ParquetFile(part).metadata.row_group(0).column(0).compression for part in parts}
    assert codecs == {"BROTLI"}
    assert cli("verify", range_.home / "out").code == 0


def test_profiles_of_ndjson(range_: World, cli: Cli) -> None:
    cli("export", "leadville", "events", "-f", "ndjson", "-o", "plain", "--profile", "default")
    cli("export", "leadville", "events", "-f", "ndjson", "-o", "bare", "--no-schema-header")
    cli("export", "leadville", "runs", "-f", "ndjson", "-o", "runs", "--schema-header")

    assert next(iter(lines(range_, "plain")[0])) == "event_id"
    assert next(iter(lines(range_, "bare")[0])) == "_schema_version"
    (path,) = (range_.home / "runs").glob("runs_*.ndjson")
    header, first, *_ = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert header["fields"]["run_id"] == "Name of the run, for good."
    assert header["_timestamp"] is None
    assert next(iter(first)) == "run_id"


def test_what_is_published_by_an_option_is_repaired_as_it_was(range_: World, cli: Cli) -> None:
    cli("export", "leadville", "events", "-f", "ndjson", "--profile", "default", "-q")
    parent = range_.home / "exports" / "leadville" / "events" / "ndjson"
    part = sorted(parent.glob("day=*/part-*"))[0]
    before = part.read_bytes()
    part.write_bytes(before[:-9])

    done = cli("repair", "leadville")

    assert done.code in {0, 3}
    assert part.read_bytes() == before


def test_the_applications_json_is_honoured_by_every_command(range_: World, cli: Cli) -> None:
    (range_.home / "range.json").write_text(
        json.dumps({"data_export": {"export_dir": "out", "formats": {"csv": {"enabled": False}}}}),
        encoding="utf-8",
    )
    range_.configure("source: leadville\noptions: {config_file: range.json}\n")

    done = cli("export", "leadville", "events")
    shown = cli("validate", "--show")

    assert done.code == 3
    formats = {path.name for path in (range_.home / "out" / "leadville" / "events").iterdir()}
    assert formats == {"parquet", "ndjson"}
    assert "settings.exports_dir" in shown.out
    assert "(range.json, data_export.formats)" in shown.out
    assert "ndjson" in cli("list").out
    assert cli("verify").code == 0
    assert "leadville" in cli("plan", "leadville", "--json").out


def test_a_range_that_is_switched_off_says_so_in_one_line(range_: World, cli: Cli) -> None:
    path = Path(range_.home / "range.json")
    path.write_text('{"data_export": {"enabled": false}}', encoding="utf-8")
    range_.configure("source: leadville\noptions: {config_file: range.json}\n")

    done = cli("export", "leadville")

    assert done.code == 2
    assert done.err == "error: leadville: enabled is false, as configured; nothing is exported\n"
