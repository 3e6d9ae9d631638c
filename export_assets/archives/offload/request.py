"""What an offload is asked to do, and what it tells afterwards."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from export_assets.archives.encryption.keyring import NO_KEYS, Keyring
from export_assets.store.filesystem import REAL, Filesystem

TRASH = ".trash"
"""Beside the files, so that moving one away never copies it."""

SkipReason = Literal[
    "too_new",
    "not_idle",
    "not_ingested",
    "no_events",
    "unknown_dialect",
    "outside",
    "excluded",
    "not_regular",
    "missing",
    "unreadable",
    "in_use",
    "changed",
    "in_trash",
    "other_device",
    "archive_damaged",
    "no_key",
    "unknown",
]
"""Why a file was left where it is."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A file that might be moved away, as whoever read it knows it."""

    path: Path
    """Absolute, or relative to the source directory."""
    content_end: datetime
    """The last moment its content is about; its modification time does not count."""
    content_start: datetime | None = None
    idle: timedelta
    """For how long nothing was written to it; a file that was restored was written to then."""


@dataclass(frozen=True, kw_only=True)
class OffloadRequest:
    """What to archive, and whether the files may go afterwards."""

    source_dir: Path
    archives: Path
    candidates: tuple[Candidate, ...]
    cutoff: datetime
    """Files with content of this moment or later stay."""
    ingested: Callable[[str, int], bool]
    """Whether all of the first so many bytes of the file at a relative path were exported."""
    allow_delete: bool = False
    """The project's permission; without it nothing is moved or removed."""
    grace: bool = True
    """Whether files go to the trash first; otherwise they are removed at once."""
    min_idle: timedelta = timedelta(hours=24)
    name: str | None = None
    """The archive's name without suffix; made of cutoff and time by default."""
    keyring: Keyring = NO_KEYS
    """For whom the archive is encrypted, and what opens archives: nothing goes that an encrypted
    archive holds which cannot be opened here."""
    run_id: str
    code_version: str = ""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    filesystem: Filesystem = field(default=REAL)


@dataclass(frozen=True)
class Skipped:
    """A file left where it is."""

    path: str
    reason: SkipReason


@dataclass
class OffloadReport:
    """What an offload, or a purge, did."""

    archive: Path | None = None
    archived: list[str] = field(default_factory=list)
    """Paths in the new archive."""
    known: dict[str, str] = field(default_factory=dict)
    """Paths whose content an earlier archive holds, and that archive's name."""
    adopted: list[str] = field(default_factory=list)
    """Archives that a killed run had finished but not entered."""
    removed: list[str] = field(default_factory=list)
    """Paths moved to the trash, or removed for good."""
    returned: list[str] = field(default_factory=list)
    """Paths that had grown in the trash and were put back."""
    skipped: list[Skipped] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Damage that was found, one line each; where there is any, the exit code is 24."""

    def skip(self, path: str, reason: SkipReason) -> None:
        """Note that the file at *path* stays."""
        self.skipped.append(Skipped(path, reason))
