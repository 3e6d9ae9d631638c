"""The sensor of event logs: it asks for exactly what new lines changed, whatever it remembers."""

import json
import random
import shutil
import string as letters
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from export_assets.defs.log_sensor import MOST_REQUESTS, Seen, read_cursor, write_cursor
from export_assets.defs.log_work import WORK, Attempts
from export_assets.engine.logs.due import keep_due, read_due
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets_tests.defs.range_project import (
    QUARANTINE,
    RANGE,
    SEGMENTS,
    RangeProject,
    asked,
    string,
)
from export_assets_tests.defs.shop_project import failures
from export_assets_tests.effort import effort
from export_assets_tests.proof.plugin import Proven

READ = ["quarantine", "segments"]
STATISTICS = ["match_statistics/parquet", "quarantine/parquet", "session_statistics/parquet"]
BOTH = ["events/parquet", "runs/parquet"]
HOURS = timedelta(hours=2)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[RangeProject]:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield RangeProject(tmp_path / "project", instance)


def launched(project: RangeProject, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
    """Note a run that was asked for, as it stands now."""
    keys = list(request.asset_selection or ())
    job = project.definitions.resolve_implicit_job_def_def_for_assets(keys)
    assert job is not None
    partition = {"dagster/partition": request.partition_key} if request.partition_key else {}
    project.instance.create_run_for_job(
        job,
        tags={**request.tags, **partition},
        status=status,
        asset_selection=frozenset(keys),
    )


def says(result: dg.SensorResult) -> str:
    """Why a tick asked for nothing."""
    assert result.skip_reason is not None
    return str(result.skip_reason.skip_message)


def test_a_new_log_is_read_first_and_then_its_day_is_exported_and_nothing_else(
    project: RangeProject,
) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))

    cursor, done = project.settle()

    assert done == [READ, [*BOTH, "2025-09-14"], STATISTICS]
    assert project.rows("runs")["shots_detected"].to_list() == [1]
    assert read_cursor(cursor).fingerprint == project.watch.source.source.fingerprint()
    assert says(project.tick(cursor)) == "leadville: unchanged"


def test_a_late_line_of_an_old_day_republishes_that_day_alone(project: RangeProject) -> None:
    for day in (10, 12, 14):
        project.log(f"range_main_202509{day}.ndjson", string(f"2025-09-{day}T10:00:00"))
    cursor, _ = project.settle()
    before = {name: project.manifests(name) for name in ("events", "runs")}

    project.log("range_main_20250912.ndjson", string("2025-09-12T11:00:00"))
    _, done = project.settle(cursor)

    assert done == [READ, [*BOTH, "2025-09-12"], STATISTICS]
    for name, manifests in before.items():
        after = project.manifests(name)
        assert {one for one in after if after[one] != manifests.get(one)} == {"2025-09-12"}


def test_a_burst_of_days_is_one_run_per_stretch_without_gaps(project: RangeProject) -> None:
    for day in (8, 9, 10, 14, 15):
        name = f"range_main_202509{day:02d}.ndjson"
        project.log(name, string(f"2025-09-{day:02d}T10:00:00"))

    _, done = project.settle()

    assert done == [
        READ,
        [*BOTH, "2025-09-08...2025-09-10"],
        [*BOTH, "2025-09-14...2025-09-15"],
        STATISTICS,
    ]


def test_lines_of_days_that_dagster_has_no_key_for_are_exported_too(project: RangeProject) -> None:
    project.log("range_main_20250801.ndjson", string("2025-08-01T10:00:00"))

    _, done = project.settle()

    # In one run without a partition.
    assert done == [READ, sorted([*BOTH, *STATISTICS])]
    assert set(project.manifests("events")) == {"2025-08-01"}


def test_a_rotated_log_and_a_copy_are_read_and_change_nothing(project: RangeProject) -> None:
    log = project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    cursor, _ = project.settle()

    log.rename(log.with_name("range_main_20250914.ndjson.1"))
    cursor, rotated = project.settle(cursor)
    log.write_bytes(log.with_name("range_main_20250914.ndjson.1").read_bytes())
    _, copied = project.settle(cursor)

    assert rotated == [READ]
    assert copied == [READ]


