"""Where people look who want to change an asset: its lines in YAML, and the code that writes it.

They are paths of this machine, which the local web UI opens in an editor. They are metadata of the
definitions alone: nothing that is published, and no event of a run, holds them.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from export_assets.config.models import EVERY_OTHER
from export_assets.config.yaml_lines import lines_of
from export_assets.engine.workspace import ConfiguredSource

KEY = "dagster/code_references"


def code_references(
    source: ConfiguredSource, *keys: str, written_by: Callable[..., Any] | None = None
) -> dict[str, dg.CodeReferencesMetadataValue]:
    """Return the metadata that says where *source* is described.

    Args:
        source: The source.
        keys: What leads to the part of it that is meant, such as `tables` and a name; the nearest
            thing that is said stands for it.
        written_by: The function that writes the asset.
    """
    found: list[Any] = [*_in_yaml(source, keys)]
    if written_by is not None:
        code = written_by.__code__
        label = written_by.__qualname__
        found.append(
            dg.LocalFileCodeReference(
                file_path=code.co_filename, line_number=code.co_firstlineno, label=label
            )
        )
    return {KEY: dg.CodeReferencesMetadataValue(code_references=found)} if found else {}


def _in_yaml(
    source: ConfiguredSource, keys: tuple[str, ...]
) -> Iterator[dg.LocalFileCodeReference]:
    """Yield the source's own file first, then that of its system, as they are laid over it."""
    files: dict[Path, str] = {source.path: source.name} if source.path is not None else {}
    if source.system is not None:
        files.setdefault(source.system.yaml, source.system.name)
    for path, name in files.items():
        lines = lines_of(path, name)
        ways = [keys, (*keys[:1], EVERY_OTHER), keys[:1], ()]
        line = next((lines[way] for way in ways if way in lines), None)
        if line is not None:
            label = f"{' '.join(keys) or name} in {path.name}"
            yield dg.LocalFileCodeReference(file_path=str(path), line_number=line, label=label)
