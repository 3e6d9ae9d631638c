"""Event logs as assets: the files, what was read of them, the tables made of that, the checks."""

import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from export_assets.defs.log_checks import BYTES, SHARE
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets_tests.defs.range_project import (
    EVENTS,
    MATCHES,
    QUARANTINE,
    RANGE,
    RUNS,
    SEGMENTS,
    RangeProject,
    asked,
    string,
)
from export_assets_tests.defs.shop_project import failures, key

LOGS = key("leadville", "logs")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[RangeProject]:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield RangeProject(tmp_path / "project", instance)


def check(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetCheckEvaluation:
    [found] = [one for one in result.get_asset_check_evaluations() if one.check_name == name]
    return found


def figures(result: dg.ExecuteInProcessResult, asset: dg.AssetKey) -> dict[str, object]:
    [event] = [
        one
        for one in result.asset_materializations_for_node("read_logs__leadville")
        if one.asset_key == asset
    ]
    return {name: value.value for name, value in event.metadata.items()}


def test_the_graph_runs_from_the_files_over_what_was_read_to_runs_and_archives(
    project: RangeProject,
) -> None:
    graph = project.definitions.resolve_asset_graph()

    parents = {
        asset.to_user_string().removeprefix("leadville/"): {
            one.to_user_string().removeprefix("leadville/") for one in graph.get(asset).parent_keys
        }
        for asset in graph.get_all_asset_keys()
        if asset.path[0] == "leadville"
    }
    assert parents == {
        "logs": set(),
        "segments": {"logs"},
        "quarantine": {"logs"},
        "events": {"segments"},
        "runs": {"events"},
        "session_statistics": {"runs"},
        "match_statistics": {"runs"},
        "events/parquet": {"events"},
        "runs/parquet": {"runs"},
        "session_statistics/parquet": {"session_statistics"},
        "match_statistics/parquet": {"match_statistics"},
        "quarantine/parquet": {"quarantine"},
        "match_archives": {"logs", "events", "runs"},
        "offload_archives": {"logs", "events", "runs"},
    }
    assert graph.get(LOGS).is_observable
    assert graph.get(LOGS).kinds == {"jsonl", "logs"}
    assert graph.get(MATCHES).partitions_def == dg.DynamicPartitionsDefinition(
        name="leadville_matches"
    )


def test_logs_of_any_program_have_assets_too(project: RangeProject) -> None:
    web = project.reconfigured("source: web\nkind: event_log\nurl: logs\n")
    web.log("a.jsonl", [{"ts": "2026-01-01T10:00:00Z", "event": "login"}])

    graph = web.definitions.resolve_asset_graph()

    assert graph.get(key("web", "events")).parent_keys == {key("web", "segments")}
    assert graph.get(key("web", "events", "parquet")).parent_keys == {key("web", "events")}
    assert graph.get(key("web", "match_archives")).parent_keys == {
        key("web", "logs"),
        key("web", "events"),
    }


def test_reading_counts_every_byte_and_says_what_is_due(project: RangeProject) -> None:
    lines = string("2025-09-14T10:00:00")
    path = project.log("range_main_20250914.ndjson", [*lines, b"[1, 2]\n", b"\n", b'{"half'])

    result = project.run([SEGMENTS, QUARANTINE])

    read = figures(result, SEGMENTS)
    assert result.success
    assert read["read_bytes"] == path.stat().st_size - len(b'{"half')
    assert read["pending_bytes"] == len(b'{"half')
    assert read["blank_bytes"] == 1
    assert read["quarantined_bytes"] == len(b"[1, 2]\n")
    assert read["dagster/row_count"] == len(lines)
    assert figures(result, QUARANTINE)["dagster/row_count"] == 1
    assert "| events | 2025-09-14 |" in str(read["due"])
    accounted = check(result, BYTES)
    assert accounted.passed
    assert accounted.description is not None
    assert "all accounted for; 6 are no whole line yet" in accounted.description


def test_reading_again_has_nothing_due_once_all_is_exported(project: RangeProject) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    project.settle()

    result = project.run([SEGMENTS])

    assert figures(result, SEGMENTS)["due"] == "Nothing."


def test_new_lines_make_the_exports_of_their_day_stale_and_of_no_other(
    project: RangeProject,
) -> None:
    for day in (10, 12):
        project.log(f"range_main_202509{day}.ndjson", string(f"2025-09-{day}T10:00:00"))
    project.settle()
    before = stale(project)

    project.log("range_main_20250912.ndjson", string("2025-09-12T11:00:00"))
    project.run([SEGMENTS])
    meanwhile = stale(project)
    project.settle()

    assert before == {"2025-09-10": "FRESH", "2025-09-12": "FRESH"}
    assert meanwhile == {"2025-09-10": "FRESH", "2025-09-12": "STALE"}
    assert stale(project) == before


def test_what_the_command_line_exported_is_not_stale_once_it_is_reported(
    project: RangeProject,
) -> None:
    project.log("range_main_20250910.ndjson", string("2025-09-10T10:00:00"))
    project.run([SEGMENTS])
    project.log("range_main_20250912.ndjson", string("2025-09-12T10:00:00"))
    Exporter(
        workspace=project.workspace,
        source=project.workspace.source("leadville"),
        request=ExportRequest(),
        run=Run(id="cli", now=datetime.now(UTC)),
    ).export()

    sensor = project.definitions.resolve_sensor_def("published_elsewhere")
    found = sensor(
        dg.build_sensor_context(instance=project.instance, definitions=project.definitions)
    )
    assert isinstance(found, dg.SensorResult)
    for event in found.asset_events:
        project.instance.report_runless_asset_event(event)

    assert stale(project)["2025-09-10"] == "FRESH"


def stale(project: RangeProject) -> dict[str, str]:
    """Whether Dagster takes each exported day of events for up to date."""
    graph = project.definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(
        project.instance, graph, LoadingContextForTest(project.instance)
    )
    days = sorted(project.instance.get_materialized_partitions(EVENTS))
    return {day: resolver.get_status(EVENTS, day).value for day in days}


def test_refused_lines_are_warned_of_above_one_share_and_stop_everything_above_another(
    project: RangeProject,
) -> None:
    project.log("range_main_20250914.ndjson", [*string("2025-09-14T10:00:00"), b"[1]\n"])

    warned = project.run([SEGMENTS, QUARANTINE])
    strict = project.reconfigured(RANGE + "log: {quarantine_max: 0.1}\n")
    refused = strict.run([SEGMENTS, QUARANTINE])

    assert warned.success
    share = check(warned, SHARE)
    assert not share.passed
    assert share.severity is dg.AssetCheckSeverity.WARN
    assert share.metadata["share"].value == pytest.approx(1 / 6, abs=1e-6)
    assert share.metadata["lines"].value == 6
    assert share.metadata["refused"].value == 1
    assert share.metadata["refused_not_object"].value == 1
    assert not refused.success
    assert "more than the 10.00% that quarantine_max allows" in failures(refused)[0]
    error = check(refused, SHARE)
    assert not error.passed
    assert error.severity is dg.AssetCheckSeverity.ERROR
    assert not strict.manifests("events")


def test_a_segment_that_is_gone_is_told_by_the_bytes_that_are_missing(
    project: RangeProject,
) -> None:
    name, lines = "range_main_20250914.ndjson", string("2025-09-14T10:00:00")
    long = {**lines[0], "details": "x" * 100_000}
    size = project.log(name, [*lines, *[long] * 45]).stat().st_size  # too long to grow
    project.run([SEGMENTS])
    project.log(name, lines)
    project.run([SEGMENTS])

    parent = project.home / "exports" / "leadville" / "_segments" / "parquet"
    [first] = parent.glob("*-0")
    shutil.rmtree(first)
    result = run_checks(project, dg.AssetCheckKey(SEGMENTS, BYTES))

    accounted = check(result, BYTES)
    assert not accounted.passed
    assert accounted.description == f"{name}: 0 to {size} is missing"


def test_a_check_of_what_was_read_runs_alone(project: RangeProject) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    project.run([SEGMENTS])

    result = run_checks(project, dg.AssetCheckKey(SEGMENTS, BYTES))

    assert check(result, BYTES).passed
    assert not result.get_asset_materialization_events()


def test_what_cannot_be_read_fails_the_run_after_all_else_was_read(project: RangeProject) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    (project.home / "logs" / "timer_events.db").write_bytes(b"SQLite format 3\x00" + b"x" * 4_000)

    result = project.run([SEGMENTS])
    asked_next = project.tick().run_requests

    assert not result.success
    assert "timer_events.db" in failures(result)[0]
    assert figures(result, SEGMENTS)["dagster/row_count"] == 5
    # What was read is exported; what was not is asked for again.
    assert [asked(one)[0] for one in asked_next] == [
        "quarantine",
        "events/parquet",
        "match_statistics/parquet",
    ]


def test_what_is_odd_about_runs_is_warned_of_and_counted(project: RangeProject) -> None:
    lines = string("2025-09-14T10:00:00")
    impact = moved(lines[3], "2025-09-14T10:00:04.900000", "9/14/25 10:00:04.90am")
    orphan = moved(lines[2], "2025-09-14T12:00:00.000000", "9/14/25 12:00:00.00pm")
    summary = moved(lines[4], "2025-09-14T10:00:09.000000", "9/14/25 10:00:09.00am")
    summary |= {"type": "StringSummary", "device": "Bridge"}
    summary |= {"details": "String Time: 8.00s; Shots Detected: 7; Impacts Detected: 2"}
    project.log("range_main_20250914.ndjson", [*lines[:4], impact, summary, orphan])

    result = project.run([EVENTS, RUNS], partition="2025-09-14")

    assert failures(result) == []
    [plausible] = [
        one
        for one in result.get_asset_check_evaluations()
        if one.check_name == "plausible" and one.asset_key == RUNS
    ]
    assert not plausible.passed
    assert plausible.severity is dg.AssetCheckSeverity.WARN
    assert "correlation_success_rate" in str(plausible.description)
    assert "summary_mismatch" in str(plausible.description)
    assert plausible.metadata["failures"].value == 2
    [event] = [
        one.materialization
        for one in result.get_asset_materialization_events()
        if one.asset_key == RUNS
    ]
    counts = {name: value.value for name, value in event.metadata.items()}
    assert counts["orphan_shots"] == 1
    assert counts["more_impacts_than_shots"] == 1
    assert counts["summary_mismatches"] == 1


def test_runs_with_nothing_odd_are_plausible(project: RangeProject) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))

    result = project.run([EVENTS, RUNS], partition="2025-09-14")

    [plausible] = [
        one for one in result.get_asset_check_evaluations() if one.check_name == "plausible"
    ]
    assert plausible.passed
    assert plausible.description == "2 rules hold"


def moved(line: Mapping[str, object], iso: str, logged: str) -> dict[str, object]:
    return {**line, "timestamp_iso": iso, "datetime": logged}


def run_checks(project: RangeProject, *checks: dg.AssetCheckKey) -> dg.ExecuteInProcessResult:
    job = dg.define_asset_job("only_checks", selection=dg.AssetSelection.checks(*checks))
    repository = dg.Definitions(
        assets=project.definitions.assets, resources=project.definitions.resources, jobs=[job]
    )
    return repository.resolve_job_def("only_checks").execute_in_process(
        instance=project.instance, raise_on_error=False
    )
