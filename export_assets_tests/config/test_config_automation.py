"""What runs by itself is said in one way, and switches that switch nothing are refused."""

import pytest
from pydantic import ValidationError

from export_assets.config.automation import ProjectAutomation, TableAutomation
from export_assets.config.models import SourceConfig


def source(**said: object) -> SourceConfig:
    return SourceConfig.model_validate({"source": "shop", "url": "sqlite:///shop.db", **said})


def refused(**said: object) -> str:
    with pytest.raises(ValidationError) as caught:
        source(**said)
    return str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    ("said", "meant"), [("on", True), ("off", False), (True, True), (False, False)]
)
def test_a_switch_is_on_or_off(said: object, *, meant: bool) -> None:
    assert source(automation={"schedule": said}).automation.schedule is meant
    assert ProjectAutomation.model_validate({"conditions": said}).conditions is meant


def test_a_switch_that_nobody_turned_is_left_to_what_asks_for_it() -> None:
    assert set(source().automation.model_dump().values()) == {None}


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"automation": {"logs": "on"}}, "automation.logs: belongs to kind: event_log"),
        ({"automation": {"offload": "on"}}, "automation.offload: belongs to kind: event_log"),
        ({"automation": {"prune": "on"}}, "automation.prune: no keep says what goes"),
        ({"automation": {"freshness": "on"}}, "automation.freshness: no freshness says when"),
        (
            {"monitor": {"enabled": False}, "automation": {"changes": "on"}},
            "automation.changes: monitor.enabled says that nobody looks",
        ),
        (
            {"kind": "event_log", "monitor": {"enabled": False}, "automation": {"logs": "on"}},
            "automation.logs: monitor.enabled says that nobody looks",
        ),
        (
            {"kind": "event_log", "automation": {"changes": "on"}},
            "automation.changes: event logs are followed by automation.logs",
        ),
        ({"kind": "event_log", "pool": "none"}, "read by one run at a time; name a pool"),
        ({"source": "dagster"}, "'dagster' is what Dagster's own jobs are called after"),
    ],
)
def test_what_would_switch_nothing_is_refused(said: dict[str, object], text: str) -> None:
    assert text in refused(**said)


def test_a_table_alone_may_ask_for_what_is_switched() -> None:
    tables = {"orders": {"freshness": 24, "keep": {"daily": 3}}}

    switched = source(tables=tables, automation={"freshness": "on", "prune": "on"}).automation

    assert switched.freshness
    assert switched.prune


@pytest.mark.parametrize("condition", ["eager", "on_missing", "0 6 * * 1", "@daily"])
def test_a_condition_is_one_of_dagsters_or_a_cron_line(condition: str) -> None:
    assert TableAutomation(condition=condition).condition == condition


@pytest.mark.parametrize("condition", ["sometimes", "0 6 * *", "61 6 * * *", "eager()"])
def test_another_condition_is_refused(condition: str) -> None:
    with pytest.raises(ValidationError, match="is neither eager nor on_missing nor a cron line"):
        TableAutomation(condition=condition)


def test_a_table_says_more_than_its_source() -> None:
    config = source(
        backfill={"partitions_per_run": 7},
        automation={"condition": "eager"},
        tables={
            "orders": {
                "backfill": {"partitions_per_run": 1},
                "automation": {"condition": "on_missing"},
            }
        },
    )

    assert config.backfill_of("orders").partitions_per_run == 1
    assert config.backfill_of("customers").partitions_per_run == 7
    assert (config.condition_of("orders"), config.condition_of("customers")) == (
        "on_missing",
        "eager",
    )
