"""What is called like a log below a directory: the names alone, for a cheap look."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate as expression_of
from pathlib import Path
from re import compile as compiled

from export_assets.engine.ingest.names import is_like
from export_assets.errors import SourceMissing
from export_assets.translate import translating


@dataclass(frozen=True, kw_only=True)
class LogNames:
    """What is called like a log below a directory, in order of name."""

    root: Path
    names: Sequence[str]
    """Below the directory, with `/`; bytes that are no UTF-8 as Python's surrogates."""


def names_below(
    root: Path, patterns: Sequence[str], *, only: Sequence[str] = (), aside: Path | None = None
) -> LogNames:
    """Return the names that `list_logs` would look at, and no more than the names.

    Raises:
        SourceMissing: *root* is no directory, or may not be read.
    """
    home = root.resolve()
    if not home.is_dir():
        msg = f"{root}: is no directory"
        raise SourceMissing(msg)
    like = compiled("|".join(f"(?:{expression_of(pattern)})" for pattern in patterns)).match
    passed_by = str(aside.resolve()) if aside is not None else None
    found: list[str] = []
    waiting = [(str(home), "")]
    while waiting:
        directory, prefix = waiting.pop()
        with translating(str(root), side="source"):
            entries = _entries(directory, is_root=not prefix)
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(".") and entry.path != passed_by:
                    waiting.append((entry.path, f"{name}/"))
            elif (like(entry.name) or like(name)) and (not only or is_like(name, only)):
                found.append(name)
    return LogNames(root=home, names=sorted(found))


def _entries(directory: str, *, is_root: bool) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except OSError:
        if is_root:
            raise
        return []  # gone meanwhile, or not to be read: `list_logs` tells
