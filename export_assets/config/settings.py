"""What holds for the whole project: where things lie, and what is permitted.

Flags win over environment variables, those over the file, and that over the defaults. The layers
are joined here by hand because every value must know where it came from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, PositiveInt, SecretStr, ValidationError

from export_assets.config.automation import ProjectAutomation
from export_assets.config.base import Model
from export_assets.config.keypath import KeyPath, nearest
from export_assets.config.notify import NotifyTarget, literal_secrets
from export_assets.config.overrides import NEST, PREFIX, Origin, parse_text
from export_assets.config.paths import check_path
from export_assets.config.problems import Problem, problems_of
from export_assets.config.references import expand, without_references
from export_assets.config.yaml_text import read_yaml
from export_assets.errors import ConfigError

SETTINGS_FILE = "export_assets.yaml"

# The store's fault injection reads these; they are no settings.
_TEST_HOOKS = frozenset({"crash", "testing"})

_SECRETS = ("anonymize_key", "archive_identity")
"""Settings that hold a secret; each has a twin, `…_file`, that names a file instead."""


Directory = Annotated[Path, BeforeValidator(check_path, json_schema_input_type=Path)]


class SettingsFile(Model):
    """The project's settings, as `export_assets.yaml` may give them."""

    exports_dir: Directory = Path("exports")
    """Where published partitions go; relative to the project's home."""
    sources_dir: Directory = Path("sources")
    """Where the YAML files of the sources lie; relative to the project's home."""
    systems: tuple[str, ...] | None = None
    """The built-in systems this project shows, all where not given; `[]` shows none. Files in
    `sources_dir` count in any case, and may name any system."""
    extracts_dir: Directory | None = Path("extracts")
    """Where Dagster's jobs `extract_<source>` write, and nowhere else; relative to the project's
    home. With `null` there are none."""
    temp_dir: Directory | None = None
    """Where snapshots are kept while they are read; the system's own place where not given."""
    catalog: bool = True
    """Whether `catalog.duckdb`, views over everything published, is kept beside the exports."""
    allow_hosts: tuple[str, ...] = ()
    """Names, with or without a port, by which the Dagster UI is reached through a proxy, besides
    `localhost`."""
    allow_delete: bool = False
    """Permission to delete unattended: sources' files after they were archived and proven, and in
    Dagster published partitions that no `keep` keeps; no flag replaces it, and each source has to
    ask for it, too."""
    anonymize_key: SecretStr | None = None
    """Key of the hashes that replace anonymized values; by `${NAME}` only."""
    anonymize_key_file: Directory | None = None
    """File that holds this key instead, readable by its owner alone; relative to the project's
    home."""
    archive_identity: SecretStr | None = None
    """Identity of age (`AGE-SECRET-KEY-1…`) that opens encrypted archives, to verify them, to
    restore them, and to remove what they hold; by `${NAME}` only."""
    archive_identity_file: Directory | None = None
    """File of such identities instead, one a line, readable by its owner alone; relative to the
    project's home."""
    keep_runs_days: PositiveInt = 90
    """Days after which Dagster's job `prune_dagster` deletes finished runs that no asset needs."""
    notify: tuple[NotifyTarget, ...] = ()
    """Who is told of exports that fail and of those that go well again."""
    automation: ProjectAutomation = ProjectAutomation()
    """Which sensors and schedules of no single source are on from the start."""


class Settings(SettingsFile):
    """The project's effective settings; directories are absolute."""

    home: Path
    """The directory relative paths start from; the working directory where not given."""


@dataclass(frozen=True, kw_only=True)
class LoadedSettings:
    """The settings and where each came from."""

    settings: Settings
    origins: Mapping[str, Origin]


def load_settings(
    home: Path | None = None,
    *,
    environ: Mapping[str, str],
    flags: Mapping[str, object] | None = None,
) -> LoadedSettings:
    """Return the settings of the project in *home*.

    *flags* are settings given on the command line; None stands for a flag that was not given.

    Raises:
        ConfigError: A file, variable or flag is wrong; one line for each that is.
    """
    variables, lines = _variables(environ)
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    origins: dict[str, Origin] = {"home": "default"}
    base = Path.cwd()
    if home is not None:
        base, origins["home"] = base / home.expanduser(), "flag"
    elif "home" in variables:
        base, origins["home"] = base / Path(variables["home"][1]).expanduser(), "environment"
    if not base.is_dir():
        lines.append(f"home: no such directory: {base}")
    shown = SETTINGS_FILE
    values: dict[str, object] = {}
    written: dict[KeyPath, str] = {}
    if (base / SETTINGS_FILE).exists():
        values, problems, written = _read_file(base / SETTINGS_FILE, environ, shown=shown)
        lines += [problem.line(shown) for problem in problems]
    origins |= dict.fromkeys(values, "file")
    labels = dict.fromkeys(values, shown)
    for name, (variable, text) in variables.items():
        if name == "home":
            continue
        try:
            values[name] = parse_text(text, SettingsFile, (name,))
        except ConfigError as error:
            lines.append(f"{variable}: {error}")
        origins[name], labels[name] = "environment", variable
    values |= given
    origins |= dict.fromkeys(given, "flag")
    labels |= {name: f"--{name.replace('_', '-')}" for name in given}
    return _settle(base, values, origins, labels=labels, lines=lines, written=written)


