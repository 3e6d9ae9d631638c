"""What no rule keeps goes by Dagster where settings and YAML permit it, and never otherwise."""

import dagster as dg
import pytest

from export_assets.engine.request import ExportRequest
from export_assets.store.layout import ExportKey
from export_assets_tests.defs.shop_project import ORDERS, QUIET, SHOP, Shop, failures, key

KEEP = SHOP + "keep: {daily: 3}\n"
PERMITTED = KEEP + "prune: {delete: true}\n"
LEFT = {"2024-01-28", "2024-01-29", "2024-01-30"}


def prepared(shop: Shop, yaml: str, settings: str) -> Shop:
    shop.write_yaml(yaml)
    (shop.home / "export_assets.yaml").write_text(settings, encoding="utf-8")
    again = shop.reopened()
    again.command_line(ExportRequest(tables=("orders",)))
    return again


def run(shop: Shop) -> dg.ExecuteInProcessResult:
    job = shop.definitions.resolve_job_def("prune_shop")
    return job.execute_in_process(instance=shop.instance, run_config=QUIET, raise_on_error=False)


def figures(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    [output] = [event for event in result.all_events if event.is_successful_output]
    return {name: value.value for name, value in output.step_output_data.metadata.items()}


@pytest.mark.suite("security")
@pytest.mark.promise("nothing-deleted-unproven")
@pytest.mark.parametrize(
    ("yaml", "settings", "reason"),
    [
        (KEEP, "allow_delete: true\n", "prune.delete is false"),
        (PERMITTED, "allow_delete: false\n", "allow_delete is false"),
        (PERMITTED, "{}\n", "allow_delete is false"),
    ],
)
def test_without_both_permissions_the_plan_is_told_and_nothing_goes(
    shop: Shop, yaml: str, settings: str, reason: str
) -> None:
    again = prepared(shop, yaml, settings)

    result = run(again)

    logged = [str(one.message) for one in again.instance.all_logs(result.run_id)]
    assert result.success
    assert len(again.manifests()) == 30
    assert (figures(result)["planned"], figures(result)["deleted"]) == (54, 0)
    assert any(reason in line for line in logged)
    assert any("no rule keeps shop/orders/csv/day=2024-01-01" in line for line in logged)


def test_what_was_planned_goes_and_is_observed(shop: Shop) -> None:
    again = prepared(shop, PERMITTED, "allow_delete: true\n")

    result = run(again)

    assert set(again.manifests()) == set(again.manifests(fmt="csv")) == LEFT
    assert figures(result)["deleted"] == 54
    gone = dg.AssetRecordsFilter(asset_key=key(*ORDERS, "csv"), asset_partitions=["2024-01-01"])
    [record] = again.instance.fetch_observations(gone, limit=10).records
    assert record.asset_observation is not None
    assert record.asset_observation.metadata["status"].value == "pruned"
    assert figures(run(again))["planned"] == 0


def test_a_partition_that_is_held_stays_and_the_run_says_so(shop: Shop) -> None:
    again = prepared(shop, PERMITTED, "allow_delete: true\n")
    store = again.workspace.store

    with store.stage(ExportKey("shop", "orders", "csv"), "day=2024-01-01", "other"):
        result = run(again)

    [message] = failures(result)
    assert "1 partition could not be deleted: shop/orders/csv/day=2024-01-01: locked" in message
    assert set(again.manifests(fmt="csv")) == LEFT | {"2024-01-01"}


@pytest.mark.suite("security")
@pytest.mark.promise("nothing-deleted-unproven")
def test_a_run_cannot_be_configured_to_delete(shop: Shop) -> None:
    job = prepared(shop, KEEP, "allow_delete: true\n").definitions.resolve_job_def("prune_shop")

    with pytest.raises(dg.DagsterInvalidConfigError):
        job.execute_in_process(
            instance=shop.instance,
            run_config={"ops": {"prune__shop": {"config": {"delete": True}}}},
        )


def test_there_is_a_job_only_where_something_may_go(shop: Shop) -> None:
    without = {job.name for job in shop.definitions.resolve_all_job_defs()}
    shop.write_yaml(KEEP)
    definitions = shop.reopened().definitions
    off = definitions.resolve_schedule_def("shop_prune")
    shop.write_yaml(KEEP + 'prune: {schedule: "0 5 * * *"}\n')
    on = shop.reopened().definitions.resolve_schedule_def("shop_prune")

    assert "prune_shop" not in without
    assert off.default_status is dg.DefaultScheduleStatus.STOPPED
    assert (on.cron_schedule, on.default_status) == (
        "0 5 * * *",
        dg.DefaultScheduleStatus.RUNNING,
    )
