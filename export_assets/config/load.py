"""A source's YAML file and what is laid over it, in; one frozen configuration, out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from export_assets.config.inherit import Inherited, inherit, system_of
from export_assets.config.keypath import KeyPath, dotted
from export_assets.config.masking import has_secret, is_secret_name
from export_assets.config.models import SourceConfig, all_tables
from export_assets.config.overrides import Override, parse_text, place, put
from export_assets.config.problems import Problem, problems_of
from export_assets.config.references import Expanded, expand, without_references
from export_assets.config.yaml_text import read_yaml
from export_assets.errors import ConfigError

_URL: KeyPath = ("url",)


@dataclass(frozen=True, kw_only=True)
class LoadedSource:
    """A source's configuration and where each value of it came from."""

    config: SourceConfig
    path: Path
    """The file it was read from."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Origin of each value given, by dotted key path: flag, environment, file or `default of
    system NAME`; what is not here is a default."""
    references: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Values that came from `${…}`, by dotted key path, as written in the file."""
    unset_url: str = ""
    """Which variable of the address is not set: only who opens the source need care."""

    def origin(self, key: str) -> str:
        """Return where the value at the dotted *key* came from."""
        while key:
            if key in self.origins:
                return self.origins[key]
            key = key.rpartition(".")[0]
        return "default"


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A source's YAML file as it was read, nothing checked yet but that it has keys."""

    path: Path
    shown: str
    """What messages call it."""
    raw: Mapping[str, object] = field(repr=False)

    @property
    def name(self) -> str:
        """The source's name as written, empty where there is none."""
        name = self.raw.get("source")
        return name if isinstance(name, str) else ""


def name_of(file: SourceFile, environ: Mapping[str, str]) -> str:
    """Return the name of the source of *file*; as written where a variable of it is not set."""
    expanded = expand(file.name, environ, convert=lambda _, text: text)
    return file.name if expanded.problems else str(expanded.value)


def read_source_file(path: Path, *, shown: str | None = None) -> SourceFile:
    """Read the YAML file *path*, which messages call *shown*.

    Raises:
        ConfigError: It cannot be read, or is no mapping.
    """
    shown = shown if shown is not None else str(path)
    raw = read_yaml(path, shown=shown)
    if not isinstance(raw, dict):
        msg = f"{shown}: must be a mapping of keys, such as source: and url:"
        raise ConfigError(msg)
    return SourceFile(path=path, shown=shown, raw=raw)


def load_source(
    path: Path,
    *,
    environ: Mapping[str, str],
    overrides: Sequence[Override] = (),
    systems: Mapping[str, Path] | None = None,
) -> LoadedSource:
    """Read and settle the source described by the YAML file *path*; see `settle_source`.

    Raises:
        ConfigError: The file or an override is wrong; one line for each thing that is.
    """
    file = read_source_file(path)
    return settle_source(file, environ=environ, overrides=overrides, systems=systems)


def settle_source(
    file: SourceFile,
    *,
    environ: Mapping[str, str],
    overrides: Sequence[Override] = (),
    systems: Mapping[str, Path] | None = None,
) -> LoadedSource:
    """Turn *file* into a checked configuration.

    *overrides* are laid over the file in their order, so that the last one wins; the YAML of the
    one of *systems* it names is laid under it.

    Raises:
        ConfigError: The file or an override is wrong; one line for each thing that is.
    """
    below = _inherited(file, environ, systems or {})
    raw, shown = below.raw, file.shown
    expanded = expand(raw, environ, convert=lambda at, text: parse_text(text, SourceConfig, at))
    tree = expanded.value if isinstance(expanded.value, dict) else {}
    unset_url = _unset_url(tree, expanded, shown=shown)
    problems = [Problem(path=at, text=text) for at, text in expanded.problems.items()]
    problems += _literal_secrets(raw)
    tree["tables"] = all_tables(tree.get("tables", {}))
    laid, lines = _lay_over(tree, overrides)
    unset_url = "" if _URL in laid else unset_url
    written = {at: text for at, text in expanded.written.items() if not _owner(at, laid)}
    try:
        config = SourceConfig.model_validate(tree)
    except ValidationError as error:
        known = {problem.path for problem in problems}
        found = problems_of(error, SourceConfig, written=written)
        problems += [problem for problem in found if problem.path not in known]
        config = None
    lines += [_line(problem, laid, shown=shown) for problem in problems]
    if config is None or lines:
        raise ConfigError("\n".join(dict.fromkeys(lines)))
    owners = {at: _owner(at, laid) for at in _leaves(tree)}
    inherited = f"default of system {below.system}"
    return LoadedSource(
        config=config,
        path=file.path,
        origins={
            dotted(at): laid[by].origin if by else inherited if below.has(at) else "file"
            for at, by in owners.items()
        },
        references={dotted(at): text for at, text in written.items()},
        unset_url=unset_url,
    )


