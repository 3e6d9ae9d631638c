"""A project of its own for every test."""

from pathlib import Path

import pytest

from export_assets_tests.end_to_end.world import DAILY, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    home = tmp_path / "home"
    home.mkdir()
    return World(home=home)


@pytest.fixture
def daily(world: World) -> World:
    """A project whose orders are published by day."""
    world.database()
    world.configure(DAILY)
    return world
