"""What is published is read again in shares, without its source."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from export_assets.defs.shares import SUBSET, Share, next_share, share_of
from export_assets.engine.request import ExportRequest
from export_assets_tests.defs.shop_project import QUIET, Shop

PARTS = 2


def looked_at(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str | None], bool]:
    """Return which partitions of which exports were read, and whether they were as recorded."""
    found = {}
    for event in result.all_events:
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            data = event.asset_check_evaluation_data
            found[data.asset_key.to_user_string(), data.partition] = data.passed
    return found


def run(shop: Shop, share: Share | None = None) -> dg.ExecuteInProcessResult:
    return shop.definitions.resolve_job_def("verify_shop").execute_in_process(
        instance=shop.instance,
        tags={SUBSET: share.tag} if share else {},
        run_config=QUIET,
        raise_on_error=False,
    )


def test_every_partition_is_of_one_share_and_a_flipped_byte_is_found(shop: Shop) -> None:
    shop.command_line(ExportRequest())
    (shop.home / "shop.db").unlink()
    wrong = ("shop/orders/csv", "2024-01-05")
    [part] = (shop.home / "exports/shop/orders/csv/day=2024-01-05").glob("part-*")
    part.write_bytes(part.read_bytes().replace(b"4", b"5", 1))

    shares = [run(shop, Share(part=one, parts=PARTS)) for one in range(1, PARTS + 1)]

    found = [looked_at(one) for one in shares]
    assert sum(len(one) for one in found) == 62
    assert len({name for one in found for name in one}) == 62
    assert [name for one in found for name, passed in one.items() if not passed] == [wrong]
    assert [one.success for one in shares].count(False) == 1


@dg.op
def nothing() -> None:
    """Do nothing."""


@dg.job
def verify_it() -> None:
    """Stand for a job that reads shares."""
    nothing()


@pytest.mark.parametrize(
    ("status", "following"),
    [
        (dg.DagsterRunStatus.SUCCESS, "3/4"),
        (dg.DagsterRunStatus.FAILURE, "3/4"),
        (dg.DagsterRunStatus.CANCELED, "2/4"),
        (dg.DagsterRunStatus.STARTED, "2/4"),
    ],
)
def test_a_share_that_was_not_read_comes_again(status: dg.DagsterRunStatus, following: str) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for tags in ({SUBSET: "2/4"}, {SUBSET: "1/3"}, {}):
            instance.create_run_for_job(verify_it, status=status, tags=tags)

        assert next_share(instance, "verify_it", parts=4).tag == following
        assert next_share(instance, "verify_other", parts=4).tag == "1/4"


@pytest.mark.parametrize(
    "tag", ["", "0/4", "5/4", "1/0", "a/b", "1", "-1/4", "1/4/4", "²/4", "1/" + "9" * 5000]
)
def test_a_tag_that_is_no_share_is_everything(tag: str) -> None:
    assert share_of({SUBSET: tag}) is None


def test_the_schedule_asks_for_a_share_at_a_time(tmp_path: Path) -> None:
    with dg.instance_for_test() as instance:
        shop = Shop(tmp_path, instance)
        shop.write_yaml(shop.yaml + "verify: {schedule: '@daily', parts: 2}\n")
        schedule = shop.definitions.resolve_schedule_def("shop_verify")
        # The context opens the instance anew, and has to let go of it.
        with dg.build_schedule_context(
            instance=instance, scheduled_execution_time=datetime(2026, 3, 1, tzinfo=UTC)
        ) as context:
            [request] = schedule.evaluate_tick(context).run_requests or []

    assert schedule.cron_schedule == "0 0 * * *"
    assert (request.run_key, request.tags[SUBSET]) == ("shop@2026-03-01T00:00", "1/2")
