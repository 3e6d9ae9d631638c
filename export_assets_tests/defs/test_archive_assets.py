"""Archives as assets: a partition per match, the offloaded logs, their check, and no way around
what settings and YAML permit."""

import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from export_assets.defs.archives import CHECK
from export_assets.defs.shares import SUBSET
from export_assets_tests.archives.keys import IDENTITY, OTHER_IDENTITY, RECIPIENT
from export_assets_tests.defs.range_project import (
    MATCHES,
    OFFLOADED,
    RANGE,
    RangeProject,
    string,
)
from export_assets_tests.defs.shop_project import QUIET, failures

M1 = "match_M1/range_main_20250914.ndjson"
OLD_AT_ONCE = "log: {offload: {days_old: 1, min_idle: 0, delete: true}}\n"
PERMITTED = "allow_delete: true\n"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[RangeProject]:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield RangeProject(tmp_path / "project", instance)


def archive(project: RangeProject, match: str = "M1") -> dg.ExecuteInProcessResult:
    project.instance.add_dynamic_partitions("leadville_matches", [match])
    return project.run([MATCHES], partition=match)


def said(result: dg.ExecuteInProcessResult, asset: dg.AssetKey) -> dict[str, object]:
    [event] = [
        one.materialization
        for one in result.get_asset_materialization_events()
        if one.asset_key == asset
    ]
    return {name: value.value for name, value in event.metadata.items()}


def verify(
    project: RangeProject, asset: dg.AssetKey, *, subset: str | None = None
) -> dg.AssetCheckEvaluation:
    """Run the check of archives alone."""
    job = dg.define_asset_job(
        "only_checks", selection=dg.AssetSelection.checks(dg.AssetCheckKey(asset, CHECK))
    )
    repository = dg.Definitions(
        assets=project.definitions.assets, resources=project.definitions.resources, jobs=[job]
    )
    result = repository.resolve_job_def("only_checks").execute_in_process(
        instance=project.instance, raise_on_error=False, tags={SUBSET: subset} if subset else {}
    )
    [found] = result.get_asset_check_evaluations()
    return found


def flip(path: Path, *, at: float) -> None:
    """Change one byte of the content of the largest member of a zip."""
    with zipfile.ZipFile(path) as archived:
        member = max(archived.infolist(), key=lambda one: one.compress_size)
    place = member.header_offset + 200 + int(member.compress_size * at)
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)


def test_encrypted_archives_are_checked_as_far_as_the_key_is_there(
    project: RangeProject,
) -> None:
    project.log(M1, string("2025-09-14T10:00:00"))
    encrypting = RANGE + f"log: {{encryption: {{recipients: [{RECIPIENT}]}}}}\n"
    project = project.reconfigured(encrypting)

    made = said(archive(project), MATCHES)
    whole = verify(project, MATCHES)
    (project.home / "export_assets.yaml").write_text("archive_identity_file: identity.txt\n")
    path = project.home / "identity.txt"
    path.touch(mode=0o600)
    found = []
    for identity in (IDENTITY, OTHER_IDENTITY):
        path.write_text(identity)
        found.append(verify(project.reconfigured(encrypting), MATCHES))

    assert str(made["path"]).endswith(".zip.age")
    assert whole.passed
    assert "1 archive without their key: only as a whole" in (whole.description or "")
    assert [one.passed for one in found] == [True, False]
    assert found[0].metadata["members_read"].value == made["members"]
    assert "is encrypted for others" in (found[1].description or "")


def test_a_match_is_a_partition_whose_archive_is_described_and_checked(
    project: RangeProject,
) -> None:
    project.log(M1, string("2025-09-14T10:00:00"))

    result = archive(project)

    assert failures(result) == []
    figures = said(result, MATCHES)
    path = Path(str(figures["path"]))
    assert path.name.startswith("match_M1_")
    assert figures["bytes"] == path.stat().st_size
    assert figures["runs"] == 1
    assert figures["events"] == 5
    assert figures["status"] == "archived"
    assert figures["members"] == 5
    [evaluation] = result.get_asset_check_evaluations()
    assert evaluation.passed
    assert evaluation.description == "1 archive as written, 5 members read"
    assert project.instance.get_materialized_partitions(MATCHES) == {"M1"}


def test_archiving_a_match_again_makes_no_second_archive(project: RangeProject) -> None:
    project.log(M1, string("2025-09-14T10:00:00"))
    first = said(archive(project), MATCHES)

    again = said(archive(project), MATCHES)

    assert again["status"] == "unchanged"
    assert again["path"] == first["path"]


