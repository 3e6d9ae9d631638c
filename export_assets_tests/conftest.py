"""What holds for every test."""

import gc
import os

import pytest
from hypothesis import settings

pytest_plugins = ["export_assets_tests.proof.plugin"]

# Continuous integration looks at the same examples each time, so that a change is what fails it;
# a soak draws new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("drawn", deadline=None)
settings.load_profile("drawn" if os.environ.get("EXPORT_ASSETS_SOAK") else "same")


@pytest.fixture(scope="session", autouse=True)
def no_variables_of_the_tests() -> None:
    """Take what says how tests run out of the environment: a command refuses what it does not know.

    By now all modules have been imported that ask for it.
    """
    for name in ("EXPORT_ASSETS_SOAK", "EXPORT_ASSETS_PROOF"):
        os.environ.pop(name, None)


def pytest_collection_finish() -> None:
    """Spare the collector of garbage what stays: modules and tests, a twelfth of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 25, 50)
