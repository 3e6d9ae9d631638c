"""YAML in, plain values out, without YAML's surprises.

Keys are always text (`no:` is a table called no), only `true` and `false` are truth values, numbers
with leading zeros and dates stay text, duplicate keys and tags are refused.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from export_assets.errors import ConfigError

try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:  # PyYAML built without libyaml
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment] # same interface

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_ACCEPTED = frozenset(
    f"{_TAG}{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map", "merge")
)
_MAX_NODES = 100_000
_MAX_DEPTH = 64

_RESOLVERS: tuple[tuple[str, str, str], ...] = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?",
        "-+.0123456789",
    ),
    ("merge", r"<<", "<"),
)


class _Loader(_SafeLoader):
    """The safe loader with the scalars of YAML 1.2."""


# PyYAML copies the table of the base class otherwise, with the scalars of YAML 1.1.
_Loader.yaml_implicit_resolvers = {}


for _name, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(
        f"{_TAG}{_name}",
        re.compile(f"^(?:{_pattern})$"),
        ["" if char == "\0" else char for char in _first],
    )


def read_yaml(path: Path, *, shown: str) -> object:
    """Return the content of the YAML file *path*, which messages call *shown*.

    Raises:
        ConfigError: The file cannot be read, is not UTF-8 or not YAML as accepted here.
    """
    return parse_yaml(_read(path, shown), shown=shown)


def read_documents(path: Path, *, shown: str) -> list[object]:
    """Return the documents of the YAML file *path*, which `---` parts.

    Raises:
        ConfigError: The file cannot be read, is not UTF-8 or not YAML as accepted here.
    """
    return _parse(_read(path, shown), shown, several=True)


def compose_documents(path: Path, *, shown: str) -> list[yaml.Node]:
    """Return the documents of *path* as nodes, which know where they stand.

    Raises:
        ConfigError: The file cannot be read, is not UTF-8 or not YAML as accepted here.
    """
    loader = _Loader(_read(path, shown))
    try:
        return list(_nodes(loader, several=True))
    except yaml.YAMLError as error:
        msg = f"{shown}: not YAML: {' '.join(str(error).split())}"
        raise ConfigError(msg) from None
    finally:
        loader.dispose()


def _read(path: Path, shown: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        msg = f"{shown}: no such file"
        raise ConfigError(msg) from error
    except OSError as error:
        msg = f"{shown}: cannot be read: {error.strerror}"
        raise ConfigError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{shown}: not UTF-8 at byte {error.start}"
        raise ConfigError(msg) from error


def parse_yaml(text: str, *, shown: str) -> object:
    """Return the one document of *text*, None where it is empty.

    Raises:
        ConfigError: *text* is not YAML as accepted here; the message has line and column.
    """
    return next(iter(_parse(text, shown, several=False)), None)


def _parse(text: str, shown: str, *, several: bool) -> list[object]:
    """Return the documents of *text*; one that is not alone is a mistake unless *several* may be.

    Raises:
        ConfigError: *text* is not YAML as accepted here.
    """
    try:
        _refuse_deep_nesting(text, shown)
        loader = _Loader(text)
        try:
            return [_content(node, loader, shown) for node in _nodes(loader, several=several)]
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        msg = f"{shown}: {_place(mark)}{problem}{_hint(text, mark)}"
        raise ConfigError(msg) from None
    except (yaml.YAMLError, ValueError) as error:
        msg = f"{shown}: not YAML: {' '.join(str(error).split())}"
        raise ConfigError(msg) from None


def _nodes(loader: _Loader, *, several: bool) -> Iterator[yaml.Node]:
    if several:
        while loader.check_node() and (node := loader.get_node()) is not None:
            yield node
    elif (node := loader.get_single_node()) is not None:
        yield node


def _content(node: yaml.Node, loader: _Loader, shown: str) -> object:
    _Check(shown).node(node, depth=0)
    return loader.construct_document(node)


def _refuse_deep_nesting(text: str, shown: str) -> None:
    # The composer recurses without a limit of its own; the events come one after the other.
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            msg = f"{shown}: {_place(event.start_mark)}nested too deeply"
            raise ConfigError(msg)


def _place(mark: yaml.error.Mark | yaml._yaml.Mark | None) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


def _hint(text: str, mark: yaml.error.Mark | yaml._yaml.Mark | None) -> str:
    line = text.splitlines()[mark.line : mark.line + 1] if mark else []
    if line and re.search(r"[{\[,].*\$\{", line[0]):
        return "; within braces or brackets write '${NAME}' in quotes"
    return ""


class _Check:
    """One walk over the node tree before anything is constructed from it."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._nodes = 0

    def node(self, node: yaml.Node, *, depth: int) -> None:
        """Check *node* and everything under it, aliases each time they are met."""
        self._nodes += 1
        if self._nodes > _MAX_NODES or depth > _MAX_DEPTH:
            raise self._error(node, "aliases make this too large or endless")
        if node.tag not in _ACCEPTED:
            raise self._error(node, f"tag {node.tag.replace(_TAG, '!!')} is not accepted")
        if isinstance(node, yaml.MappingNode):
            self._keys(node)
            for _, value in node.value:
                self.node(value, depth=depth + 1)
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self.node(item, depth=depth + 1)

    def _keys(self, node: yaml.MappingNode) -> None:
        seen: dict[str, yaml.Node] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._error(key, "a key must be a single word or text")
            if key.tag == _MERGE:
                continue
            if key.value in seen:
                first = seen[key.value].start_mark.line + 1
                raise self._error(key, f"key {key.value!r} is already given in line {first}")
            seen[key.value] = key
            key.tag = f"{_TAG}str"

    def _error(self, node: yaml.Node, problem: str) -> ConfigError:
        return ConfigError(f"{self._shown}: {_place(node.start_mark)}{problem}")
