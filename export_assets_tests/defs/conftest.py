"""Fixtures for the tests of definitions."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from export_assets_tests.defs.shop_project import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield Shop(tmp_path / "project", instance=instance)