def _settle(
    home: Path,
    values: Mapping[str, object],
    origins: Mapping[str, Origin],
    *,
    labels: Mapping[str, str],
    lines: list[str],
    written: Mapping[KeyPath, str],
) -> LoadedSettings:
    try:
        settings = SettingsFile.model_validate(values)
    except ValidationError as error:
        for problem in problems_of(error, SettingsFile, written=written):
            name = str(problem.path[0])
            label = labels.get(name, SETTINGS_FILE)
            within = problem.path if label == SETTINGS_FILE else problem.path[1:]
            lines.append(Problem(path=within, text=problem.text).line(label))
        settings = SettingsFile()
    lines += [
        f"{name} and {name}_file: give one of them"
        for name in _SECRETS
        if None not in (getattr(settings, name), getattr(settings, f"{name}_file"))
    ]
    extracts = _extracts_dir(home, settings, lines, label=labels.get("extracts_dir"))
    if lines:
        raise ConfigError("\n".join(dict.fromkeys(lines)))
    temp_dir = settings.temp_dir
    key_files = {f"{name}_file": getattr(settings, f"{name}_file") for name in _SECRETS}
    effective = Settings(
        **settings.model_dump(
            exclude={
                *("exports_dir", "sources_dir", "extracts_dir", "temp_dir"),
                *(*key_files, "automation", "notify"),
            }
        ),
        notify=settings.notify,
        automation=settings.automation,
        home=home,
        exports_dir=home / settings.exports_dir.expanduser(),
        sources_dir=home / settings.sources_dir.expanduser(),
        extracts_dir=extracts,
        temp_dir=home / temp_dir.expanduser() if temp_dir is not None else None,
        **{
            name: home / path.expanduser() if path is not None else None
            for name, path in key_files.items()
        },
    )
    known = {name: origins.get(name, "default") for name in Settings.model_fields}
    return LoadedSettings(settings=effective, origins=known)


def _extracts_dir(
    home: Path, settings: SettingsFile, lines: list[str], *, label: str | None
) -> Path | None:
    """Return where extracts go; add to *lines* where that is among partitions or sources.

    Who may launch runs chooses what extracts are called. Where the default is none and
    nobody gave a directory, as *label* would say, there are no extracts.
    """
    if settings.extracts_dir is None:
        return None
    own = home / settings.extracts_dir.expanduser()
    for name in ("exports_dir", "sources_dir"):
        other = (home / getattr(settings, name).expanduser()).resolve()
        if own.resolve().is_relative_to(other) or other.is_relative_to(own.resolve()):
            if label is not None:
                lines.append(f"{label}: extracts_dir and {name}: neither may lie in the other")
            return None
    return own


def _variables(environ: Mapping[str, str]) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Return variable and text by setting, and a line for each variable that names none."""
    found: dict[str, tuple[str, str]] = {}
    lines: list[str] = []
    for variable in sorted(environ):
        if not variable.upper().startswith(PREFIX):
            continue
        name = variable[len(PREFIX) :].lower()
        if name.startswith(f"sources{NEST}") or name in _TEST_HOOKS:
            continue
        if name in Settings.model_fields:
            found[name] = (variable, environ[variable])
            continue
        head, nest, rest = name.partition(NEST)
        guess = nearest(head, ("sources",) if nest else Settings.model_fields)
        if guess and nest:
            guess = f"{guess}{NEST}{rest}"
        hint = f", did you mean {PREFIX}{guess.upper()}?" if guess else ""
        lines.append(f"{variable}: unknown variable{hint}")
    return found, lines


def _read_file(
    path: Path, environ: Mapping[str, str], *, shown: str
) -> tuple[dict[str, object], list[Problem], dict[KeyPath, str]]:
    raw = read_yaml(path, shown=shown)
    if raw is None:
        return {}, [], {}
    if not isinstance(raw, dict):
        msg = f"{shown}: must be a mapping of keys"
        raise ConfigError(msg)
    expanded = expand(raw, environ, convert=lambda at, text: parse_text(text, SettingsFile, at))
    problems = [Problem(path=at, text=text) for at, text in expanded.problems.items()]
    for name in _SECRETS:
        key = raw.get(name)
        if isinstance(key, str) and without_references(key):
            text = "holds a secret; put it into an environment variable and write ${NAME} for it"
            problems.append(Problem(path=(name,), text=text))
    problems += literal_secrets(raw.get("notify"))
    wrong = {problem.path[0] for problem in problems}
    values = expanded.value if isinstance(expanded.value, dict) else {}
    right = {name: value for name, value in values.items() if name not in wrong}
    return right, problems, expanded.written