def _unset_url(tree: dict[str, object], expanded: Expanded, *, shown: str) -> str:
    """Take an address whose variable is not set out of the problems; return the line about it.

    One missing password must not keep the other sources of a project from being exported.
    """
    if _URL not in expanded.unset:
        return ""
    tree["url"] = expanded.written[_URL]
    return Problem(path=_URL, text=expanded.problems.pop(_URL)).line(shown)


def _inherited(
    file: SourceFile, environ: Mapping[str, str], systems: Mapping[str, Path]
) -> Inherited:
    """Return what *file* says with its system's own YAML under it, where it has a system."""
    named = expand(
        {key: file.raw[key] for key in ("source", "system") if key in file.raw},
        environ,
        convert=lambda _, text: text,
    ).value
    system = system_of(named, systems) if isinstance(named, dict) else None
    if system is None or systems[system] == file.path:
        return Inherited(raw=file.raw)
    return inherit(file.raw, system, read_source_file(systems[system]).raw)


def _literal_secrets(raw: Mapping[str, object]) -> list[Problem]:
    """Find passwords that stand in the file itself."""
    found: list[KeyPath] = []
    url, options = raw.get("url"), raw.get("options")
    if isinstance(url, str) and has_secret(without_references(url)):
        found.append(("url",))
    if isinstance(options, dict):
        found += [
            ("options", name)
            for name, value in options.items()
            if is_secret_name(name) and isinstance(value, str) and without_references(value)
        ]
    text = "holds a secret; put it into an environment variable and write ${NAME} for it"
    return [Problem(path=path, text=text) for path in found]


def _leaves(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the paths of everything under *value* that is not itself a mapping."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    else:
        yield path


def _lay_over(
    tree: dict[str, object], overrides: Sequence[Override]
) -> tuple[dict[KeyPath, Override], list[str]]:
    """Put *overrides* into *tree*; return them by their path, and a line for each wrong one."""
    laid: dict[KeyPath, Override] = {}
    lines: list[str] = []
    for override in overrides:
        try:
            at = place(override, SourceConfig, tree)
        except ConfigError as error:
            lines.append(str(error))
            continue
        value = override.value
        if override.origin == "environment" and isinstance(value, str):
            try:
                value = parse_text(value, SourceConfig, at)
            except ConfigError as error:
                lines.append(f"{override.label}: {error}")
                continue
        put(tree, at, value)
        laid[at] = override
    return laid, lines


def _owner(path: KeyPath, laid: Mapping[KeyPath, Override]) -> KeyPath | None:
    """Return the path of the override that put the value at *path* there, None for the file."""
    for length in range(len(path), 0, -1):
        if path[:length] in laid:
            return path[:length]
    return None


def _line(problem: Problem, laid: Mapping[KeyPath, Override], *, shown: str) -> str:
    owner = _owner(problem.path, laid)
    if owner is None:
        return problem.line(shown)
    return Problem(path=problem.path[len(owner) :], text=problem.text).line(laid[owner].label)
