"""Commands that end early: by a signal, by a reader that went away, by the plug being pulled."""

import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from export_assets_tests.effort import effort
from export_assets_tests.end_to_end.world import World, data, leftovers
from export_assets_tests.proof.plugin import Proven

ROWS = 60_000
KILLS = effort(12, soak=100)


def start(world: World, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        world.command(*arguments),
        cwd=world.home,
        env=world.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


STARTER = """
import os, sys
import export_assets.cli.app, export_assets.cli.requests, export_assets.cli.results
import export_assets.engine.run, export_assets.systems.registry
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        sys.stdout = open(os.devnull, "w")
        os._exit(export_assets.cli.app.main(["export", "shop", "--overwrite"]))
    print(pid, flush=True)
    sys.stdin.readline()
    os.waitpid(pid, 0)
"""


@contextmanager
def fast_starter(world: World) -> Iterator[Callable[[], int]]:
    """Give what starts an export at once, everything being imported already.

    The process of the export before is reaped by the next start only, so its id stays its own.
    """
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", STARTER],
        cwd=world.home,
        env=world.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdin is not None
        assert starter.stdout is not None
        sending, receiving = starter.stdin, starter.stdout
        lines = iter([""])

        def start_export() -> int:
            sending.write(f"{next(lines, 'reap' + chr(10))}start\n")
            sending.flush()
            return int(receiving.readline())

        yield start_export


def wait_for_end(pid: int) -> None:
    stat = Path(f"/proc/{pid}/stat")
    while stat.read_text(encoding="utf-8").rpartition(") ")[2][0] != "Z":
        time.sleep(0.005)


def wait_for_one(directory: Path, pattern: str, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        if next(directory.glob(pattern), None) is not None:
            return
        time.sleep(0.002)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_an_export_cleanly(world: World, number: signal.Signals, code: int) -> None:
    world.database(rows=ROWS)

    with start(world, "export", "shop.db", "-f", "all", "--json") as process:
        wait_for_one(world.home, "exports/shop/*/*/*", process)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)

    assert process.returncode == code, err
    assert err.count("\n") == 1
    assert f'"exit_code": {code}' in out
    assert leftovers(world.home) == []
    assert world.run("verify").code == 0


def test_an_interrupted_output_directory_holds_whole_files_only(world: World) -> None:
    world.database(rows=ROWS)

    with start(world, "export", "shop.db", "orders", "-f", "all", "-o", "out") as process:
        wait_for_one(world.home / "out", ".export_assets.*/*", process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

    assert process.returncode == 130
    assert leftovers(world.home) == []
    assert list((world.home / "out").iterdir()) == []


def test_a_reader_that_goes_away_is_no_error_to_talk_about(daily: World) -> None:
    daily.run("export", "shop")
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        daily.command("list"),
        env=daily.environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_end_up_in_no_file(daily: World, closed: str) -> None:
    command = shlex.join(daily.command("export", "shop", "-v"))

    code = subprocess.run(
        ["bash", "-c", f"{command} {closed}"],
        cwd=daily.home,
        env=daily.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
    ).returncode

    assert code == 0
    assert daily.run("verify", "--deep").code == 0


@pytest.mark.suite("kills")
@pytest.mark.promise("whole-or-absent")
@pytest.mark.timeout(300 + 5 * KILLS)
def test_kills_at_any_moment_leave_nothing_torn(
    world: World, tmp_path: Path, proven: Proven
) -> None:
    world.database(rows=6000)
    world.configure(
        "source: shop\nurl: sqlite:///shop.db\nformats: [parquet, csv]\ntables:\n"
        "  orders: {partition_by: {column: ordered_at, every: hour}}\n  '*': {}\n"
    )
    whole = world.run("export", "shop", env={"EXPORT_ASSETS_EXPORTS_DIR": str(tmp_path / "whole")})
    assert whole.code == 0, whole.err
    chance = random.Random(9)

    with fast_starter(world) as start_export:
        pid = start_export()
        started = time.monotonic()
        wait_for_end(pid)
        longest = time.monotonic() - started
        for _ in range(KILLS):
            pid = start_export()
            time.sleep(chance.uniform(0, 1) * longest)
            os.kill(pid, signal.SIGKILL)

    killed = world.run("verify", "--json")
    final = world.run("export", "shop", "--json")
    assert killed.document["findings"] == []
    assert final.code == 0, final.err
    assert leftovers(world.home) == []
    assert data(world.home / "exports") == data(tmp_path / "whole")
    assert world.run("verify", "--deep").code == 0
    torn = len(killed.document["findings"])
    proven(KILLS, "whole exports by command killed at random moments", f"{torn} torn partitions")
