"""A project with a fresh copy of the sample database, for every test."""

import shutil
from pathlib import Path

import pytest

from export_assets.systems.theprogram.sample import make_sample
from export_assets.systems.theprogram.schema import CREATE
from export_assets_tests.systems.theprogram.theprogram_world import Project


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory `1` and a directory `2` with the sample of that generation."""
    root = tmp_path_factory.mktemp("samples")
    for generation in CREATE:
        make_sample(root / str(generation) / "theprogram.db", generation=generation)
    return root


def _project(samples: Path, generation: int, home: Path) -> Project:
    shutil.copytree(samples / str(generation), home / "data")
    return Project(home)


@pytest.fixture
def earlier(samples: Path, tmp_path: Path) -> Project:
    return _project(samples, 1, tmp_path / "earlier")


@pytest.fixture
def later(samples: Path, tmp_path: Path) -> Project:
    return _project(samples, 2, tmp_path / "later")
