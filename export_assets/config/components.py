"""Sources that a dg project describes as components, in files `defs.yaml` of its own folder.

    type: export_assets.ExportSource
    attributes:
      source: shop              every key of a source's YAML file, meaning the same
      url: sqlite:///shop.db

They are found and read here without Dagster, so that the command line knows the same sources.
`{{ env.NAME }}` and `{{ env('NAME', 'default') }}`, as Dagster has them, are other spellings of
`${NAME}` and `${NAME:-default}`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from export_assets.config.dg_project import read_dg_project
from export_assets.config.load import SourceFile, read_source_file
from export_assets.config.yaml_text import read_documents
from export_assets.errors import ConfigError

TYPE = "export_assets.ExportSource"
TYPES = frozenset({TYPE, "export_assets.defs.component.ExportSource"})

FILES = ("defs.yaml", "defs.yml", "component.yaml")
"""What Dagster takes a folder's components from, the first there is."""

_FOLDERS = "dagster.DefsFolderComponent"
"""A file of this type leaves the folders beside it to be components of their own."""
_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_VARIABLE = re.compile(
    r"""\{\{\s*env(?:\.(?P<plain>\w+)|\(\s*(?P<quote>["'])(?P<name>\w+)(?P=quote)"""
    r"""(?:\s*,\s*(?P<mark>["'])(?P<default>[^"'}]*)(?P=mark))?\s*\))\s*\}\}"""
)


def component_files(home: Path) -> Iterator[SourceFile]:
    """Yield every source that is a component of the dg project in *home*.

    Raises:
        ConfigError: A file that describes one, or the project's own, cannot be read.
    """
    folder = read_dg_project(home).folder
    if folder is not None:
        yield from _below(folder, home)


def file_in(folder: Path) -> Path | None:
    """Return the file that says which components *folder* is, None where there is none."""
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def source_files(path: Path) -> list[SourceFile]:
    """Return what *path* describes: the components in it, or the source whose own file it is.

    Raises:
        ConfigError: It cannot be read, or describes none.
    """
    if path.name not in FILES or not path.is_file():
        return [read_source_file(path)]
    found = list(_in_file(path, Path()))
    if not found:
        msg = f"{path}: describes no component {TYPE}"
        raise ConfigError(msg)
    return found


def component_file(path: Path, number: int, *, home: Path) -> SourceFile:
    """Return the source that the document *number* of *path* describes, counted from 0.

    Raises:
        ConfigError: The file cannot be read, or the attributes are no mapping.
    """
    documents = read_documents(path, shown=_shown(path, home))
    return _described(documents, number, path, home)


def described(document: object, *, path: Path, shown: str) -> SourceFile:
    """Return the source whose keys are the attributes of *document*.

    Raises:
        ConfigError: The attributes are no mapping.
    """
    attributes = document.get("attributes") if isinstance(document, Mapping) else None
    if not isinstance(attributes, dict):
        msg = f"{shown}: attributes: must be a mapping of keys, such as source: and url:"
        raise ConfigError(msg)
    return SourceFile(path=path, shown=shown, raw=_translated(attributes, shown))


def _below(folder: Path, home: Path) -> Iterator[SourceFile]:
    path = file_in(folder)
    if path is not None:
        yield from _in_file(path, home)
        if _FOLDERS not in path.read_text(encoding="utf-8", errors="replace"):
            return
    for child in sorted(folder.iterdir()):
        if child.is_dir() and child.name != "__pycache__" and not child.name.startswith("."):
            yield from _below(child, home)


def _in_file(path: Path, home: Path) -> Iterator[SourceFile]:
    # Files of other components are none of our business, whatever is in them.
    if "ExportSource" in path.read_text(encoding="utf-8", errors="replace"):
        documents = read_documents(path, shown=_shown(path, home))
        ours = [number for number, one in enumerate(documents) if _is_ours(one)]
        yield from (_described(documents, number, path, home) for number in ours)


def _described(documents: Sequence[object], number: int, path: Path, home: Path) -> SourceFile:
    shown = _shown(path, home)
    if len(documents) > 1:
        shown = f"{shown}, document {number + 1}"
    return described(documents[number], path=path, shown=shown)


def _shown(path: Path, home: Path) -> str:
    return str(path.relative_to(home)) if path.is_relative_to(home) else str(path)


def _is_ours(document: object) -> bool:
    return isinstance(document, Mapping) and document.get("type") in TYPES


def _translated(value: dict[str, object], shown: str) -> dict[str, object]:
    return {key: _value(item, f"{shown}: {key}") for key, item in value.items()}


def _value(value: object, shown: str) -> object:
    if isinstance(value, dict):
        return _translated(value, shown)
    if isinstance(value, list):
        return [_value(item, shown) for item in value]
    if isinstance(value, str) and "{{" in value:
        return _text(value, shown)
    return value


def _text(text: str, shown: str) -> str:
    """Return *text* with Dagster's variables written as ours.

    Raises:
        ConfigError: It is a template of another kind, which only Dagster could fill in.
    """
    translated = _VARIABLE.sub(_reference, text)
    other = _TEMPLATE.search(translated)
    if other is not None:
        msg = f"{shown}: {other[0]} is no reference; write ${{NAME}} or ${{NAME:-default}}"
        raise ConfigError(msg)
    return translated


def _reference(match: re.Match[str]) -> str:
    name, default = match["plain"] or match["name"], match["default"]
    return f"${{{name}}}" if default is None else f"${{{name}:-{default}}}"
