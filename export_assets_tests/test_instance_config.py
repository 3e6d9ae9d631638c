"""dagster.yaml and workspace.yaml say what this version of Dagster understands."""

import re
import shutil
from pathlib import Path

import dagster as dg
import pytest
import yaml

from export_assets_tests.defs.shop_project import ORDERS, Shop, keys_of
from export_assets_tests.postgres_server import (
    PostgresServer,
    postgres_server,
    temporary_database,
)

__all__ = ["postgres_server"]

ROOT = Path(__file__).parents[1]


@pytest.fixture
def instance_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


def test_the_instance_starts_from_our_settings_and_phones_nobody(instance_home: Path) -> None:
    with dg.DagsterInstance.from_config(str(instance_home)) as instance:
        telemetry, welcome = instance.telemetry_enabled, instance.nux_enabled
        limits = instance.get_concurrency_config()

    assert (telemetry, welcome) == (False, False)
    assert limits.run_queue_config is not None
    assert limits.run_queue_config.max_concurrent_runs == 2
    assert limits.pool_config.default_pool_limit == 1


def test_stuck_runs_end_and_only_crashed_runs_are_tried_again(instance_home: Path) -> None:
    with dg.DagsterInstance.from_config(str(instance_home)) as instance:
        longest = instance.run_monitoring_max_runtime_seconds
        retries = instance.run_retries_max_retries
        retry_failed_steps = instance.run_retries_retry_on_asset_or_op_failure

    assert (longest, retries, retry_failed_steps) == (21600, 2, False)


def test_the_workspace_loads_the_code_location_from_a_checkout() -> None:
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))

    [entry] = workspace["load_from"]
    assert entry["python_module"]["module_name"] == "export_assets.definitions"
    assert entry["python_module"]["working_directory"] == "."


def test_the_storage_on_postgres_that_operations_describes_keeps_what_a_run_says(
    instance_home: Path,
    postgres_server: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    [described] = re.findall(
        r"<!-- tested by test_instance_config.py -->\n```yaml\n(.*?)```", page, re.DOTALL
    )
    settings = instance_home / "dagster.yaml"
    others = re.sub(
        r"^event_log_storage:\n(?: .*\n)+", "", settings.read_text(), flags=re.MULTILINE
    )
    settings.write_text(f"{others}\n{described}")

    with temporary_database(postgres_server) as database:
        monkeypatch.setenv("DAGSTER_POSTGRES_URL", database.url.replace("://", "+psycopg2://"))
        with dg.DagsterInstance.from_config(str(instance_home)) as instance:
            shop = Shop(tmp_path / "project", instance=instance)
            assert shop.run(keys_of(ORDERS), partition="2024-01-05").success
        stored = database.rows("select count(*) from event_logs where partition = '2024-01-05'")

    assert stored[0][0] > 0
