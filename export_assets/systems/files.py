"""The configuration files of the built-in systems, found without loading the systems."""

from collections.abc import Mapping
from pathlib import Path

_SPEAKING = ("EXPORT_ASSETS_SOURCES__", "DB_EXPORT_")
"""What variables begin with that say something of a source."""


def builtin_files() -> dict[str, Path]:
    """Return the YAML file of every built-in system by the system's name."""
    found = sorted(Path(__file__).parent.glob("*/*.yaml"))
    return {path.stem: path for path in found if path.stem == path.parent.name}


def are_as_they_come(home: Path, sources_dir: Path, *, environ: Mapping[str, str]) -> bool:
    """Whether neither the project in *home* nor the environment can say anything of a source.

    Told without reading any, which takes longer than all else that `list` does.
    """
    names = [name.upper() for name in environ]
    # `<SYSTEM>_CONFIG` names a system's own file, and others of such a name do no harm.
    said = any(name.startswith(_SPEAKING) or name.endswith("_CONFIG") for name in names)
    files = (sources_dir, home / "dg.toml", home / "pyproject.toml")
    return not said and not any(path.exists() for path in files)