def test_a_twin_whose_events_are_known_is_looked_at_once(project: RangeProject) -> None:
    """Its day is made of something new, and holds the rows it held."""
    lines = string("2025-09-14T10:00:00")
    project.log("range_main_20250914.ndjson", lines)
    cursor, _ = project.settle()
    before = project.manifests("events")

    project.log("range_main_20250914.csv", [_csv(lines)])
    cursor, done = project.settle(cursor)

    assert done[0] == READ
    assert ["events/parquet", "runs/parquet", "2025-09-14"] in done
    assert project.manifests("events") == before
    assert says(project.tick(cursor)) == "leadville: unchanged"
    assert project.settle("")[1] == []


def test_what_the_command_line_exported_is_not_exported_again(project: RangeProject) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    exporter = Exporter(
        workspace=project.workspace,
        source=project.workspace.source("leadville"),
        request=ExportRequest(),
        run=Run(id="cli", now=datetime.now(UTC)),
    )
    exporter.export()

    _, done = project.settle()

    assert done == [READ]


def test_an_export_of_newer_lines_is_not_asked_for_again_until_they_are_read(
    project: RangeProject,
) -> None:
    for day in (13, 14):
        project.log(f"range_main_202509{day}.ndjson", string(f"2025-09-{day}T10:00:00"))
    [reading] = project.tick().run_requests
    project.run(reading)
    requests = project.tick().run_requests
    project.log("range_main_20250914.ndjson", string("2025-09-14T11:00:00"))
    # They read what there is by then: of the 14th more than was known to be due.
    assert all(project.run(one).success for one in requests)

    asked_for = []
    for later in (1, 2, 3):  # its reading fails and fails
        [reading, *others] = project.tick(later=later * HOURS).run_requests
        launched(project, reading, dg.DagsterRunStatus.FAILURE)
        asked_for += [asked(one) for one in (reading, *others)]
    project.run(reading)
    _, done = project.settle(later=4 * HOURS)

    assert asked_for == 3 * [READ]
    assert done == []
    assert project.rows("runs").height == 3


def test_newer_exports_that_were_deleted_or_configured_otherwise_are_asked_for(
    project: RangeProject,
) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    project.settle()
    project.log("range_main_20250914.ndjson", string("2025-09-14T11:00:00"))
    [reading] = project.tick().run_requests
    project.run(reading)
    requests = project.tick().run_requests
    project.log("range_main_20250914.ndjson", string("2025-09-14T12:00:00"))
    assert all(project.run(one).success for one in requests)

    kept = [asked(one) for one in project.tick(later=HOURS).run_requests]
    shutil.rmtree(project.home / "exports" / "leadville" / "runs" / "parquet")
    deleted = [asked(one) for one in project.tick(later=HOURS).run_requests]

    assert kept == [READ]
    assert deleted == [READ, ["runs/parquet", "2025-09-14"]]


def test_a_change_while_runs_are_under_way_is_kept_for_later(project: RangeProject) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    [request] = project.tick().run_requests
    launched(project, request, dg.DagsterRunStatus.STARTED)

    waiting = project.tick()
    later = project.tick(later=timedelta(hours=7))

    assert "not done" in says(waiting)
    # A run nothing was heard of for that long will not end any more.
    assert [asked(one) for one in later.run_requests] == [READ]


def test_a_failed_run_is_asked_for_again_later_and_later(project: RangeProject) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    keys = []
    due_after = []
    for _ in range(3):
        [request] = project.tick(later=HOURS).run_requests
        keys.append(request.run_key)
        launched(project, request, dg.DagsterRunStatus.FAILURE)
        assert "in vain" in says(project.tick())
        waits = [
            seconds
            for seconds in (50, 70, 110, 130, 230, 250)
            if project.tick(later=timedelta(seconds=seconds)).run_requests
        ]
        due_after.append(waits[0])

    assert due_after == [70, 130, 250]
    assert len(set(keys)) == 3
    assert [str(one).partition("#")[2][0] for one in keys] == ["1", "2", "3"]


