"""What Dagster loads: configuration in, Definitions out."""

import os
from pathlib import Path

import dagster as dg

from export_assets.config.dg_project import read_dg_project
from export_assets.config.settings import SETTINGS_FILE
from export_assets.defs.build import build_definitions
from export_assets.defs.component_project import build_with_components, has_components
from export_assets.systems.registry import load_workspace

_CHECKOUT = Path(__file__).parents[1]


def project_home() -> Path | None:
    """Return the directory of the project: the one named or current, else the checkout.

    None leaves the choice to the configuration: `EXPORT_ASSETS_HOME`, then the working directory.
    """
    if os.environ.get("EXPORT_ASSETS_HOME"):
        return None
    here = Path.cwd()
    if (here / SETTINGS_FILE).exists() or (here / "sources").is_dir():
        return None
    if read_dg_project(here).folder is not None:
        return None
    return _CHECKOUT


@dg.definitions
def defs() -> dg.Definitions:
    """Load the configuration and describe it to Dagster."""
    workspace = load_workspace(project_home(), environ=os.environ)
    home = workspace.project.settings.home
    if has_components(home):
        return build_with_components(workspace, home)
    return build_definitions(workspace)
