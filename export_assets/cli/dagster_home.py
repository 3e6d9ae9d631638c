"""The directory Dagster keeps its runs and events in, with the settings of the project."""

from pathlib import Path

import export_assets
from export_assets.translate import translating

NAME = ".dagster"
SETTINGS = "dagster.yaml"

_WORKSPACE = """\
load_from:
  - python_module:
      module_name: export_assets.definitions
      location_name: export_assets
"""

_LEAST = b"telemetry: {enabled: false}\nnux: {enabled: false}\n"
"""Nothing is sent anywhere, and no dialog lies over the page."""


def prepare(home: Path) -> Path:
    """Return the Dagster home of the project in *home*, made ready.

    It is for its owner only: events hold what runs said. The settings are copied anew each time,
    so that what a person edits is the file of the project.

    Raises:
        DestPermission: The directory cannot be written.
    """
    directory = (home / NAME).resolve()
    settings = settings_of(home)
    with translating(str(directory)):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        _write(directory / SETTINGS, settings)
        _write(directory / "workspace.yaml", _WORKSPACE.encode())
    return directory


def _write(path: Path, data: bytes) -> None:
    """Write a file for its owner only, as settings may hold the password of a database."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_bytes(data)


def settings_of(home: Path) -> bytes:
    """Return the settings in force: the project's own, or those this package comes with."""
    package = Path(export_assets.__file__).parent
    for directory in (home, package.parent, package):
        if (directory / SETTINGS).is_file():
            return (directory / SETTINGS).read_bytes()
    return _LEAST
