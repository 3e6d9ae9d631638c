"""`${NAME}` and `${NAME:-default}` in configuration values."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from export_assets.config.keypath import KeyPath
from export_assets.errors import ConfigError

Convert = Callable[[KeyPath, str], object]

_REFERENCE = re.compile(
    r"(?P<escaped>\$\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}"
    r"|(?P<broken>\$\{[^}\n]*\}?)"
)


@dataclass(frozen=True, kw_only=True)
class Expanded:
    """A tree of values after expansion."""

    value: object
    written: dict[KeyPath, str] = field(default_factory=dict)
    """The text with its references, by the path of each value that had any."""
    problems: dict[KeyPath, str] = field(default_factory=dict)
    """What is wrong, by path; never holds a variable's value."""
    unset: frozenset[KeyPath] = frozenset()
    """Those of `problems` that are gone once a variable is set."""


def expand(value: object, environ: Mapping[str, str], *, convert: Convert) -> Expanded:
    """Replace the references in every text of *value*; keys are left alone.

    `${NAME:-default}` takes the default when NAME is unset or empty; `$${` is the text `${`.
    A value that is one reference and nothing else is what *convert* makes of its text.
    """
    expansion = _Expansion(environ, convert)
    tree = expansion.tree(value, ())
    return Expanded(
        value=tree,
        written=expansion.written,
        problems=expansion.problems,
        unset=frozenset(expansion.unset),
    )


def without_references(text: str) -> str:
    """Return *text* with its references taken out: what is written literally."""
    return _REFERENCE.sub("", text)


class _Expansion:
    """One walk over a tree of values, and what it met."""

    def __init__(self, environ: Mapping[str, str], convert: Convert) -> None:
        self._environ = environ
        self._convert = convert
        self.written: dict[KeyPath, str] = {}
        self.problems: dict[KeyPath, str] = {}
        self.unset: set[KeyPath] = set()

    def tree(self, value: object, path: KeyPath) -> object:
        """Return *value* with its references replaced."""
        if isinstance(value, dict):
            return {key: self.tree(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.tree(item, (*path, at)) for at, item in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return self._text(value, path)
        return value

    def _text(self, text: str, path: KeyPath) -> object:
        expanded = _REFERENCE.sub(lambda match: self._one(match, text, path), text)
        match = _REFERENCE.fullmatch(text)
        if match is None or match["name"] is None or path in self.problems:
            return expanded
        try:
            return self._convert(path, expanded)
        except ConfigError as error:
            self.problems[path] = str(error)
            return expanded

    def _one(self, match: re.Match[str], text: str, path: KeyPath) -> str:
        if match["escaped"]:
            return "${"
        if match["broken"]:
            self.unset.discard(path)
            self.problems[path] = (
                f"{match['broken']} is no reference; write ${{NAME}} or ${{NAME:-default}}, "
                "and $${ for the characters themselves"
            )
            return ""
        self.written[path] = text
        value = self._environ.get(match["name"])
        if match["default"] is not None:
            return value or match["default"]
        if value is None:
            if path not in self.problems:
                self.unset.add(path)
            self.problems[path] = f"environment variable {match['name']} is not set"
            return ""
        return value
