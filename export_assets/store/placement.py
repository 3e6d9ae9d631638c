"""Whether a partition lies where its manifest says it belongs."""

from pathlib import Path
from typing import Protocol, cast, get_args
from urllib.parse import unquote

from export_assets.store.layout import ExportKey, hashed_name
from export_assets.tables.partitions import Every, TimePartitions


class Placed(Protocol):
    """What of a manifest says where its partition belongs."""

    @property
    def source(self) -> str:
        """True name of the source."""

    @property
    def table(self) -> str:
        """True name of the table."""

    @property
    def format(self) -> str:
        """Name of the format."""

    @property
    def partition(self) -> str:
        """Key of the partition."""


def misplaced(path: Path, manifest: Placed) -> str | None:
    """Return what is wrong where the partition at *path* holds the manifest of another one."""
    key = ExportKey(manifest.source, manifest.table, manifest.format)
    # Of names that two tables share but for their case, one has a hash added.
    names = zip(path.parts[-4:-1], key.parts, (key.source, key.table, key.format), strict=False)
    at_home = all(name in {safe, hashed_name(true)} for name, safe, true in names)
    if at_home and manifest.partition in {partition_of(path.name), path.name}:
        return None
    return f"holds the manifest of {key}/{manifest.partition}"


def partition_of(directory: str) -> str | None:
    """Return the partition key that *directory* stands for, None where it is no such name."""
    name, _, value = directory.partition("=")
    if name in get_args(Every):
        by_time = TimePartitions(column="", every=cast("Every", name))
        return by_time.key_of_directory(directory)
    return unquote(value) if value else directory
