"""Walking the tree of published partitions without opening anything in it."""

import os
from collections.abc import Iterator
from pathlib import Path

from export_assets.store.layout import ARCHIVES, hashed_name, is_visible, safe_name
from export_assets.store.manifest import MANIFEST_NAME


def scan_exports(
    root: Path, *, source: str | None = None, table: str | None = None, fmt: str | None = None
) -> Iterator[Path]:
    """Yield every `<source>/<table>/<format>` directory below *root* in order of path.

    Args:
        root: The export root; it need not exist.
        source: Only this source, by its true name.
        table: Only this table.
        fmt: Only this format.
    """
    for source_dir in _directories(root, source):
        if source_dir.name == ARCHIVES:
            continue
        for table_dir in _directories(source_dir, table):
            yield from _directories(table_dir, fmt)


def scan_partitions(
    root: Path, *, source: str | None = None, table: str | None = None, fmt: str | None = None
) -> Iterator[Path]:
    """Yield every partition directory below *root* that may hold a manifest, in order of path."""
    for export in scan_exports(root, source=source, table=table, fmt=fmt):
        yield from _directories(export, None)


def has_no_manifest(partition: Path) -> bool:
    """Whether the directory *partition* holds anything, but no manifest that vouches for it."""
    try:
        with os.scandir(partition) as entries:
            names = {entry.name for entry in entries}
    except (FileNotFoundError, NotADirectoryError):
        return False
    return bool(names) and MANIFEST_NAME not in names


def _directories(parent: Path, wanted: str | None) -> list[Path]:
    """Return the visible real directories in *parent*, in order of name."""
    names = None if wanted is None else {safe_name(wanted), hashed_name(wanted)}
    try:
        with os.scandir(parent) as entries:
            found = [
                entry.name
                for entry in entries
                if is_visible(entry.name)
                and (names is None or entry.name in names)
                and entry.is_dir(follow_symlinks=False)
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [parent / name for name in sorted(found)]
