"""Commands run in this process, in a project of their own."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export_assets.cli.app import main
from export_assets_tests.end_to_end.world import DAILY, Ended, World

Cli = Callable[..., Ended]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    # Those for the tests themselves, too: EXPORT_ASSETS_SOAK is no variable of the program.
    for name in [name for name in os.environ if name.startswith("EXPORT_ASSETS_")]:
        monkeypatch.delenv(name)
    return World(home=home)


@pytest.fixture
def daily(world: World) -> World:
    """A project whose orders are published by day."""
    world.database()
    world.configure(DAILY)
    return world


@pytest.fixture
def cli(capsysbinary: pytest.CaptureFixture[bytes]) -> Cli:
    """Run a command and return what became of it."""

    def run(*arguments: Any) -> Ended:
        code = main([str(one) for one in arguments])
        out, err = capsysbinary.readouterr()
        return Ended(code=code, out=out.decode(), err=err.decode())

    return run
