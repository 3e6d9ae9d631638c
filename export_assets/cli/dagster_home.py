"""The directory Dagster keeps its runs and events in, with the settings of the project."""

from pathlib import Path

import export_assets
from export_assets.errors import ConfigError
from export_assets.translate import translating

NAME = ".dagster"
SETTINGS = "dagster.yaml"

_WORKSPACE = """\
load_from:
  - python_module:
      module_name: export_assets.definitions
      location_name: export_assets
"""


def prepare(home: Path) -> Path:
    """Return the Dagster home of the project in *home*, made ready.

    It is for its owner only: events hold what runs said. The settings are copied anew each time,
    so that what a person edits is the file of the project.

    Raises:
        ConfigError: There are no settings to copy.
        DestPermission: The directory cannot be written.
    """
    directory = (home / NAME).resolve()
    settings = settings_file(home)
    with translating(str(directory)):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        (directory / SETTINGS).write_bytes(settings.read_bytes())
        (directory / "workspace.yaml").write_text(_WORKSPACE, encoding="utf-8")
    return directory


def settings_file(home: Path) -> Path:
    """Return the `dagster.yaml` in force: the project's own, else the one shipped.

    Raises:
        ConfigError: There is none.
    """
    package = Path(export_assets.__file__).parent
    for directory in (home, package, package.parent):
        if (directory / SETTINGS).is_file():
            return directory / SETTINGS
    msg = f"{home / SETTINGS}: no such file, and none came with the installation"
    raise ConfigError(msg)
