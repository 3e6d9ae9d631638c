"""A process ends with its command: what was promised for the end happens, with the same code."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from export_assets_tests.end_to_end.world import World

PROGRAM = """
import atexit, sys, threading, time
from pathlib import Path
from export_assets.cli.process import run

def late(name):
    time.sleep(0.2)
    Path(name).touch()
    Cycle()

class Cycle:
    def __init__(self):
        self.itself = self
    def __del__(self):
        Path("closed").touch()

class Kept:
    def __del__(self, touch=Path("taken-apart").touch):
        touch()

kept = Kept()
atexit.register(late, "asked")
threading.Thread(target=late, args=["worked"]).start()
run()
"""


def ended(world: World, *arguments: str, **more: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # type: ignore[call-overload, no-any-return]  # as the caller chooses
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=world.home,
        env=world.environment(),
        text=True,
        timeout=60,
        **more,
    )


def left(home: Path) -> set[str]:
    return {path.name for path in home.iterdir()} & {"asked", "worked", "closed", "taken-apart"}


def test_all_is_done_and_told_but_nothing_is_taken_apart(daily: World) -> None:
    done = ended(daily, "export", "shop", capture_output=True)

    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("1,094 rows")
    assert done.stderr == ""
    assert left(daily.home) == {"asked", "worked", "closed"}


def test_a_command_that_failed_ends_as_python_does(daily: World) -> None:
    done = ended(daily, "export", "nothing", capture_output=True)

    assert done.returncode == 2
    assert done.stderr.startswith("error: nothing")
    assert left(daily.home) == {"asked", "worked", "closed", "taken-apart"}


def test_an_end_as_python_does_tells_of_no_leak(world: World) -> None:
    database = world.home / "shop.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS id")

    done = subprocess.run(
        [sys.executable, "-m", "export_assets.cli.app", "export", str(database)],
        cwd=world.home,
        env=world.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0
    assert done.stderr == ""


def test_what_could_not_be_printed_is_no_success(daily: World) -> None:
    with Path("/dev/full").open("w") as full:
        done = ended(daily, "list", stdout=full, stderr=subprocess.PIPE)

    assert done.returncode != 0
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("export", "--help")], ids=str)
def test_help_ends_well(daily: World, arguments: tuple[str, ...]) -> None:
    done = ended(daily, *arguments, capture_output=True)

    assert done.returncode == 0
    assert "export-assets" in done.stdout
