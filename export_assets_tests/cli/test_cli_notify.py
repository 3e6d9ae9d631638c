"""`notify` tells everybody once that nothing happened, and says who could not be told."""

import pytest

from export_assets_tests.cli.conftest import Cli
from export_assets_tests.end_to_end.world import World
from export_assets_tests.engine.notifying.receivers import web_server

TARGETS = """\
notify:
  - {kind: webhook, url: "${HOOK}", on: [recovery]}
  - {kind: slack, url: "${NOBODY:-}"}
  - {kind: slack, url: "${HOOK}"}
"""
SECRET = "hunter2-canary"


def test_everybody_is_told_that_it_is_a_test(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world.home / "export_assets.yaml").write_text(TARGETS, encoding="utf-8")

    with web_server() as web:
        monkeypatch.setenv("HOOK", web.url(f"/{SECRET}"))
        ended = cli("notify")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "notify.0 (webhook): told",
        "notify.1 (slack): no address",
        "notify.2 (slack): told",
    ]
    told = sorted(web.documents, key=len)
    assert told[0]["text"].startswith("export_assets: a test, nothing happened")
    assert (told[1]["event"], told[1]["test"]) == ("recovery", True)


def test_who_cannot_be_told_is_named_without_the_address(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world.home / "export_assets.yaml").write_text(TARGETS, encoding="utf-8")

    with web_server() as web:
        web.answers += [404, 404]
        monkeypatch.setenv("HOOK", web.url(f"/{SECRET}"))
        ended = cli("notify", "--json")

    assert ended.code == 60
    assert [one["status"] for one in ended.document["targets"]] == [
        "not told",
        "no address",
        "not told",
    ]
    assert "notify.0 (webhook): not told: " in ended.err
    assert SECRET not in ended.err + ended.out


def test_a_project_that_tells_nobody_says_so(world: World, cli: Cli) -> None:
    ended = cli("notify", "--home", world.home)

    assert ended.code == 2
    assert "notify: nobody is to be told" in ended.err
