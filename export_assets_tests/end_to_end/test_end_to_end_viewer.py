"""The UI for viewing: everything can be looked at, nothing changed."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from export_assets_tests.end_to_end.ui import Ui, members, serving
from export_assets_tests.end_to_end.world import DAILY, World

FIELDS = "{ __schema { mutationType { fields { name } } } }"
LAUNCH = "mutation Launch { launchRun(executionParams: {}) { __typename } }"


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    world = World(home=tmp_path_factory.mktemp("viewed"))
    world.database()
    world.configure(DAILY)
    with serving(world, "--viewer") as served:
        yield served


def test_pages_and_questions_are_answered(ui: Ui) -> None:
    asked = ui.ask(
        "query Runs { permissions { permission value } } query Other { version }",
        operationName="Runs",
    )

    assert ui.send("GET", "/assets").status == 200
    permissions = asked.document["data"]["permissions"]
    assert permissions
    assert not any(one["value"] for one in permissions)


def test_every_mutation_dagster_has_is_refused(ui: Ui) -> None:
    fields = ui.ask(FIELDS).document["data"]["__schema"]["mutationType"]["fields"]
    names = {field["name"] for field in fields}

    replies = {name: ui.ask(f"mutation {{ {name} }}") for name in names}

    assert {"wipeAssets", "reportRunlessAssetEvents", "setNuxSeen", "logTelemetry"} <= names
    assert {reply.status for reply in replies.values()} == {403}
    assert {reply.document["errors"][0]["message"] for reply in replies.values()} == {
        "refused: mutation; this UI is for viewing only"
    }


@pytest.mark.parametrize(
    ("query", "name"),
    [
        pytest.param(f"query Q {{ version }} {LAUNCH}", "Q", id="beside the one that is named"),
        pytest.param(f"query Q {{ version }} {LAUNCH}", "Launch", id="named"),
        pytest.param("mutation { version: setNuxSeen }", None, id="alias"),
        pytest.param(
            "mutation { ...A } fragment A on Mutation { setNuxSeen }", None, id="fragment"
        ),
        pytest.param("#\n\ufeff,mutation,{setNuxSeen}", None, id="commas"),
    ],
)
def test_no_way_of_writing_a_mutation_passes(ui: Ui, query: str, name: str | None) -> None:
    assert ui.ask(query, operationName=name).status == 403


def test_a_batch_is_refused(ui: Ui) -> None:
    batch = json.dumps([{"query": "{ version }"}, {"query": LAUNCH}]).encode()

    reply = ui.send("POST", "/graphql", {"Content-Type": "application/json"}, batch)

    assert reply.status == 400


def test_events_are_not_reported_past_graphql(ui: Ui) -> None:
    for kind in ("materialization", "check", "observation"):
        target = f"/report_asset_{kind}/shop/orders/parquet"
        reply = ui.send("POST", target, {"Content-Type": "application/json"}, b"{}")

        assert reply.status == 403


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_daemon_runs_schedules_beside_it(ui: Ui) -> None:
    commands = [
        Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ") for pid in members(ui.home)
    ]

    assert any(b"export_assets.defs.serving" in one for one in commands)
    assert not any(b"serving.daemon" in one for one in commands)
