"""Values laid over a configuration file: from the environment, or from flags of a command."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from export_assets.config.keypath import (
    KeyPath,
    annotation_at,
    is_mapping,
    is_optional,
    is_text,
    keys_at,
    nearest,
)
from export_assets.config.yaml_text import parse_yaml
from export_assets.errors import ConfigError

Origin = Literal["flag", "environment", "file", "default"]

PREFIX = "EXPORT_ASSETS_"
NEST = "__"


@dataclass(frozen=True, kw_only=True)
class Override:
    """One value and the key path it is for."""

    path: tuple[str, ...]
    """Keys as given; they are matched to those of the file whatever their case."""
    value: object
    origin: Origin
    label: str
    """What messages call it: the variable or the flag."""


def flag(label: str, path: tuple[str, ...], value: object) -> Override:
    """Return the override a command's flag stands for."""
    return Override(path=path, value=value, origin="flag", label=label)


def source_overrides(environ: Mapping[str, str]) -> dict[str, list[Override]]:
    """Return the overrides of `EXPORT_ASSETS_SOURCES__<source>__<key>…`, by source in lower case.

    Raises:
        ConfigError: A variable names no key.
    """
    found: dict[str, list[Override]] = {}
    start = f"{PREFIX}SOURCES{NEST}"
    for name in sorted(environ):
        if not name.upper().startswith(start):
            continue
        source, *path = name[len(start) :].split(NEST)
        if not source or not path or not all(path):
            msg = f"{name}: no key named; write {start}<source>{NEST}<key>"
            raise ConfigError(msg)
        override = Override(path=tuple(path), value=environ[name], origin="environment", label=name)
        found.setdefault(source.lower(), []).append(override)
    return found


def place(override: Override, model: type[BaseModel], tree: Mapping[str, object]) -> KeyPath:
    """Return the path in *tree* that *override* is for.

    Raises:
        ConfigError: The model has no such key; the message names the nearest override.
    """
    resolved: list[str] = []
    here: object = tree
    rest = list(override.path)
    while rest:
        annotation = annotation_at(model, resolved)
        if not is_mapping(annotation):
            msg = f"{override.label}: {'.'.join(resolved)} has no keys of its own"
            raise ConfigError(msg)
        valid = keys_at(annotation)
        present = tuple(here) if isinstance(here, Mapping) else ()
        key, used = _match(rest, valid or present)
        if key is None:
            if valid:
                raise _unknown(override, rest[0], valid)
            key, used = (rest[0].lower() if rest[0].isupper() else rest[0]), 1
        resolved.append(key)
        here = here.get(key) if isinstance(here, Mapping) else None
        rest = rest[used:]
    return tuple(resolved)


def parse_text(text: str, model: type[BaseModel], path: KeyPath) -> object:
    """Return the value that *text*, from a variable, stands for at *path*.

    Where the model wants text it is taken as it is, elsewhere it is read as YAML.

    Raises:
        ConfigError: It is not YAML; the message does not show it, for it may be a secret.
    """
    if is_optional(model, path) and text.strip() in {"", "~", "null"}:
        return None
    if is_text(annotation_at(model, path)):
        return text
    try:
        return parse_yaml(text, shown="")
    except ConfigError:
        msg = "the value is not YAML"
        raise ConfigError(msg) from None


def put(tree: dict[str, object], path: KeyPath, value: object) -> None:
    """Set *value* at *path* of *tree*, making the mappings that lead there."""
    here = tree
    for part in path[:-1]:
        below = here.get(str(part))
        if not isinstance(below, dict):
            below = {}
            here[str(part)] = below
        here = below
    here[str(path[-1])] = value


def _match(parts: list[str], keys: Iterable[str]) -> tuple[str | None, int]:
    # A table may be called stg__orders: the longest run of parts that is a key wins.
    folded = {key.casefold(): key for key in keys}
    for used in range(len(parts), 0, -1):
        key = folded.get(NEST.join(parts[:used]).casefold())
        if key is not None:
            return key, used
    return None, 0


def _unknown(override: Override, part: str, valid: tuple[str, ...]) -> ConfigError:
    guess = nearest(part, valid)
    if guess is None:
        return ConfigError(f"{override.label}: unknown key, valid keys: {', '.join(valid)}")
    suggestion = f"{override.label.rpartition(part)[0]}{guess.upper()}"
    if override.origin != "environment":
        return ConfigError(f"{override.label}: unknown key {part!r}, did you mean {guess!r}?")
    return ConfigError(f"{override.label}: unknown variable, did you mean {suggestion}?")
