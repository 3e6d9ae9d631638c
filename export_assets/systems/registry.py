"""The built-in systems by name, and the workspace that knows them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from export_assets.config.load import SourceFile
from export_assets.config.project import load_project
from export_assets.engine.system import System
from export_assets.engine.workspace import Workspace
from export_assets.systems.labeling.system import LabelingSystem
from export_assets.systems.leadville.system import LeadvilleSystem
from export_assets.systems.tandem.system import TandemSystem
from export_assets.systems.theprogram.system import TheProgramSystem
from export_assets.systems.weights.system import WeightsSystem

SYSTEMS: dict[str, System] = {
    "tandem": TandemSystem(),
    "theprogram": TheProgramSystem(),
    "leadville": LeadvilleSystem(),
    "labeling": LabelingSystem(),
    "weights": WeightsSystem(),
}


def load_workspace(
    home: Path | None = None,
    *,
    environ: Mapping[str, str],
    flags: Mapping[str, object] | None = None,
    components: Sequence[SourceFile] | None = None,
) -> Workspace:
    """Load the configuration with the built-in systems.

    Args:
        home: The project's directory, None for `EXPORT_ASSETS_HOME` or the working directory.
        environ: The environment.
        flags: Settings given on the command line, None for those not given.
        components: Sources described by components, None for those of the dg project in the home.

    Raises:
        ConfigError: Something is wrong; one line for each thing that is.
    """
    builtin = {name: system.yaml for name, system in SYSTEMS.items()}
    project = load_project(
        home, environ=environ, builtin=builtin, flags=flags, components=components
    )
    for system in SYSTEMS.values():
        project = system.settle(project, environ)
    return Workspace(project=project, systems=SYSTEMS)
