"""The application's tables as Dagster's assets."""

from pathlib import Path

import dagster as dg
import pytest

from export_assets.defs.build import build_definitions
from export_assets_tests.defs.shop_project import QUIET, failures
from export_assets_tests.systems.theprogram.theprogram_world import (
    LATER_TABLES,
    TABLES,
    Project,
    expected,
    read_records,
)


def tables_of(definitions: dg.Definitions) -> set[str]:
    graph = definitions.resolve_asset_graph()
    paths = [asset.path for asset in graph.get_all_asset_keys()]
    return {path[1] for path in paths if path[0] == "theprogram" and path[1] != "bundles"}


def bundles_of(definitions: dg.Definitions) -> set[str]:
    graph = definitions.resolve_asset_graph()
    return {one.path[2] for one in graph.get_all_asset_keys() if one.path[1:2] == ["bundles"]}


def test_a_client_and_a_chart_are_offered_as_bundles_where_there_are_any(
    tmp_path: Path, later: Project
) -> None:
    later.configure("options: {generation: 2}\n")
    (tmp_path / "x").mkdir()

    assert bundles_of(build_definitions(Project(tmp_path / "x").workspace())) == {
        "clients",
        "charts",
    }
    assert bundles_of(build_definitions(later.workspace())) == {"charts"}


def test_the_tables_are_known_without_a_database(tmp_path: Path) -> None:
    project = Project(tmp_path)
    definitions = build_definitions(project.workspace())

    assert tables_of(definitions) == set(TABLES)
    assert [path.name for path in tmp_path.iterdir()] == ["export_assets.yaml"]


def test_tables_the_later_generation_lacks_are_no_assets_where_it_is_expected(
    later: Project,
) -> None:
    later.configure("options: {generation: 2}\n")

    assert tables_of(build_definitions(later.workspace())) == set(LATER_TABLES)


@pytest.mark.parametrize("generation", ["earlier", "later"])
def test_every_table_materializes_with_its_checks(
    generation: str, request: pytest.FixtureRequest
) -> None:
    project: Project = request.getfixturevalue(generation)
    more = "options: {generation: 2, computed: true}" if generation == "later" else ""
    project.configure(f"formats: [json]\n{more}\n")
    definitions = build_definitions(project.workspace(), retry_seconds=0.0)
    tables = TABLES if generation == "earlier" else LATER_TABLES
    keys = [dg.AssetKey(["theprogram", name, "json"]) for name in tables]
    job = definitions.resolve_implicit_job_def_def_for_assets(keys)
    assert job is not None

    with dg.DagsterInstance.ephemeral(tempdir=str(project.home)) as instance:
        result = job.execute_in_process(
            instance=instance, run_config=QUIET, asset_selection=keys, raise_on_error=False
        )

    assert result.success, failures(result)
    checks = [
        event.asset_check_evaluation_data
        for event in result.all_events
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    assert {check.check_name for check in checks} > {"chart_id_to_charts"}
    assert [check.check_name for check in checks if not check.passed] == []
    if generation == "earlier":
        rows = expected(project.rows("charts"), "json")
        assert read_records(project.part("charts", "json"), "json") == rows