def test_the_same_tick_evaluated_twice_asks_for_the_same_run(project: RangeProject) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))

    first, second = project.tick(), project.tick("lost")

    assert [one.run_key for one in first.run_requests] == [
        one.run_key for one in second.run_requests
    ]


def test_no_key_of_a_request_was_ever_used_whatever_runs_are_forgotten(
    project: RangeProject,
) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    rng = random.Random(7)
    there: list[tuple[str | None, str]] = []

    for _ in range(30):
        [request] = project.tick(later=HOURS).run_requests
        assert request.run_key not in [key for key, _ in there]
        run = project.instance.create_run_for_job(
            project.definitions.resolve_job_def("export_leadville"),
            tags={**request.tags, "dagster/run_key": request.run_key},
            status=dg.DagsterRunStatus.FAILURE,
        )
        there.append((request.run_key, run.run_id))
        if len(there) > 2 and rng.random() < 0.4:
            _, forgotten = there.pop(rng.randrange(len(there)))
            project.instance.delete_run(forgotten)


def test_a_partition_that_fails_is_tried_alone_and_holds_up_no_other(project: RangeProject) -> None:
    for day in (8, 9, 10):
        name = f"range_main_202509{day:02d}.ndjson"
        project.log(name, string(f"2025-09-{day:02d}T10:00:00"))
    project.run(project.tick().run_requests[0])
    stretch = next(one for one in project.tick().run_requests if "events" in str(one))
    launched(project, stretch, dg.DagsterRunStatus.FAILURE)

    again = [asked(one) for one in project.tick(later=HOURS).run_requests]
    long_after = [asked(one) for one in project.tick(later=3 * HOURS).run_requests]

    assert long_after == [[*BOTH, "2025-09-08...2025-09-10"], STATISTICS]
    assert again == [
        ["events/parquet", "2025-09-08"],
        ["events/parquet", "2025-09-09"],
        ["events/parquet", "2025-09-10"],
        ["runs/parquet", "2025-09-08"],
        ["runs/parquet", "2025-09-09"],
        ["runs/parquet", "2025-09-10"],
        STATISTICS,
    ]


def test_a_clock_that_goes_back_delays_nothing_for_long() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    late = Attempts(count=3, last_run="x", last_at=now + timedelta(days=1))
    fresh = Attempts(count=3, last_run="x", last_at=now - timedelta(seconds=1))

    assert late.waits(now) <= timedelta(0)
    assert fresh.waits(now) == timedelta(seconds=239)


def test_not_more_is_asked_for_than_a_tick_can_do(project: RangeProject) -> None:
    start = datetime(2025, 9, 1, 10, tzinfo=UTC)
    for number in range(130):
        moment = start + timedelta(days=2 * number)
        project.log("range_main_20250901.ndjson", string(f"{moment:%FT%T}")[:1])
    project.run(project.tick().run_requests[0])

    requests = project.tick().run_requests

    assert len(requests) == MOST_REQUESTS


def test_what_was_due_may_be_lost_or_damaged(project: RangeProject) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    cursor, _ = project.settle()
    [path] = (project.home / "exports" / ".state").glob("*.due.json")

    path.write_bytes(b'{"id": 3')
    _, damaged = project.settle(cursor, later=HOURS)
    path.unlink()
    _, lost = project.settle(cursor, later=2 * HOURS)

    assert damaged == [READ]
    assert lost == [READ]


def test_what_is_published_of_anything_else_than_what_is_due_is_asked_for(
    project: RangeProject,
) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    project.settle()
    due = read_due(project.watch.store, "leadville")
    assert due is not None
    stamps = {"events": {"2025-09-14": "another"}}

    keep_due(
        project.watch.store,
        "leadville",
        type(due)(id=due.id, fingerprint=due.fingerprint, tables=stamps),
    )

    assert [asked(one) for one in project.tick().run_requests] == [["events/parquet", "2025-09-14"]]


def test_a_directory_that_is_not_there_is_no_exception(project: RangeProject) -> None:
    assert project.definitions
    (project.home / "logs").rmdir()

    result = project.tick()

    assert isinstance(result, dg.SkipReason)


