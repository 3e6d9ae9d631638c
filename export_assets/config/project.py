"""A whole project: its settings and every source, built in or the user's own."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from export_assets.config.components import component_files
from export_assets.config.hashing import config_hash
from export_assets.config.keypath import nearest
from export_assets.config.load import (
    LoadedSource,
    SourceFile,
    name_of,
    read_source_file,
    settle_source,
)
from export_assets.config.overrides import NEST, PREFIX, Origin, Override, source_overrides
from export_assets.config.settings import SETTINGS_FILE, Settings, load_settings
from export_assets.config.urls import SourceUrl, address_of
from export_assets.errors import ConfigError, UsageError

__all__ = ["Project", "config_hash", "load_project"]

_SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, kw_only=True)
class Project:
    """The effective configuration."""

    settings: Settings
    sources: Mapping[str, LoadedSource]
    """By name: the built-in ones first, then the user's in the order of their file names."""
    setting_origins: Mapping[str, str] = field(default_factory=dict)
    """Where each came from: `Origin`, or a system's own configuration file."""

    def source(self, name: str) -> LoadedSource:
        """Return the source called *name*.

        Raises:
            UsageError: There is none; the message names the nearest.
        """
        if name in self.sources:
            return self.sources[name]
        guess = nearest(name, self.sources)
        hint = f"did you mean {guess!r}?" if guess else f"sources: {', '.join(self.sources)}"
        msg = f"{name}: no such source, {hint}"
        raise UsageError(msg)

    def url_of(self, name: str) -> SourceUrl:
        """Return where the source *name* lies; relative paths start at the project's home.

        Raises:
            UsageError: There is no such source.
            ConfigError: Its url is no address, or names a variable that is not set.
        """
        loaded = self.source(name)
        if loaded.unset_url:
            raise ConfigError(loaded.unset_url)
        config = loaded.config
        try:
            return address_of(config.url, kind=config.kind, base=self.settings.home)
        except UsageError as error:
            msg = f"{name}: {error}"
            raise ConfigError(msg) from error


def load_project(
    home: Path | None = None,
    *,
    environ: Mapping[str, str],
    builtin: Mapping[str, Path] | None = None,
    flags: Mapping[str, object] | None = None,
    overrides: Mapping[str, Sequence[Override]] | None = None,
    components: Sequence[SourceFile] | None = None,
) -> Project:
    """Load the settings and every source.

    Args:
        home: The project's directory, None for `EXPORT_ASSETS_HOME` or the working directory.
        environ: The environment.
        builtin: YAML files of the built-in systems, by name.
        flags: Settings given on the command line, None for those not given.
        overrides: Values laid over sources, by the source's name, over those of the environment.
        components: Sources described by components, None for those of the dg project in the home.

    Raises:
        ConfigError: Something is wrong; one line for each thing that is, over all files.
    """
    loaded = load_settings(home, environ=environ, flags=flags)
    settings = loaded.settings
    lines: list[str] = []
    read = _own_files(settings, loaded.origins, components, lines)
    files = _by_name(read, settings, builtin or {}, environ, lines)
    laid = _by_source(source_overrides(environ), files, lines)
    sources: dict[str, LoadedSource] = {}
    for name, file in files.items():
        own = (*laid.get(name, ()), *(overrides or {}).get(name, ()))
        try:
            source = settle_source(file, environ=environ, overrides=own, systems=builtin)
        except ConfigError as error:
            lines += str(error).splitlines()
            continue
        system = source.config.system
        if system is not None and builtin is not None and system not in builtin:
            guess = nearest(system, builtin)
            hint = f", did you mean {guess!r}?" if guess else ""
            lines.append(f"{file.shown}: system: no built-in system {system!r}{hint}")
        if source.config.source != name:
            told = f"called {source.config.source!r} by {source.origin('source')}"
            lines.append(f"{file.shown}: source: {name!r} is {told}; change it in the file")
        sources[name] = source
    if lines:
        raise ConfigError("\n".join(dict.fromkeys(lines)))
    return Project(settings=settings, sources=sources, setting_origins=loaded.origins)


def _own_files(
    settings: Settings,
    origins: Mapping[str, Origin],
    components: Sequence[SourceFile] | None,
    lines: list[str],
) -> Iterator[SourceFile]:
    """Yield every file of the user's that can be read."""
    directory = settings.sources_dir
    if not directory.is_dir() and origins["sources_dir"] != "default":
        lines.append(f"sources_dir: no such directory: {directory}")
    paths = sorted(directory.iterdir()) if directory.is_dir() else []
    named = [path for path in paths if path.suffix.lower() in _SUFFIXES and path.name[0] != "."]
    read = (_read(path, settings, lines) for path in named)
    yield from (file for file in read if file is not None)
    yield from _components(settings, components, lines)


def _by_name(
    files: Iterator[SourceFile],
    settings: Settings,
    builtin: Mapping[str, Path],
    environ: Mapping[str, str],
    lines: list[str],
) -> dict[str, SourceFile]:
    """Return the file of each source: a user's file stands for the built-in one of its name."""
    own: dict[str, SourceFile] = {}
    for file in files:
        name = name_of(file, environ)
        if name in own:
            first = own[name].shown
            lines.append(f"{file.shown}: source: {name!r} is already described by {first}")
            continue
        own[name or file.shown] = file
    systems = {
        name: _read(builtin[name], settings, lines)
        for name in _shown(settings, builtin, lines)
        if name not in own
    }
    return {name: file for name, file in systems.items() if file is not None} | own


def _shown(settings: Settings, builtin: Mapping[str, Path], lines: list[str]) -> list[str]:
    """Return the built-in systems that the settings show; add to *lines* what they misname."""
    if settings.systems is None:
        return list(builtin)
    for name in settings.systems:
        if builtin and name not in builtin:
            guess = nearest(name, builtin)
            hint = f", did you mean {guess!r}?" if guess else ""
            lines.append(f"{SETTINGS_FILE}: systems: no built-in system {name!r}{hint}")
    return [name for name in builtin if name in settings.systems]


def _components(
    settings: Settings, given: Sequence[SourceFile] | None, lines: list[str]
) -> Iterator[SourceFile]:
    try:
        yield from component_files(settings.home) if given is None else given
    except ConfigError as error:
        lines += str(error).splitlines()


def _read(path: Path, settings: Settings, lines: list[str]) -> SourceFile | None:
    inside = path.is_relative_to(settings.home)
    shown = str(path.relative_to(settings.home)) if inside else str(path)
    try:
        return read_source_file(path, shown=shown)
    except ConfigError as error:
        lines += str(error).splitlines()
        return None


def _by_source(
    overrides: Mapping[str, Sequence[Override]], names: Collection[str], lines: list[str]
) -> dict[str, Sequence[Override]]:
    """Match the variables' sources to those there are."""
    for name, unplaced in overrides.items():
        if name not in names:
            guess = nearest(name, names)
            hint = f", did you mean {PREFIX}SOURCES{NEST}{guess.upper()}{NEST}…?" if guess else ""
            lines += [f"{override.label}: no source {name!r}{hint}" for override in unplaced]
    return {name: placed for name, placed in overrides.items() if name in names}
