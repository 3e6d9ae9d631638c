"""A source's YAML file and what is laid over it, in; one frozen configuration, out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from export_assets.config.keypath import KeyPath, dotted
from export_assets.config.masking import masked
from export_assets.config.models import SourceConfig
from export_assets.config.overrides import Origin, Override, parse_text, place, put
from export_assets.config.problems import Problem, problems_of
from export_assets.config.references import expand, without_references
from export_assets.config.yaml_text import read_yaml
from export_assets.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class LoadedSource:
    """A source's configuration and where each value of it came from."""

    config: SourceConfig
    path: Path
    """The file it was read from."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Origin of each value given, by dotted key path; what is not here is a default."""
    references: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Values that came from `${…}`, by dotted key path, as written in the file."""

    def origin(self, key: str) -> Origin:
        """Return where the value at the dotted *key* came from."""
        while key:
            if key in self.origins:
                return self.origins[key]
            key = key.rpartition(".")[0]
        return "default"


def load_source(
    path: Path,
    *,
    environ: Mapping[str, str],
    overrides: Sequence[Override] = (),
    shown: str | None = None,
) -> LoadedSource:
    """Read the source described by the YAML file *path*, which messages call *shown*.

    *overrides* are laid over the file in their order, so that the last one wins.

    Raises:
        ConfigError: The file or an override is wrong; one line for each thing that is.
    """
    shown = shown if shown is not None else str(path)
    raw = read_yaml(path, shown=shown)
    if not isinstance(raw, dict):
        msg = f"{shown}: must be a mapping of keys, such as source: and url:"
        raise ConfigError(msg)
    expanded = expand(raw, environ, convert=lambda at, text: parse_text(text, SourceConfig, at))
    problems = [Problem(path=at, text=text) for at, text in expanded.problems.items()]
    problems += _literal_password(raw)
    tree = expanded.value if isinstance(expanded.value, dict) else {}
    origins: dict[KeyPath, Origin] = dict.fromkeys(_leaves(tree), "file")
    laid, lines = _lay_over(tree, overrides)
    origins |= {at: override.origin for at, override in laid.items()}
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
    return LoadedSource(
        config=config,
        path=path,
        origins={dotted(at): origin for at, origin in origins.items()},
        references={dotted(at): text for at, text in written.items()},
    )


def _literal_password(raw: Mapping[str, object]) -> list[Problem]:
    url = raw.get("url")
    if not isinstance(url, str):
        return []
    literal = without_references(url)
    if masked(literal) == literal:
        return []
    text = "holds a password; put it into an environment variable and write ${NAME} for it"
    return [Problem(path=("url",), text=text)]


def _leaves(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the paths of everything under *value* that is not itself a mapping with keys."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif path:
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
