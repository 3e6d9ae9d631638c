"""The application's own settings: `DB_EXPORT_…` in the environment, or `options` of the source.

They say in other words what `monitor` and the set `database_export` say, and hold over these.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from export_assets.config.load import LoadedSource
from export_assets.config.models import SourceConfig
from export_assets.config.overrides import put
from export_assets.config.problems import problems_of
from export_assets.config.project import Project
from export_assets.errors import ConfigError

PREFIX: Final = "DB_EXPORT_"
SET: Final = "database_export"
MEDIA_ROOT: Final = "media_root"
ENVIRONMENTS: Final = ("development", "production", "testing")

_NAMES: Final = (
    "enable_auto_export",
    "enable_monitoring",
    "export_directory",
    "check_interval",
    "export_json",
    "export_csv",
    "use_background_threads",
    "max_export_size_mb",
    "environment",
)
_WORDS: Final = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
Value = str | int | float | bool | None


def settle(project: Project, environ: Mapping[str, str], *, system: str) -> Project:
    """Return *project* with the application's settings laid into its sources of *system*.

    Raises:
        ConfigError: A setting is unknown or has a value it cannot have; one line for each.
    """
    lines: list[str] = []
    sources = dict(project.sources)
    for name, loaded in project.sources.items():
        if loaded.config.system == system:
            try:
                sources[name] = _settled(loaded, environ, home=project.settings.home)
            except ConfigError as error:
                lines += str(error).splitlines()
    if lines:
        raise ConfigError("\n".join(dict.fromkeys(lines)))
    return replace(project, sources=sources)


def _settled(loaded: LoadedSource, environ: Mapping[str, str], *, home: Path) -> LoadedSource:
    given = _given(loaded, environ)
    media = loaded.config.options.get(MEDIA_ROOT)
    if not given and media is None:
        return loaded
    tree = loaded.config.model_dump(mode="json", by_alias=True, exclude_unset=True)
    tree["options"] = {}
    if media is not None:
        where = f"{loaded.config.source}: options.{MEDIA_ROOT}"
        tree["options"][MEDIA_ROOT] = str(home / Path(_text(media, where)).expanduser())
    origins = dict(loaded.origins)
    for name, (value, where, origin) in given.items():
        for path, told in _TOLD[name](value, where):
            put(tree, path, told)
            origins[".".join(path)] = origin
    _leave_out(tree, given, loaded.config)
    try:
        config = SourceConfig.model_validate(tree)
    except ValidationError as error:
        where = ", ".join(where for _, where, _ in given.values())
        problems = problems_of(error, SourceConfig, written={})
        raise ConfigError("\n".join(one.line(where) for one in problems)) from error
    return replace(loaded, config=config, origins=origins)


Given = dict[str, tuple[Value, str, str]]
"""By setting: its value, what messages call it, and where it came from."""


def _given(loaded: LoadedSource, environ: Mapping[str, str]) -> Given:
    source, found = loaded.config.source, Given()
    for name, value in loaded.config.options.items():
        if name == MEDIA_ROOT:
            continue  # it shapes what is written, and stays an option
        if name not in _NAMES:
            known = ", ".join((*_NAMES, MEDIA_ROOT))
            msg = f"{source}: options.{name}: unknown; labeling has {known}"
            raise ConfigError(msg)
        found[name] = (value, f"{source}: options.{name}", loaded.origin(f"options.{name}"))
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or not text.strip():
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in _NAMES:
            known = ", ".join(PREFIX + one.upper() for one in _NAMES)
            msg = f"{variable}: there is no such setting; there are {known}"
            raise ConfigError(msg)
        found[name] = (text.strip(), variable, "environment")
    # What an environment says comes last: production monitors nothing, whatever else is set.
    ordered = [name for name in _NAMES if name in found]
    return {name: found[name] for name in ordered}


_Told = list[tuple[tuple[str, ...], Any]]


def _enable_monitoring(value: Value, where: str) -> _Told:
    reason = "" if _truth(value, where) else f"{where} is false"
    return [(("monitor", "enabled"), not reason), (("monitor", "reason"), reason)]


def _environment(value: Value, where: str) -> _Told:
    if value not in ENVIRONMENTS:
        msg = f"{where}: must be one of {', '.join(ENVIRONMENTS)}, not {value!r}"
        raise ConfigError(msg)
    told: _Told = [(("monitor", "verbose"), value == "development")]
    if value == "production":
        told += [
            (("monitor", "enabled"), False),
            (("monitor", "reason"), f"{where} is production, which is exported by hand only"),
        ]
    return told


_TOLD: Final[dict[str, Callable[[Value, str], _Told]]] = {
    "enable_auto_export": lambda v, w: [(("monitor", "export"), _truth(v, w))],
    "enable_monitoring": _enable_monitoring,
    "check_interval": lambda v, w: [(("monitor", "every"), _positive(v, w))],
    "use_background_threads": lambda v, w: [(("monitor", "background"), _truth(v, w))],
    "export_directory": lambda v, w: [(("sets", SET, "directory"), _text(v, w))],
    "max_export_size_mb": lambda v, w: [(("sets", SET, "max_mb"), _positive(v, w))],
    "export_json": lambda _v, _w: [],  # both: see `_leave_out`
    "export_csv": lambda _v, _w: [],
    "environment": _environment,
}


def _leave_out(tree: dict[str, Any], given: Given, config: SourceConfig) -> None:
    """Take the formats out of the set that are not wanted."""
    left_out = {
        fmt
        for fmt in ("json", "csv")
        if (name := f"export_{fmt}") in given and not _truth(*given[name][:2])
    }
    if left_out and SET in config.sets:
        formats = [fmt for fmt in config.sets[SET].formats if fmt not in left_out]
        put(tree, ("sets", SET, "formats"), formats)


def _truth(value: Value, where: str) -> bool:
    found = value if isinstance(value, bool) else _WORDS.get(str(value).strip().lower())
    if found is None:
        msg = f"{where}: must be true or false, not {value!r}"
        raise ConfigError(msg)
    return found


def _positive(value: Value, where: str) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = 0.0
    if isinstance(value, bool) or not 0 < number < float("inf"):
        msg = f"{where}: must be a number above 0, not {value!r}"
        raise ConfigError(msg)
    return number


def _text(value: Value, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        msg = f"{where}: must be a directory, not {value!r}"
        raise ConfigError(msg)
    return value
