"""The project with what systems' own configuration files say laid into it.

Loading the systems takes a while, and is done only where there is such a file.
"""

from collections.abc import Mapping
from pathlib import Path

from export_assets.config.project import Project, load_project
from export_assets.systems.files import builtin_files

CONFIG_FILE = "config_file"
"""The option that names a system's own configuration file."""

_PREFIXES = {"labeling": "DB_EXPORT_"}
"""What the variables of a system that has settings of its own begin with."""


def load_settled(home: Path | None, *, environ: Mapping[str, str]) -> Project:
    """Load the project as `load_project` does, and lay into it what systems' own files say.

    Raises:
        ConfigError: Something is wrong; one line for each thing that is, over all files.
    """
    project = load_project(home, environ=environ, builtin=builtin_files())
    if not has_own_files(project, environ):
        return project
    from export_assets.systems.registry import load_workspace

    return load_workspace(home, environ=environ).project


def has_own_files(project: Project, environ: Mapping[str, str]) -> bool:
    """Whether any source has a configuration file, or settings, of its system's own."""
    systems = {loaded.config.system for loaded in project.sources.values()}
    named = any(
        loaded.config.options.get(CONFIG_FILE)
        or (loaded.config.system in _PREFIXES and loaded.config.options)
        for loaded in project.sources.values()
    )
    prefixes = tuple(prefix for system, prefix in _PREFIXES.items() if system in systems)
    settings = bool(prefixes) and any(name.startswith(prefixes) for name in environ)
    return named or settings or any(environ.get(variable_of(one)) for one in systems if one)


def variable_of(system: str) -> str:
    """Return the environment variable that names the configuration file of *system*."""
    return f"{system.upper()}_CONFIG"
