"""Where a partition lives: safe directory names, partition paths, staging and lock names."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from export_assets.errors import UsageError

LOCKS = ".locks"
# Not beside the partitions: the globs of Polars and DuckDB match names that start with a dot.
STAGING = ".staging"
ARCHIVES = "archives"

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z")
_PARTITION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.=%+@,~-]{0,199}\Z")
# Device names that Windows refuses with any extension, so that a tree can be copied there.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|\Z)", re.IGNORECASE)
_LEFTOVER = re.compile(r"(?P<partition>.+)\.(?P<run>[A-Za-z0-9_-]{1,40})\.(?P<kind>tmp|old)\Z")
_SLUG_LENGTH = 60


@dataclass(frozen=True)
class ExportKey:
    """One table of one source in one format. Any text is accepted; `parts` are safe names."""

    source: str
    table: str
    format: str

    @cached_property
    def parts(self) -> tuple[str, str, str]:
        """Directory names of source, table and format below the root."""
        source = hashed_name(self.source) if self.source == ARCHIVES else safe_name(self.source)
        return source, safe_name(self.table), safe_name(self.format)

    def __str__(self) -> str:
        return f"{self.source}/{self.table}/{self.format}"


@dataclass(frozen=True)
class Leftover:
    """A staging (`tmp`) or moved-aside (`old`) directory of some run."""

    name: str
    partition: str
    kind: str


def safe_name(name: str) -> str:
    """Return *name* where it is a plain file name everywhere, else a slug with 8 hex of its hash.

    Safe names are their own safe name, so applying this twice changes nothing.
    """
    if _PLAIN.match(name) and not name.endswith(".") and not _DEVICE.match(name):
        return name
    return hashed_name(name)


def hashed_name(name: str) -> str:
    """Return a readable slug of *name*, a dash, and 8 hex digits of its SHA-256."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    slug = re.sub(r"[^A-Za-z0-9_]+", "_", plain).strip("_")[:_SLUG_LENGTH] or "name"
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{slug}-{digest}"


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """Return a directory for each of *names*, no two equal even where case is ignored."""
    wanted = {name: safe_name(name) for name in names}
    uses = Counter(directory.casefold() for directory in wanted.values())
    directories = {
        name: directory if uses[directory.casefold()] == 1 else hashed_name(name)
        for name, directory in wanted.items()
    }
    taken = Counter(directory.casefold() for directory in directories.values())
    clash = [name for name, directory in directories.items() if taken[directory.casefold()] > 1]
    if clash:
        msg = f"tables {clash!r}: no two different directory names can be made for them"
        raise UsageError(msg)
    return directories


def hive_value(value: str) -> str:
    """Percent-encode *value* for use after `column=` in a partition directory."""
    return quote(value, safe="+@,~")


def check_partition(directory: str) -> str:
    """Return *directory* if it may name a partition.

    Raises:
        UsageError: It could leave its parent, would be hidden from readers, or is too long.
    """
    if not _PARTITION.match(directory):
        msg = f"partition {directory!r}: not a safe directory name"
        raise UsageError(msg)
    return directory


def partition_dir(root: Path, key: ExportKey, directory: str) -> Path:
    """Return the directory of a partition, without touching the disk.

    Raises:
        UsageError: *directory* is not a safe name.
    """
    return root.joinpath(*key.parts, check_partition(directory))


def lock_path(root: Path, key: ExportKey, directory: str) -> Path:
    """Return the lock file of a partition."""
    return root.joinpath(LOCKS, *key.parts, f"{check_partition(directory)}.lock")


def staging_dir(root: Path, key: ExportKey) -> Path:
    """Return where runs of an export write before they publish."""
    return root.joinpath(STAGING, *key.parts)


def run_name(run_id: str) -> str:
    """Reduce *run_id* to what staging names may hold."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", run_id)[:40] or "run"


def staging_name(directory: str, run_id: str) -> str:
    """Return the name under which a run writes, or removes, a partition."""
    return f"{directory}.{run_name(run_id)}.tmp"


def aside_name(directory: str, run_id: str) -> str:
    """Return the name of the old generation between two renames."""
    return f"{directory}.{run_name(run_id)}.old"


def parse_leftover(name: str) -> Leftover | None:
    """Return what a directory entry is, if a run may have left it behind."""
    found = _LEFTOVER.match(name)
    if found is None:
        return None
    return Leftover(name=name, partition=found["partition"], kind=found["kind"])


def is_visible(name: str) -> bool:
    """Whether dataset readers look at a directory entry of that name."""
    return not name.startswith(("_", "."))
