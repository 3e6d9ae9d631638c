"""The application's own JSON file laid under what a project says of `leadville`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from export_assets.config.keypath import dotted
from export_assets.config.load import LoadedSource
from export_assets.config.models import SourceConfig
from export_assets.config.overrides import put
from export_assets.config.problems import problems_of
from export_assets.config.project import Project
from export_assets.errors import ConfigError
from export_assets.systems.settled import CONFIG_FILE, variable_of

if TYPE_CHECKING:
    from export_assets.systems.leadville.app_config import AppFile, Told

_OF_SYSTEM = ("default of system", "default")


def settle(project: Project, environ: Mapping[str, str], *, system: str, yaml: Path) -> Project:
    """Return *project* with the files that its sources of *system* name, or the environment does.

    *yaml* is the system's own YAML, over which these files win as over any default.

    Raises:
        ConfigError: A file is wrong; one line for each thing that is.
    """
    lines: list[str] = []
    sources = dict(project.sources)
    for name, loaded in project.sources.items():
        if loaded.config.system != system:
            continue
        try:
            file = _file_of(loaded, project.settings.home, environ.get(variable_of(system)))
            if file is not None:
                sources[name] = _laid_under(loaded, file, shipped=loaded.path == yaml)
                project = _with_directory(project, file)
        except ConfigError as error:
            lines += str(error).splitlines()
    if lines:
        raise ConfigError("\n".join(dict.fromkeys(lines)))
    return replace(project, sources=sources)


def _file_of(loaded: LoadedSource, home: Path, variable: str | None) -> "AppFile | None":
    named = loaded.config.options.get(CONFIG_FILE) or variable
    if not named:
        return None
    from export_assets.systems.leadville.app_config import read_app_file

    return read_app_file(home / Path(str(named)).expanduser(), shown=str(named))


def _with_directory(project: Project, file: "AppFile") -> Project:
    if file.export_dir is None or project.setting_origins.get("exports_dir") != "default":
        return project
    home = project.settings.home
    directory = home / Path(file.export_dir).expanduser()
    settings = project.settings.model_copy(update={"exports_dir": directory})
    origins = {**project.setting_origins, "exports_dir": file.shown}
    return replace(project, settings=settings, setting_origins=origins)


def _laid_under(loaded: LoadedSource, file: "AppFile", *, shipped: bool) -> LoadedSource:
    tree = loaded.config.model_dump(mode="json", by_alias=True, exclude_unset=True)
    tree.get("options", {}).pop(CONFIG_FILE, None)
    origins = dict(loaded.origins)
    for told in file.told(loaded.config.formats):
        if not _is_said(loaded, told, shipped=shipped):
            put(tree, told.path, told.value)
            origins[dotted(told.path)] = told.origin
    try:
        config = SourceConfig.model_validate(tree)
    except ValidationError as error:
        problems = problems_of(error, SourceConfig, written={})
        raise ConfigError("\n".join(one.line(file.shown) for one in problems)) from error
    return replace(loaded, config=config, origins=origins)


def _is_said(loaded: LoadedSource, told: "Told", *, shipped: bool) -> bool:
    """Whether the project itself says something of a key, in whatever file."""
    own = _OF_SYSTEM if not shipped else (*_OF_SYSTEM, "file")
    key = dotted(told.path)
    given = [origin for at, origin in loaded.origins.items() if f"{at}.".startswith(f"{key}.")]
    given = given or [loaded.origin(key)]
    if told.path == ("every_hours",):
        given.append(loaded.origin("schedule"))
    return any(not origin.startswith(own) for origin in given)
