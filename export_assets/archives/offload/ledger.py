"""The ledger of offload archives: what was proven to be archived, and what was then removed.

One JSON object per line, each with its own checksum and that of the line before. A line is
appended and synced before anything relies on it. A ledger that was damaged permits no deletion.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from export_assets.archives.member_names import decoded_path
from export_assets.errors import IntegrityError
from export_assets.store.durable import directory
from export_assets.store.filesystem import Filesystem
from export_assets.store.manifest import document_checksum

LEDGER_NAME = ".offload_ledger.jsonl"
_VERSION = 1
Event = Literal["ARCHIVED", "DONE", "PURGED"]


class LedgerMember(msgspec.Struct, frozen=True, kw_only=True):
    """One file, by its percent-encoded relative path."""

    path: str
    bytes: int
    sha256: str


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line."""

    format_version: int = _VERSION
    event: Event
    at: datetime
    run_id: str
    archive: str
    source_dir: str
    bytes: int = 0
    """Of the archive, as its SHA-256; of `ARCHIVED` only."""
    sha256: str = ""
    members: tuple[LedgerMember, ...] = ()
    """Of `ARCHIVED` what is inside, of `DONE` what was moved away, of `PURGED` what is gone."""
    recipients: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """Of an encrypted archive the public keys it is for, where they are known."""
    previous: str = ""
    """Checksum of the line before."""
    checksum: str = ""

    def by_path(self) -> dict[str, LedgerMember]:
        """Return the members by the paths their files have."""
        return {decoded_path(member.path): member for member in self.members}


@dataclass
class Ledger:
    """The lines of one ledger, and how to add one."""

    path: Path
    filesystem: Filesystem
    entries: list[LedgerEntry] = field(default_factory=list)
    damage: str | None = None
    """What is wrong with it; nothing may be deleted by it then, nor added."""
    _sound_bytes: int = 0

    def archived(self) -> Iterator[LedgerEntry]:
        """Yield the entries that say what an archive holds, oldest first."""
        return (entry for entry in self.entries if entry.event == "ARCHIVED")

    def entries_of(self, event: Event, archive: str) -> list[LedgerEntry]:
        """Return every *event* of *archive*, oldest first."""
        return [one for one in self.entries if (one.event, one.archive) == (event, archive)]

    def append(self, entry: LedgerEntry) -> None:
        """Add *entry* durably.

        Raises:
            IntegrityError: The ledger is damaged.
            OSError: The line may be there in part; the next reader cuts it off.
        """
        if self.damage is not None:
            raise IntegrityError(self.damage)
        previous = self.entries[-1].checksum if self.entries else ""
        entry, line = _encode(msgspec.structs.replace(entry, previous=previous))
        with directory(self.path.parent) as dir_fd:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
            fd = self.filesystem.open(self.path.name, flags, dir_fd=dir_fd)
            try:
                os.ftruncate(fd, self._sound_bytes)
                os.lseek(fd, 0, os.SEEK_END)
                left = memoryview(line)
                while left:
                    left = left[self.filesystem.write(fd, left) :]
                self.filesystem.fsync(fd)
            finally:
                os.close(fd)
            self.filesystem.fsync(dir_fd)
        self._sound_bytes += len(line)
        self.entries.append(entry)
        self.filesystem.at(f"ledger_{entry.event.lower()}")


def read_ledger(archives: Path, *, filesystem: Filesystem) -> Ledger:
    """Read the ledger in the directory *archives*; where there is none, it is empty.

    A last line that a killed run left unfinished is not counted. Everything else that is not as
    it was written is noted as damage.

    Raises:
        OSError: It cannot be read.
    """
    ledger = Ledger(archives / LEDGER_NAME, filesystem)
    try:
        data = ledger.path.read_bytes()
    except FileNotFoundError:
        return ledger
    *lines, tail = data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        entry = _decode(line)
        before = ledger.entries[-1].checksum if ledger.entries else ""
        if entry is None or entry.previous != before:
            ledger.damage = f"{ledger.path}: line {number} is not what was written"
            return ledger
        ledger.entries.append(entry)
    if _decode(tail) is not None or _decode(tail[:-1]) is not None:
        # A whole line without its end was not cut off by a crash: lines are written at once.
        ledger.damage = f"{ledger.path}: its last line has another end than was written"
    ledger._sound_bytes = len(data) - len(tail)  # noqa: SLF001  # this is how a Ledger is made
    return ledger


def removal_entry(
    archived: LedgerEntry,
    event: Event,
    members: Iterable[LedgerMember],
    *,
    run_id: str,
    moment: datetime,
) -> LedgerEntry:
    """Return the line that says that *members* of an archive were moved away, or are gone."""
    return LedgerEntry(
        event=event,
        at=moment,
        run_id=run_id,
        archive=archived.archive,
        source_dir=archived.source_dir,
        members=tuple(members),
    )


def _encode(entry: LedgerEntry) -> tuple[LedgerEntry, bytes]:
    document: dict[str, Any] = msgspec.to_builtins(entry)
    checksum = document_checksum(document)
    sealed = msgspec.structs.replace(entry, checksum=checksum)
    return sealed, msgspec.json.encode(sealed) + b"\n"


def _decode(line: bytes) -> LedgerEntry | None:
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
        known = document.get("format_version") == _VERSION
        if known and document.get("checksum") == document_checksum(document):
            return msgspec.convert(document, LedgerEntry)
    return None
