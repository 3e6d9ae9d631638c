"""The log files below a directory, and what is there that is none."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from export_assets.engine.ingest.file_kinds import kind_of
from export_assets.engine.ingest.names import escaped, is_like
from export_assets.errors import ExportError, SourceMissing
from export_assets.translate import translate, translating

_LEAST_GZIP = 18  # header and trailer of an empty member


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A regular file that is to be looked at."""

    name: str
    """Below the directory, with `/`; bytes that are no UTF-8 as Python's surrogates."""
    path: Path
    """Where its content is: of a symbolic link, what it leads to."""
    size: int


@dataclass(kw_only=True)
class Listing:
    """What is below a directory."""

    files: list[Listed] = field(default_factory=list)
    ignored: dict[str, str] = field(default_factory=dict)
    """By name (escaped), why something that is called like a log is not read."""
    failed: dict[str, ExportError] = field(default_factory=dict)
    """By name (escaped), why something that may be or hold a log could not be looked at."""


def list_logs(
    root: Path,
    patterns: Sequence[str] = ("*",),
    *,
    only: Sequence[str] = (),
    aside: Path | None = None,
) -> Listing:
    """List what is called like one of *patterns* below *root*; hidden directories are passed by.

    So is the directory *aside*: exports are no logs, wherever they lie. With *only*, no other
    files than those whose path is like one of these.

    Raises:
        SourceMissing: *root* is no directory, or may not be read.
    """
    listing = Listing()
    home = root.resolve()
    passed_by = aside.resolve() if aside is not None else None
    if not home.is_dir():
        msg = f"{root}: is no directory"
        raise SourceMissing(msg)
    with translating(str(root), side="source"):
        entries = _entries(home)
    waiting = [(entry, entry.name) for entry in reversed(entries)]
    while waiting:
        entry, name = waiting.pop()
        called = is_like(name, patterns)
        try:
            if entry.is_dir(follow_symlinks=False):
                if called and "*" not in patterns:
                    listing.ignored[escaped(name)] = "directory"
                if not entry.name.startswith(".") and Path(entry.path) != passed_by:
                    inner = [(one, f"{name}/{one.name}") for one in _entries(Path(entry.path))]
                    waiting += reversed(inner)
            elif called and (not only or is_like(name, only)):
                _add(listing, home, name, Path(entry.path))
        except OSError as error:
            listing.failed[escaped(name)] = translate(error, subject=name, side="source")
    return listing


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    with os.scandir(directory) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _add(listing: Listing, home: Path, name: str, path: Path) -> None:
    if path.is_symlink():
        try:
            path = path.resolve(strict=True)
        except (OSError, RuntimeError) as error:  # Python 3.11 raises the latter for loops
            broken = isinstance(error, FileNotFoundError)
            told = "symbolic link that leads nowhere" if broken else "symbolic link in a loop"
            listing.ignored[escaped(name)] = told
            return
        if not path.is_relative_to(home):
            listing.ignored[escaped(name)] = "symbolic link that leads out of the directory"
            return
    status = path.stat(follow_symlinks=False)
    if stat.S_ISREG(status.st_mode):
        listing.files.append(Listed(name=name, path=path, size=_content_size(path, status.st_size)))
        return
    listing.ignored[escaped(name)] = kind_of(status.st_mode)


def _content_size(path: Path, size: int) -> int:
    """Return a guess of how long the content is: it decides about the order of reading alone."""
    if path.suffix != ".gz" or size < _LEAST_GZIP:
        return size
    with path.open("rb") as file:
        file.seek(-4, os.SEEK_END)
        return int.from_bytes(file.read(4), "little")