def test_a_directory_without_logs_is_waited_for_until_there_is_one(project: RangeProject) -> None:
    empty = project.tick()
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    cursor, _ = project.settle()
    (project.home / "logs" / "range_main_20250914.ndjson").unlink()
    _, gone = project.settle(cursor)

    assert isinstance(empty, dg.SkipReason)
    assert gone == [READ]  # which finds that all there was is exported
    assert set(project.manifests("events")) == {"2025-09-14"}


def test_the_schedule_exports_what_is_new_of_whatever_day(project: RangeProject) -> None:
    project = project.reconfigured(RANGE + "every_hours: 6\n")
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    schedule = project.definitions.resolve_schedule_def("leadville_schedule")
    context = dg.build_schedule_context(
        instance=project.instance,
        scheduled_execution_time=datetime(2026, 6, 1, 6, tzinfo=UTC),
        repository_def=project.definitions.get_repository_def(),
    )

    [request] = schedule.evaluate_tick(context).run_requests or []
    result = project.run(request)

    assert failures(result) == []
    assert asked(request) == sorted([*READ, *BOTH, *STATISTICS])
    assert set(project.manifests("events")) == {"2025-09-14"}


def test_a_source_that_is_not_enabled_is_left_alone(project: RangeProject) -> None:
    project = project.reconfigured(RANGE + "enabled: false\n")
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))

    result = project.tick()

    assert isinstance(result, dg.SkipReason)


def test_the_sensor_waits_to_be_switched_on(project: RangeProject) -> None:
    sensor = project.definitions.resolve_sensor_def("leadville_logs")

    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    assert "leadville_changes" not in {one.name for one in project.definitions.sensors or ()}


def test_a_look_that_finds_news_observes_the_files(project: RangeProject) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    sensor = project.definitions.resolve_sensor_def("leadville_logs")
    context = dg.build_sensor_context(instance=project.instance, definitions=project.definitions)

    result = sensor(context)

    assert isinstance(result, dg.SensorResult)
    [observed] = result.asset_events
    assert observed.asset_key == dg.AssetKey(["leadville", "logs"])
    assert isinstance(observed, dg.AssetObservation)
    assert (observed.tags or {})[
        "dagster/data_version"
    ] == project.watch.source.source.fingerprint()


def test_a_new_match_gets_its_partition_and_its_archive_once_it_rests(
    project: RangeProject,
) -> None:
    project.log("match_M1/range_main_20250914.ndjson", string("2025-09-14T10:00:00"))

    first = project.tick()
    cursor, _ = project.settle()
    busy = project.tick(cursor)
    rests = project.tick(cursor, later=HOURS)

    [request] = first.dynamic_partitions_requests
    assert (request.partitions_def_name, list(request.partition_keys)) == (
        "leadville_matches",
        ["M1"],
    )
    assert not busy.run_requests
    assert [asked(one) for one in rests.run_requests] == [["match_archives", "M1"]]
    assert not rests.dynamic_partitions_requests


def test_an_archived_match_is_archived_again_only_when_its_logs_changed(
    project: RangeProject,
) -> None:
    log = project.log("match_M1/range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    cursor, _ = project.settle()
    [request] = project.tick(cursor, later=HOURS).run_requests
    assert project.run(request).success

    done = project.tick(cursor, later=HOURS)
    forgotten = project.tick("", later=HOURS)
    _forget_runs(project)
    remembered_by_the_archive = project.tick("", later=HOURS)
    log.write_bytes(
        log.read_bytes() + json.dumps(string("2025-09-14T11:00:00")[0]).encode() + b"\n"
    )
    cursor, _ = project.settle(done.cursor)
    changed = project.tick(cursor, later=HOURS)

    for result in (done, forgotten, remembered_by_the_archive):
        assert not result.run_requests
        assert read_cursor(result.cursor).matches.keys() == {"M1"}
    assert [asked(one) for one in changed.run_requests] == [["match_archives", "M1"]]


def test_matches_of_the_configuration_rest_when_the_logs_of_their_days_do(
    project: RangeProject,
) -> None:
    yaml = RANGE + "log: {matches: {open: {start: 2025-09-14}, final: {start: 2025-09-20}}}\n"
    project = project.reconfigured(yaml)
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))

    first = project.tick()
    cursor, _ = project.settle()
    rests = project.tick(cursor, later=HOURS)

    [added] = first.dynamic_partitions_requests
    assert list(added.partition_keys) == ["final", "open"]
    # Nothing was logged of the final.
    assert [asked(one) for one in rests.run_requests] == [["match_archives", "open"]]


