"""The labelling database in Dagster: sets as assets, a partition per project, and its sensor."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from export_assets.defs.build import build_definitions
from export_assets.systems.labeling.live_edits import Editor
from export_assets.systems.labeling.sample import make_sample
from export_assets_tests.defs.shop_project import QUIET, failures
from export_assets_tests.systems.labeling.labeling_world import Project, assert_legacy, document

WHOLE = dg.AssetKey(["labeling", "database_export", "set"])
PROJECTS = dg.AssetKey(["labeling", "project_documents", "set"])
PARTITIONS = "labeling_project_documents"


@pytest.fixture
def small(tmp_path: Path) -> Project:
    project = Project(tmp_path / "home")
    make_sample(project.database, projects=2, images=3)
    return project


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as one:
        yield one


def definitions(project: Project, **variables: str) -> dg.Definitions:
    return build_definitions(project.workspace(**variables))


def run(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    *keys: dg.AssetKey,
    partition: str | None = None,
) -> dg.ExecuteInProcessResult:
    job = defs.resolve_implicit_job_def_def_for_assets(list(keys))
    assert job is not None
    return job.execute_in_process(
        instance=instance,
        partition_key=partition,
        run_config=dict(QUIET),
        raise_on_error=False,
        asset_selection=list(keys),
    )


def partitions_told(instance: dg.DagsterInstance, key: dg.AssetKey) -> list[str | None]:
    events = instance.fetch_materializations(key, limit=100).records
    return [one.partition_key for one in events]


def tick(
    defs: dg.Definitions, instance: dg.DagsterInstance, cursor: str | None = None
) -> dg.SensorResult | dg.SkipReason:
    sensor = defs.resolve_sensor_def("labeling_changes")
    context = dg.build_sensor_context(instance=instance, cursor=cursor, definitions=defs)
    found = sensor(context)
    assert isinstance(found, dg.SensorResult | dg.SkipReason)
    return found


def test_sets_are_assets_of_the_tables_they_show(tmp_path: Path) -> None:
    defs = definitions(Project(tmp_path))
    dg.Definitions.validate_loadable(defs)
    graph = defs.resolve_asset_graph()
    assert graph.get(WHOLE).partitions_def is None
    assert isinstance(graph.get(PROJECTS).partitions_def, dg.DynamicPartitionsDefinition)
    above = {key.path[1] for key in graph.get(PROJECTS).parent_keys}
    assert above == {"projects", "labels", "datasets", "images", "annotations"}
    assert {"dev_mode_settings", "images"} <= {one.path[1] for one in graph.get(WHOLE).parent_keys}
    # Loaded without a database.
    assert [path.name for path in tmp_path.iterdir()] == ["export_assets.yaml"]


def test_the_set_is_materialized_with_its_figures_and_check(
    small: Project, instance: dg.DagsterInstance
) -> None:
    result = run(definitions(small), instance, WHOLE)
    assert result.success, failures(result)
    [event] = result.asset_materializations_for_node("set__labeling__database_export")
    tables = event.metadata["tables"].value
    assert isinstance(tables, dict)
    assert tables["projects"] == 2
    [check] = result.get_asset_check_evaluations()
    assert check.passed, check.description
    assert_legacy(small.copy, small.database)


def test_a_broken_set_fails_its_check(small: Project, instance: dg.DagsterInstance) -> None:
    defs = definitions(small)
    assert run(defs, instance, WHOLE).success
    (small.set / "images.csv").write_bytes(b"ID\n")
    job = defs.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection={dg.AssetCheckKey(WHOLE, "set")}
    )
    result = job.execute_in_process(instance=instance, run_config=dict(QUIET), raise_on_error=False)
    [check] = result.get_asset_check_evaluations()
    assert not check.passed
    assert "images.csv" in (check.description or "")


def test_every_project_is_a_partition(small: Project, instance: dg.DagsterInstance) -> None:
    defs = definitions(small)
    result = run(defs, instance, PROJECTS)
    assert result.success, failures(result)
    names = instance.get_dynamic_partitions(PARTITIONS)
    place = small.home / "exports" / "labeling" / "project_documents" / "set"
    assert {f"project_id={name}" for name in names} == {path.name for path in place.iterdir()}
    assert set(partitions_told(instance, PROJECTS)) == set(names)
    assert len(names) == 2
    (path,) = list(place.glob(f"project_id={names[0]}"))
    before = path.stat().st_ino
    result = run(defs, instance, PROJECTS, partition=names[0])
    assert result.success, failures(result)
    assert path.stat().st_ino == before  # nothing changed
    assert [str(one["id"]) for one in document(path, "project.json")["projects"]] == [names[0]]


def test_the_sensor_asks_for_what_changed_until_it_is_exported(
    small: Project, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    defs = definitions(small)
    sensor = defs.resolve_sensor_def("labeling_changes")
    assert sensor.minimum_interval_seconds == 10
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    asked = tick(defs, instance)
    assert isinstance(asked, dg.SensorResult)
    requests = asked.run_requests or []
    assert WHOLE in (requests[0].asset_selection or ())
    assert [one.asset_selection for one in requests[1:]] == [[PROJECTS]]
    for request in requests:
        result = run(defs, instance, *(request.asset_selection or ()))
        assert result.success, failures(result)
    done = tick(defs, instance, asked.cursor)
    assert isinstance(done, dg.SensorResult)
    # Of what is exported only checks are left to be made.
    assert not [one for one in done.run_requests or () if one.asset_selection]
    assert isinstance(tick(defs, instance, done.cursor), dg.SkipReason)
    with Editor(small.database, older=tmp_path / "older") as editor:
        editor.edit("edit_annotation")
        again = tick(defs, instance, done.cursor)
    assert isinstance(again, dg.SensorResult)
    assert [one for one in again.run_requests or () if one.asset_selection]


def test_what_is_published_without_dagster_is_told(
    small: Project, instance: dg.DagsterInstance
) -> None:
    small.export()
    defs = definitions(small)
    sensor = defs.resolve_sensor_def("published_elsewhere")
    context = dg.build_sensor_context(instance=instance, definitions=defs)
    found = sensor(context)
    assert isinstance(found, dg.SensorResult)
    events = [one for one in found.asset_events if one.asset_key in {WHOLE, PROJECTS}]
    assert len(events) == 3
    [added] = found.dynamic_partitions_requests or []
    assert added.partitions_def_name == PARTITIONS
    assert len(added.partition_keys) == 2


def test_production_has_no_sensor_and_auto_export_off_only_tells(
    small: Project, instance: dg.DagsterInstance
) -> None:
    names = [
        one.name for one in definitions(small, DB_EXPORT_ENVIRONMENT="production").sensors or ()
    ]
    assert "labeling_changes" not in names
    defs = definitions(small, DB_EXPORT_ENABLE_AUTO_EXPORT="false", DB_EXPORT_CHECK_INTERVAL="45")
    assert defs.resolve_sensor_def("labeling_changes").minimum_interval_seconds == 45
    told = tick(defs, instance)
    assert isinstance(told, dg.SensorResult)
    assert not told.run_requests
    assert not (small.home / "exports" / "labeling").exists()


def test_references_that_lead_nowhere_are_checks(small: Project) -> None:
    graph = definitions(small).resolve_asset_graph()
    checks = {(one.asset_key.path[1], one.name) for one in graph.asset_check_keys}
    assert ("annotations", "image_id_to_images") in checks
    assert ("images", "dataset_id_to_datasets") in checks
    assert ("datasets", "project_id_to_projects") in checks
