"""`watch` in a process of its own: logs that are written while it follows them."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from export_assets_tests.effort import effort
from export_assets_tests.engine.logs.log_world import LogWorld
from export_assets_tests.engine.notifying.receivers import web_server
from export_assets_tests.proof.plugin import Proven


@pytest.fixture
def world(tmp_path: Path) -> LogWorld:
    return LogWorld(tmp_path)


@pytest.fixture
def followers() -> Iterator[list["subprocess.Popen[str]"]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for one in started:
        if one.poll() is None:
            one.kill()
        one.communicate()


def follow(
    world: LogWorld, followers: list["subprocess.Popen[str]"], *options: str
) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "export_assets.cli.app", "watch", "web", "--json"]
    command += ["--interval", "0.2s", *options]
    process = subprocess.Popen(
        command,
        cwd=world.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "EXPORT_ASSETS_HOME": str(world.home)},
    )
    followers.append(process)
    return process


def event(n: int) -> dict[str, Any]:
    return {"ts": f"2026-01-01T10:{n // 60 % 60:02d}:{n % 60:02d}Z", "n": n}


def published(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """The next line it prints: what one look published."""
    assert process.stdout is not None
    return json.loads(process.stdout.readline())  # type: ignore[no-any-return]  # an object


def wait_for(world: LogWorld, rows: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if world.days() and world.rows().height >= rows:
            return
        time.sleep(0.05)
    pytest.fail(f"{rows} rows were not published")


def test_what_is_written_is_published_while_it_is_followed(
    world: LogWorld, followers: list["subprocess.Popen[str]"]
) -> None:
    world.log("a.jsonl", event(0))
    process = follow(world, followers)
    first = published(process)
    world.log("a.jsonl", event(1), event(2))

    second = published(process)
    process.send_signal(signal.SIGINT)
    rest, told = process.communicate(timeout=30)

    rows = {(one["table"], one["partition"]): one["rows"] for one in second["published"]}
    assert first["exit_code"] == 0
    assert rows == {("events", "2026-01-01"): 3}
    assert process.returncode == 130
    assert "interrupted" in told
    assert [json.loads(line)["exit_code"] for line in rest.splitlines()] == [130]
    assert world.rows()["n"].to_list() == [0, 1, 2]
    assert not list((world.home / "exports" / ".held").iterdir())


def test_following_ends_by_itself_after_the_time_given(
    world: LogWorld, followers: list["subprocess.Popen[str]"]
) -> None:
    world.log("a.jsonl", event(0), "not a line")

    process = follow(world, followers, "--for", "1s")
    printed, told = process.communicate(timeout=60)

    (line,) = printed.splitlines()
    assert json.loads(line)["exit_code"] == 3
    assert "1 of 2 lines are refused" in told
    assert process.returncode == 3


def test_a_directory_that_is_not_there_yet_is_told_and_waited_for(
    world: LogWorld, followers: list["subprocess.Popen[str]"]
) -> None:
    world.logs.rmdir()
    process = follow(world, followers)
    first = published(process)
    world.logs.mkdir()
    world.log("a.jsonl", event(0))

    wait_for(world, 1)
    process.terminate()
    process.communicate(timeout=30)

    assert "is no directory" in first["error"]
    assert process.returncode == 143


def test_a_source_that_does_not_exist_is_refused_at_once(
    world: LogWorld, followers: list["subprocess.Popen[str]"]
) -> None:
    process = follow(world, followers, "--interval", "soon")
    _, told = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "--interval 'soon'" in told
    assert "Traceback" not in told


@pytest.mark.suite("kills")
@pytest.mark.promise("every-byte")
def test_killed_again_and_again_every_line_is_published_exactly_once(
    world: LogWorld, followers: list["subprocess.Popen[str]"], proven: Proven
) -> None:
    rng, kills = random.Random(9), effort(3, soak=12)
    written = 0
    for _ in range(kills):
        process = follow(world, followers)
        deadline = time.monotonic() + rng.uniform(1.0, 2.5)
        while time.monotonic() < deadline:
            world.log(f"{rng.choice('ab')}.jsonl", event(written))
            written += 1
            time.sleep(0.01)
        process.kill()
        process.communicate()

    held = world.home / "exports" / ".held"
    for left in held.iterdir():
        # A minute later: one whose owner had not locked it yet may be in the making until then.
        os.utime(left, (0, 0))
    report = world.export()

    assert report.exit_code == 0
    rows = sorted(world.rows()["n"])
    assert rows == list(range(written))
    assert not list(held.iterdir())
    assert not list((world.home / "exports").rglob("*.tmp"))
    proven(kills, "kills of watch", f"{len(rows)} of {written} lines published, each once")


def test_whoever_is_to_be_told_is_told_when_it_fails_and_when_it_is_well_again(
    world: LogWorld,
    followers: list["subprocess.Popen[str]"],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world.logs.rmdir()
    (world.home / "export_assets.yaml").write_text(
        'notify: [{kind: webhook, url: "${HOOK}"}, {kind: slack, url: "${GONE}"}]\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("GONE", "http://127.0.0.1:1/hunter2-canary")
    with web_server() as web:
        monkeypatch.setenv("HOOK", web.url())
        process = follow(world, followers)
        published(process)
        world.logs.mkdir()
        world.log("a.jsonl", event(0))
        wait_for(world, 1)
        published(process)
        deadline = time.monotonic() + 30
        while len(web.taken) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.terminate()
        printed, said = process.communicate(timeout=30)

    failure, recovery = web.documents
    assert (failure["event"], failure["source"], failure["job"]) == ("failure", "web", "watch")
    assert "is no directory" in failure["error"]
    assert recovery["event"] == "recovery"
    assert "notify.1 (slack): not told: connection refused" in said
    assert "hunter2" not in printed + said
