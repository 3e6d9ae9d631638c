"""The application's JSON file: every key does what it says, and nothing else."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from export_assets.config.show import show
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.engine.workspace import Workspace
from export_assets.errors import ConfigError
from export_assets.systems.leadville.sample import make_logs
from export_assets.systems.registry import load_workspace
from export_assets_tests.engine.logs.log_world import NOW


def load(
    home: Path, block: Any = None, *, yaml: str = "", environ: Mapping[str, str] | None = None
) -> Workspace:
    """Load a project whose range has the JSON *block*, beside *yaml*."""
    home.mkdir(exist_ok=True)
    if block is not None:
        document = {"serial": {"port": "/dev/ttyUSB0"}, "data_export": block}
        (home / "range.json").write_text(json.dumps(document), encoding="utf-8")
    (home / "sources").mkdir(exist_ok=True)
    (home / "sources" / "range.yaml").write_text(
        "source: leadville\nurl: logs\noptions: {config_file: range.json}\n" + yaml,
        encoding="utf-8",
    )
    return load_workspace(home, environ=environ or {})


def options(workspace: Workspace, table: str, fmt: Any) -> Any:
    return workspace.source("leadville").config.format_options_of(table, fmt)


def test_an_empty_block_is_its_defaults(tmp_path: Path) -> None:
    workspace = load(tmp_path, {})

    config = workspace.source("leadville").config
    assert config.enabled
    assert config.formats == ("parquet", "csv", "ndjson")
    assert (config.schedule, config.every_hours, config.batch_size) == (None, None, 10_000)
    assert (config.log.offload.schedule, config.log.offload.days_old) == (None, 30)
    assert not config.log.offload.delete
    assert options(workspace, "events", "parquet").compression == "gzip"
    assert options(workspace, "runs", "parquet").partition_by is None
    assert options(workspace, "events", "csv").without == {"event_type": ("debug",)}
    assert options(workspace, "events", "ndjson").include_raw_data is True
    assert workspace.project.settings.exports_dir == tmp_path / "exports"


def test_every_key_does_what_it_says(tmp_path: Path) -> None:
    workspace = load(
        tmp_path,
        {
            "enabled": True,
            "export_dir": "out",
            "batch_size": 500,
            "auto_export": {"enabled": True, "interval_hours": 7, "formats": ["ndjson", "csv"]},
            "formats": {
                "csv": {"enabled": True, "include_debug": True},
                "ndjson": {"schema_version": "1.0.0", "include_raw_data": False},
                "parquet": {"enabled": False, "compression": "brotli", "partition_by": "session"},
            },
            "offload": {"auto_offload": True, "retention_days": 45, "delete_after_offload": True},
        },
    )

    config = workspace.source("leadville").config
    assert config.formats == ("csv", "ndjson")
    assert (config.every_hours, config.scheduled_formats) == (7, ("ndjson", "csv"))
    assert config.batch_size == 500
    offload = config.log.offload
    assert (offload.schedule, offload.days_old, offload.delete) == ("45 2 * * *", 45, True)
    assert options(workspace, "events", "csv").without == {}
    assert options(workspace, "events", "ndjson").include_raw_data is False
    assert options(workspace, "events", "ndjson").profile == "logged"
    assert options(workspace, "events", "parquet").compression == "brotli"
    assert options(workspace, "events", "parquet").partition_by == "session"
    assert options(workspace, "runs", "parquet").partition_by == "session"
    assert workspace.store.root == tmp_path / "out"


def test_a_column_of_events_alone_divides_events_alone(tmp_path: Path) -> None:
    workspace = load(tmp_path, {"formats": {"parquet": {"partition_by": "event_type"}}})

    assert options(workspace, "events", "parquet").partition_by == "event_type"
    assert options(workspace, "runs", "parquet").partition_by is None


def test_what_the_project_says_itself_stays(tmp_path: Path) -> None:
    yaml = """\
