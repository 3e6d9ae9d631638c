"""A project with a copy of the sample database, for every test."""

import shutil
from pathlib import Path

import pytest

from export_assets.systems.labeling.sample import make_sample
from export_assets_tests.systems.labeling.labeling_world import Project


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sample of today's generation, in WAL mode."""
    root = tmp_path_factory.mktemp("labeling-sample")
    make_sample(root / "labeling.db")
    return root


@pytest.fixture
def project(sample: Path, tmp_path: Path) -> Project:
    shutil.copytree(sample, tmp_path / "home" / "data")
    return Project(tmp_path / "home")