def test_a_match_that_cannot_be_archived_is_tried_later_and_later(project: RangeProject) -> None:
    project.log("match_M1/range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    cursor, _ = project.settle()
    [request] = project.tick(cursor, later=HOURS).run_requests
    launched(project, request, dg.DagsterRunStatus.FAILURE)

    [again] = project.tick(cursor, later=HOURS).run_requests

    assert again.run_key != request.run_key
    assert again.tags[WORK] == request.tags[WORK]


def _cursors() -> list[str]:
    """Cursors: text, JSON of any shape, and parts and mixtures of a true one."""
    rng = random.Random(4)
    true = write_cursor(Seen(fingerprint="f" * 32, due="d" * 16, matches={"M1": "s" * 16}))
    found = ["", "null", "[]", "{}", "1e999", "NaN", "[" * 5_000, "\x00", "\ud800", true[:-1]]
    values: tuple[object, ...] = (
        None,
        1,
        -1.5,
        True,
        "x",
        [],
        {},
        {"M1": 3},
        [["M1", "s"]],
        ["a", 7],
        ["z", -(10**40)],
        "f" * 32,
    )
    while len(found) < effort(250, soak=1_000):
        choice = rng.randrange(4)
        if choice == 0:
            found.append("".join(rng.choices(letters.printable, k=rng.randrange(60))))
        elif choice == 1:
            start, end = sorted(rng.sample(range(len(true) + 1), 2))
            found.append(true[:start] + true[end:])
        elif choice == 2:
            keys = ("fingerprint", "due", "matches", "look")
            found.append(json.dumps({key: rng.choice(values) for key in keys}))
        else:
            found.append(json.dumps(rng.choice(values)))
    return found


def test_a_look_goes_on_only_while_nothing_was_read_since_it_began(
    project: RangeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (13, 14):
        project.log(f"range_main_202509{day}.ndjson", string(f"2025-09-{day}T10:00:00"))
    settled, _ = project.settle()
    monkeypatch.setattr("export_assets.engine.logs.looking._STEP", 1)
    monkeypatch.setattr("export_assets.defs.log_sensor.LONGEST_LOOK", 0.0)

    within = project.tick(settled)
    ended = project.tick(within.cursor)
    project.log("range_main_20250913.ndjson", string("2025-09-13T11:00:00"))
    project.run([SEGMENTS, QUARANTINE])
    anew = project.tick(within.cursor)

    assert "goes on" in says(within)
    assert ended.cursor == settled
    # The half that was over had looked at the log as it was before.
    assert "goes on" in says(anew)
    requests = project.tick(anew.cursor).run_requests
    assert READ not in [asked(one) for one in requests]
    assert [*BOTH, "2025-09-13"] in [asked(one) for one in requests]


@pytest.mark.suite("sensor-soak")
@pytest.mark.promise("same-in-same-out")
def test_damaged_cursors_are_full_looks_and_no_exceptions(
    project: RangeProject, proven: Proven
) -> None:
    project.log("match_M1/range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    settled, _ = project.settle()
    full = project.tick("").cursor

    cursors, needless = _cursors(), 0
    for cursor in cursors:
        result = project.tick(cursor)
        needless += len(result.run_requests or ())
        assert not result.run_requests
        # Nothing is due: the look ends where one without a cursor does.
        assert result.cursor == full == settled
    proven(len(cursors), "damaged cursors", f"each a full look, {needless} needless requests")


def _forget_runs(project: RangeProject) -> None:
    for run in project.instance.get_runs():
        project.instance.delete_run(run.run_id)


def _csv(lines: list[dict[str, object]]) -> bytes:
    rows = ["Datetime,Type,Device,DeviceID,DevicePosition,Details"]
    names = ("datetime", "type", "device", "device_id", "device_position", "details")
    rows += [",".join(str(line[name]) for name in names) for line in lines]
    return "".join(f"{row}\r\n" for row in rows).encode()
