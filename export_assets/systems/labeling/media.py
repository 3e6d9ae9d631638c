"""Whether the file of an image is there, as far as a configured directory tells."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from export_assets.config.models import SourceConfig
from export_assets.errors import ConfigError
from export_assets.systems.labeling.settings import MEDIA_ROOT

FUNCTION: Final = "export_assets_file_exists"


def named_root(config: SourceConfig) -> Path | None:
    """Return the directory that paths of images start at, None where none is configured."""
    named = config.options.get(MEDIA_ROOT)
    return None if named is None else Path(str(named)).resolve()


def media_root(config: SourceConfig) -> Path | None:
    """Return the directory that paths of images start at, None where there is none.

    Raises:
        ConfigError: It is no directory.
    """
    root = named_root(config)
    if root is not None and not root.is_dir():
        msg = f"{config.source}: options.{MEDIA_ROOT}: {root} is no directory"
        raise ConfigError(msg)
    return root


def file_exists(root: Path) -> Callable[[object], int | None]:
    """Return what tells whether a stored path is a file below *root*: 1, or 0.

    A path that leads out of *root*, by links too, is none.
    """

    def exists(path: object) -> int | None:
        if not isinstance(path, str) or "\0" in path:
            return 0
        try:
            file = (root / path).resolve()
            return int(file.is_relative_to(root) and file.is_file())
        except (OSError, RuntimeError):  # too long a name, a loop of links
            return 0

    return exists
