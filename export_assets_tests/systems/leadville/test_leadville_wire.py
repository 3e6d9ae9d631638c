"""NDJSON of events, and CSV without debug events: against the logs as plain JSON reads them."""

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from export_assets.engine.verification import verify_source
from export_assets.errors import UsageError
from export_assets.systems.leadville.sample import make_logs
from export_assets_tests.engine.logs.log_world import LogWorld, statuses

RANGE = """
source: leadville
url: logs
assume_timezone: America/Denver
formats: [csv, ndjson]
tables:
  events: {}
"""
OURS = ("_schema_version", "_exported_at", "_source_file")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> LogWorld:
    world = LogWorld(tmp_path_factory.mktemp("range"), yaml=RANGE)
    make_logs(world.logs, days=3, seed=7, start=date(2025, 9, 1), strings=6)
    for path in world.logs.rglob("*.db"):
        path.unlink()
    world.export()
    return world


def parts(world: LogWorld, fmt: str) -> list[Path]:
    return sorted((world.published / "events" / fmt).glob("day=*/part-*"))


def exported(world: LogWorld) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield the description and the events of each day."""
    for part in parts(world, "ndjson"):
        header, *lines = map(json.loads, part.read_text(encoding="utf-8").splitlines())
        yield header, lines


def logged_debug(world: LogWorld) -> Counter[str]:
    """Return the objects of the debug logs, which have no twins."""
    found: Counter[str] = Counter()
    for path in world.logs.rglob("*_debug_*"):
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        for line in data.split(b"\n")[:-1]:
            try:
                record = json.loads(line.lstrip(b"\0"))
            except ValueError:
                continue
            if isinstance(record, dict) and "timestamp_iso" in record:
                found[f"{path.relative_to(world.logs)} {json.dumps(record)}"] += 1
    return found


def without(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key not in OURS}


def test_every_event_is_a_line_of_the_original_keys_behind_ours(world: LogWorld) -> None:
    days = list(exported(world))

    assert len(days) == 3
    for header, lines in days:
        assert (header["_type"], header["_version"]) == ("schema", "1.0.0")
        for line in lines:
            assert tuple(line)[:3] == OURS
            assert line["_schema_version"] == "1.0.0"
            assert line["_exported_at"] == header["_timestamp"]
            assert (world.logs / line["_source_file"]).is_file()
            assert set(line) <= set(header["fields"])


def test_debug_objects_are_exactly_those_that_plain_json_reads(world: LogWorld) -> None:
    found = Counter(
        f"{line['_source_file']} {json.dumps(without(line))}"
        for _, lines in exported(world)
        for line in lines
        if "_debug_" in line["_source_file"]
    )

    assert sum(found.values()) > 200
    assert found == logged_debug(world)


def test_the_time_of_a_file_is_that_of_its_latest_event(world: LogWorld) -> None:
    for part, (header, _) in zip(parts(world, "ndjson"), exported(world), strict=True):
        manifest = world.manifest(part.parent.name, fmt="ndjson")
        latest = next(one.max for one in manifest.columns if one.name == "occurred_at")
        assert latest is not None
        assert datetime.fromisoformat(header["_timestamp"]) == datetime.fromisoformat(latest)


def test_files_are_proven_and_their_manifests_tell_the_dialect(world: LogWorld) -> None:
    findings = list(verify_source(world.exporter(tables=("events",))))

    assert {one.verdict for one in findings} == {"equal"}
    manifest = world.manifest("day=2025-09-01", fmt="ndjson")
    assert manifest.dialect["lines"] == "logged"
    assert manifest.dialect["schema_version"] == "1.0.0"
    assert manifest.rows == parts(world, "ndjson")[0].read_bytes().count(b"\n") - 1


def test_an_unchanged_range_is_not_written_again(world: LogWorld) -> None:
    before = [part.stat().st_mtime_ns for fmt in ("csv", "ndjson") for part in parts(world, fmt)]

    report = world.export(full=True)

    assert set(statuses(report).values()) == {"unchanged"}
    after = [part.stat().st_mtime_ns for fmt in ("csv", "ndjson") for part in parts(world, fmt)]
    assert after == before


def test_the_same_logs_give_the_same_bytes_elsewhere_and_later(
    world: LogWorld, tmp_path: Path
) -> None:
    other = LogWorld(tmp_path, yaml=RANGE)
    make_logs(other.logs, days=3, seed=7, start=date(2025, 9, 1), strings=6)
    for path in other.logs.rglob("*.db"):
        path.unlink()

    other.export()

    for fmt in ("csv", "ndjson"):
        one = [part.read_bytes() for part in parts(world, fmt)]
        assert [part.read_bytes() for part in parts(other, fmt)] == one


def test_csv_leaves_debug_events_out_and_nothing_else(world: LogWorld) -> None:
    for part, (_, lines) in zip(parts(world, "csv"), exported(world), strict=True):
        rows = list(csv.DictReader(io.StringIO(part.read_text(encoding="utf-8"))))
        debug = [
            line
            for line in lines
            if line.get("type") == "debug" or "_debug_" in line["_source_file"]
        ]
        assert "debug" not in {row["event_type"] for row in rows}
        assert len(rows) == len(lines) - len(debug)


def write(world: LogWorld, directory: Path, **request: Any) -> list[dict[str, Any]]:
    """Export the NDJSON of events into *directory* and return its lines."""
    asked = {"tables": ("events",), "formats": ("ndjson",), **request}
    world.export(output_dir=directory, **asked)
    (path,) = directory.glob("events_*.ndjson")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_raw_payload_stays_behind_where_it_is_not_wanted(world: LogWorld, tmp_path: Path) -> None:
    header, *bare = write(world, tmp_path / "bare", raw_data=False)
    _, *whole = write(world, tmp_path / "whole")

    assert header["_type"] == "schema"
    assert len(bare) == len(whole)
    assert any("raw_hex" in line for line in whole)
    for one, other in zip(bare, whole, strict=True):
        payload = {"raw_hex"} | (
            {"data"} if other.get("type") in {"amg_raw", "bt50_raw"} else set()
        )
        assert one == {key: value for key, value in other.items() if key not in payload}


def test_events_of_some_types_alone(world: LogWorld, tmp_path: Path) -> None:
    shots = {"events": {"event_type": ("shot_detected",)}}

    _, *lines = write(world, tmp_path / "shots", only=shots)

    every = [line for _, lines in exported(world) for line in lines]
    told = [line for line in every if line.get("details", line.get("Details")) == "Shot detected"]
    told += [line for line in every if line.get("event_type") == "shot_detected"]
    assert Counter(map(shape, lines)) == Counter(map(shape, told))


def shape(line: dict[str, Any]) -> str:
    return json.dumps({**without(line), "file": line["_source_file"]}, sort_keys=True)


def test_logs_of_one_pattern_alone(world: LogWorld, tmp_path: Path) -> None:
    exporter = world.exporter(
        tables=("events",), formats=("ndjson",), only_logs=("*_debug_*",), output_dir=tmp_path
    )
    object.__setattr__(exporter.source, "only_logs", ("*_debug_*",))

    exporter.export()

    (path,) = tmp_path.glob("events_*.ndjson")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    assert {"_debug_" in line["_source_file"] for line in lines} == {True}
    assert len(lines) == sum(logged_debug(world).values())


@pytest.mark.parametrize(
    "request_", [{"only": {"events": {"event_type": ("debug",)}}}, {"raw_data": False}]
)
def test_published_partitions_are_complete(world: LogWorld, request_: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="a published partition is complete"):
        world.export(**request_)


def test_the_plain_profile_has_the_tables_own_columns(world: LogWorld, tmp_path: Path) -> None:
    from export_assets.config.format_options import FormatOptionsConfig

    plain = {"ndjson": FormatOptionsConfig(profile="default")}

    lines = write(world, tmp_path / "plain", options=plain)

    assert len(lines) == sum(len(day) for _, day in exported(world))
    assert list(lines[0])[:3] == ["event_id", "occurred_at", "event_type"]
