"""What holds for every test."""

import os

from hypothesis import settings

pytest_plugins = ["export_assets_tests.proof.plugin"]

# Continuous integration looks at the same examples each time, so that a change is what fails it;
# a soak draws new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("drawn", deadline=None)
settings.load_profile("drawn" if os.environ.get("EXPORT_ASSETS_SOAK") else "same")
