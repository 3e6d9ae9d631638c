"""The configuration files of the built-in systems, found without loading the systems."""

from pathlib import Path


def builtin_files() -> dict[str, Path]:
    """Return the YAML file of every built-in system by the system's name."""
    found = sorted(Path(__file__).parent.glob("*/*.yaml"))
    return {path.stem: path for path in found if path.stem == path.parent.name}
