"""Every setting of the application has the effect its name says."""

import time
from pathlib import Path
from threading import Event

import pytest

from export_assets.config.monitor import MonitorConfig
from export_assets.config.sets import SetConfig
from export_assets.engine.monitor import Monitor
from export_assets.errors import ConfigError
from export_assets.systems.labeling.live_edits import Editor
from export_assets_tests.systems.labeling.labeling_world import Project, assert_legacy


def monitored(project: Project, told: list[str] | None = None, **variables: str) -> Monitor:
    workspace = project.workspace(**variables)
    lines = told if told is not None else []
    return Monitor(workspace.source("labeling"), workspace, told=lines.append)


def rules(project: Project, **variables: str) -> tuple[MonitorConfig, SetConfig]:
    config = project.workspace(**variables).source("labeling").config
    return config.monitor, config.sets["database_export"]


def test_the_defaults_are_those_of_the_application(project: Project) -> None:
    monitor, whole = rules(project)
    assert (monitor.enabled, monitor.every, monitor.export) == (True, 10, True)
    assert (monitor.background, monitor.verbose) == (True, True)
    assert (whole.directory, whole.max_mb) == ("database_exports", 50)
    assert whole.formats == ("json", "csv", "parquet")


@pytest.mark.parametrize(
    ("variable", "text", "fact"),
    [
        ("DB_EXPORT_ENABLE_AUTO_EXPORT", "perhaps", "must be true or false, not 'perhaps'"),
        ("DB_EXPORT_CHECK_INTERVAL", "0", "must be a number above 0, not '0'"),
        ("DB_EXPORT_CHECK_INTERVAL", "often", "must be a number above 0, not 'often'"),
        ("DB_EXPORT_MAX_EXPORT_SIZE_MB", "inf", "must be a number above 0, not 'inf'"),
        ("DB_EXPORT_ENVIRONMENT", "prod", "must be one of development, production, testing"),
        ("DB_EXPORT_INTERVAL", "5", "there is no such setting; there are DB_EXPORT_ENABLE_AUTO"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(
    project: Project, variable: str, text: str, fact: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        project.workspace(**{variable: text})
    assert str(refused.value).startswith(f"{variable}: ")
    assert fact in str(refused.value)


def test_the_environment_holds_over_the_file(project: Project) -> None:
    project.configure("options: {check_interval: 30, export_csv: false}\n")
    monitor, whole = rules(project)
    assert monitor.every == 30
    assert whole.formats == ("json", "parquet")
    monitor, whole = rules(project, DB_EXPORT_CHECK_INTERVAL="5", DB_EXPORT_EXPORT_CSV="true")
    assert monitor.every == 5
    assert "csv" in whole.formats


def test_json_and_csv_can_be_left_out(project: Project) -> None:
    project.export(tables=("database_export",), variables={"DB_EXPORT_EXPORT_JSON": "false"})
    assert not (project.set / "database_export.json").exists()
    assert (project.set / "images.csv").exists()
    project.export(2, tables=("database_export",), variables={"DB_EXPORT_EXPORT_CSV": "no"})
    assert (project.copy / "database_export.json").exists()
    assert not list(project.copy.glob("*.csv"))


def test_the_copy_is_kept_where_the_setting_says(project: Project, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere" / "out"
    variables = {"DB_EXPORT_EXPORT_DIRECTORY": str(place)}
    project.export(tables=("database_export",), variables=variables)
    assert_legacy(place, project.database)
    assert not project.copy.exists()


def test_a_set_over_the_limit_is_refused_whole(project: Project) -> None:
    project.export(tables=("database_export",))
    before = {path: path.read_bytes() for path in project.copy.iterdir()}
    with Editor(project.database, older=project.home / "older") as editor:
        editor.edit("insert")
    variables = {"DB_EXPORT_MAX_EXPORT_SIZE_MB": "0.05"}
    report = project.exporter(2, tables=("database_export",), variables=variables).export()
    (failed,) = report.failed
    assert "is larger than the 0.05 MB it may have" in (failed.error or "")
    assert report.exit_code == 30
    assert {path: path.read_bytes() for path in project.copy.iterdir()} == before


def test_a_monitor_exports_what_changed_beside_the_program(project: Project) -> None:
    seen, quiet = Event(), Event()

    def tell(line: str) -> None:
        if "exported" in line:
            seen.set()
        if "unchanged" in line:
            quiet.set()

    workspace = project.workspace(DB_EXPORT_CHECK_INTERVAL="0.1")
    monitor = Monitor(workspace.source("labeling"), workspace, told=tell)
    assert monitor.start()
    try:
        assert seen.wait(30)
        assert_legacy(project.copy, project.database)
        with Editor(project.database, older=project.home / "older") as editor:
            seen.clear()
            editor.edit("edit_annotation")
            assert seen.wait(30)
        quiet.clear()
        assert quiet.wait(30)  # development tells of every look
    finally:
        assert monitor.stop(30)
    assert_legacy(project.copy, project.database)
    assert not monitor.running


def test_without_background_threads_the_program_looks_itself(project: Project) -> None:
    monitor = monitored(project, DB_EXPORT_USE_BACKGROUND_THREADS="false")
    assert not monitor.start()
    assert not monitor.running
    seen = monitor.check()
    assert seen is not None
    assert not seen.failed
    assert_legacy(project.copy, project.database)


@pytest.mark.parametrize(
    "variables",
    [
        {"DB_EXPORT_ENVIRONMENT": "production", "DB_EXPORT_ENABLE_MONITORING": "true"},
        {"DB_EXPORT_ENABLE_MONITORING": "false", "DB_EXPORT_ENVIRONMENT": "testing"},
    ],
)
def test_production_never_monitors_and_exports_by_hand(
    project: Project, variables: dict[str, str]
) -> None:
    told: list[str] = []
    monitor = monitored(project, told, **variables)
    assert not monitor.start()
    assert monitor.check() is None
    assert "not monitored" in told[0]
    done = project.command("watch", "labeling", "--for", "1", **variables)
    assert done.returncode == 2
    assert "is not watched" in done.stderr
    assert not project.copy.exists()
    assert not monitor.export().failed
    assert_legacy(project.copy, project.database)


def test_without_auto_export_a_change_is_told_and_not_exported(project: Project) -> None:
    monitor = monitored(project, DB_EXPORT_ENABLE_AUTO_EXPORT="false")
    monitor.check()
    with Editor(project.database, older=project.home / "older") as editor:
        editor.edit("insert")
    seen = monitor.check()
    assert seen is not None
    assert seen.told == "changed; not exported, as configured"
    assert not (project.home / "exports").exists()


def test_testing_is_as_set_and_quiet(project: Project) -> None:
    monitor, _ = rules(project, DB_EXPORT_ENVIRONMENT="testing")
    assert (monitor.enabled, monitor.verbose) == (True, False)


def test_watch_follows_the_database_without_dagster(project: Project) -> None:
    done = project.command(
        "watch", "labeling", "database_export", "--interval", "0.2", "--for", "2"
    )
    assert done.returncode == 0, done.stderr
    assert "database_export" in done.stdout
    assert_legacy(project.copy, project.database)
    place = project.home / "given"
    done = project.command(
        "watch", "labeling", "--interval", "0.2", "--for", "1", "--export-dir", str(place),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert_legacy(place, project.database)


def test_a_monitor_that_is_ending_can_be_started_again(project: Project) -> None:
    monitor = monitored(project, DB_EXPORT_CHECK_INTERVAL="0.2")
    assert monitor.start()
    monitor.stop(0.0)
    assert monitor.start()
    assert monitor.running
    with Editor(project.database, older=project.home / "older") as editor:
        editor.edit("insert")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and monitor.last is None:
        time.sleep(0.05)
    assert monitor.last is not None
    assert monitor.running
    assert monitor.stop(60)
