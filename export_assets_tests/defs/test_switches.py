"""What is on from the start is what the configuration says, of every sensor and schedule."""

import dagster as dg
import pytest

from export_assets.defs.build import build_definitions
from export_assets.errors import ConfigError
from export_assets.systems.registry import load_workspace
from export_assets_tests.defs.shop_project import SHOP, Shop

KEPT = SHOP + "keep: {daily: 3}\nfreshness: 24\n"
EVERYTHING = KEPT + (
    "automation: {schedule: on, changes: on, freshness: on, verify: on, prune: on}\n"
)
TURNED = KEPT + (
    'schedule: "0 6 * * *"\nmonitor: {enabled: true}\nprune: {schedule: "@daily"}\n'
    'verify: {schedule: "@daily"}\n'
    "automation: {schedule: off, changes: off, prune: off, verify: off}\n"
)
ASKED = TURNED.partition("automation:")[0]
LOGS = """\
source: leadville
url: logs
automation: {schedule: on, logs: on, offload: on, verify: on, verify_archives: on}
"""


def switches(shop: Shop, yaml: str, settings: str = "{}\n") -> dict[str, bool]:
    """Return by name what of the shop, and of the project, is on."""
    shop.write_yaml(yaml)
    (shop.home / "export_assets.yaml").write_text(settings, encoding="utf-8")
    definitions = shop.reopened().definitions
    named = {
        **{one.name: one.default_status.value for one in definitions.sensors or ()},
        **{
            one.name: one.default_status.value
            for one in definitions.schedules or ()
            if isinstance(one, dg.ScheduleDefinition)
        },
    }
    return {
        name.removeprefix("shop_"): status == "RUNNING"
        for name, status in named.items()
        if name.partition("_")[0] not in {"tandem", "theprogram", "labeling", "weights"}
    }


OWN = ("schedule", "changes", "freshness", "verify", "prune")
PROJECT = ("published_elsewhere", "conditions", "dagster_prune")


def test_what_nobody_asked_for_waits_to_be_switched_on(shop: Shop) -> None:
    found = switches(shop, KEPT)

    assert {name: found[name] for name in OWN} == dict.fromkeys(OWN, False)
    assert {name: found[name] for name in PROJECT} == {
        "published_elsewhere": True,
        "conditions": True,
        "dagster_prune": False,
    }


@pytest.mark.parametrize(
    ("yaml", "on"),
    [
        (EVERYTHING, set(OWN)),
        (ASKED, set(OWN) - {"freshness"}),
        (TURNED, set()),
        (EVERYTHING + "enabled: false\n", set()),
    ],
    ids=["switched on", "asked for", "switched off", "not enabled"],
)
def test_the_switches_of_a_source_are_those_it_is_given(
    shop: Shop, yaml: str, on: set[str]
) -> None:
    found = switches(shop, yaml)

    assert {name for name in OWN if found[name]} == on


def test_the_switches_of_the_project_and_of_logs_are_those_they_are_given(shop: Shop) -> None:
    (shop.home / "sources" / "leadville.yaml").write_text(LOGS, encoding="utf-8")

    found = switches(
        shop,
        SHOP,
        "notify: [{kind: log}]\n"
        "automation: {published_elsewhere: off, conditions: off, notifications: off, "
        "dagster_prune: on}\n",
    )

    assert [name for name in PROJECT if found[name]] == ["dagster_prune"]
    assert not found["export_assets_notifications"]
    assert not found["export_assets_recoveries"]
    logs = {name.removeprefix("leadville_") for name in found if name.startswith("leadville")}
    assert logs == {"schedule", "logs", "offload", "verify", "verify_archives"}
    assert all(found[f"leadville_{name}"] for name in logs)


def test_two_jobs_of_one_name_are_refused_by_that_name(shop: Shop) -> None:
    for name, kind in (("x", "kind: event_log\n"), ("archives_x", "tables: {orders: {}}\n")):
        (shop.home / "sources" / f"{name}.yaml").write_text(
            f"source: {name}\nurl: {'logs' if name == 'x' else 'sqlite:///shop.db'}\n{kind}",
            encoding="utf-8",
        )

    with pytest.raises(ConfigError, match=r"^verify_archives_x: two jobs would be called so"):
        build_definitions(load_workspace(shop.home, environ={}))