def test_a_damaged_archive_fails_its_check_in_one_line(project: RangeProject) -> None:
    project.log(M1, string("2025-09-14T10:00:00"))
    path = Path(str(said(archive(project), MATCHES)["path"]))

    before = verify(project, MATCHES)
    flip(path, at=0.5)
    after = verify(project, MATCHES)

    assert before.passed
    assert not after.passed
    assert after.severity is dg.AssetCheckSeverity.ERROR
    assert after.blocking
    assert path.name in str(after.description)


def test_parts_of_archives_are_read_in_turn_until_all_of_them_were(project: RangeProject) -> None:
    project.log(M1, string("2025-09-14T10:00:00"))
    archive(project)

    read = [verify(project, MATCHES, subset=f"{part}/4") for part in (1, 2, 3, 4)]

    members = [one.metadata["members_read"].value for one in read]
    assert members == [2, 1, 1, 1]
    assert all(one.passed for one in read)


def test_a_match_without_logs_fails_in_one_line(project: RangeProject) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    yaml = RANGE + "log: {matches: {M9: {start: 2025-10-01}}}\n"

    result = archive(project.reconfigured(yaml), "M9")

    assert not result.success
    assert "match M9: no logs found" in failures(result)[0]


def test_old_logs_are_archived_and_stay_where_nothing_else_was_said(project: RangeProject) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    yaml = RANGE + "log: {offload: {days_old: 1, min_idle: 0}}\n"

    result = project.reconfigured(yaml).run([OFFLOADED])

    assert failures(result) == []
    figures = said(result, OFFLOADED)
    assert figures["members"] == 1
    assert figures["moved_away"] == 0
    assert figures["deletes"] is False
    assert Path(str(figures["path"])).is_file()
    assert (project.home / "logs" / "range_main_20250914.ndjson").is_file()
    [evaluation] = result.get_asset_check_evaluations()
    assert evaluation.passed


def test_settings_and_yaml_together_let_logs_go_once_they_are_proven(
    project: RangeProject,
) -> None:
    log = project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    (project.home / "export_assets.yaml").write_text(PERMITTED)

    result = project.reconfigured(RANGE + OLD_AT_ONCE).run([OFFLOADED])

    assert failures(result) == []
    assert said(result, OFFLOADED)["moved_away"] == 1
    assert not log.exists()


@pytest.mark.suite("security")
@pytest.mark.promise("nothing-deleted-unproven")
def test_the_yaml_alone_is_no_permission(project: RangeProject) -> None:
    log = project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))

    result = project.reconfigured(RANGE + OLD_AT_ONCE).run([OFFLOADED])

    assert not result.success
    assert "allow_delete: true" in failures(result)[0]
    assert log.is_file()


@pytest.mark.suite("security")
@pytest.mark.promise("nothing-deleted-unproven")
def test_a_run_has_no_configuration_that_could_permit_anything(project: RangeProject) -> None:
    for asset in (MATCHES, OFFLOADED):
        node = project.definitions.resolve_assets_def(asset).node_def
        assert isinstance(node, dg.OpDefinition)
        assert not node.config_schema.as_field().config_type.fields  # type: ignore[attr-defined]


def test_what_is_archived_already_makes_no_archive(project: RangeProject) -> None:
    project.log("range_main_20250914.ndjson", string("2025-09-14T10:00:00"))
    reconfigured = project.reconfigured(RANGE + "log: {offload: {days_old: 1, min_idle: 0}}\n")
    reconfigured.run([OFFLOADED])

    again = said(reconfigured.run([OFFLOADED]), OFFLOADED)

    assert again["status"] == "nothing new"
    assert again["known"] == 1
    assert "path" not in again


def test_offloading_runs_by_itself_only_where_it_is_asked_for(project: RangeProject) -> None:
    asked = RANGE + 'log: {offload: {schedule: "15 4 * * *"}}\n'

    without = project.definitions.resolve_schedule_def("leadville_offload")
    schedule = project.reconfigured(asked).definitions.resolve_schedule_def("leadville_offload")

    assert without.default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedule.cron_schedule == "15 4 * * *"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_archives_are_verified_a_quarter_each_week_once_switched_on(tmp_path: Path) -> None:
    with dg.instance_for_test() as instance:
        project = RangeProject(tmp_path, instance)
        schedule = project.definitions.resolve_schedule_def("leadville_verify_archives")
        job = project.definitions.resolve_job_def("verify_archives_leadville")

        parts = []
        for day in (7, 14, 21, 28):
            # The context opens the instance anew, and has to let go of it.
            with dg.build_schedule_context(
                instance=instance,
                scheduled_execution_time=datetime(2026, 6, day, 3, 40, tzinfo=UTC),
            ) as context:
                [request] = schedule.evaluate_tick(context).run_requests or []
            parts.append(request.tags[SUBSET])
            job.execute_in_process(instance=instance, tags=request.tags, run_config=QUIET)

    assert parts == ["1/4", "2/4", "3/4", "4/4"]
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