schedule: "0 3 * * *"
formats: [csv]
batch_size: 77
log: {offload: {days_old: 5}}
tables: {events: {format_options: {ndjson: {include_raw_data: true}}}}
"""
    (tmp_path / "export_assets.yaml").write_text("exports_dir: mine\n", encoding="utf-8")
    block = {
        "export_dir": "out",
        "auto_export": {"enabled": True},
        "formats": {"ndjson": {"include_raw_data": False}},
        "offload": {"retention_days": 90},
    }

    workspace = load(tmp_path, block, yaml=yaml)

    config = workspace.source("leadville").config
    assert (config.schedule, config.every_hours) == ("0 3 * * *", None)
    assert (config.formats, config.batch_size, config.log.offload.days_old) == (("csv",), 77, 5)
    assert options(workspace, "events", "ndjson").include_raw_data is True
    assert options(workspace, "events", "ndjson").profile == "logged"
    assert workspace.store.root == tmp_path / "mine"


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "app.json").write_text('{"data_export": {"batch_size": 9}}', encoding="utf-8")

    workspace = load_workspace(tmp_path, environ={"LEADVILLE_CONFIG": "app.json"})

    assert workspace.source("leadville").config.batch_size == 9


def test_what_is_in_force_is_shown_with_its_origin(tmp_path: Path) -> None:
    workspace = load(tmp_path, {"export_dir": "out", "offload": {"retention_days": 45}})

    shown = show(workspace.project)

    offload = shown["sources"]["leadville"]["log"]["offload"]
    assert offload["days_old"] == {
        "value": 45,
        "origin": "range.json, data_export.offload.retention_days",
    }
    assert offload["delete"]["origin"].startswith("default of range.json, data_export.offload")
    assert shown["settings"]["exports_dir"]["origin"] == "range.json"


@pytest.mark.parametrize(
    ("block", "lines"),
    [
        (
            {"formts": {}, "auto_export": {"interval_hours": 0}},
            {
                "range.json: data_export.formts: unknown key, did you mean 'formats'?",
                "range.json: data_export.auto_export.interval_hours: must be greater than 0, not 0",
            },
        ),
        (
            {"formats": {"csv": {"enbled": False}}},
            {"range.json: data_export.formats.csv.enbled: unknown key, did you mean 'enabled'?"},
        ),
        (
            {"enabled": "yes"},
            {"range.json: data_export.enabled: must be true or false, not 'yes'"},
        ),
        (
            {"formats": {"ndjson": {"schema_version": "2.0.0"}}},
            {("range.json: data_export.formats.ndjson.schema_version: must be one of 1.0.0, not "
             "'2.0.0', did you mean '1.0.0'?")},
        ),
        (
            {"formats": {"parquet": {"compression": "gzp"}}},
            {("range.json: data_export.formats.parquet.compression: must be one of gzip, brotli, "
             "lz4, zstd, snappy, none, not 'gzp', did you mean 'gzip'?")},
        ),
        (
            {"formats": {name: {"enabled": False} for name in ("csv", "ndjson", "parquet")}},
            {("range.json: data_export.formats: every format is switched off; to export nothing at "
             "all say enabled: false")},
        ),
        ([], {"range.json: data_export: must be a mapping of keys, not a list"}),
    ],
)  # fmt: skip
def test_each_mistake_is_one_line_that_names_file_and_key(
    block: Any, lines: set[str], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, block)

    assert set(str(caught.value).splitlines()) == lines


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "range.json: no such file or directory"),
        ("{", "range.json: is no JSON: "),
        ("{}", "range.json: data_export: required key is missing"),
        ("[]", "range.json: data_export: required key is missing"),
    ],
)
def test_a_file_without_the_block_is_refused(text: str | None, says: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "range.json").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load(tmp_path)

    assert str(caught.value).startswith(says)


def test_a_column_that_no_table_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"partition_by: .*events has no column zone"):
        load(tmp_path, {"formats": {"parquet": {"partition_by": "zone"}}})


def export(workspace: Workspace, **request: Any) -> Exporter:
    return Exporter(
        workspace=workspace,
        source=workspace.source("leadville"),
        request=ExportRequest(**request),
        run=Run(id="run-1", now=NOW),
    )


def test_a_range_that_is_switched_off_exports_nothing(tmp_path: Path) -> None:
    make_logs(tmp_path / "logs", days=1)
    workspace = load(tmp_path, {"enabled": False})

    with pytest.raises(ConfigError, match="leadville: enabled is false"):
        export(workspace).export()

    assert not (tmp_path / "exports").exists()


def test_where_the_file_lies_changes_no_partition(tmp_path: Path) -> None:
    make_logs(tmp_path / "logs", days=1)
    export(load(tmp_path, {}), tables=("events",)).export()
    (tmp_path / "elsewhere.json").write_bytes((tmp_path / "range.json").read_bytes())
    yaml = tmp_path / "sources" / "range.yaml"
    yaml.write_text(yaml.read_text(encoding="utf-8").replace("range.json", "elsewhere.json"))
    moved = load_workspace(tmp_path, environ={})

    report = export(moved, tables=("events",), full=True).export()

    assert {record.status for record in report.records} == {"unchanged"}


def test_rows_are_read_in_batches_of_the_size_configured(tmp_path: Path) -> None:
    make_logs(tmp_path / "logs", days=1)
    sizes: list[int] = []
    exporter = export(load(tmp_path, {"batch_size": 50}), tables=("events",))
    told = Exporter(
        workspace=exporter.workspace,
        source=exporter.source,
        request=exporter.request,
        run=exporter.run,
        progress=lambda _, rows: sizes.append(rows),
    )

    told.export()

    assert max(sizes) == 50
