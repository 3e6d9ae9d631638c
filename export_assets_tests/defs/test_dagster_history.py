"""Old runs of Dagster go; what they say of assets stays."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from export_assets.defs.dagster_history import delete_run, plan_history
from export_assets.defs.history_job import build_history_job
from export_assets_tests.defs.shop_project import QUIET, Shop

LATER = timedelta(days=91)


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
def letters() -> None: ...


@dg.asset
def whole() -> None: ...


@dg.asset_check(asset=whole)
def sound() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.asset
def broken() -> None:
    msg = "it breaks"
    raise RuntimeError(msg)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """One with files, as `export-assets dev` has."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def make(instance: dg.DagsterInstance, asset: dg.AssetsDefinition, key: str | None = None) -> str:
    job = dg.Definitions(assets=[asset], asset_checks=[sound] if asset is whole else [])
    implicit = job.resolve_implicit_global_asset_job_def()
    result = implicit.execute_in_process(
        instance=instance, partition_key=key, run_config=QUIET, raise_on_error=False
    )
    return result.run_id


def prune(instance: dg.DagsterInstance, *, before: datetime) -> list[str]:
    plan = plan_history(instance, before=before)
    for run_id in plan.delete:
        delete_run(instance, run_id)
    return list(plan.delete)


def test_a_run_goes_when_newer_ones_made_everything_it_made(instance: dg.DagsterInstance) -> None:
    old_a, only_b, new_a = (make(instance, letters, key) for key in ("a", "b", "a"))
    old, new, failed = make(instance, whole), make(instance, whole), make(instance, broken)

    deleted = prune(instance, before=datetime.now(UTC) + LATER)

    left = {run.run_id for run in instance.get_runs()}
    assert deleted == [old_a, old, failed]
    assert left == {only_b, new_a, new}
    assert instance.get_materialized_partitions(letters.key) == {"a", "b"}
    [record] = instance.fetch_materializations(whole.key, limit=5).records
    assert record.run_id == new
    check = dg.AssetCheckKey(whole.key, "sound")
    [history] = instance.event_log_storage.get_asset_check_execution_history(check, limit=1)
    assert history.run_id == new


def test_its_events_logs_and_files_are_gone(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    old, new = make(instance, whole), make(instance, whole)

    def files(run_id: str) -> list[Path]:
        return [path for path in tmp_path.rglob("*") if run_id in str(path) and path.is_file()]

    before = len(files(old))
    prune(instance, before=datetime.now(UTC) + LATER)

    assert before > 1
    assert files(old) == []
    assert len(files(new)) == before


def test_what_is_young_or_not_over_stays(instance: dg.DagsterInstance) -> None:
    make(instance, broken)
    running = instance.create_run_for_job(
        dg.Definitions(assets=[broken]).resolve_implicit_global_asset_job_def()
    )

    assert prune(instance, before=datetime.now(UTC) - timedelta(days=1)) == []
    assert running.run_id not in prune(instance, before=datetime.now(UTC) + LATER)


def test_a_newest_observation_is_kept_too(instance: dg.DagsterInstance) -> None:
    @dg.op
    def observe(context: dg.OpExecutionContext) -> None:
        context.log_event(dg.AssetObservation("seen", partition="a", metadata={"n": 1}))

    @dg.job
    def observing() -> None:
        observe()

    first, second = (
        observing.execute_in_process(instance=instance, run_config=QUIET).run_id for _ in range(2)
    )

    assert prune(instance, before=datetime.now(UTC) + LATER) == [first]
    assert [run.run_id for run in instance.get_runs()] == [second]


def test_more_runs_than_one_page_are_gone_through(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export_assets.defs.dagster_history._BATCH", 2)
    runs = [make(instance, letters, key) for key in ("a", "b", "a", "b", "a")]

    assert prune(instance, before=datetime.now(UTC) + LATER) == runs[:3]
    assert instance.get_materialized_partitions(letters.key) == {"a", "b"}


def test_the_job_says_what_it_deleted(instance: dg.DagsterInstance) -> None:
    make(instance, broken)
    make(instance, whole)

    young = build_history_job(90).job.execute_in_process(instance=instance, run_config=QUIET)
    old = build_history_job(-1).job.execute_in_process(instance=instance, run_config=QUIET)

    assert deleted(young) == 0
    # The failed run, and the run of the job just before.
    assert deleted(old) == 2
    assert instance.get_latest_materialization_event(whole.key) is not None


def deleted(result: dg.ExecuteInProcessResult) -> object:
    [output] = [event for event in result.all_events if event.is_successful_output]
    return output.step_output_data.metadata["deleted"].value


def test_it_is_off_until_somebody_wants_it_and_takes_its_days_from_the_settings(
    shop: Shop,
) -> None:
    (shop.home / "export_assets.yaml").write_text("keep_runs_days: 30\n", encoding="utf-8")

    schedule = shop.definitions.resolve_schedule_def("dagster_prune")
    job = shop.definitions.resolve_job_def("prune_dagster")

    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert "30 days" in (job.description or "")
