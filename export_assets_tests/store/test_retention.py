"""Retention: what a policy keeps, and that exactly the plan is deleted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.config import rules
from export_assets.errors import ConfigError, DestConflict, DestLocked
from export_assets.store.catalogue import Published, list_published
from export_assets.store.layout import ExportKey
from export_assets.store.local import LocalStore
from export_assets.store.retention import Keep, PrunePlan, Slice, plan_prune, prune, slice_of
from export_assets_tests.store.publishing import KEY, MOMENT, beside, publish

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def days(first: datetime, count: int) -> list[Slice]:
    return [day(first + timedelta(days=number)) for number in range(count)]


def day(start: datetime, key: ExportKey = KEY) -> Slice:
    return Slice(
        key=key,
        directory=f"day={start:%Y-%m-%d}",
        run_id="r1",
        start=start,
        end=start + timedelta(days=1),
        bytes=10,
    )


def removed(plan: PrunePlan) -> list[str]:
    return [item.directory for item in plan.remove]


def kept(plan: PrunePlan) -> dict[str, tuple[str, ...]]:
    return {item.directory: rules for item, rules in plan.keep}


def test_without_a_policy_everything_stays() -> None:
    plan = plan_prune(days(datetime(2020, 1, 1, tzinfo=UTC), 400), Keep(), NOW)

    assert removed(plan) == []
    assert len(plan.keep) == 400


def test_grandfather_father_son_over_two_years() -> None:
    items = days(datetime(2024, 3, 1, tzinfo=UTC), 730)

    plan = plan_prune(items, Keep(daily=3, weekly=2, monthly=3, yearly=2), NOW)

    assert kept(plan) == {
        "day=2026-02-28": ("newest", "daily", "weekly", "monthly", "yearly"),
        "day=2026-02-27": ("daily",),
        "day=2026-02-26": ("daily",),
        "day=2026-02-22": ("weekly",),
        "day=2026-01-31": ("monthly",),
        "day=2025-12-31": ("monthly", "yearly"),
    }
    assert plan.bytes_freed == 724 * 10


def test_all_within_days_keeps_every_partition_of_that_time() -> None:
    plan = plan_prune(days(datetime(2026, 2, 1, tzinfo=UTC), 28), Keep(all_within_days=7), NOW)

    assert sorted(kept(plan)) == [f"day=2026-02-{number}" for number in range(22, 29)]


def test_monthly_partitions_are_kept_by_the_daily_rule_one_each() -> None:
    months = [
        Slice(key=KEY, directory=f"month=2025-{m:02}", run_id="r", start=start, end=start)
        for m in range(1, 13)
        for start in [datetime(2025, m, 1, tzinfo=UTC)]
    ]

    plan = plan_prune(months, Keep(daily=4), NOW)

    assert sorted(kept(plan)) == [f"month=2025-{m:02}" for m in range(9, 13)]


def test_partitions_without_a_start_and_those_not_over_stay() -> None:
    undated = Slice(key=KEY, directory="day=__HIVE_DEFAULT_PARTITION__", run_id="r1")
    running = day(NOW)
    items = [undated, running, *days(datetime(2026, 1, 1, tzinfo=UTC), 3)]

    plan = plan_prune(items, Keep(yearly=1), NOW + timedelta(hours=1))

    assert kept(plan) == {
        undated.directory: ("no window",),
        "day=2026-03-01": ("not over", "newest", "yearly"),
    }


def test_an_open_window_is_never_over() -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    since = Slice(key=KEY, directory="since", run_id="r1", start=start)

    plan = plan_prune([since, *days(datetime(2026, 1, 1, tzinfo=UTC), 2)], Keep(daily=1), NOW)

    assert removed(plan) == ["day=2026-01-01"]


def test_each_export_is_judged_by_itself() -> None:
    other = ExportKey("shop", "orders", "parquet")
    start = datetime(2026, 2, 1, tzinfo=UTC)
    items = [day(start), day(start + timedelta(days=1)), day(start, other)]

    plan = plan_prune(items, Keep(daily=1), NOW)

    assert [(str(item.key), item.directory) for item in plan.remove] == [
        ("shop/orders/csv", "day=2026-02-01")
    ]


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="keep: daily is -1"):
        Keep(daily=-1)


def test_the_policy_of_the_configuration_is_the_policy_here() -> None:
    configured = rules.Keep(daily=7, all_within_days=3)

    assert Keep(**configured.model_dump()) == Keep(daily=7, all_within_days=3)


counts = st.integers(0, 5)
policies = st.builds(
    Keep,
    hourly=counts,
    daily=counts,
    weekly=counts,
    monthly=counts,
    yearly=counts,
    all_within_days=st.none() | st.integers(0, 40),
)
histories = st.sets(st.integers(0, 900), max_size=60).map(
    lambda offsets: [day(datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=n)) for n in offsets]
)


@settings(max_examples=60, deadline=None)
@given(histories, policies)
def test_a_plan_keeps_the_newest_loses_nothing_and_planning_again_removes_nothing(
    items: list[Slice], keep: Keep
) -> None:
    plan = plan_prune(items, keep, NOW)

    left = [item for item, _ in plan.keep]
    assert sorted(map(str, [*left, *plan.remove])) == sorted(map(str, items))
    assert plan_prune(left, keep, NOW).remove == ()
    assert all(rules for _, rules in plan.keep)
    if items:
        assert max(items, key=lambda item: item.directory) in left
    if keep.everything:
        assert plan.remove == ()


@settings(max_examples=60, deadline=None)
@given(histories, policies, counts)
def test_keeping_more_never_removes_more(items: list[Slice], keep: Keep, more: int) -> None:
    generous = Keep(
        hourly=keep.hourly,
        daily=keep.daily + more,
        weekly=keep.weekly,
        monthly=keep.monthly + more,
        yearly=keep.yearly,
        all_within_days=(keep.all_within_days or 0) + more,
    )
    if not keep.everything:
        fewer = set(removed(plan_prune(items, generous, NOW)))
        assert fewer <= set(removed(plan_prune(items, keep, NOW)))


def test_pruning_deletes_exactly_the_plan(tmp_path: Path) -> None:
    for number in range(1, 6):
        publish(tmp_path, "r1", directory=f"day=2026-02-0{number}")
    store = LocalStore(tmp_path)
    items = [day(datetime(2026, 2, number, tzinfo=UTC)) for number in range(1, 6)]

    report = prune(plan_prune(items, Keep(daily=2), NOW), store, run_id="prune")

    assert report.failed == []
    assert len(report.removed) == 3
    assert beside(tmp_path) == ["day=2026-02-04", "day=2026-02-05"]


def test_pruning_leaves_what_changed_or_is_being_written_and_goes_on(tmp_path: Path) -> None:
    for number in range(1, 5):
        publish(tmp_path, "r1", directory=f"day=2026-02-0{number}")
    publish(tmp_path, "r2", directory="day=2026-02-01")
    store = LocalStore(tmp_path)
    items = [day(datetime(2026, 2, number, tzinfo=UTC)) for number in range(1, 5)]
    plan = plan_prune(items, Keep(daily=1), NOW)

    with store.stage(KEY, "day=2026-02-02", "r3"):
        report = prune(plan, store, run_id="prune")

    assert [type(error) for _, error in report.failed] == [DestConflict, DestLocked]
    assert [item.directory for item in report.removed] == ["day=2026-02-03"]
    assert beside(tmp_path) == ["day=2026-02-01", "day=2026-02-02", "day=2026-02-04"]


def test_a_published_row_becomes_the_slice_to_judge(tmp_path: Path) -> None:
    publish(tmp_path, "r1")
    row = next(list_published(tmp_path))
    assert isinstance(row, Published)

    item = slice_of(row)

    assert (item.key, item.directory, item.run_id) == (KEY, "all", "r1")
    assert (item.start, item.end, item.bytes) == (MOMENT, None, 3968)
