"""The folder of components of a dg project, found without Dagster.

`dg` reads `dg.toml`, or `[tool.dg]` of `pyproject.toml`; the module that holds the components is
named there, and lies below `src/` where there is such a directory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from export_assets.errors import ConfigError

_DEFAULT = "defs"
_OTHER = "definitions"
"""What dg takes where there is no `defs`."""


@dataclass(frozen=True, kw_only=True)
class DgProject:
    """What a dg project says of itself."""

    folder: Path | None = None
    """The folder of its components, None where there is none."""
    target: str = ""
    """The module whose definitions Dagster loads, where one is named."""


def read_dg_project(home: Path) -> DgProject:
    """Return the dg project in *home*, an empty one where there is none.

    Raises:
        ConfigError: The project's file cannot be read.
    """
    project = _project(home)
    target = project.get("code_location_target_module")
    named = target if isinstance(target, str) else ""
    return DgProject(folder=_folder(home, project), target=named)


def _folder(home: Path, project: Mapping[str, object]) -> Path | None:
    root, named = project.get("root_module"), project.get("defs_module")
    if isinstance(named, str):
        return _existing(home, named)
    if not isinstance(root, str):
        return None
    return _existing(home, f"{root}.{_DEFAULT}") or _existing(home, f"{root}.{_OTHER}")


def _existing(home: Path, module: str) -> Path | None:
    base = home / "src" if (home / "src").is_dir() else home
    folder = base.joinpath(*module.split("."))
    return folder if folder.is_dir() else None


def _project(home: Path) -> Mapping[str, object]:
    """Return what dg's own file says of the project, nothing where it is none."""
    own, shared = home / "dg.toml", home / "pyproject.toml"
    if own.is_file():
        return _table(_toml(own), "project")
    # Most pyproject.toml know nothing of dg, and need not even be right.
    if shared.is_file() and b"tool.dg" in shared.read_bytes():
        return _table(_table(_table(_toml(shared), "tool"), "dg"), "project")
    return {}


def _table(within: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = within.get(name)
    return found if isinstance(found, Mapping) else {}


def _toml(path: Path) -> Mapping[str, object]:
    import tomllib  # few projects have such a file

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"{path.name}: cannot be read: {error}"
        raise ConfigError(msg) from error
