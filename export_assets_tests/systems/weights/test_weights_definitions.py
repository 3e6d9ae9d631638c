"""The store as Dagster's assets: by day of the export, watched, scheduled, checked."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from export_assets.defs.build import build_definitions
from export_assets.systems.weights.sample import make_sample
from export_assets_tests.defs.shop_project import QUIET, failures
from export_assets_tests.systems.weights.weights_world import Store

TABLES = (
    "states", "measurements", "covariances", "resets", "summary", "acceptance", "weights_raw",
    "quarantine",
)  # fmt: skip
STATES = dg.AssetKey(["weights", "states", "parquet"])


class Dagster:
    """One instance over a store."""

    def __init__(self, store: Store, instance: dg.DagsterInstance) -> None:
        self.store, self.instance = store, instance
        self.definitions = build_definitions(store.workspace(), retry_seconds=0.0)

    def run(
        self, keys: Sequence[dg.AssetKey], partition: str | None = None
    ) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_implicit_job_def_def_for_assets(keys)
        assert job is not None
        return job.execute_in_process(
            instance=self.instance,
            partition_key=partition,
            run_config=QUIET,
            raise_on_error=False,
            asset_selection=list(keys),
        )

    def look(self, cursor: str | None = None) -> Any:
        sensor = self.definitions.resolve_sensor_def("weights_changes")
        return sensor(
            dg.build_sensor_context(
                instance=self.instance, cursor=cursor, definitions=self.definitions
            )
        )

    def scheduled(self, moment: datetime) -> list[Any]:
        schedule = self.definitions.resolve_schedule_def("weights_schedule")
        context = dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=moment,
            repository_def=self.definitions.get_repository_def(),
        )
        return list(schedule.evaluate_tick(context).run_requests or [])


@pytest.fixture
def dagster(store: Store) -> Iterator[Dagster]:
    make_sample(store.states, users=60)
    with dg.DagsterInstance.ephemeral(tempdir=str(store.home)) as instance:
        yield Dagster(store, instance)


def today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def keys() -> list[dg.AssetKey]:
    return [
        dg.AssetKey(["weights", table, fmt])
        for table in TABLES
        for fmt in ("parquet", "csv", "ndjson")
    ]


def test_every_table_is_an_asset_in_every_format_below_its_table_in_the_store(
    dagster: Dagster,
) -> None:
    graph = dagster.definitions.resolve_asset_graph()
    found = {key for key in graph.get_all_asset_keys() if key.path[0] == "weights"}

    assert found == {*keys(), *(dg.AssetKey(["weights", table]) for table in TABLES)}
    assert graph.get(STATES).parent_keys == {dg.AssetKey(["weights", "states"])}
    assert graph.get(STATES).partitions_def is not None
    assert graph.get(dg.AssetKey(["weights", "summary", "csv"])).partitions_def is None
    assert "day" in (graph.get(STATES).description or "")


def test_a_run_publishes_today_and_its_checks_tell_what_is_odd(dagster: Dagster) -> None:
    result = dagster.run(keys())

    assert failures(result) == []
    assert dagster.instance.get_materialized_partitions(STATES) == {today()}
    checks = {
        (one.asset_key.path[1], one.check_name): one.passed
        for one in result.get_asset_check_evaluations()
        if one.asset_key.path[2] == "parquet"
    }
    assert checks["states", "plausible"] is False
    assert checks["weights_raw", "plausible"] is False
    assert checks["states", "completeness"] is True
    assert checks["states", "coverage"] is True


def test_a_day_can_be_named_if_it_is_today(dagster: Dagster) -> None:
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"

    assert dagster.run([STATES], today()).success
    (told,) = failures(dagster.run([STATES], yesterday))
    assert f"states: partition '{yesterday}': is sliced by the time of the export" in told
    assert f"a run now publishes '{today()}'" in told
    assert dagster.instance.get_materialized_partitions(STATES) == {today()}


def test_the_schedule_exports_the_store_as_it_is(dagster: Dagster) -> None:
    requests = dagster.scheduled(datetime(2026, 3, 1, 1, 30, tzinfo=UTC))

    assert {one.partition_key for one in requests} == {None}
    assert {key for one in requests for key in one.asset_selection} >= set(keys())


def test_the_sensor_sees_a_changed_state_and_is_quiet_else(dagster: Dagster) -> None:
    (request,) = dagster.look().run_requests
    assert dagster.run(request.asset_selection).success
    cursor = dagster.look().cursor
    assert isinstance(dagster.look(cursor), dg.SkipReason)

    dagster.store.put("u-new", {"last_state": [[80.0, 0.0]]})
    (request,) = dagster.look(cursor).run_requests
    assert set(request.asset_selection) == set(keys())
