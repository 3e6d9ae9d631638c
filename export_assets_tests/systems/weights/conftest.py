"""A store for each test."""

from pathlib import Path

import pytest

from export_assets_tests.systems.weights.weights_world import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(home=tmp_path)
