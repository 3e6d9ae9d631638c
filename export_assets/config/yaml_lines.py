"""Where in a YAML file a source says something of a table, for people who want to change it."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import yaml

from export_assets.config.yaml_text import compose_documents
from export_assets.errors import ConfigError

Lines = Mapping[tuple[str, ...], int]
"""Line, from 1, by the keys that lead there: none for the source itself, one or two for others."""


def lines_of(path: Path, source: str) -> Lines:
    """Return where *path* describes the source called *source*; nothing where it does not.

    It may be one of several components in the file, whose attributes the keys are then.
    """
    try:
        return _lines(path, source, path.stat().st_mtime_ns)
    except (ConfigError, OSError):
        return {}


@lru_cache(maxsize=256)
def _lines(path: Path, source: str, changed: int) -> Lines:
    del changed  # only of the cache's key
    for document in compose_documents(path, shown=str(path)):
        keys = document
        for key, value in _pairs(document):
            if key.value == "attributes":
                keys = value
        if any(key.value == "source" and value.value == source for key, value in _pairs(keys)):
            return {(): keys.start_mark.line + 1, **dict(_below(keys, ()))}
    return {}


def _below(node: yaml.Node, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    for key, value in _pairs(node):
        path = (*above, str(key.value))
        yield path, key.start_mark.line + 1
        if not above:
            yield from _below(value, path)


def _pairs(node: yaml.Node) -> list[tuple[yaml.Node, yaml.Node]]:
    return node.value if isinstance(node, yaml.MappingNode) else []
