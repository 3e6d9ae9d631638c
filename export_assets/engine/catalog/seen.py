"""What was last seen published, kept so that a refresh reads only the manifests that are new.

Kept in `<exports>/.state/_catalog.json`. Losing or damaging it costs a look at every manifest.
"""

from contextlib import suppress
from pathlib import Path

import msgspec

from export_assets.engine.catalog.names import CATALOG
from export_assets.errors import ExportError
from export_assets.store.durable import write_durably

VERSION = 2
"""Raised when views are written otherwise, so that catalogues are made anew."""

Stamp = tuple[int, int, int]
"""Tells whether a file or directory is the one seen: inode, times of change in nanoseconds."""


class Shape(msgspec.Struct, frozen=True, array_like=True):
    """What partitions that are read alike have in common."""

    source: str
    table: str
    format: str
    columns: tuple[tuple[str, str, str], ...]
    """Name, logical type and physical type of each."""
    dialect: dict[str, str]


class Partition(msgspec.Struct, frozen=True, array_like=True):
    """One directory of an export."""

    name: str
    stamp: Stamp
    shape: int
    """Which of the export's shapes it has; -1 where no manifest vouches for anything in it."""
    files: tuple[str, ...] = ()
    """Its parts, relative to the directory."""
    created: int = 0
    """When it was published, in microseconds since 1970."""
    remark: str = ""
    """Why it is left out, where a person should know."""


class SeenExport(msgspec.Struct, frozen=True, array_like=True):
    """One directory `<source>/<table>/<format>`."""

    stamp: Stamp
    looked_at: int
    """When it was listed, in nanoseconds since 1970."""
    shapes: tuple[Shape, ...]
    partitions: tuple[Partition, ...]


class SeenView(msgspec.Struct, frozen=True, array_like=True):
    """One view of a catalogue that was made."""

    schema: str
    name: str
    export: str
    """The directory it reads, below the root."""
    files: tuple[str, ...]
    """What it reads there."""

    @property
    def title(self) -> str:
        """The view as people write it."""
        return f"{self.schema}.{self.name}"

    @property
    def format(self) -> str:
        """The format it reads."""
        return self.export.rpartition("/")[2]


class CatalogState(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen, and what the catalogue was made of."""

    version: int = VERSION
    root: str = ""
    """Where the exports were."""
    exports: dict[str, SeenExport] = {}
    """By directory below the root."""
    fingerprint: str = ""
    """Of the SQL of all views, the root included."""
    file: Stamp | None = None
    """Of the catalogue that was made of it."""
    views: tuple["SeenView", ...] = ()
    left_out: tuple[str, ...] = ()
    """What is published and has no view, a line each."""


for _kind in (CatalogState,):
    # As in `store.manifest`: no two threads may be the first to decode it.
    msgspec.json.Decoder(_kind)


def stamp_of(path: Path) -> Stamp | None:
    """Return the stamp of what is at *path*, None where nothing is."""
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def load_state(root: Path) -> CatalogState:
    """Return what was seen last below *root*; nothing where that is not known."""
    with suppress(OSError, msgspec.DecodeError):
        state = msgspec.json.decode(_path(root).read_bytes(), type=CatalogState)
        if state.version == VERSION:
            return state
    return CatalogState()


def save_state(root: Path, state: CatalogState) -> None:
    """Keep *state*, if the disk takes it."""
    with suppress(OSError, ExportError):
        _path(root).parent.mkdir(parents=True, exist_ok=True)
        write_durably(_path(root), msgspec.json.encode(state))


def is_made_of(root: Path, state: CatalogState) -> bool:
    """Whether the catalogue below *root* is the one that *state* tells of, made there."""
    return (
        state.root == str(root)
        and state.file is not None
        and stamp_of(root / CATALOG) == state.file
    )


def _path(root: Path) -> Path:
    return root / ".state" / "_catalog.json"
