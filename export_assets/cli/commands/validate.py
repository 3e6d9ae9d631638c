"""`export-assets validate`: the configuration against its model, and what is in force."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output
from export_assets.errors import ConfigError

if TYPE_CHECKING:
    from export_assets.config.models import SourceConfig


@dataclass(frozen=True, kw_only=True)
class ValidateOptions(CommonOptions):
    """What to validate."""

    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="YAML files of sources, or an export_assets.yaml; the whole project by default.",
            show_default=False,
        ),
    ] = None
    show: Annotated[
        bool, typer.Option("--show", help="Print every value in force and where it came from.")
    ] = False


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "validate", ValidateOptions)(validate)


def validate(output: Output, options: ValidateOptions) -> int:
    """Check the configuration: one line for each thing that is wrong."""
    from export_assets.config.show import show
    from export_assets.systems.files import builtin_files
    from export_assets.systems.settled import load_settled

    if options.files:
        names = _files(options.files)
        output.line(f"valid: {', '.join(names)}")
        output.document({"exit_code": 0, "sources": names})
        return 0
    project = load_settled(options.home, environ=os.environ)
    unset = [loaded.unset_url for loaded in project.sources.values() if loaded.unset_url]
    if unset:
        raise ConfigError("\n".join(unset))
    shipped = set(builtin_files().values())
    _refuse_wrong_options(
        {
            name: loaded.config
            for name, loaded in project.sources.items()
            if loaded.path not in shipped
        },
        {name: str(loaded.path) for name, loaded in project.sources.items()},
    )
    shown = show(project) if options.show else {}
    if options.show:
        for key, value, origin in flattened(shown):
            output.line(f"{key}: {value}  ({origin})")
    else:
        output.line(f"valid: {', '.join(project.sources)}")
    output.document({"exit_code": 0, "sources": list(project.sources), **_shown(shown)})
    return 0


def _files(paths: list[Path]) -> list[str]:
    """Check single files; return the names of the sources in them.

    Raises:
        ConfigError: One line for each thing that is wrong in any of them.
    """
    from export_assets.config.components import source_files
    from export_assets.config.load import settle_source
    from export_assets.config.settings import SETTINGS_FILE, load_settings
    from export_assets.systems.files import builtin_files

    names: list[str] = []
    configs: dict[str, SourceConfig] = {}
    lines: list[str] = []
    for path in paths:
        try:
            if path.name == SETTINGS_FILE:
                if not path.exists():
                    lines.append(f"{path}: no such file")
                    continue
                load_settings(path.parent, environ=os.environ)
                names.append(SETTINGS_FILE)
                continue
            files = source_files(path)
        except ConfigError as error:
            lines += str(error).splitlines()
            continue
        for file in files:
            try:
                loaded = settle_source(file, environ=os.environ, systems=builtin_files())
            except ConfigError as error:
                lines += str(error).splitlines()
                continue
            if loaded.unset_url:
                lines.append(loaded.unset_url)
            names.append(loaded.config.source)
            configs[file.shown] = loaded.config
            system = loaded.config.system
            if system is not None and system not in builtin_files():
                lines.append(f"{file.shown}: system: no built-in system {system!r}")
    if lines:
        raise ConfigError("\n".join(lines))
    _refuse_wrong_options(configs, {name: name for name in configs})
    return names


def _refuse_wrong_options(configs: "Mapping[str, SourceConfig]", shown: Mapping[str, str]) -> None:
    """Refuse format options that their format cannot honour.

    Raises:
        ConfigError: One line for each.
    """
    lines = []
    for name, config in configs.items():
        given = any(config.format_options_of(table, fmt).given() for table, fmt in _pairs(config))
        if given:
            # Only now: the formats bring Polars and Arrow with them.
            from export_assets.cli.format_check import wrong_options

            lines += [f"{shown[name]}: {text}" for text in wrong_options(config)]
    if lines:
        raise ConfigError("\n".join(lines))


def _pairs(config: "SourceConfig") -> Iterator[tuple[str, Any]]:
    for table in ("*", *config.tables):
        for fmt in config.formats_of(table):
            yield table, fmt


def flattened(shown: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, object, str]]:
    """Yield dotted key, value and origin of everything in what `config.show` returned."""
    for key, value in shown.items():
        at = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping) and "origin" in value and "value" in value:
            origin = value["origin"]
            reference = f", {value['reference']}" if "reference" in value else ""
            yield at, value["value"], f"{origin}{reference}"
        elif isinstance(value, Mapping):
            yield from flattened(value, at)
        else:
            yield at, value, "file"


def _shown(shown: Mapping[str, Any]) -> dict[str, Any]:
    return {"effective": shown} if shown else {}
